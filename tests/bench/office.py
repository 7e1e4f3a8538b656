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
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import noise
from hw_mocks.fleet.fleet_office import FleetOffice

from tests.bench import command_line, machine, office_recording, office_s3, rclone_peer
from tests.bench.figures import Figures
from tests.bench.office_fleet import (
    bytes_of,
    certificate_of,
    directory,
    hand_over,
    make_cards,
    make_office,
    warm,
)
from tests.bench.plan import BITRATE, HEIGHT, WIDTH, BenchError, log

LIMIT_SECONDS: Final = 30 * 60
RATIO_LIMIT: Final = 0.7
MEMORY_LIMIT_MB: Final = 250.0
GROWTH_LIMIT_MB: Final = 20.0

SENDERS: Final = 4
"""Cameras at once beside rclone, which copies four files at a time if nobody says otherwise."""
CROWD: Final = 20
SMALL_MB, LARGE_MB = 10, 500
RECEIVE, RCLONE = "camerad", "rclone"
CROWDED: Final = f"{CROWD} cameras at once"
SECONDS: Final = "receiving, s"
CPU: Final = "receiving, processor seconds"
MEMORY: Final = "peak memory of the office, MB"

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


def measure(effort: Effort, work: Path) -> Figures:
    """Measure everything. Raises BenchError if something cannot be measured."""
    if shutil.which("rclone") is None:
        raise BenchError("there is no rclone to measure beside: apt-get install rclone")
    figures = Figures({"machine": machine.description()})
    film = noise(WIDTH, HEIGHT, BITRATE)
    for number in range(effort.pairs):
        log.info("office: receiving, pair %d of %d", number + 1, effort.pairs)
        with directory(work, "receive") as place:
            cards = make_cards(place / "cards", film, SENDERS, effort.sender_mb)
            office = make_office(place / "office", cards)
            figures.facts["received_bytes"] = bytes_of(cards)
            for turn in (_receive, _rclone) if number % 2 else (_rclone, _receive):
                warm(cards)
                turn(figures, place, cards, office)
    cases: dict[str, tuple[int, int, int | None]]
    cases = {CROWDED: (CROWD, effort.crowd_mb, None)}
    cases |= {_case(mb): (1, LARGE_MB, mb) for mb in (SMALL_MB, LARGE_MB)}
    for name, (count, megabytes, each) in cases.items():
        log.info("office: memory, %s", name)
        with directory(work, "memory") as place:
            cards = make_cards(place / "cards", film, count, megabytes, each)
            office = make_office(place / "office", cards)
            hand_over(place / "run", cards, office)
            figures.add(MEMORY, name, office.peak_megabytes)
    _judge(figures)
    figures.take(office_s3.measure(effort.pairs, effort.s3_mb, film, work))
    figures.take(office_recording.measure(effort.presses, film, work))
    return figures


def _judge(figures: Figures) -> None:
    """Goals, and how long `DAY_BYTES` take, by what would bound them: the link, this machine's
    processors if they did nothing but the office's work, and the rate that was measured here with
    cameras and office on one machine."""
    received, cores = figures.facts["received_bytes"], os.cpu_count() or 1
    for bound, minutes in (
        ("link of 1 Gbit/s", DAY_BYTES / LINK_BYTES / 60),
        (
            "processors of the office",
            DAY_BYTES / received * median(figures.of(CPU, "office")) / cores / 60,
        ),
        ("as measured here", DAY_BYTES / received * median(figures.of(SECONDS, RECEIVE)) / 60),
    ):
        figures.add("20 cameras of 5 GB each take, minutes", bound, minutes)
    speed = figures.speed(SECONDS, RECEIVE, RCLONE)
    figures.goal("receiving, of rclone's speed", speed, RATIO_LIMIT, "times", at_least=True)
    crowd, small, large = (
        figures.of(MEMORY, name)[0] for name in (CROWDED, _case(SMALL_MB), _case(LARGE_MB))
    )
    figures.goal(f"memory of the office, {CROWD} cameras", crowd, MEMORY_LIMIT_MB, "MB")
    name = f"memory more for {LARGE_MB} MB than for {SMALL_MB} MB"
    figures.goal(name, large - small, GROWTH_LIMIT_MB, "MB")


def _receive(figures: Figures, place: Path, cards: list[Card], office: FleetOffice) -> None:
    taken = hand_over(place / "run", cards, office)
    figures.add(SECONDS, RECEIVE, taken.seconds)
    figures.add(CPU, "office", taken.office_s)
    figures.add(CPU, "clients", taken.clients_s)


def _rclone(figures: Figures, place: Path, _cards: list[Card], office: FleetOffice) -> None:
    """The same files to the same file system by others' programs."""
    target = place / "webdav"
    with rclone_peer.webdav(target, certificate_of(office)) as (webdav, pid):
        done = rclone_peer.copy(place / "cards", webdav, sync=target)
        figures.add(CPU, "rclone serve", machine.cpu_ns(pid) / 1e9)
        got = sum(path.stat().st_size for path in target.rglob("*.tar"))
    if got != figures.facts["received_bytes"]:
        raise BenchError(f"rclone copied {got} bytes, and not all")
    figures.add(SECONDS, RCLONE, done.seconds)
    figures.add(CPU, "rclone copy", done.cpu_s)


def _case(megabytes: int) -> str:
    return f"one camera, recordings of {megabytes} MB"


def main() -> int:
    """Carry out the command line; returns the exit code."""
    return command_line.run(
        "tests.bench.office",
        __doc__,
        lambda quick, work: measure(QUICK if quick else FULL, work),
        limit_seconds=LIMIT_SECONDS,
        quick="three minutes; the figures are rough",
        work_dir="on the kind of disk that is to be measured, with 6 GB free",
    )


if __name__ == "__main__":
    sys.exit(main())
