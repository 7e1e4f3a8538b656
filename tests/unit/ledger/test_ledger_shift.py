"""A shift in the ledger: found again by the next start, and of a known age or over."""

from __future__ import annotations

import pytest
from ledger_helpers import Book, failing

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.base.errors import StorageError

HOUR = DAY // 24


def begin(book: Book, wearer: str = "W-1") -> None:
    book.ledger.append(
        "shift_begun",
        wearer=wearer,
        source="badge",
        began=book.clock.moment(),
        began_boot=book.clock.boot_id,
    )


def wearer(book: Book) -> str | None:
    shift = book.state.shift
    return None if shift is None else shift.wearer


def age(book: Book) -> int | None:
    """How long ago it began, as far as that is known."""
    began_us = book.state.shift_began_us(*book.ledger.now())
    return None if began_us is None else book.clock.now_us() - began_us


def test_the_next_start_finds_the_shift_that_has_not_ended(book: Book) -> None:
    assert wearer(book) is None
    begin(book)
    begin(book, "W-2")
    book.open()
    assert wearer(book) == "W-2"
    book.ledger.append("shift_ended", why="docked")
    book.open()
    assert wearer(book) is None


def test_a_shift_goes_on_in_the_next_epoch_which_says_so_itself(book: Book) -> None:
    begin(book)
    before = book.state.shift
    for _ in range(2):
        book.ledger.rotate()
        assert book.state.shift == before
        assert book.kinds() == ["epoch", "carried", "shift_begun"]
    assert book.open().state.shift == before
    assert book.damage() == []


def test_an_epoch_that_cannot_begin_leaves_the_shift(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(book)
    with failing(monkeypatch, 0), pytest.raises(StorageError):
        book.ledger.rotate()
    assert wearer(book) == "W-1"


def test_without_a_shift_there_is_no_age(book: Book) -> None:
    assert age(book) is None


def test_within_a_boot_the_age_is_exact_whatever_the_wall_clock_says(book: Book) -> None:
    book.clock.source = ClockSource.UNKNOWN
    begin(book)
    book.clock.advance(3 * HOUR)
    assert age(book) == 3 * HOUR


def test_over_a_boot_the_age_is_what_trusted_clocks_say(book: Book) -> None:
    book.clock.advance(HOUR)
    begin(book)
    book.clock.advance(2 * HOUR)
    book.clock.reboot()
    book.clock.advance(5 * SECOND)
    assert age(book) == 2 * HOUR + 5 * SECOND


@pytest.mark.parametrize("untrusted", ["then", "now"])
def test_over_a_boot_an_unknown_time_makes_the_age_unknown(book: Book, untrusted: str) -> None:
    book.clock.source = ClockSource.UNKNOWN if untrusted == "then" else ClockSource.SYNCHRONISED
    begin(book)
    book.clock.reboot()
    book.clock.source = ClockSource.UNKNOWN if untrusted == "now" else ClockSource.SYNCHRONISED
    assert age(book) is None


def test_a_shift_from_the_future_is_of_unknown_age(book: Book) -> None:
    begin(book)
    book.clock.reboot()
    now = book.clock.moment()
    earlier = Moment(now.boot_us, now.wall_us - 1, now.source)
    assert book.state.shift_began_us(book.clock.boot_id, earlier) is None
