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
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import pyrage

from camerad.base.clock import SECOND
from tests.bench import at_once, ext4, peers
from tests.bench.film import FRAGMENT_US, PICTURES
from tests.bench.goals import Goal
from tests.bench.plan import FPS, BenchError, Effort, log
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

_OUTPUT: Final = "opened.mp4"


@dataclass(slots=True)
class Result:
    """written: what `tests.bench.sealing` told, by file system; without any figures of a device
    where there was none. bytes: of the recording's file. seconds: how long each of the readers
    took, as often as it was asked. at_once: many recordings, checked at once. long_hours: of the
    long recording. megabytes: the most memory that it took to check and to open it, and the short
    one.
    """

    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    bytes: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    at_once: at_once.Result = field(default_factory=at_once.Result)
    long_hours: int = 0
    megabytes: dict[str, float] = field(default_factory=dict)

    def device_ratio(self, name: str) -> float | None:
        """Bytes written to the device for each byte of footage."""
        found = self.written.get(name)
        if found is None or not found["device_bytes"][-1]:
            return None
        return float(found["device_bytes"][-1] / found["footage_bytes"])

    def beside(self, name: str) -> float | None:
        """KiB written beside the footage for each fragment."""
        ratio = self.device_ratio(name)
        if ratio is None:
            return None
        found = self.written[name]
        return float((ratio - 1) * found["footage_bytes"] / found["fragments"] / 1024)

    def speed(self, one: str, other: str) -> float | None:
        """How fast `one` is for each unit of `other`'s speed: the median of their pairs."""
        pairs = list(zip(self.seconds.get(one, []), self.seconds.get(other, []), strict=False))
        return median(theirs / ours for ours, theirs in pairs) if pairs else None

    def goals(self) -> list[Goal]:
        """Every goal, reached or not."""
        spent = self.written[CARD]["ms_per_frame"]["sealed"]
        most = max(self.megabytes.values())
        speeds = ((VERIFY, SHA256SUM, VERIFY_LIMIT), (OPEN, ONE_FILE, OPEN_LIMIT))
        return [
            Goal("CPU of sealing, signing and syncing", _round(spent, 4), CPU_LIMIT_MS, "ms"),
            Goal(
                "bytes to the device for each byte of footage",
                _round(self.device_ratio(CARD), 4),
                DEVICE_LIMIT,
                "times",
            ),
            Goal(
                "written beside the footage for each fragment",
                _round(self.beside(CARD), 2),
                BESIDE_LIMIT_KIB,
                "KiB",
            ),
            *(
                Goal(
                    f"speed of {one}, of {other}",
                    _round(self.speed(one, other), 3),
                    limit,
                    "times",
                    at_least=True,
                )
                for one, other, limit in speeds
            ),
            *self.at_once.goals(),
            Goal(
                f"memory to check or open {self.long_hours} hours",
                round(most, 1),
                MEMORY_LIMIT_MB,
                "MB",
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "fragments": FRAGMENTS,
            "written_one_after_the_other": {
                name: {
                    "cpu_ms_per_frame": {
                        who: round(spent, 4) for who, spent in found["ms_per_frame"].items()
                    },
                    "footage_kilobits_per_second": _kilobits(found),
                    "device_bytes_to_footage_bytes": _round(self.device_ratio(name), 4),
                    "kib_beside_the_footage_per_fragment": _round(self.beside(name), 2),
                    "the_same_by_minute": _by_minute(found),
                    "seconds": round(found["seconds"], 2),
                }
                for name, found in self.written.items()
            },
            "recording_bytes": self.bytes,
            "seconds": {
                name: [round(figure, 3) for figure in figures]
                for name, figures in self.seconds.items()
            },
            "speed_to_sha256sum": _round(self.speed(VERIFY, SHA256SUM), 3),
            "speed_to_age_and_ffmpeg": _round(self.speed(OPEN, ONE_FILE), 3),
            "speed_to_age_of_each_member_and_ffmpeg": _round(self.speed(OPEN, MEMBERS), 3),
            "at_once": self.at_once.as_json(),
            "memory_megabytes": {
                "fragments_of_the_long_recording": _fragments(self.long_hours),
                **{name: round(figure, 1) for name, figure in self.megabytes.items()},
            },
        }

    def table(self) -> list[str]:
        """Everything, for people."""
        heads = ("ms/frame", "age alone", "journal", "device", "KiB/frag.")
        lines = [f"{'sealing, signing and syncing':<36}" + "".join(f"{h:>11}" for h in heads)]
        lines.append("-" * 91)
        for name, found in self.written.items():
            spent = [found["ms_per_frame"][who] for who in ("sealed", "age", "journal")]
            figures = [*spent, self.device_ratio(name), self.beside(name)]
            lines.append(f"{name:<36}" + "".join(f"{_shown(f):>11}" for f in figures))
        lines += ["", f"{'reading ten minutes':<36}{'seconds':>11}{'MB/s':>11}", "-" * 58]
        for name, took in self.seconds.items():
            if took:
                rate = f"{self.bytes / 1e6 / median(took):.0f}"
                lines.append(f"{name:<36}{median(took):>11.2f}{rate:>11}")
        return lines + self.at_once.table()


def measure(effort: Effort, footage: str, work: Path) -> Result:
    """Write recordings, check and open them."""
    result = Result(long_hours=effort.long_hours)
    others = [name for name in FILE_SYSTEMS if name != CARD] if effort.pairs > 3 else []
    for number, name in enumerate([CARD, *others]):
        log.info("evidence: %d minutes sealed, on %s", MINUTES, name)
        features, options = FILE_SYSTEMS[name]
        with ext4.mounted(work, f"evidence-{number}", DISK_BYTES, features, options) as place:
            if place.device is None and name != CARD:
                continue
            arguments = ("main", place.directory, FRAGMENTS, place.device or NO_DEVICE)
            found = peers.run("tests.bench.sealing", footage, *arguments)
            result.written[name] = found
            if name == CARD:
                _read(result, effort, Path(found["path"]), place.directory)
    with _directory(work / "evidence-many") as directory:
        result.at_once = at_once.measure(effort, footage, directory)
    log.info("evidence: %d hours, for the memory it takes to read them", effort.long_hours)
    with _directory(work / "evidence-long") as directory:
        count = _fragments(effort.long_hours)
        found = peers.run("tests.bench.sealing", footage, "small", directory, count)
        for name in (VERIFY, OPEN):
            _checked(result, f"{name}, {effort.long_hours} hours", found["path"], directory)
    return result


def _read(result: Result, effort: Effort, path: Path, directory: Path) -> None:
    """Check and open the recording beside those who do the like."""
    result.bytes = path.stat().st_size
    log.info("evidence: %d pairs of verify and sha256sum", effort.pairs)
    _in_turns(
        result,
        effort,
        {
            VERIFY: lambda: _checked(result, VERIFY, path, directory),
            SHA256SUM: lambda: _timed(["sha256sum", path]),
        },
    )
    missing = [name for name in ("age", "ffmpeg") if shutil.which(name) is None]
    if missing:
        log.warning("no %s to measure opening by", " and no ".join(missing))
        return
    log.info("evidence: %d pairs of open and age | ffmpeg", effort.pairs)
    key, output = directory / OFFICE_KEY, directory / _OUTPUT
    members = directory / "members"
    members.mkdir()
    names = _take_apart(path, members, key, directory / "film.age")
    # What is opened is on the storage when that returns, so the peer's has to be as well.
    ffmpeg = f"ffmpeg -v error -i - -c copy {_quoted(output)} && sync {_quoted(output)}"
    one_file = f"age -d -i {_quoted(key)} {_quoted(directory / 'film.age')} | {ffmpeg}"

    def opened() -> float:
        return _checked(result, OPEN, path, directory)

    def peer(command: str) -> float:
        output.unlink(missing_ok=True)
        return _timed(["sh", "-c", command])

    _in_turns(result, effort, {OPEN: opened, ONE_FILE: lambda: peer(one_file)})
    if effort.pairs > 3:
        listing = directory / "members.txt"
        listing.write_text("".join(f"{members / name}\n" for name in names))
        each = f'while read -r m; do age -d -i {_quoted(key)} "$m"; done < {_quoted(listing)}'
        result.seconds[MEMBERS] = [peer(f"{each} | {ffmpeg}")]


def _in_turns(result: Result, effort: Effort, of: Mapping[str, Callable[[], float]]) -> None:
    """Ask each, one right after the other, in changing order."""
    for number in range(effort.pairs):
        for name in sorted(of, reverse=bool(number % 2)):
            result.seconds.setdefault(name, []).append(of[name]())


def _checked(result: Result, name: str, path: str | Path, directory: Path) -> float:
    """How long it takes to verify a recording, or to open it; the memory is noted."""
    command = name.partition(",")[0]
    arguments = [command, path, "--key", directory / DEVICE_KEY]
    if command == OPEN:
        output = directory / _OUTPUT
        output.unlink(missing_ok=True)
        arguments += ["--identity", directory / OFFICE_KEY, "--output", output]
    told = peers.run("tests.bench.checking", *arguments)
    result.megabytes[name] = max(told["megabytes"], result.megabytes.get(name, 0.0))
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


def _fragments(hours: int) -> int:
    return int(hours * 3600 * SECOND // FRAGMENT_US)


def _kilobits(found: Mapping[str, Any]) -> int:
    seconds = float(found["fragments"]) * PICTURES / FPS
    return round(float(found["footage_bytes"]) * 8 / 1000 / seconds)


def _by_minute(found: Mapping[str, Any]) -> list[float]:
    """KiB beside the footage per fragment in each minute; none where nothing was counted. Footage
    that is brought to the device later than it was written would show as less."""
    *marks, last = found["device_bytes"]
    if not last:
        return []
    per_minute = found["fragments"] // len(marks)
    size = found["footage_bytes"] / found["fragments"]
    steps = [after - before for before, after in zip([0, *marks], marks, strict=False)]
    return [round((step / per_minute - size) / 1024, 2) for step in steps]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _round(figure: float | None, digits: int) -> float | None:
    return None if figure is None else round(figure, digits)


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"
