"""Of each docking the readings of the counters are kept, as they were signed, and nothing twice."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from check_in_helpers import LATER_BOOT, WALL_US, said, token
from desk_helpers import KEY
from msgspec.structs import replace
from sqlalchemy import insert, select
from state_helpers import refused, state_in
from vault_helpers import KID, Vault

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing, SigningKey
from camerad.office.report import camera_readings
from camerad.office.report.camera_readings import MONTHS, Reading
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.state_import import open_state
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.state import state_tables
from camerad.office.state.database import Database
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_copy import read_copy, write_copy
from camerad.office.state.state_tables import STATE
from camerad.store import check_in
from camerad.store.check_in import Count, Counters

HOUR = 3600 * SECOND
TABLE = state_tables.camera_readings


def used(recordings: int) -> Counters:
    """A camera that made so many recordings."""
    return replace(said().counters, recordings=(Count("stop", recordings),))


class Office:
    """An office that takes check-ins. url: of its database, None for a file."""

    def __init__(self, root: Path, url: str | None = None) -> None:
        self.vault = Vault(root / "archive")
        self.url = url
        self.opened: list[OfficeState] = []
        self.check_ins = self.server()
        (self.state,) = self.opened
        self.sequence = 5

    def server(self) -> CheckIns:
        """One of several."""
        state = open_state(IndexSettings(self.url), str(self.vault.root))
        self.opened.append(state)
        return CheckIns(state, self.vault.cameras, self.vault.clock)

    def dock(self, recordings: int) -> bytes:
        """A check-in, an hour after the last one."""
        self.vault.clock.advance(HOUR)
        self.sequence += 1
        sent = token(100 + self.sequence, self.sequence, counters=used(recordings))
        self.check_ins.take(KID, sent)
        return sent

    def kept(self) -> list[bytes]:
        with self.state.reading() as rows:
            return [one.token for one in camera_readings.read(rows, KID)]

    def count(self) -> int:
        """All rows, also those that count for nothing."""
        with self.state.reading() as rows:
            return len(rows.execute(select(TABLE)).all())

    def change(self, **values: object) -> None:
        """Change all rows, behind the server's back."""
        with self.state.writing() as rows:
            rows.execute(TABLE.update().values(**values))

    def expire(self, now_us: int) -> int:
        with self.state.writing() as rows:
            return camera_readings.expire(rows, now_us)


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").make()
    made = Office(tmp_path, url)
    yield made
    for state in made.opened:
        state.close()


def test_of_each_docking_the_first_and_the_last_are_kept_as_they_were_signed(
    office: Office,
) -> None:
    first = office.dock(0)
    office.dock(0)
    office.dock(0)
    leaves = office.dock(0)
    assert office.kept() == [first]
    back = office.dock(2)
    assert office.kept() == [first, leaves, back]
    again = office.dock(3)  # out once more, and no check-in between
    assert office.kept() == [first, leaves, back, again]
    for one in office.kept():
        check_in.parse(one, KeyRing([KEY.public]))
    start = token(5, 60, LATER_BOOT, counters=replace(used(3), entered=(Count("idle", 2),)))
    office.check_ins.take(KID, start)
    assert office.kept()[-1] == start, "a start in between is use"


@pytest.mark.parametrize("days", [62, -62])
def test_one_that_only_lies_in_its_dock_has_one_a_month_by_whatever_clock(
    office: Office, days: int
) -> None:
    office.dock(0)
    office.vault.clock.step_wall(days * DAY)
    for _ in range(3):
        office.dock(0)
    office.vault.clock.step_wall(-days * DAY)
    for _ in range(3):
        office.dock(0)
    assert len(office.kept()) == 3  # one for each time that the month was another one
    office.dock(1)
    for _ in range(3):
        office.dock(1)
    assert len(office.kept()) == 5
    office.vault.clock.advance(abs(days) * DAY)
    for _ in range(3):
        office.dock(1)
    assert len(office.kept()) == 6


def test_an_old_or_a_repeated_statement_adds_nothing(office: Office) -> None:
    old = office.dock(0)
    office.dock(1)
    before = office.kept()
    for sent in (old, token(100 + office.sequence, office.sequence, counters=used(1))):
        with refused(UploadRefusal.STALE_CHECK_IN):
            office.check_ins.take(KID, sent)
    # An operator removed the last check-in, so that an old one counts as the last again.
    with office.state.writing() as rows:
        rows.execute(state_tables.check_ins.delete())
    office.check_ins.take(KID, old)
    assert office.kept() == before and office.count() == len(before)


def test_a_reading_and_its_check_in_are_kept_together_or_not_at_all(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.dock(0)
    before, sent = office.kept(), token(900, 900, counters=used(1))

    def lost(*_: object, **__: object) -> None:
        raise StorageError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr("camerad.office.server.check_ins.insert", lost)
        with pytest.raises(StorageError):
            office.check_ins.take(KID, sent)
    assert office.kept() == before
    office.check_ins.take(KID, sent)
    assert office.kept()[-1] == sent


def test_what_another_key_signed_or_is_out_of_order_counts_for_nothing(office: Office) -> None:
    first, second = office.dock(0), office.dock(1)
    stranger = SigningKey.generate()
    forged = token(999, 999, key=stranger, kid=stranger.public.thumbprint).decode()
    jwk = json.dumps(stranger.public.jwk)
    with office.state.writing() as rows:
        key = rows.execute(select(TABLE.c.key)).scalars().first()
        for number, (own, statement) in enumerate(
            [(key, forged), (jwk, forged), (key, first.decode()), (key, "\xff")], 2
        ):
            row = {"camera": KID, "arrived_us": 1, "key": own, "statement": statement}
            rows.execute(insert(TABLE).values(number=number, **row))
    assert office.kept() == [first, second]
    third = office.dock(2)  # goes on behind them, with the last one that the office has
    assert office.kept() == [first, second, third]
    for wrong in ("", "{}", "[" * 9999, jwk):
        office.change(key=wrong)
        assert office.kept() == []


def test_a_month_has_its_bound_and_the_next_one_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = office.dock(0)
    monkeypatch.setattr(camera_readings, "MOST_BYTES", 2 * len(first) + 9)
    for recordings in range(1, 6):
        office.dock(recordings)
    assert len(office.kept()) == 2
    office.vault.clock.advance(31 * DAY)
    last = office.dock(6)  # whose counters have all that happened
    assert office.kept()[0] == first and office.kept()[-1] == last


def test_they_go_when_their_time_is_over(office: Office) -> None:
    office.dock(0)
    office.vault.clock.advance(40 * DAY)
    office.dock(1)
    now = office.vault.clock.wall_us()
    assert [office.expire(now + months * 30 * DAY) for months in (MONTHS - 3, MONTHS)] == [0, 1]
    assert len(office.kept()) == 1
    assert office.expire(now + (MONTHS + 3) * 30 * DAY) == 1
    with office.state.reading() as rows:
        assert camera_readings.list_cameras(rows) == []


def test_the_time_is_the_cameras_if_its_clock_was_confirmed() -> None:
    trusted = said(clock=Moment(1, WALL_US, ClockSource.RTC))
    assert Reading(KID, 7, trusted, b"").wall_us == WALL_US
    unknown = said(clock=Moment(1, WALL_US, ClockSource.UNKNOWN))
    assert Reading(KID, 7, unknown, b"").wall_us == 7


def test_several_servers_keep_each_reading_once(office: Office) -> None:
    """A camera goes on at whichever server it reaches; what one refuses, the other does, too."""
    tokens = [token(200 + number, 200 + number, counters=used(number)) for number in range(12)]

    def bring(server: CheckIns) -> None:
        for sent in tokens:
            with contextlib.suppress(UploadError):
                server.take(KID, sent)

    threads = [threading.Thread(target=bring, args=(office.server(),)) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    kept = office.kept()
    assert kept == [one for one in tokens if one in kept] and kept[-1] == tokens[-1]
    assert office.count() == len(kept)


def test_a_backup_has_them(office: Office, tmp_path: Path) -> None:
    office.dock(0)
    office.dock(1)
    path = str(tmp_path / "copy.sqlite")
    url = office.url or f"sqlite:///{office.vault.root}/office/state.sqlite"
    assert write_copy(url, path)
    restored = Database(f"sqlite:///{tmp_path}/restored.sqlite", STATE)
    restored.prepare()
    assert read_copy(path, restored)
    with restored.reading() as rows:
        assert [one.token for one in camera_readings.read(rows, KID)] == office.kept()
    restored.close()


def test_files_of_an_older_version_become_rows(tmp_path: Path) -> None:
    """What a loss of power does to it: `test_offers`."""
    tokens = [token(200 + number, 200 + number, counters=used(number)) for number in range(4)]
    lines = [json.dumps({"arrived_us": WALL_US, "statement": one.decode()}) for one in tokens]
    forged = {"arrived_us": 1, "statement": token(999, 999, key=SigningKey.generate()).decode()}
    stranger = SigningKey.generate().public.thumbprint
    files = {
        f"{KID}/key.jwk": json.dumps(KEY.public.jwk),
        f"{KID}/2026-10.jsonl": "\n".join([*lines[:2], json.dumps(forged), "{}", ""]),
        f"{KID}/2026-11.jsonl": "\n".join([*lines[2:], lines[0], lines[3][:90]]),
        f"{stranger}/key.jwk": json.dumps(KEY.public.jwk),
        f"{stranger}/2026-11.jsonl": lines[0],
        "ledger/000001.jws": "a tally stays",
    }
    root = tmp_path / "office" / "readings"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    with contextlib.closing(state_in(tmp_path)) as state, state.reading() as rows:
        assert camera_readings.list_cameras(rows) == [KID]
        assert len(rows.execute(select(TABLE)).all()) == len(tokens)
        found = list(camera_readings.read(rows, KID))
    assert [one.token for one in found] == tokens
    assert {one.arrived_us for one in found} == {WALL_US}
    kept = (f"{stranger}.unread/2026-11.jsonl", "ledger/000001.jws")
    assert all((root / one).is_file() for one in kept)
    assert len(list(root.iterdir())) == 2
