"""Retention: recordings that may go, that may not, and alerts before."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_helpers import DAYS, Book, ended
from msgspec.structs import replace

from camerad.base.clock import DAY, ClockSource, ManualClock, Moment
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.timeline import Instant
from camerad.store import retention


def due(book: Book) -> list[str]:
    return [one.known.id for one in retention.list_due(book.state, *book.ledger.now())]


def room(book: Book) -> list[str]:
    return [one.known.id for one in retention.list_removable(book.state, *book.ledger.now())]


def expiring(book: Book) -> list[str]:
    return [known.id for known in retention.list_expiring_flagged(book.state, *book.ledger.now())]


def days_left(book: Book, name: str) -> int | None:
    return retention.days_left(book.state.recordings[name], book.state, *book.ledger.now())


def acknowledge(book: Book, name: str) -> None:
    book.ledger.append("acknowledged", id=name, final=f"final of {name}", receipt="receipt")


def due_us(book: Book, name: str) -> int | None:
    state = book.state
    return retention.due_us(state.recordings[name], state, state.ages_at_head())


@pytest.fixture
def undated(tmp_path: Path) -> Book:
    """A ledger that has never known the time."""
    return Book(tmp_path / "undated" / "ledger", ManualClock(source=ClockSource.UNKNOWN))


def test_what_is_due_comes_oldest_first_unless_it_is_held_running_missing_or_deleted(
    book: Book,
) -> None:
    for name in ("c", "a", "held", "missing", "deleted"):
        book.record(name)
        book.clock.advance(DAY)
    book.opened("running")
    book.hold("held")
    book.ledger.append("missing", id="missing")
    assert [days_left(book, name) for name in ("held", "running")] == [None, None]
    assert {due_us(book, name) for name in ("held", "missing", "running")} == {None}
    book.clock.advance(100 * DAY)
    book.ledger.append("deleted", id="deleted", final=None, why="expired", age_us=100 * DAY)
    assert due(book) == ["c", "a"]
    book.ledger.append("release", id="held", who="Desk")
    assert due(book) == ["c", "a", "held"]


def test_a_recording_is_due_to_the_microsecond_and_its_days_are_rounded_up(book: Book) -> None:
    """The ledger alone says it: no present is asked for the day."""
    book.record("a")
    when_us = book.clock.wall_us() + DAYS * DAY
    for advance, days, names in (
        (0, DAYS, []),
        (1, DAYS, []),
        (DAY, DAYS - 1, []),
        ((DAYS - 1) * DAY - 2, 1, []),
        (1, 0, ["a"]),
        (100 * DAY, 0, ["a"]),
    ):
        book.clock.advance(advance)
        assert (days_left(book, "a"), due(book), due_us(book, "a")) == (days, names, when_us)


def test_a_clock_that_is_not_trusted_deletes_nothing_by_wall_time(book: Book) -> None:
    """An RTC that was set ahead, within what is plausible without power, is the stated limit:
    nobody can tell it from time that passed. What is held, and a clock set first, are safe."""
    book.record("a", "held")
    book.hold("held")
    book.clock.reboot()
    for source, step, expected in (
        (ClockSource.UNKNOWN, 1000, []),
        (ClockSource.RTC, -900, ["a"]),
        (ClockSource.UNKNOWN, -100, []),
    ):
        book.clock.source = source
        book.clock.step_wall(step * DAY)
        assert due(book) == expected
    book.clock.source = ClockSource.SYNCHRONISED
    book.ledger.append("uptime")
    book.clock.source = ClockSource.RTC
    book.clock.step_wall(100 * DAY)
    assert due(book) == []


def test_uptime_alone_is_enough(undated: Book) -> None:
    book = undated
    book.record("a")
    for _ in range(DAYS):
        assert due(book) == []
        book.ledger.append("start", software="s", policy="p", settings="x")
        book.clock.advance(DAY)
        book.ledger.append("uptime")
        book.clock.reboot()
        book.clock.step_wall(-DAY)
    assert due(book) == ["a"]


def test_an_acknowledged_recording_may_make_room_unless_held(book: Book) -> None:
    book.record("a", "b", "c", "d")
    for name in "abc":
        acknowledge(book, name)
    book.hold("b")
    book.ledger.append("deleted", id="c", final="final of c", why="offloaded", age_us=0)
    assert (room(book), due(book)) == (["a"], [])


def test_the_holder_of_a_flagged_recording_is_warned_two_days_before(book: Book) -> None:
    book.record("plain")
    book.record("flagged", "held", "gone", flagged=True)
    book.opened("running")
    book.hold("held")
    book.ledger.append("missing", id="gone")
    book.clock.advance((DAYS - 2) * DAY - 1)
    assert expiring(book) == []
    book.clock.advance(1)
    assert expiring(book) == ["flagged"]
    book.record("later", flagged=True, retention_days=1)
    assert expiring(book) == ["later", "flagged"]  # the most urgent first
    unread = replace(book.state, unread=("token",))
    assert retention.list_expiring_flagged(unread, *book.ledger.now()) == ()


@pytest.mark.parametrize(
    ("days", "source", "left"),
    [
        # Dated wrongly ahead, or not at all, it counts from when it was received.
        (900, ClockSource.RTC, DAYS),
        (-20_000, ClockSource.UNKNOWN, DAYS),
        (-10, ClockSource.SYNCHRONISED, DAYS - 10),
    ],
)
def test_a_recording_of_another_machine_counts_from_when_that_dated_it(
    book: Book, days: int, source: ClockSource, left: int
) -> None:
    dated = Moment(5, book.clock.wall_us() + days * DAY, source)
    facts = ended("a", dated, ended_boot="another machine's", device="cam", kid="k")
    book.ledger.append("received", **facts)
    assert days_left(book, "a") == left
    book.ledger.rotate()
    assert days_left(book, "a") == left


@pytest.mark.parametrize("known_by", ["the ledger", "the recording"])
def test_a_recording_that_was_repaired_counts_from_its_last_fragment(
    undated: Book, known_by: str
) -> None:
    """In the boot in which it ran the time was known later, or only the recording knew it."""
    book = undated
    book.opened("a")
    boot_id, last = book.clock.boot_id, book.clock.moment()
    if known_by == "the recording":
        last = replace(last, source=ClockSource.SYNCHRONISED)
    else:
        book.clock.source = ClockSource.SYNCHRONISED
        book.ledger.append("uptime")
    book.clock.reboot()
    book.clock.source = ClockSource.SYNCHRONISED
    book.clock.step_wall(10 * DAY)
    facts = ended("a", last, ended_boot=boot_id, reason="recovered", torn=0)
    book.ledger.append("recovered", **facts)
    assert days_left(book, "a") == DAYS - 10


def test_the_day_is_known_by_trusted_time_and_from_what_the_ledger_has(undated: Book) -> None:
    book = undated
    book.record("a")
    assert due_us(book, "a") is None
    book.clock.source = ClockSource.SYNCHRONISED
    book.ledger.append("uptime")
    assert due_us(book, "a") == book.clock.wall_us() + DAYS * DAY
    book.clock.advance(3 * DAY)
    book.ledger.record_loss("a test")  # holds may be lost: the days count anew
    assert due_us(book, "a") == book.clock.wall_us() + DAYS * DAY
    state, known = book.state, book.state.recordings["a"]
    forgotten = Instant(99, 0)
    for this, its in (
        (replace(state, unread=("token",)), known),
        (state, replace(known, instant=forgotten)),
        (replace(state, lost=forgotten), known),
    ):
        assert retention.due_us(its, this, this.ages_at_head()) is None
    assert LedgerState().ages_at_head().latest_us(Instant(2, 0)) is None
