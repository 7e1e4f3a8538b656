"""The office's ledger is added up epoch by epoch, before it expires, and names no person."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import UTC, date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from desk_helpers import KEY, ONE, THREE, TWO, Camera
from msgspec.structs import replace
from state_helpers import state_in
from vault_helpers import OFFICE_KEY, Vault

from camerad.base import durable_files
from camerad.base.clock import DAY, ClockSource
from camerad.base.errors import NotNowError
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence.office_store import open_office_store
from camerad.office.jobs.office_jobs import READINGS_SECONDS, keep_readings
from camerad.office.jobs.periodic_job import LEAST_PAUSE_SECONDS
from camerad.office.report import ledger_tallies
from camerad.office.report.estimates import DELAYS
from camerad.office.report.figures import ReportError
from camerad.office.report.ledger_tallies import LedgerTallies
from camerad.office.report.ledger_tally import (
    TALLY,
    LedgerTally,
    find_overdue,
)
from camerad.office.report.report_days import ReportPeriod, days_in
from camerad.office.report.report_sources import (
    OfficeRecords,
    ReportSources,
    check_closed,
    make_figures,
)
from camerad.office.report.typed_form import TypedForm
from camerad.store.locations import place_of
from camerad.store.store import Store

HOUR = DAY // 24
CAMERAS = KeyRing([KEY.public])
KEYS = KeyRing([OFFICE_KEY.public])


class Office:
    """A vault that a camera has handed over to, and its ledger."""

    def __init__(self, root: Path) -> None:
        self.vault = Vault(root / "archive")
        self.root = self.vault.root
        self.tallies = LedgerTallies(str(self.root), days_in(UTC))
        place = place_of(str(self.root))
        self.records = OfficeRecords(state_in(self.root), place, KEYS, days_in(UTC))
        camera = Camera(root / "camera")
        camera.put(ONE, wearer="W-0815")
        camera.put(TWO, later_us=HOUR)
        camera.put(THREE, later_us=2 * HOUR)
        with camera.open() as store:
            for wearer in ("W-0815", "W-0816"):
                boot, now = store.ledger.now()
                said: Any = {"source": "badge", "began": now, "began_boot": boot}
                store.ledger.append("shift_begun", wearer=wearer, **said)
        self.vault.dock(camera)

    def look(self, months: int = 25) -> float:
        """What the server does every hour."""
        parts: Any = SimpleNamespace(
            state=self.records.state, cameras=self.vault.cameras, key=OFFICE_KEY
        )
        return keep_readings(parts, str(self.root), self.vault.clock, months)

    def work(self) -> AbstractContextManager[Store]:
        """Open the office's store, as its server does."""
        place = place_of(str(self.root))
        return open_office_store(place, OFFICE_KEY, self.vault.clock, CAMERAS, lambda _: None)

    def make(self) -> int:
        return self.tallies.make(place_of(str(self.root)), OFFICE_KEY, CAMERAS)

    @property
    def tally_file(self) -> Path:
        """The sums of the first epoch."""
        return self.root / "office" / "readings" / "ledger" / "000001.jws"

    def rotate(self, times: int = 1) -> None:
        with self.work() as store:
            for _ in range(times):
                store.ledger.rotate()

    def read(self) -> list[LedgerTally]:
        return [tally for tally, _ in self.tallies.read(KEYS)]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_closed_epoch_is_added_up_with_what_recordings_say_of_themselves(office: Office) -> None:
    with office.work() as store:
        store.ledger.append("hold", id=ONE, reason="1 Js 1/26", who="B. Person")
        assert office.make() == 0  # it is still open
        store.ledger.rotate()
    assert office.make() == 1
    assert office.make() == 0
    (tally,) = office.read()
    (day,) = tally.days
    assert (tally.epoch, tally.first, day.received, day.unread) == (1, 1, 3, 0)
    assert day.head == tally.head
    assert day.lengths[0] == sum(day.lengths) == 3  # each has a second
    assert [(one.name, one.count) for one in day.reasons] == [("stop", 3)]
    events = {one.name: one.count for one in day.events}
    assert events == {"holds_placed:hold": 1, "recorded": 3, "recorded_seconds": 3}
    assert day.delays[DELAYS.index(2 * 3600)] == 3  # each came one to two hours after its end
    assert day.undated == 0
    said = jws.parse(office.tally_file.read_bytes()).payload.decode()
    forbidden = ("B. Person", "W-0815", "1 Js", ONE, "cam-1", KEY.public.thumbprint)
    assert not [word for word in forbidden if word in said]


def test_people_of_the_month_before_are_not_counted(office: Office) -> None:
    with office.work() as store:
        office.vault.clock.step_wall(
            Camera(office.root.parent / "other").clock.wall_us() - office.vault.clock.wall_us()
        )
        office.vault.clock.advance(6 * DAY)  # from 24 to 30 November: still in that week
        store.ledger.append("uptime")
        store.ledger.rotate()
        office.vault.clock.advance(DAY)
        store.ledger.append("uptime")
        store.ledger.rotate()
    office.make()
    assert [tally.wearers for tally in office.read()] == [2, 0]


def give(store: Store, kind: str, recording: str) -> None:
    store.ledger.append(
        kind, id=recording, who="k", role="desk", reason="r", case="", approved_by=""
    )


def counts(office: Office) -> dict[str, int]:
    """What all tallies say."""
    found: dict[str, int] = {}
    for tally in office.read():
        for day in tally.days:
            for one in day.events:
                found[one.name] = found.get(one.name, 0) + one.count
    return found


def test_a_recording_that_was_given_twice_counts_once_also_in_another_file(office: Office) -> None:
    clock = office.vault.clock
    with office.work() as store:
        give(store, "viewed", ONE)
        store.ledger.rotate()
    office.make()  # so the next one knows from the ledger alone what was given before
    with office.work() as store:
        give(store, "viewed", ONE)
        give(store, "downloaded", TWO)
        store.ledger.rotate()
    office.make()  # as the server does within an hour, while the files are there
    with office.work() as store:
        clock.advance(20 * DAY)
        assert len(store.purge_and_explain().deleted) == 3
        store.ledger.rotate()
    office.make()
    said = counts(office)
    assert (said["given_first"], said["given_seconds"]) == (2, 2)  # each has a second
    assert (said["viewings:desk"], said["downloads:desk"]) == (2, 1)
    assert (said["ended_given"], said["ended_unseen"]) == (2, 1)


@pytest.mark.parametrize("kind", ["viewed", "downloaded", "viewing_approved"])
def test_what_somebody_was_given_is_here_as_before(office: Office, kind: str) -> None:
    with office.work() as store:
        before = store.ledger.state.recordings
        if kind == "viewing_approved":
            store.ledger.append(kind, id=ONE, who="s", person="k", reason="r", case="")
        else:
            give(store, kind, ONE)
        assert store.ledger.state.recordings == before
    with office.work() as store:
        assert store.ledger.state.recordings == before
        assert store.reconcile() == []


@pytest.mark.parametrize("missing", [1, 2])
def test_whether_it_was_given_is_unknown_where_entries_before_are_gone(
    office: Office, missing: int
) -> None:
    with office.work() as store:
        give(store, "viewed", ONE)
        for _ in range(missing):
            store.ledger.rotate()
    (office.root / "office" / "ledger" / f"{missing:06}.jws").unlink()
    with office.work() as store:
        office.vault.clock.advance(20 * DAY)
        store.purge_and_explain()
        store.ledger.rotate()
    office.make()
    assert not {"ended_given", "ended_unseen"} & counts(office).keys()


def test_a_hold_with_an_end_is_counted_once_though_each_file_says_it_again(office: Office) -> None:
    with office.work() as store:
        until_us = office.vault.clock.wall_us() + 90 * DAY
        office.vault.clock.advance(HOUR)  # not in the moment in which the file began
        store.hold(ONE, "1 Js 1/26", "k", until_us=until_us)
        for _ in range(3):
            office.vault.clock.advance(DAY)
            store.ledger.rotate()
    office.make()
    assert counts(office)["holds_placed:hold_until"] == 1


def test_deletions_are_on_time_or_late_and_a_hold_is_no_delay(office: Office) -> None:
    clock = office.vault.clock
    with office.work() as store:
        store.ledger.append("hold", id=ONE, reason="r", who="w")
        clock.advance(20 * DAY)
        assert {one.id for one in store.purge_and_explain().deleted} == {TWO, THREE}
        store.ledger.append("release", id=ONE, who="w")
        store.ledger.rotate()
        clock.advance(HOUR // 2)
        assert {one.id for one in store.purge_and_explain().deleted} == {ONE}
        clock.advance(2 * DAY)
        store.ledger.append("uptime")
        store.ledger.rotate()
    office.make()
    tallies = office.read()
    days = [day for tally in tallies for day in tally.days]
    assert sum(day.late for day in days) == 2  # 6 days after their day
    assert sum(day.on_time for day in days) == 1  # within an hour of its release
    assert max(day.largest_delay_us for day in days) > 5 * DAY


def test_what_is_overdue_at_the_end_is_said(office: Office) -> None:
    with office.work() as store:
        assert find_overdue(store.ledger.state) == (0, 0)
        office.vault.clock.advance(20 * DAY)
        store.ledger.append("uptime")
        number, oldest_us = find_overdue(store.ledger.state)
        assert number == 3 and oldest_us > 5 * DAY


def test_a_recording_without_a_file_is_unread_and_without_a_clock_undated(office: Office) -> None:
    office.vault.clock.source = ClockSource.UNKNOWN
    with office.work() as store:
        give(store, "viewed", ONE)
        store.ledger.rotate()
    for path in office.root.glob("*/recordings/*.tar"):
        path.write_bytes(b"no recording")
    office.make()
    (day,) = office.read()[0].days
    assert (day.received, day.unread, day.undated) == (3, 4, 3)  # one was given besides
    that = date.fromisoformat(day.day)
    sources = ReportSources(0, 0, "", (), tuple(office.read()))
    for first, unread in ((that, 4), (that + timedelta(days=1), 0)):  # each day's are its own
        period = ReportPeriod(first, first)
        assert make_figures(sources, period, "UTC", TypedForm()).coverage.unread == unread
    assert "given_first" not in counts(office)


def test_what_another_key_signed_counts_for_nothing(office: Office) -> None:
    office.rotate()
    office.make()
    (tally,) = office.read()
    stranger = SigningKey.generate()
    path = office.tally_file
    for key, said in (
        (stranger, tally),
        (stranger, replace(tally, kid=stranger.public.thumbprint)),
        (OFFICE_KEY, replace(tally, kid=stranger.public.thumbprint)),
        (OFFICE_KEY, replace(tally, epoch=2)),
        (OFFICE_KEY, replace(tally, days=())),
    ):
        path.write_bytes(jws.sign(key, TALLY, said))
        assert office.read() == []
    (path.parent / "notes.txt").write_text("")
    path.write_bytes(jws.sign(OFFICE_KEY, TALLY, tally))
    assert office.read() == [tally]


def test_two_at_once_exclude_each_other(office: Office) -> None:
    office.rotate()
    directory = office.tally_file.parent
    directory.mkdir(parents=True)
    claim = durable_files.lock_directory(str(directory))
    try:
        with pytest.raises(NotNowError):
            office.make()
        assert office.look() == LEAST_PAUSE_SECONDS
    finally:
        os.close(claim)
    assert office.look() == READINGS_SECONDS
    assert len(office.read()) == 1


def test_they_go_when_their_time_is_over_by_a_clock_that_can_be_trusted(office: Office) -> None:
    office.rotate()
    clock = office.vault.clock
    office.look(3)
    assert len(office.read()) == 1
    clock.advance(80 * DAY)
    office.look(3)
    assert len(office.read()) == 1
    clock.advance(60 * DAY)
    clock.source = ClockSource.UNKNOWN
    office.look(3)
    assert len(office.read()) == 1
    clock.source = ClockSource.SYNCHRONISED
    office.look(3)
    assert len(office.read()) == 1, "the entries are there, so the next look would make it again"
    for path in (office.root / "office" / "ledger").glob("000001.*"):
        path.unlink()
    office.look(3)
    assert office.read() == []


def test_a_damaged_epoch_is_left_out_and_others_count(office: Office) -> None:
    office.rotate(2)
    (office.root / "office" / "ledger" / "000001.jws").write_bytes(b"nothing\n")
    assert office.make() == 1
    assert [tally.epoch for tally in office.read()] == [2]


def test_an_open_epoch_of_the_period_is_waited_for(office: Office) -> None:
    here = days_in(UTC)(office.vault.clock.wall_us())
    with office.work():
        pass
    ledger = place_of(str(office.root)).ledger
    with pytest.raises(ReportError, match="still open"):
        check_closed(office.records, ReportPeriod(here, here))
    before = date(2020, 1, 1)
    check_closed(office.records, ReportPeriod(before, before))
    (path,) = Path(ledger).glob("*.jws")
    content = path.read_bytes()
    path.write_bytes(b"damaged\n" + content)
    with pytest.raises(ReportError, match="still open"):
        check_closed(office.records, ReportPeriod(here, here))
    path.write_bytes(b"damaged\n")
    check_closed(office.records, ReportPeriod(here, here))  # verification reports it


def test_a_line_that_only_looks_like_a_shift_names_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_tallies, "_SHIFT", (b"",))  # every line looks like one
    test_people_of_the_month_before_are_not_counted(office)


@pytest.mark.parametrize("what", ["damaged", "ledger", "gone", "odd"])
def test_a_copy_that_cannot_be_read_names_nobody(office: Office, what: str) -> None:
    office.rotate()
    place = place_of(str(office.root))
    (holding,) = place.holdings
    ledger = Path(holding.ledger)
    for path in ledger.iterdir():
        if what == "damaged" and path.suffix == ".jws":
            lines = path.read_bytes().splitlines()
            path.write_bytes(b"".join(line[:-40] + b"A" * 40 + b"\n" for line in lines))
        else:
            path.unlink()
    if what == "odd":
        (ledger / "000001.jws").mkdir()
    elif what != "damaged":
        ledger.rmdir()
    if what == "ledger":
        ledger.write_text("no directory")
        place = place_of(str(office.root))
    office.tallies.make(place, OFFICE_KEY, CAMERAS)
    assert [tally.wearers for tally in office.read()] == [0]
