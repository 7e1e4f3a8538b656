"""``python -m tests.bench.index_growth``: how the index's answers grow with it.

The same questions are asked of an index of 10,000 and of 1,000,000 recordings, which are rows that
were made up: as many in each hour and of each camera, so the larger office has a hundred times the
cameras. Both engines, each question with many different values; the median counts. A ratio of 3 is
the goal. What it costs to keep the index up to date is measured with real recordings.

The JSON is the last thing on standard output; progress and table go to standard error.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec.structs import replace
from postgresql import PostgreSQL
from sqlalchemy import func, insert, literal, select

from camerad.base.clock import DAY
from camerad.office.index import recording_query
from camerad.office.index.recording_query import RecordingQuery
from camerad.office.index.recording_rows import quarantined_row
from camerad.office.state.database import Database
from camerad.office.state.index_tables import INDEX, recordings
from tests.unit.office.index.office_scene_indexed import IndexedOffice, identity

SMALL: Final = 10_000
TIMES: Final = 100
"""How much larger the large one is."""
GOAL: Final = 3.0
ASKED: Final = 60
"""How often each question is asked of each index, each time with other values."""
PAGE: Final = 50
BEGIN_US: Final = 1_795_534_200_000_000
DAYS: Final = 30
CAMERAS: Final = 20
REAL: Final = 300
"""Recordings of which an index is kept."""


def rows() -> Iterator[dict[str, Any]]:
    """The recordings of the small office, over a month."""
    chance, rarely = Random(1), Random(3)
    for number in range(SMALL):
        recording = f"20261124T153000Z-{number:06d}-{number:08x}"
        began_us = BEGIN_US + chance.randrange(DAYS * DAY)
        length_us = chance.randrange(10_000_000, 1_800_000_000)
        camera, held = f"camera-{chance.randrange(CAMERAS):02d}", chance.random() < 0.02
        yield quarantined_row(f"{camera}/{recording}.tar", recording, 1, 1, ("key", camera, "")) | {
            "state": "here" if chance.random() < 0.9 else "deleted",
            "at_us": began_us,
            "began_us": began_us,
            "ended_us": began_us + length_us,
            "length_us": length_us,
            "wearer": f"W-{chance.randrange(2 * CAMERAS):04d}",
            "flagged": chance.random() < 0.05,
            "held": held,
            "due_us": None if held else began_us + length_us + 14 * DAY,
            "not_authentic_by": "m.yilmaz" if number % 500 == 7 else None,
            "has_gaps": rarely.random() < 0.03,
            "handed_over": rarely.random() < 0.01,
            "course": "recovered" if rarely.random() < 0.01 else "closed",
            "header": "0" * 64,
            "final": "1" * 64,
        }


def fill(base: Database, times: int) -> None:
    """Have so many times the rows of the small office, each time with other cameras and people."""
    base.prepare()
    with base.writing() as connection:
        # All at once in the end, which is quicker and leaves the same.
        for one in recordings.indexes:
            one.drop(connection)
        made = list(rows())
        for first in range(0, len(made), 1000):
            connection.execute(insert(recordings), made[first : first + 1000])
    names = [one.name for one in recordings.columns]
    table = recordings.c
    for number in range(1, times):
        word = literal(f"-{number:03d}")
        other: dict[str, Any] = {name: table[name] for name in names}
        other |= {name: table[name] + word for name in ("id", "camera", "wearer", "place")}
        for name in ("at_us", "began_us", "ended_us", "due_us"):
            other[name] = table[name] + number * 1_700_011
        with base.writing() as connection:
            ours = select(*(other[name] for name in names)).where(func.length(table.id) == 32)
            connection.execute(insert(recordings).from_select(names, ours))
    with base.writing() as connection:
        for one in recordings.indexes:
            one.create(connection)
        if base.path is None:
            connection.exec_driver_sql("ANALYZE recordings")  # as autovacuum does by itself


def questions(chance: Random) -> dict[str, RecordingQuery]:
    """One of each kind, of which also the small index has a whole page."""
    camera = f"camera-{chance.randrange(CAMERAS):02d}"
    when_us = BEGIN_US + chance.randrange((DAYS - 7) * DAY)
    week = RecordingQuery(from_us=when_us, to_us=when_us + 7 * DAY)
    asked = {
        "list": RecordingQuery(),
        "list of a day": replace(week, to_us=when_us + DAY),
        "search: camera, in a week": replace(week, camera=camera),
        "search: wearer": RecordingQuery(wearer=f"W-{chance.randrange(2 * CAMERAS):04d}"),
        "search: marked, in a week": replace(week, flagged=True),
        "search: held": RecordingQuery(held=True),
        "search: gaps": RecordingQuery(has_gaps=True),
        "search: handed over": RecordingQuery(handed_over=True),
        "search: closed by repair": RecordingQuery(recovered=True),
        "due today": RecordingQuery(due_before_us=BEGIN_US + 15 * DAY),
    }
    return {name: replace(one, limit=PAGE) for name, one in asked.items()}


def measure(base: Database) -> dict[str, float]:
    """The median time of each question, milliseconds; the next page is asked for as well."""
    chance = Random(2)
    seen: dict[str, list[float]] = {}
    with base.reading() as connection:
        for turn in range(ASKED + 3):
            for name, query in questions(chance).items():
                began = time.perf_counter()
                page = recording_query.find(connection, query)
                took = [(name, time.perf_counter() - began)]
                if page.next is not None and name in ("list", "due today"):
                    began = time.perf_counter()
                    recording_query.find(connection, replace(query, after=page.next))
                    took.append((f"{name}, next page", time.perf_counter() - began))
                for one, seconds in took if turn >= 3 else ():
                    seen.setdefault(one, []).append(seconds * 1000)
    return {name: statistics.median(found) for name, found in seen.items()}


def grow(name: str, make: Callable[[str], Database]) -> dict[str, dict[str, float]]:
    """The figures of one engine. make: an empty database of that name."""
    found = {}
    for times in (1, TIMES):
        base = make(f"index-{times}")
        began = time.perf_counter()
        fill(base, times)
        tell(f"{name}: {times * SMALL:,} rows made in {time.perf_counter() - began:.0f} s")
        found[times] = measure(base)
    return {
        one: {
            "small_ms": round(found[1][one], 3),
            "large_ms": round(found[TIMES][one], 3),
            "ratio": round(found[TIMES][one] / found[1][one], 2),
        }
        for one in found[1]
        if one in found[TIMES]
    }


def keep(root: Path) -> dict[str, float]:
    """What it costs to make an index of real recordings, and to keep it, milliseconds."""
    office = IndexedOffice(root)
    for number in range(1, REAL + 1):
        office.camera.put(identity(number))
    office.camera.offload(office.directory)
    with office.store():
        pass
    index = office.index()
    found: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        found[name] = round((time.perf_counter() - began) * 1000, 3)

    timed("rebuild", index.rebuild)
    found["rebuild, each recording"] = round(found["rebuild"] / REAL, 3)
    timed("refresh, nothing changed", index.refresh)
    office.hold(identity(1))
    timed("refresh, one hold more", index.refresh)
    office.take(identity(REAL + 1))
    timed("refresh, one recording more", index.refresh)
    office.close()
    return found


def tell(text: str) -> None:
    """To the person who waits."""
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """Measure; returns the exit code: whether it could be measured, not whether the goal was
    reached."""
    postgresql = PostgreSQL()
    try:
        postgresql.start()
        with tempfile.TemporaryDirectory(prefix="camerad-bench-", dir="/var/tmp") as work:
            figures = {
                "sqlite": grow("SQLite", lambda name: Database(f"sqlite:///{work}/{name}", INDEX)),
                "postgresql": grow("PostgreSQL", lambda _: Database(postgresql.make(), INDEX)),
            }
            upkeep = keep(Path(work))
    finally:
        postgresql.close()
    for engine, found in figures.items():
        for name, one in found.items():
            said = "" if one["ratio"] < GOAL else "   beyond the goal"
            tell(
                f"{engine:<12}{name:<28}{one['small_ms']:>9.3f} ms{one['large_ms']:>9.3f} ms"
                f"{one['ratio']:>7.2f}{said}"
            )
    for name, took in upkeep.items():
        tell(f"{'upkeep':<12}{name:<28}{took:>9.3f} ms")
    sys.stdout.write(json.dumps({"goal": GOAL, "growth": figures, "upkeep_ms": upkeep}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
