"""What evidence costs: sealing and signing while it records, checking and opening afterwards.

A recording of ten minutes is written without waiting for its pictures. Every fragment is followed
by its fdatasync, and each of these makes the file system commit its journal, as it does when the
pictures come at their pace. Left out is what the file system writes of its own accord while time
passes: blocks of the journal that are written to their place every half minute. Two runs of 120
fragments, one of them at its pace, differed by 0.2 KiB per fragment.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pyrage

from camerad.base.clock import SECOND
from tests.bench import at_once, ext4, peers
from tests.bench.figures import Figures
from tests.bench.film import FRAGMENT_US
from tests.bench.plan import BenchError, Effort, log
from tests.bench.sealing import DEVICE_KEY, NO_DEVICE, OFFICE_KEY
from tests.system import sealed

CPU_LIMIT_MS: Final = 0.10
DEVICE_LIMIT: Final = 1.06
BESIDE_LIMIT_KIB: Final = 20.0
VERIFY_LIMIT: Final = 0.85
OPEN_LIMIT: Final = 0.90
MEMORY_LIMIT_MB: Final = 80.0

MINUTES: Final = 10
FRAGMENTS: Final = MINUTES * 60 * SECOND // FRAGMENT_US
DISK_BYTES: Final = 4 << 30
"""Of the file system for the recording, and for what is made of it."""

CARD: Final = "ext4, mounted with dioread_lock"
FILE_SYSTEMS: Final = {
    CARD: ("", "dioread_lock"),
    "ext4, as it comes": ("", ""),
    "ext4, made with fast_commit": ("fast_commit", ""),
}
"""Features of mkfs and options of mount. Only the first, which is how a card is to be mounted
(docs/storage.md), is held against the goals."""

VERIFY, SHA256SUM = "verify", "sha256sum"
OPEN, ONE_FILE, MEMBERS = "open", "age -d | ffmpeg -c copy", "age -d of each member | ffmpeg"

GROUP: Final = at_once.GROUP
MEMORY: Final = "most memory to read a recording, MB"
_OUTPUT: Final = "opened.mp4"


def measure(effort: Effort, footage: str, work: Path) -> Figures:
    """Write recordings, check and open them."""
    figures = Figures({"fragments": FRAGMENTS})
    others = [name for name in FILE_SYSTEMS if name != CARD] if effort.pairs > 3 else []
    for number, name in enumerate([CARD, *others]):
        log.info("evidence: %d minutes sealed, on %s", MINUTES, name)
        features, options = FILE_SYSTEMS[name]
        with ext4.mounted(work, f"evidence-{number}", DISK_BYTES, features, options) as place:
            if place.device is None and name != CARD:
                continue
            arguments = ("main", place.directory, FRAGMENTS, place.device or NO_DEVICE)
            found = peers.run("tests.bench.sealing", footage, *arguments)
            _note_written(figures, name, found)
            if name == CARD:
                _read(figures, effort, Path(found["path"]), place.directory)
    with _directory(work / "evidence-many") as directory:
        at_once.measure(figures, effort, footage, directory)
    log.info("evidence: %d hours, for the memory it takes to read them", effort.long_hours)
    with _directory(work / "evidence-long") as directory:
        count = int(effort.long_hours * 3600 * SECOND // FRAGMENT_US)
        found = peers.run("tests.bench.sealing", footage, "small", directory, count)
        for name in (VERIFY, OPEN):
            _checked(figures, f"{name}, {effort.long_hours} hours", found["path"], directory)
    most = max(max(of) for of in figures.found[MEMORY].values())
    figures.goal(f"memory to check or open {effort.long_hours} hours", most, MEMORY_LIMIT_MB, "MB")
    return figures


def _note_written(figures: Figures, name: str, found: dict[str, Any]) -> None:
    """What `tests.bench.sealing` told; goals are for a card as it is to be mounted. The bytes of a
    device are counted where there is one."""
    for who, spent in found["ms_per_frame"].items():
        figures.add("sealing, signing and syncing, CPU ms per picture", f"{name}: {who}", spent)
    footage, ratio, beside = found["footage_bytes"], None, None
    *marks, last = found["device_bytes"]
    if last:
        ratio = last / footage
        beside = (last - footage) / found["fragments"] / 1024
        figures.add("bytes to the device for each byte of footage", name, ratio)
        per_minute, size = found["fragments"] // len(marks), footage / found["fragments"]
        # Footage that is brought to the device later than it was written would show as less.
        steps = (after - before for before, after in pairwise([0, *marks]))
        figures.add(
            "written beside the footage for each fragment, by minute, KiB",
            name,
            *((step / per_minute - size) / 1024 for step in steps),
        )
    if name != CARD:
        return
    spent = found["ms_per_frame"]["sealed"]
    figures.goal("CPU of sealing, signing and syncing", spent, CPU_LIMIT_MS, "ms")
    figures.goal("bytes to the device for each byte of footage", ratio, DEVICE_LIMIT, "times")
    named = "written beside the footage for each fragment"
    figures.goal(named, beside, BESIDE_LIMIT_KIB, "KiB")


def _read(figures: Figures, effort: Effort, path: Path, directory: Path) -> None:
    """Check and open the recording beside those who do the like."""
    figures.facts["recording_bytes"] = path.stat().st_size
    log.info("evidence: %d pairs of verify and sha256sum", effort.pairs)
    _in_turns(
        figures,
        effort,
        {
            VERIFY: lambda: _checked(figures, VERIFY, path, directory),
            SHA256SUM: lambda: _timed(["sha256sum", path]),
        },
    )
    figures.goal(
        f"speed of {VERIFY}, of {SHA256SUM}",
        figures.speed(GROUP, VERIFY, SHA256SUM),
        VERIFY_LIMIT,
        "times",
        at_least=True,
    )
    missing = [name for name in ("age", "ffmpeg") if shutil.which(name) is None]
    if missing:
        log.warning("no %s to measure opening by", " and no ".join(missing))
    else:
        _open(figures, effort, path, directory)
    speed = figures.speed(GROUP, OPEN, ONE_FILE)
    figures.goal(f"speed of {OPEN}, of {ONE_FILE}", speed, OPEN_LIMIT, "times", at_least=True)


def _open(figures: Figures, effort: Effort, path: Path, directory: Path) -> None:
    log.info("evidence: %d pairs of open and age | ffmpeg", effort.pairs)
    key, output = directory / OFFICE_KEY, directory / _OUTPUT
    members = directory / "members"
    members.mkdir()
    names = _take_apart(path, members, key, directory / "film.age")
    # What is opened is on the storage when that returns, so the peer's has to be as well.
    ffmpeg = f"ffmpeg -v error -i - -c copy {_quoted(output)} && sync {_quoted(output)}"
    one_file = f"age -d -i {_quoted(key)} {_quoted(directory / 'film.age')} | {ffmpeg}"

    def peer(command: str) -> float:
        output.unlink(missing_ok=True)
        return _timed(["sh", "-c", command])

    ways = {
        OPEN: lambda: _checked(figures, OPEN, path, directory),
        ONE_FILE: lambda: peer(one_file),
    }
    _in_turns(figures, effort, ways)
    if effort.pairs > 3:
        listing = directory / "members.txt"
        listing.write_text("".join(f"{members / name}\n" for name in names))
        each = f'while read -r m; do age -d -i {_quoted(key)} "$m"; done < {_quoted(listing)}'
        figures.add(GROUP, MEMBERS, peer(f"{each} | {ffmpeg}"))


def _in_turns(figures: Figures, effort: Effort, of: Mapping[str, Callable[[], float]]) -> None:
    """Ask each, one right after the other, in changing order."""
    for number in range(effort.pairs):
        for name in sorted(of, reverse=bool(number % 2)):
            figures.add(GROUP, name, of[name]())


def _checked(figures: Figures, name: str, path: str | Path, directory: Path) -> float:
    """How long it takes to verify a recording, or to open it; the memory is noted."""
    command = name.partition(",")[0]
    arguments = [command, path, "--key", directory / DEVICE_KEY]
    if command == OPEN:
        output = directory / _OUTPUT
        output.unlink(missing_ok=True)
        arguments += ["--identity", directory / OFFICE_KEY, "--output", output]
    told = peers.run("tests.bench.checking", *arguments)
    figures.add(MEMORY, name, told["megabytes"])
    return float(told["seconds"])


def _timed(command: list[str | Path]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    seconds = time.monotonic() - began
    if done.returncode or done.stderr:
        said = done.stderr.decode(errors="replace")
        raise BenchError(f"{shlex.join(map(str, command))} failed: {said.strip()}")
    return seconds


def _take_apart(path: Path, members: Path, key: Path, film: Path) -> list[str]:
    """Write the sealed members as files, and the film in the clear to one age file; their names."""
    identity = pyrage.x25519.Identity.from_str(key.read_text().strip())
    command: list[str | Path] = ["age", "-r", str(identity.to_public()), "-o", film]
    names = []
    with subprocess.Popen(command, stdin=subprocess.PIPE) as age:
        assert age.stdin is not None
        for name, content in sealed.members(path):
            if name.endswith(".age"):
                (members / name).write_bytes(content)
                names.append(name)
                age.stdin.write(pyrage.decrypt(content, [identity]))
    if age.returncode:
        raise BenchError("age could not encrypt the film")
    return names


@contextlib.contextmanager
def _directory(path: Path) -> Iterator[Path]:
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
