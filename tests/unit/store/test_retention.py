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


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "ledger")


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


def test_what_is_due_comes_oldest_first(book: Book) -> None:
    for name in "cab":
        book.record(name)
        book.clock.advance(DAY)
    book.clock.advance(DAYS * DAY)
    assert due(book) == ["c", "a", "b"]


def test_what_is_held_running_missing_or_deleted_is_not_due(book: Book) -> None:
    book.record("held", "missing", "deleted")
    book.opened("running")
    book.hold("held")
    book.ledger.append("missing", id="missing")
    book.clock.advance(100 * DAY)
    book.ledger.append("deleted", id="deleted", final=None, why="expired", age_us=100 * DAY)
    assert due(book) == []
    book.ledger.append("release", id="held", who="Desk")
    assert due(book) == ["held"]


def test_a_clock_that_is_not_trusted_deletes_nothing_by_wall_time(book: Book) -> None:
    book.record("a")
    book.clock.reboot()
    book.clock.source = ClockSource.UNKNOWN
    book.clock.step_wall(1000 * DAY)
    assert due(book) == []
    book.clock.source = ClockSource.RTC
    assert due(book) == ["a"]


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
    assert room(book) == ["a"]
    assert due(book) == []


def test_the_time_left_is_told_in_whole_days_rounded_up(book: Book) -> None:
    book.record("a")
    assert days_left(book, "a") == DAYS
    book.clock.advance(1)
    assert days_left(book, "a") == DAYS
    book.clock.advance(DAY)
    assert days_left(book, "a") == DAYS - 1
    book.clock.advance(100 * DAY)
    assert days_left(book, "a") == 0


def test_nothing_deletes_what_is_held_or_running(book: Book) -> None:
    book.record("held")
    book.hold("held")
    book.opened("running")
    assert days_left(book, "held") is None
    assert days_left(book, "running") is None


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


def test_a_recording_that_its_device_dated_wrongly_ahead_counts_from_when_it_was_received(
    book: Book,
) -> None:
    now = book.clock.moment()
    ahead = Moment(5, now.wall_us + 900 * DAY, ClockSource.RTC)
    facts = ended("a", ahead, ended_boot="another machine's", device="cam", kid="k")
    book.ledger.append("received", **facts)
    assert days_left(book, "a") == DAYS
    book.clock.advance(DAYS * DAY)
    assert due(book) == ["a"]


def test_a_recording_that_its_device_could_not_date_counts_from_when_it_was_received(
    book: Book,
) -> None:
    undated = Moment(5, 0, ClockSource.UNKNOWN)
    facts = ended("a", undated, ended_boot="another machine's", device="cam", kid="k")
    book.ledger.append("received", **facts)
    assert days_left(book, "a") == DAYS


def test_a_recording_that_its_device_dated_counts_from_its_end(book: Book) -> None:
    now = book.clock.moment()
    before = Moment(5, now.wall_us - 10 * DAY, ClockSource.SYNCHRONISED)
    facts = ended("a", before, ended_boot="another machine's", device="cam", kid="k")
    book.ledger.append("received", **facts)
    assert days_left(book, "a") == DAYS - 10
    book.ledger.rotate()
    assert days_left(book, "a") == DAYS - 10


@pytest.fixture
def undated(tmp_path: Path) -> Book:
    """A ledger that has never known the time."""
    return Book(tmp_path / "undated" / "ledger", ManualClock(source=ClockSource.UNKNOWN))


def test_a_recording_that_was_repaired_counts_from_its_last_fragment(undated: Book) -> None:
    """The boot in which it ran is on the ledger, so the time is known although it was not then."""
    book = undated
    book.opened("a")
    boot_id, last = book.clock.boot_id, book.clock.moment()
    book.clock.source = ClockSource.SYNCHRONISED
    book.ledger.append("uptime")
    book.clock.reboot()
    book.clock.step_wall(10 * DAY)
    facts = ended("a", last, ended_boot=boot_id, reason="recovered", torn=0)
    book.ledger.append("recovered", **facts)
    assert days_left(book, "a") == DAYS - 10


def test_a_wall_time_that_only_the_recording_knew_counts_too(undated: Book) -> None:
    book = undated
    book.opened("a")
    boot_id, now = book.clock.boot_id, book.clock.moment()
    last = Moment(now.boot_us, now.wall_us, ClockSource.SYNCHRONISED)
    book.clock.reboot()
    book.clock.source = ClockSource.SYNCHRONISED
    book.clock.step_wall(10 * DAY)
    facts = ended("a", last, ended_boot=boot_id, reason="recovered", torn=0)
    book.ledger.append("recovered", **facts)
    assert days_left(book, "a") == DAYS - 10


def test_the_stated_limit_is_an_rtc_set_ahead_within_what_is_plausible_without_power(
    book: Book,
) -> None:
    """Nobody can tell it from time that passed; what is held, and a clock set first, are safe."""
    book.record("a", "held")
    book.hold("held")
    book.clock.reboot()
    book.clock.source = ClockSource.RTC
    book.clock.step_wall(100 * DAY)
    assert due(book) == ["a"]
    book.clock.step_wall(-100 * DAY)
    book.clock.source = ClockSource.SYNCHRONISED
    book.ledger.append("uptime")
    book.clock.source = ClockSource.RTC
    book.clock.step_wall(100 * DAY)
    assert due(book) == []


# ---------------------------------------------------------------------------- the day, by itself


def due_us(book: Book, name: str) -> int | None:
    state = book.state
    return retention.due_us(state.recordings[name], state, state.ages_at_head())


def test_the_day_of_deletion_is_that_on_which_it_is_due(book: Book) -> None:
    """To the microsecond, and the ledger alone says it: no present is asked."""
    book.record("a")
    when_us = due_us(book, "a")
    assert when_us == book.clock.wall_us() + DAYS * DAY
    book.clock.advance(DAYS * DAY - 1)
    assert (due(book), due_us(book, "a")) == ([], when_us)
    book.clock.advance(1)
    assert (due(book), due_us(book, "a")) == (["a"], when_us)


def test_nobody_knows_the_day_without_trusted_time(tmp_path: Path) -> None:
    book = Book(tmp_path / "ledger", ManualClock(source=ClockSource.UNKNOWN))
    book.record("a")
    assert due_us(book, "a") is None
    book.clock.source = ClockSource.SYNCHRONISED
    book.ledger.append("uptime")
    assert due_us(book, "a") == book.clock.wall_us() + DAYS * DAY


def test_what_nothing_will_delete_has_no_day(book: Book) -> None:
    book.record("held", "missing")
    book.hold("held")
    book.ledger.append("missing", id="missing")
    book.opened("running")
    assert {due_us(book, name) for name in ("held", "missing", "running")} == {None}


def test_where_holds_may_be_lost_the_day_is_counted_anew(book: Book) -> None:
    book.record("a")
    book.clock.advance(3 * DAY)
    book.ledger.record_loss("a test")
    assert due_us(book, "a") == book.clock.wall_us() + DAYS * DAY


def test_nothing_is_due_by_a_ledger_that_cannot_be_read_whole(book: Book) -> None:
    book.record("a")
    state = replace(book.state, unread=("token",))
    assert retention.due_us(state.recordings["a"], state, state.ages_at_head()) is None


def test_a_boot_that_the_ledger_has_forgotten_proves_no_day(book: Book) -> None:
    book.record("a")
    known = book.state.recordings["a"]
    lost = replace(known, instant=Instant(99, 0))
    assert retention.due_us(lost, book.state, book.state.ages_at_head()) is None
    state = replace(book.state, lost=Instant(99, 0))
    assert retention.due_us(known, state, state.ages_at_head()) is None


def test_a_ledger_without_entries_tells_no_ages() -> None:
    assert LedgerState().ages_at_head().latest_us(Instant(2, 0)) is None
