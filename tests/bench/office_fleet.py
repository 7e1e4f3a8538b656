"""Cards that are handed over to an office by the production client, and what that takes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hw_mocks.fleet.cards import Card, shift
from hw_mocks.fleet.endless_film import EndlessFilm
from hw_mocks.fleet.fleet_office import FleetOffice
from hw_mocks.fleet.fleet_run import Fleet

from tests.bench import machine
from tests.bench.plan import BenchError
from tests.bench.rclone_peer import Certificate

PATIENCE: Final = 300.0


def make_cards(
    place: Path, film: EndlessFilm, count: int, megabytes: int, each: int | None = None
) -> list[Card]:
    """Cards with so many megabytes on each. each: of one recording; as in a shift if None."""
    size = film.fragment_bytes
    fragments = max(1, round(megabytes * 1e6 / size))
    cards = []
    for number in range(count):
        card = Card(place / f"camera-{number:02}", f"camera-{number:02}")
        if each is None:
            lengths = shift(fragments, seed=number, mean=max(1, fragments // 6))
        else:
            one = max(1, round(each * 1e6 / size))
            lengths = [one] * max(1, round(fragments / one))
        card.record(film, lengths, seed=number)
        cards.append(card)
    return cards


def make_office(place: Path, cards: list[Card]) -> FleetOffice:
    """An office that knows these cameras."""
    return FleetOffice(place, [(one.name, one.key.public) for one in cards])


def certificate_of(office: FleetOffice) -> Certificate:
    """The office's own, for whoever is measured beside it."""
    return Certificate(*office.certificate)


def bytes_of(cards: list[Card]) -> int:
    """Of their recordings."""
    return sum(path.stat().st_size for one in cards for path in one.files)


@dataclass(frozen=True, slots=True)
class Taken:
    """seconds: of the clock; office_s, clients_s: of a processor."""

    seconds: float
    office_s: float
    clients_s: float


def hand_over(place: Path, cards: list[Card], office: FleetOffice) -> Taken:
    """Have all of it handed over, until every receipt is acknowledged. Clients and office have been
    started before. place: a new directory. Raises BenchError."""

    async def run() -> Taken:
        fleet = Fleet(place, cards, office)
        office.start()
        try:
            await fleet.open()
            await fleet.waiting(PATIENCE)
            pids = [one.uploader.pid for one in fleet.cameras]
            before = machine.cpu_ns(office.pid), sum(map(machine.cpu_ns, pids))
            began = time.monotonic()
            fleet.dock()
            await fleet.finished(PATIENCE)
            seconds = time.monotonic() - began
            office_ns = machine.cpu_ns(office.pid) - before[0]
            clients_ns = sum(map(machine.cpu_ns, pids)) - before[1]
            return Taken(seconds, office_ns / 1e9, clients_ns / 1e9)
        except TimeoutError:
            said = [one.uploader.status() for one in fleet.cameras]
            raise BenchError(f"it was not handed over in {PATIENCE:.0f} s: {said}") from None
        finally:
            await fleet.close()
            office.stop()

    return asyncio.run(run())


def warm(cards: list[Card]) -> None:
    """Have what is sent in memory, and nothing waiting to be written."""
    os.sync()
    for card in cards:
        for path in card.files:
            subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)


@contextmanager
def directory(work: Path, name: str) -> Iterator[Path]:
    """A new directory, which is removed at the end."""
    path = work / name
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
