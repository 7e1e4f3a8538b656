"""A deletion is late from when the recording was held no longer, and not from when that was
entered."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_helpers import ONE, THREE, TWO

from camerad.base.clock import DAY
from camerad.office.report.ledger_tally import TalliedDay
from camerad.store.holds import release_ended
from tests.unit.office.report.test_ledger_tallies import HOUR, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def last_day(office: Office) -> TalliedDay:
    """The numbers of the last day on which something was deleted."""
    office.make()
    days = [day for tally in office.read() for day in tally.days]
    return [day for day in days if day.on_time or day.late][-1]


def hold(office: Office, *days: int, apart: bool = False) -> int:
    """One recording is held for so many days, each with a hold of its own, and the others are
    deleted on theirs; returns when the last hold ends. apart: each in a file of the ledger."""
    clock = office.vault.clock
    now_us = clock.wall_us()
    for number in days:
        with office.work() as store:
            store.hold(ONE, f"{number} Js 1/26", "k", until_us=now_us + number * DAY)
            if apart:
                store.ledger.rotate()
    clock.advance(16 * DAY)
    with office.work() as store:
        assert {one.id for one in store.purge_and_explain().deleted} == {TWO, THREE}
        store.ledger.rotate()
    return now_us + max(days) * DAY


@pytest.mark.parametrize(
    ("off_us", "late", "days", "rotated"),
    [  # each two of these meet
        (10 * DAY, True, (30,), False),
        (10 * DAY, True, (30, 20), True),
        (HOUR // 2, False, (30,), True),
        (HOUR // 2, False, (30, 20), False),
    ],
)
def test_after_a_hold_that_ended_by_itself_its_end_counts(
    office: Office, off_us: int, late: bool, days: tuple[int, ...], rotated: bool
) -> None:
    """off_us: so long after the end nobody could delete. rotated: the deletion is in another file
    of the ledger than the release."""
    clock = office.vault.clock
    end_us = hold(office, *days, apart=rotated)
    clock.advance(end_us + off_us - clock.wall_us())
    with office.work() as store:
        if rotated:
            assert release_ended(store.ledger) == ((ONE, end_us),)
            store.ledger.rotate()
        assert [one.id for one in store.purge_and_explain().deleted] == [ONE]
        store.ledger.rotate()
    day = last_day(office)
    assert (day.on_time, day.late) == ((0, 1) if late else (1, 0))
    assert day.largest_delay_us == (off_us if late else 0)


@pytest.mark.parametrize("released", [False, True])
def test_a_hold_after_a_release_counts_by_its_own_end_or_its_own_release(
    office: Office, released: bool
) -> None:
    clock = office.vault.clock
    hold(office, 400)
    with office.work() as store:
        store.release(ONE, "k")
        store.hold(ONE, "another", "k", until_us=clock.wall_us() + 10 * DAY)
        if released:  # this counts when it was entered
            clock.advance(5 * DAY)
            store.release(ONE, "k")
        clock.advance((2 if released else 13) * DAY)
        assert [one.id for one in store.purge_and_explain().deleted] == [ONE]
        store.ledger.rotate()
    day = last_day(office)
    assert (day.late, day.largest_delay_us) == (1, (2 if released else 3) * DAY)
