"""camerad and the Python packages that it needs, put into a root for another processor.

Nothing of it runs there: wheels are unpacked by PyPA's ``installer``, which writes what pip would
have written, and modules are compiled by this machine's Python of the same version. The result is
what ``python3 -m venv --system-site-packages /opt/camerad`` and pip would have made on a camera.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from camerad_image.errors import ImageError
from camerad_image.flavours import PYTHON
from camerad_image.programs import run

PREFIX: Final = PurePosixPath("/opt/camerad")
"""Where systemd/camerad.service and the documents have it."""
LOCK: Final = Path(__file__).resolve().parents[1] / "requirements.txt"
SOURCE_ONLY: Final = "pidng"
"""The one package that is published as source only. Its compiled part packs raw pictures, which are
never made here, and is imported only then: so its Python modules are all that is installed."""

_GLIBC: Final = 41
"""Debian 13's glibc is 2.41: a wheel for an older one runs with it (PEP 600)."""


def platforms(glibc: int = _GLIBC) -> tuple[str, ...]:
    """The platform tags of wheels that run on the image, newest first; on another system for 64-bit
    ARM whose glibc is 2.`glibc`."""
    tags = (f"manylinux_2_{minor}_aarch64" for minor in range(glibc, 16, -1))
    return (*tags, "manylinux2014_aarch64", "linux_aarch64")


def requirements(text: str) -> dict[str, str]:
    """Versions by normalised name (PEP 503) of a file of requirements that are all pinned."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins}


def choose(*, python: str = PYTHON, glibc: int = _GLIBC) -> list[str]:
    """The options of pip that choose files for the image instead of this machine: for that Python
    on that glibc. pip wants ``--no-deps`` or ``--only-binary=:all:`` with them."""
    tags = (f"--platform={tag}" for tag in platforms(glibc))
    return ["--implementation=cp", f"--python-version={python}", *tags]


def download(pip: list[str], folder: Path, *, log: Path) -> list[Path]:
    """Fetch what LOCK names into `folder`, where what is there already is not fetched again, and
    return the files; each has the hash that LOCK says."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--quiet", "--no-build-isolation", "--require-hashes", f"--find-links={folder}"]
    run([*pip, "download", *options, "--no-deps", *choose(), "-d", folder, "-r", LOCK], log=log)
    wanted = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK.read_text(encoding="utf-8")))
    found = [path for path in sorted(folder.iterdir()) if _hash(path) in wanted]
    if len(found) != len(wanted):
        raise ImageError(f"{folder} lacks files that {LOCK} names: remove it, and build again")
    return found


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock(files: Iterable[Path], comment: str) -> str:
    """The text of LOCK for these files: every version with its hash, below `comment`."""
    lines = []
    for path in sorted(files, key=lambda path: path.name.lower()):
        name, version = re.split(r"-(?=\d)", path.name.removesuffix(".tar.gz"), maxsplit=1)
        name = re.sub(r"[-_.]+", "-", name).lower()
        lines.append(f"{name}=={version.split('-')[0]} \\\n    --hash=sha256:{_hash(path)}\n")
    return comment + "".join(lines)


def build_wheel(pip: list[str], tree: Path, folder: Path, epoch: int, *, log: Path) -> Path:
    """camerad's wheel, built from a copy of the tree: setuptools would pack whatever an earlier
    build left in ``build/``."""
    shutil.rmtree(folder, ignore_errors=True)
    copy = folder / "tree"
    for name in ("camerad", "config"):
        shutil.copytree(
            tree / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "image")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(tree / name, copy / name)
    environment = {"SOURCE_DATE_EPOCH": str(epoch)}
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    run([*pip, "wheel", *options, "-w", folder, copy], log=log, environment=environment)
    (wheel,) = folder.glob("camerad-*.whl")
    return wheel


def scheme(prefix: PurePosixPath) -> dict[str, str]:
    """Where the parts of a wheel go, as in a virtual environment at `prefix`."""
    site = str(prefix / "lib" / f"python{PYTHON}" / "site-packages")
    return {
        "purelib": site,
        "platlib": site,
        "scripts": str(prefix / "bin"),
        "data": str(prefix),
        "headers": str(prefix / "include"),
    }


def _install_wheel(path: Path, root: Path, prefix: PurePosixPath) -> None:
    destination = SchemeDictionaryDestination(
        scheme(prefix),
        interpreter=str(prefix / "bin" / "python3"),
        script_kind="posix",
        destdir=str(root),
    )
    with WheelFile.open(path) as source:
        install(source, destination, {"INSTALLER": b"camerad image\n"})


def _install_source(path: Path, root: Path, prefix: PurePosixPath) -> None:
    """The Python modules of SOURCE_ONLY, and its metadata."""
    site = root / prefix.relative_to("/") / "lib" / f"python{PYTHON}" / "site-packages"
    with tarfile.open(path) as archive:
        top = archive.getnames()[0].split("/")[0]
        for member in archive.getmembers():
            inner = PurePosixPath(member.name).relative_to(top)
            if inner.parts[:2] == ("src", SOURCE_ONLY) and inner.suffix == ".py":
                target = site / inner.relative_to("src")
            elif str(inner) == "PKG-INFO":
                target = site / f"{top}.dist-info" / "METADATA"
            else:
                continue
            content = archive.extractfile(member)
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def install_all(files: list[Path], root: Path, prefix: PurePosixPath = PREFIX) -> None:
    """Make `prefix` in `root`, with all `files` (wheels, and SOURCE_ONLY's source) in it."""
    made = root / prefix.relative_to("/")
    shutil.rmtree(made, ignore_errors=True)
    (made / "bin").mkdir(parents=True)
    (made / "pyvenv.cfg").write_text(
        "home = /usr/bin\n"
        "include-system-site-packages = true\n"
        f"version = {PYTHON}\n"
        f"executable = /usr/bin/python{PYTHON}\n",
        encoding="ascii",
    )
    for name in ("python", "python3"):
        (made / "bin" / name).symlink_to(f"/usr/bin/python{PYTHON}")
    for path in sorted(files):
        if path.suffix == ".whl":
            _install_wheel(path, root, prefix)
        else:
            _install_source(path, root, prefix)


def compile_modules(root: Path, *, log: Path) -> None:
    """Compile every module of `root` anew, so that the same source gives the same bytes: by one
    process, in order, and checked against no time of a file, since the root cannot change.

    For the daemon without docstrings (PYTHONOPTIMIZE=2 in its unit), for all else as ever; where
    both are the same, it is one file.
    """
    for cache in sorted(root.rglob("__pycache__")):
        shutil.rmtree(cache)
    places = [root / "usr/lib/python3" / "dist-packages", root / f"usr/lib/python{PYTHON}"]
    places.append(root / PREFIX.relative_to("/") / "lib")
    command = [f"python{PYTHON}", "-m", "compileall", "-q", "-j1", "-s", str(root), "-p", "/"]
    # Left out: files that are meant for another Python. They do not compile, nor are they imported;
    # any other that does not compile ends the build.
    options = ["--invalidation-mode=unchecked-hash", "-x", r"/(lib2to3/tests|test/bad_)"]
    options += ["-o", "0", "-o", "2", "--hardlink-dupes"]
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    run([*command, *options, *places], log=log, environment=environment)
