"""What the differential test of offices changes: a whole office directory, and what may be done to
it. Nothing here knows how it is checked."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from desk_helpers import ONE, TWO, Camera

Files = dict[str, bytes]
"""By their paths in the directory."""
Mutation = tuple[str, Files]

FLIPS: Final = 3
"""Bytes that are flipped in each file."""


@dataclass(frozen=True)
class Offices:
    """An office directory with two recordings of a camera, of which one is held, with an end and
    without, and the other was; and what it was before the second of them came."""

    files: Files
    earlier: Files


def made(directory: Path, run: Callable[..., int], key: Path) -> Offices:
    """Make them. run: carries out a command of camerad. key: the camera's public key."""
    camera, archive = Camera(directory / "state"), directory / "archive"
    camera.put(ONE)
    camera.offload(archive)
    hold = ("evidence", "hold", ONE, "--state", archive, "--key", key)
    assert run(*hold, "--reason", "Anzeige", "--who", "Desk") == 0
    ends = (*hold, "--until", "2027-03-31")
    assert run(*ends, "--reason", "Frist", "--who", "Desk") == 0
    earlier = read(archive)
    camera.put(TWO)
    camera.offload(archive)
    for words in (("hold", "--reason", "Frist"), ("release", "--reason", "Anzeige erledigt")):
        assert run("evidence", words[0], TWO, *hold[3:], *words[1:], "--who", "Desk") == 0
    assert run("evidence", "purge", archive, "--key", key, "--trust-clock") == 0
    return Offices(read(archive), earlier)


def read(root: Path) -> Files:
    """All that lies in a directory."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def write(root: Path, files: Files) -> None:
    """Have exactly that lie in a directory."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def changes(offices: Offices, chance: random.Random) -> Iterator[Mutation]:
    """What somebody without a key may do to an office's directory."""
    files = offices.files
    yield "as it was", files
    for name, content in files.items():
        yield f"{name} removed", {one: files[one] for one in files if one != name}
        yield f"{name} emptied", files | {name: b""}
        yield f"{name} zeroed", files | {name: bytes(len(content))}
        yield f"{name} cut", files | {name: content[: len(content) // 2]}
        yield f"{name} made longer", files | {name: content + b"\n"}
        for at in sorted(chance.sample(range(len(content)), min(FLIPS, len(content)))):
            flipped = bytearray(content)
            flipped[at] ^= 1 << chance.randrange(8)
            yield f"{name}: byte {at}", files | {name: bytes(flipped)}
        for other in files:
            if other != name and other.rpartition(".")[2] == name.rpartition(".")[2]:
                yield f"{name} is {other}", files | {name: files[other]}
        if name in offices.earlier:
            yield f"{name} put back", files | {name: offices.earlier[name]}
    parts = {part for name in files for part in map(str, Path(name).parents)} - {"."}
    for part in sorted(parts):
        there = {one: files[one] for one in files if not one.startswith(f"{part}/")}
        yield f"{part} removed", there
        moved = {
            f"{part}x{one.removeprefix(part)}": files[one]
            for one in files
            if one.startswith(f"{part}/")
        }
        yield f"{part} renamed", there | moved
        old = {one: offices.earlier[one] for one in offices.earlier if one.startswith(f"{part}/")}
        yield f"{part} put back", there | old
    yield "all of it put back", offices.earlier
    yield from _added(files)


def _added(files: Files) -> Iterator[Mutation]:
    """Files beside those of the office's."""
    (recordings,) = {str(Path(name).parent) for name in files if name.endswith(".tar")}
    device = str(Path(recordings).parent)
    one = files[f"{recordings}/{ONE}.tar"]
    (newest,) = (files[name] for name in files if name.startswith(f"{device}/ledger/"))
    for name, content in {
        f"{recordings}/{ONE} (1).tar": one,
        f"{recordings}/Kopie von {ONE}.tar": one,
        f"{recordings}/{TWO.replace('-000002-', '-000009-')}.tar": one,
        f"{recordings}/note.txt": b"x",
        f"{recordings}/other.tar": b"x",
        f"{device}/receipts/0009.jws": b"x",
        f"{device}/receipts/note.txt": b"x",
        f"{device}/ledger/note.txt": b"x",
        f"{device}/ledger/000003.jws": newest,
        f"{device}/earlier-ledger/000001.jws": newest,
        f"{device}/earlier-ledger/000001.jws-0123456789abcdef": newest,
        "office/ledger/000009.checkpoint": b"x",
        "note.txt": b"x",
    }.items():
        yield f"{name} added", files | {name: content}
