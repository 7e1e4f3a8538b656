"""Modules of others that the player needs, as npm has them: ``camerad/evidence/player/vendor``.

``python -m generators.vendored_modules`` makes the folder anew: each package of `PINNED` is fetched
by ``npm pack``, its archive compared with the integrity value that is written here, and of its
files those are kept, unchanged, that ``age-encryption`` imports, directly or through others, and
the licence. ``manifest.json`` says what is there and with which SHA-256. With ``--check`` nothing
is fetched: the folder is compared with its manifest, and the manifest with `PINNED`.

A newer version: change `PINNED`, run this, read what changed, run the tests of the player.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from camerad.base.errors import EX_CONFIG

FOLDER: Final = Path(__file__).resolve().parents[2] / "camerad" / "evidence" / "player" / "vendor"
MANIFEST: Final = "manifest.json"
ENTRY: Final = "age-encryption"
LICENCE: Final = "LICENSE"


class Pin(NamedTuple):
    """A package: its version, and the integrity value by which npm names that archive."""

    version: str
    integrity: str


PINNED: Final[Mapping[str, Pin]] = {
    "@noble/ciphers": Pin(
        "2.4.0",
        "sha512-AnjFn0Jv92laAkvMrghlFZq4qQCIN/4DxFV/eooqtC2YTjB7kBeLMS2T9KJX4Dn+ZVXLOwK0lSgqDtx9gvxtiw==",
    ),
    "@noble/curves": Pin(
        "2.0.1",
        "sha512-vs1Az2OOTBiP4q0pwjW5aF0xp9n4MxVrmkFBxc6EKZc6ddYx5gaZiAsZoq0uRRXWbi3AT/sBqn05eRPtn1JCPw==",
    ),
    "@noble/hashes": Pin(
        "2.0.1",
        "sha512-XlOlEbQcE9fmuXxrVTXCTlG2nlRXa9Rj3rr5Ue/+tX+nmkgbX720YHh0VR3hBF9xDvwnb8D2shVGOwNx+ulArw==",
    ),
    "@noble/post-quantum": Pin(
        "0.5.4",
        "sha512-leww0zzIirrvwaYMPI9fj6aRIlA/c6Y0/lifQQ1YOOyHEr0MNH3yYpjXeiVG+tWdPps4XxGclFWX2INPO3Yo5w==",
    ),
    "@scure/base": Pin(
        "2.4.0",
        "sha512-thZ1TuJwFwBblOhgsjDKvvGirBxNp+wSvY/DR6tJBJOTDhdAAcHJ8Vbr2eFnqaxeca4+t0i9KBf+uHYGWwZORg==",
    ),
    "age-encryption": Pin(
        "0.3.1",
        "sha512-bYgd7lxM7tEANmb9bXf7xTFB3Qpq+JGKinVSdFh5MV+t2fJJZSTdKhWkvXTFJQGysZd+K9Dt3F+n+4DKazXlnQ==",
    ),
}

_IMPORT: Final = re.compile(r"""^(?:import|export)\b[^;"'=(]*["']([^"']+)["'];""", re.MULTILINE)


class VendorError(Exception):
    """Error raised when a package is not the one that is pinned, or needs what is not pinned."""


def imports(source: str) -> list[str]:
    """What a module imports, as it spells it."""
    return _IMPORT.findall(source)


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Make the folder anew, or check it; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m generators.vendored_modules")
    parser.add_argument("--check", action="store_true", help="only say whether it is as it should")
    if parser.parse_args(arguments).check:
        wrong = differences(folder)
        sys.stderr.writelines(f"{folder / one}\n" for one in wrong)
        return EX_CONFIG if wrong else 0
    with tempfile.TemporaryDirectory() as scratch:
        _make(folder, Path(scratch))
    return 0


def differences(folder: Path) -> list[str]:
    """What is not as the manifest and `PINNED` have it, a line each, path first."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    wrong = []
    expected = {MANIFEST}
    pins = {one["name"]: Pin(one["version"], one["integrity"]) for one in manifest["packages"]}
    if pins != PINNED:
        wrong.append(
            f"{MANIFEST}: not the pinned packages; run python -m generators.vendored_modules"
        )
    for package in manifest["packages"]:
        for name, sha256 in package["files"].items():
            path = f"{package['name']}/{name}"
            expected.add(path)
            file = folder / path
            if not file.is_file():
                wrong.append(f"{path}: is not there")
            elif hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
                wrong.append(f"{path}: was changed")
    there = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
    return wrong + [f"{path}: is not in the manifest" for path in sorted(there - expected)]


def _make(folder: Path, scratch: Path) -> None:
    unpacked = {name: _fetched(name, pin, scratch) for name, pin in PINNED.items()}
    entry = json.loads((unpacked[ENTRY] / "package.json").read_text(encoding="utf-8"))["main"]
    wanted = {(ENTRY, str(PurePosixPath(entry)))}
    kept: dict[str, set[str]] = {name: {LICENCE} for name in PINNED}
    while wanted:
        name, path = wanted.pop()
        kept[name].add(path)
        for one in imports((unpacked[name] / path).read_text(encoding="utf-8")):
            found = _resolved(name, path, one)
            if found[1] not in kept[found[0]]:
                wanted.add(found)
    shutil.rmtree(folder, ignore_errors=True)
    packages = []
    for name, files in sorted(kept.items()):
        sums = {}
        for path in sorted(files):
            content = (unpacked[name] / path).read_bytes()
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            sums[path] = hashlib.sha256(content).hexdigest()
        said = json.loads((unpacked[name] / "package.json").read_text(encoding="utf-8"))
        packages.append(
            {
                "name": name,
                "version": PINNED[name].version,
                "integrity": PINNED[name].integrity,
                "licence": said["license"],
                "main": str(PurePosixPath(said["main"])) if name == ENTRY else None,
                "files": sums,
            }
        )
    text = json.dumps({"packages": packages}, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _fetched(name: str, pin: Pin, scratch: Path) -> Path:
    command = ["npm", "pack", f"{name}@{pin.version}", "--json", "--silent"]
    # The names are those of `PINNED`.
    said = subprocess.run(  # noqa: S603
        command, cwd=scratch, capture_output=True, check=True, timeout=120
    )
    archive = scratch / json.loads(said.stdout)[0]["filename"]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if f"sha512-{digest}" != pin.integrity:
        raise VendorError(f"{name}@{pin.version}: this is not the archive that is pinned")
    target = scratch / name
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
    return target / "package"


def _resolved(name: str, path: str, imported: str) -> tuple[str, str]:
    """Package and file of an import in a package's file."""
    if imported.startswith("."):
        parts: list[str] = []
        for part in (PurePosixPath(path).parent / imported).parts:
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        return name, "/".join(parts)
    for package in PINNED:
        if imported.startswith(f"{package}/"):
            return package, imported.removeprefix(f"{package}/")
        if imported == package:
            return package, "index.js"
    raise VendorError(f"{name}/{path}: {imported} is no file of a pinned package")


if __name__ == "__main__":
    sys.exit(main())
