"""An office's ledger keeps an entry to the end of the calendar year that follows (BDSG 76(4)):
none goes sooner, and none stays longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from camerad.base.clock import DAY, SECOND, ClockSource, ManualClock
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.calendar_years import AT_ONCE, kept_until_us, waits_for_clock, year_of
from camerad.ledger.claim import Claim
from camerad.ledger.entries import read_lines
from camerad.ledger.ledger import Ledger
from camerad.ledger.ledger_lines import signers
from camerad.ledger.timeline import Ages, Instant, Timeline

KEY = SigningKey.generate()
KEYS = KeyRing([KEY.public])
QUARTER = 900 * SECOND
"""Between two looks of the server."""
BERLIN = ZoneInfo("Europe/Berlin")


def at(*when: int, zone: ZoneInfo | None = None) -> int:
    return round(datetime(*when, tzinfo=zone or UTC).timestamp()) * SECOND  # type: ignore[misc,arg-type]


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


class OfficeLedger:
    """An office's, and the work of its server on it."""

    def __init__(self, root: Path, *begun: int) -> None:
        self.root = root
        self.clock = ManualClock(wall_us=at(*begun, zone=BERLIN))
        self.ledger = Ledger.open(Claim(str(root)), KEY, self.clock)
        self.ledger.by_years = True

    def signs_in(self, who: str) -> None:
        self.ledger.append("signed", who=who, what="in", how="passkey")

    def until(self, *when: int) -> None:
        self.clock.advance(at(*when, zone=BERLIN) - self.clock.wall_us())

    def look(self) -> tuple[int, ...]:
        self.ledger.rotate_if_due()
        return self.ledger.expire_years()

    def waits(self) -> bool:
        return waits_for_clock(self.ledger.state, *self.ledger.now())

    def there(self) -> set[str]:
        """Who is named in what is left."""
        lines = (
            line.entry
            for one in sorted(self.root.glob("*.jws"))
            for line in read_lines(one.read_bytes(), KEYS)
        )
        return {one.facts.who for one in lines if one is not None and hasattr(one.facts, "who")}


@pytest.fixture
def office(tmp_path: Path) -> OfficeLedger:
    return OfficeLedger(tmp_path / "ledger", 2026, 3, 1, 9)


def test_years_are_those_of_the_office_s_zone() -> None:
    new_year = at(2026, 12, 31, 23)  # UTC: in Berlin the year has just begun
    assert (year_of(new_year), year_of(new_year - 1)) == (2027, 2026)
    assert (year_of(new_year, UTC), year_of(new_year + 3600 * SECOND, UTC)) == (2026, 2027)
    assert kept_until_us(new_year - 1) == at(2027, 12, 31, 23)
    assert kept_until_us(new_year) == at(2028, 12, 31, 23)
    assert kept_until_us(new_year, UTC) == at(2028, 1, 1)


def test_an_entry_stays_to_the_end_of_the_year_that_follows_and_not_an_hour_longer(
    office: OfficeLedger,
) -> None:
    office.signs_in("in-march")
    office.until(2026, 12, 31, 23, 59, 59)
    office.look()
    office.signs_in("at-the-end")
    office.until(2027, 1, 1)
    office.signs_in("at-the-begin")  # the server has not looked yet
    for day in (1, 2, 30):
        office.until(2027, 1, day, 12)
        assert office.look() == ()
    office.until(2027, 12, 31, 23, 59, 59)
    assert office.look() == ()
    assert {"in-march", "at-the-end", "at-the-begin"} <= office.there()
    office.clock.advance(QUARTER)  # the next look
    assert office.look()
    assert office.there() == {"at-the-begin"}
    office.until(2028, 12, 31, 23, 59, 59)
    assert office.look() == () and office.there() == {"at-the-begin"}
    office.clock.advance(QUARTER)
    assert office.look() and office.there() == set()


def test_days_of_two_years_are_in_epochs_of_their_own(office: OfficeLedger) -> None:
    office.until(2026, 12, 31, 20)
    office.look()
    office.signs_in("old")
    before = office.ledger.head.epoch
    office.until(2027, 1, 1, 0, 0, 1)
    office.signs_in("new")
    office.signs_in("new")
    assert office.ledger.head.epoch == before + 1
    office.ledger.by_years = False  # a camera's goes on
    office.until(2028, 1, 1, 0, 0, 1)
    office.signs_in("new")
    assert office.ledger.head.epoch == before + 1


def test_what_belongs_together_is_of_one_year_and_in_one_epoch(office: OfficeLedger) -> None:
    office.until(2026, 12, 31, 23, 59, 59)
    office.look()
    office.ledger.at = office.ledger.now()
    first = office.ledger.append("signed", who="first", what="in", how="passkey")
    office.until(2027, 1, 1, 0, 0, 1)
    second = office.ledger.append("signed", who="second", what="in", how="passkey")
    assert (second.epoch, second.clock) == (first.epoch, first.clock)
    office.ledger.at = None
    office.signs_in("third")
    assert office.ledger.head.epoch == first.epoch + 1
    office.until(2028, 1, 1, 1)
    office.look()
    assert office.there() == {"third"}


def test_an_epoch_that_has_two_years_all_the_same_is_kept_for_the_later_one(
    office: OfficeLedger,
) -> None:
    """As one that an earlier version wrote: nothing may go too soon."""
    office.ledger.by_years = False
    office.until(2026, 12, 31, 20)
    office.look()
    office.signs_in("old")
    office.until(2027, 1, 1, 1)
    office.signs_in("new")
    office.until(2027, 1, 5)
    office.look()
    office.until(2027, 1, 7)
    office.look()
    office.until(2028, 1, 1, 1)
    office.look()
    assert {"old", "new"} <= office.there()
    office.until(2029, 1, 1, 1)
    office.look()
    assert office.there() == set()


def test_time_that_is_not_confirmed_ends_nothing(office: OfficeLedger) -> None:
    office.signs_in("in-march")
    for day in (2, 4):
        office.until(2026, 3, day)
        office.look()
    office.until(2028, 1, 1, 1)
    office.clock.source = ClockSource.UNKNOWN
    office.clock.reboot()
    assert office.look() == ()
    office.signs_in("meanwhile")
    assert "in-march" in office.there()
    office.clock.source = ClockSource.SYNCHRONISED
    assert office.look() and "in-march" not in office.there()


def test_an_rtc_that_is_a_year_ahead_ends_nothing(office: OfficeLedger) -> None:
    office.signs_in("in-march")
    for day in (2, 4):
        office.until(2026, 3, day)
        office.look()
    office.clock.source = ClockSource.RTC
    office.clock.reboot()
    office.until(2028, 1, 1, 1)  # as its battery-backed clock has it
    assert office.look() == () and "in-march" in office.there()
    assert office.waits()
    office.signs_in("meanwhile")
    office.clock.step_wall(at(2026, 3, 5, zone=BERLIN) - office.clock.wall_us())
    office.clock.source = ClockSource.SYNCHRONISED
    assert office.look() == () and not office.waits()
    office.until(2027, 12, 31, 23, 59)
    assert office.look() == ()
    office.until(2028, 1, 1, 1)
    assert not office.waits()
    assert office.look() and "in-march" not in office.there()


def test_an_entry_that_an_rtc_dates_before_new_year_goes_by_synchronised_time(
    office: OfficeLedger,
) -> None:
    """The RTC runs behind, and the entry is of the new year."""
    office.until(2026, 12, 25)
    office.look()
    office.clock.source = ClockSource.RTC
    office.clock.reboot()
    office.until(2026, 12, 26)  # it is 3 January
    office.signs_in("in-january")
    office.clock.source = ClockSource.SYNCHRONISED
    office.clock.reboot()
    office.until(2027, 1, 5)
    office.signs_in("later")
    for day in (7, 9):
        office.until(2027, 1, day)
        office.look()
    office.until(2028, 1, 2)
    office.look()
    assert {"in-january", "later"} <= office.there()
    office.until(2029, 1, 2)
    assert office.look() and office.there() == set()


def test_a_clock_that_was_set_right_says_when_an_entry_was_written(office: OfficeLedger) -> None:
    """The first time server was wrong by a month; what was written by it is of the new year."""
    office.clock.reboot()
    office.until(2026, 12, 10)
    office.signs_in("in-january")
    office.clock.step_wall(30 * DAY)
    office.signs_in("later")
    for day in (11, 13):
        office.until(2027, 1, day)
        office.look()
    office.until(2028, 1, 2)
    office.look()
    assert {"in-january", "later"} <= office.there()


def test_of_a_run_that_is_not_known_nothing_is_sure() -> None:
    ages = Ages(Timeline(), "boot", ManualClock().moment())
    assert ages.latest_synchronised_us(Instant(7, 0)) is None


def test_a_year_goes_some_at_a_time_so_that_nobody_waits_for_long(office: OfficeLedger) -> None:
    for _ in range(AT_ONCE + 5):
        office.ledger.rotate()
    office.until(2028, 1, 1, 1)
    assert len(office.look()) == AT_ONCE
    assert 5 <= len(office.look()) <= 7
    assert office.look() == ()


def test_who_signed_is_remembered_only_while_files_stay_the_same(
    office: OfficeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.signs_in("one")
    office.ledger.rotate()
    read: list[str] = []
    monkeypatch.setattr(
        "camerad.ledger.ledger_lines.log_segments.read_file",
        lambda directory, name: read.append(name) or Path(directory, name).read_bytes(),
    )
    first = signers(str(office.root), KEYS)
    assert first.last == KEY.public.thumbprint and read == ["000001.jws", "000002.jws"]
    office.signs_in("two")
    read.clear()
    assert signers(str(office.root), KEYS) == first and read == ["000002.jws"]
    read.clear()
    stranger = KeyRing([SigningKey.generate().public])
    assert signers(str(office.root), stranger).last == ""
    assert read == ["000001.jws", "000002.jws"]
    closed = office.root / "000001.jws"
    closed.write_bytes(closed.read_bytes())  # the same bytes, and nobody can know that
    read.clear()
    signers(str(office.root), stranger)
    assert read == ["000001.jws"]
