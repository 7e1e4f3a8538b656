"""``python -m tests.bench.office``: what an office's server costs, beside ``rclone``.

It prints a table, and one JSON object as the last thing on standard output. Every comparison is of
one run, files, machine and file system.

Receiving: four cameras hand over what they recorded, by the production client and server over TLS
on loopback, until every receipt is acknowledged. Beside it ``rclone copy`` brings the same files to
``rclone serve webdav`` with the same certificate, four at a time, as it comes; then the file system
is synchronised. What differs: rclone signs nothing, hashes nothing, asks the storage for nothing
until the end, and reads nothing back.

Replicas in S3: `tests.bench.office_s3`. What a camera notices that records while it hands
over: `tests.bench.office_recording`.

A second of a processor is one of this machine's, the kernel's work on the process' behalf included.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import noise
from hw_mocks.fleet.fleet_office import FleetOffice

from tests.bench import command_line, machine, office_recording, office_s3, rclone_peer
from tests.bench.goals import Goal
from tests.bench.office_fleet import (
    bytes_of,
    certificate_of,
    directory,
    hand_over,
    make_cards,
    make_office,
    warm,
)
from tests.bench.office_recording import RecordingResult
from tests.bench.office_s3 import S3Result
from tests.bench.plan import BITRATE, HEIGHT, WIDTH, BenchError, log

LIMIT_SECONDS: Final = 30 * 60
RATIO_LIMIT: Final = 0.7
MEMORY_LIMIT_MB: Final = 250.0
GROWTH_LIMIT_MB: Final = 20.0
LATER_LIMIT_MS: Final = 10.0
"""How much later the light may be before it counts as later: a third of a picture."""

SENDERS: Final = 4
"""Cameras at once beside rclone, which copies four files at a time if nobody says otherwise."""
CROWD: Final = 20
SMALL_MB, LARGE_MB = 10, 500
RECEIVE, RCLONE = "camerad", "rclone"

LINK_BYTES: Final = 0.94e9 / 8
"""Of payload in a second of 1 Gbit/s: Ethernet, IP and TCP take 6 %."""
DAY_BYTES: Final = 20 * 5e9
"""Twenty cameras with 5 GB each."""


@dataclass(frozen=True, slots=True)
class Effort:
    """pairs: of camerad and rclone. sender_mb: of each camera there; crowd_mb: of each of the
    crowd; s3_mb: of each camera where replicas go to S3. presses: in each case."""

    pairs: int
    sender_mb: int
    crowd_mb: int
    s3_mb: int
    presses: int


FULL: Final = Effort(pairs=3, sender_mb=400, crowd_mb=60, s3_mb=100, presses=20)
QUICK: Final = Effort(pairs=1, sender_mb=120, crowd_mb=15, s3_mb=30, presses=4)


@dataclass(slots=True)
class Result:
    """seconds: of each pair, by who; bytes: that were received. cpu: seconds of a processor, by
    process. memory: the office's peak, megabytes, by case. s3, recording: see their own."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {RECEIVE: [], RCLONE: []})
    bytes: int = 0
    cpu: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    s3: S3Result = field(default_factory=S3Result)
    recording: RecordingResult = field(default_factory=RecordingResult)

    @property
    def ratio(self) -> float:
        """How fast the office receives for each unit of rclone's speed: the median of pairs."""
        pairs = zip(self.seconds[RECEIVE], self.seconds[RCLONE], strict=True)
        return median(theirs / ours for ours, theirs in pairs)

    def rate(self, who: str) -> float:
        """Bytes per second."""
        return self.bytes / median(self.seconds[who])

    def cpu_per_gb(self, process: str) -> float:
        """Seconds of a processor for 10^9 bytes."""
        return median(self.cpu[process]) / self.bytes * 1e9

    @property
    def cpu_ratio(self) -> float:
        """Processor time of rclone's two processes for each second of camerad's."""
        ours = self.cpu_per_gb("office") + self.cpu_per_gb("clients")
        return (self.cpu_per_gb("rclone serve") + self.cpu_per_gb("rclone copy")) / ours

    def minutes_of_a_day(self) -> dict[str, float]:
        """How long `DAY_BYTES` take, by what would bound them: the link, this machine's processors
        if they did nothing but the office's work, and the rate that was measured here with cameras
        and office on one machine."""
        cores = os.cpu_count() or 1
        return {
            "link of 1 Gbit/s": DAY_BYTES / LINK_BYTES / 60,
            "processors of the office": DAY_BYTES / 1e9 * self.cpu_per_gb("office") / cores / 60,
            "as measured here": DAY_BYTES / self.rate(RECEIVE) / 60,
        }

    def goals(self) -> list[Goal]:
        """Every goal, reached or not."""
        grown = self.memory[_case(LARGE_MB)] - self.memory[_case(SMALL_MB)]
        return [
            Goal("receiving, of rclone's speed", round(self.ratio, 3), RATIO_LIMIT, "times", True),
            Goal(
                "replicas to S3, of rclone's speed",
                round(self.s3.copies_ratio, 3),
                RATIO_LIMIT,
                "times",
                True,
            ),
            Goal(
                "receiving with S3, of rclone's to both places",
                round(self.s3.whole_ratio, 3),
                RATIO_LIMIT,
                "times",
                True,
            ),
            Goal(
                f"memory of the office, {CROWD} cameras",
                round(self.memory[_crowd()], 1),
                MEMORY_LIMIT_MB,
                "MB",
            ),
            Goal(
                f"memory more for {LARGE_MB} MB than for {SMALL_MB} MB",
                round(grown, 1),
                GROWTH_LIMIT_MB,
                "MB",
            ),
            Goal(
                "red light later while it hands over",
                round(self.recording.later_ms, 1),
                LATER_LIMIT_MS,
                "ms",
            ),
            Goal(
                "frames lost while it hands over",
                self.recording.lost[office_recording.MEANWHILE],
                0,
                "",
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "received_bytes": self.bytes,
            "seconds": {who: [round(s, 2) for s in took] for who, took in self.seconds.items()},
            "speed_to_rclone": round(self.ratio, 3),
            "processor_time_of_rclone_to_ours": round(self.cpu_ratio, 3),
            "processor_seconds_per_gb": {
                name: round(self.cpu_per_gb(name), 2) for name in self.cpu
            },
            "office_peak_megabytes": {name: round(mb, 1) for name, mb in self.memory.items()},
            "minutes_for_20_cameras_of_5_gb": {
                name: round(minutes, 1) for name, minutes in self.minutes_of_a_day().items()
            },
            "s3": self.s3.as_json(),
            "recording_meanwhile": self.recording.as_json(),
        }

    def table(self) -> str:
        """Everything, for people."""
        lines = [f"{'receiving, ' + str(self.bytes // 10**6) + ' MB':<48}{'s':>10}{'MB/s':>10}"]
        lines.append("-" * 68)
        for who, took in self.seconds.items():
            lines.append(f"{who:<48}{median(took):>10.2f}{self.rate(who) / 1e6:>10.0f}")
        lines += ["", f"{'processor seconds per GB':<48}{'s':>10}", "-" * 58]
        lines += [f"{name:<48}{self.cpu_per_gb(name):>10.2f}" for name in self.cpu]
        lines += ["", f"{'peak memory of the office':<48}{'MB':>10}", "-" * 58]
        lines += [f"{name:<48}{mb:>10.1f}" for name, mb in self.memory.items()]
        lines += ["", f"{'20 cameras of 5 GB each take':<48}{'minutes':>10}", "-" * 58]
        lines += [f"{name:<48}{took:>10.1f}" for name, took in self.minutes_of_a_day().items()]
        lines += ["", *self.s3.table(), "", *self.recording.table()]
        lines += ["", f"{'goal':<48}{'is':>10}{'limit':>10}", "-" * 90]
        for goal in self.goals():
            sign = ">=" if goal.at_least else "<="
            verdict = "reached" if goal.reached else "missed"
            lines.append(
                f"{goal.name:<48}{goal.value:>10}  {sign} {goal.limit:<6g} {goal.unit:<6}{verdict}"
            )
        return "\n".join(lines)


def measure(effort: Effort, work: Path) -> Result:
    """Measure everything. Raises BenchError if something cannot be measured."""
    if shutil.which("rclone") is None:
        raise BenchError("there is no rclone to measure beside: apt-get install rclone")
    result = Result()
    film = noise(WIDTH, HEIGHT, BITRATE)
    for number in range(effort.pairs):
        log.info("office: receiving, pair %d of %d", number + 1, effort.pairs)
        with directory(work, "receive") as place:
            cards = make_cards(place / "cards", film, SENDERS, effort.sender_mb)
            office = make_office(place / "office", cards)
            result.bytes = bytes_of(cards)
            for turn in (_receive, _rclone) if number % 2 else (_rclone, _receive):
                warm(cards)
                turn(result, place, cards, office)
    cases: dict[str, tuple[int, int, int | None]]
    cases = {_crowd(): (CROWD, effort.crowd_mb, None)}
    cases |= {_case(mb): (1, LARGE_MB, mb) for mb in (SMALL_MB, LARGE_MB)}
    for name, (count, megabytes, each) in cases.items():
        log.info("office: memory, %s", name)
        with directory(work, "memory") as place:
            cards = make_cards(place / "cards", film, count, megabytes, each)
            office = make_office(place / "office", cards)
            hand_over(place / "run", cards, office)
            result.memory[name] = office.peak_megabytes
    result.s3 = office_s3.measure(effort.pairs, effort.s3_mb, film, work)
    result.recording = office_recording.measure(effort.presses, film, work)
    return result


def _receive(result: Result, place: Path, cards: list[Card], office: FleetOffice) -> None:
    taken = hand_over(place / "run", cards, office)
    result.seconds[RECEIVE].append(taken.seconds)
    result.cpu.setdefault("office", []).append(taken.office_s)
    result.cpu.setdefault("clients", []).append(taken.clients_s)


def _rclone(result: Result, place: Path, _cards: list[Card], office: FleetOffice) -> None:
    """The same files to the same file system by others' programs."""
    target = place / "webdav"
    with rclone_peer.webdav(target, certificate_of(office)) as (webdav, pid):
        done = rclone_peer.copy(place / "cards", webdav, sync=target)
        result.cpu.setdefault("rclone serve", []).append(machine.cpu_ns(pid) / 1e9)
        got = sum(path.stat().st_size for path in target.rglob("*.tar"))
    if got != result.bytes:
        raise BenchError(f"rclone copied {got} of {result.bytes} bytes")
    result.seconds[RCLONE].append(done.seconds)
    result.cpu.setdefault("rclone copy", []).append(done.cpu_s)


def _crowd() -> str:
    return f"{CROWD} cameras at once"


def _case(megabytes: int) -> str:
    return f"one camera, recordings of {megabytes} MB"


def main() -> int:
    """Carry out the command line; returns the exit code."""
    return command_line.run(
        "tests.bench.office",
        __doc__,
        _measured,
        limit_seconds=LIMIT_SECONDS,
        quick="three minutes; the figures are rough",
        work_dir="on the kind of disk that is to be measured, with 6 GB free",
    )


def _measured(quick: bool, work: Path) -> tuple[str, dict[str, Any]]:
    described = machine.description()
    result = measure(QUICK if quick else FULL, work)
    load = described["load_before"]
    head = f"{described['processor']}, {described['cores']} cores, load before: {load}"
    found = {"machine": described, **result.as_json()}
    goals = [goal.as_json() for goal in result.goals()]
    return f"{head}\n\n{result.table()}", {**found, "goals": goals}


if __name__ == "__main__":
    sys.exit(main())
