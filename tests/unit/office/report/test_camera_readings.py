"""Of each docking the readings of the counters are kept, as they were signed, and nothing twice."""

from __future__ import annotations

import contextlib
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from check_in_helpers import LATER_BOOT, WALL_US, said, token
from desk_helpers import KEY
from msgspec.structs import replace
from state_helpers import check_ins_in, forget_cameras, refused
from vault_helpers import KID, Vault

from camerad.base import durable_files
from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing, SigningKey
from camerad.office.report import camera_readings
from camerad.office.report.camera_readings import MONTHS, CameraReadings, Reading
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.store import check_in
from camerad.store.check_in import Count, Counters

HOUR = 3600 * SECOND


def used(recordings: int) -> Counters:
    """A camera that made so many recordings."""
    return replace(said().counters, recordings=(Count("stop", recordings),))


class Office:
    """An office that takes check-ins."""

    def __init__(self, root: Path) -> None:
        self.vault = Vault(root / "archive")
        self.restart()
        self.sequence = 5

    def restart(self) -> None:
        self.check_ins = check_ins_in(self.vault.root, self.vault.cameras, self.vault.clock)
        self.readings = CameraReadings(str(self.vault.root))

    @property
    def file(self) -> Path:
        month = f"{datetime.fromtimestamp(self.vault.clock.wall_us() // SECOND, UTC):%Y-%m}"
        return self.vault.root / "office" / "readings" / KID / f"{month}.jsonl"

    def dock(self, recordings: int) -> bytes:
        """A check-in, an hour after the last one."""
        self.vault.clock.advance(HOUR)
        self.sequence += 1
        sent = token(100 + self.sequence, self.sequence, counters=used(recordings))
        self.check_ins.take(KID, sent)
        return sent

    def kept(self) -> list[bytes]:
        return [one.token for one in self.readings.read(KID)]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


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
    arrived = [one.arrived_us for one in office.readings.read(KID)]
    assert arrived == sorted(arrived)
    for one in office.kept():
        check_in.parse(one, KeyRing([KEY.public]))


def test_one_that_only_lies_in_its_dock_has_one_a_month(office: Office) -> None:
    first = office.dock(0)
    office.vault.clock.advance(31 * DAY)
    second = office.dock(0)
    office.dock(0)
    assert office.kept() == [first, second]


@pytest.mark.parametrize("days", [62, -62])
def test_a_clock_that_was_wrong_for_a_while_has_no_more_kept(office: Office, days: int) -> None:
    def lines() -> int:
        files = office.file.parent.glob("*.jsonl")
        return sum(path.read_bytes().count(b"\n") for path in files)

    office.dock(0)
    office.vault.clock.step_wall(days * DAY)
    for _ in range(3):
        office.dock(0)
    office.vault.clock.step_wall(-days * DAY)
    for _ in range(3):
        office.dock(0)
    assert lines() == 3  # one for each time that the month was another one
    office.dock(1)
    for _ in range(3):
        office.dock(1)
    assert lines() == 5
    office.vault.clock.advance(days * DAY if days > 0 else 0)  # that month really comes
    for _ in range(3):
        office.dock(1)
    assert lines() == (6 if days > 0 else 5)
    last = office.dock(2)
    assert office.kept()[-1] == last


def test_an_old_or_a_repeated_statement_adds_nothing(office: Office) -> None:
    old = office.dock(0)
    office.dock(1)
    before = office.kept()
    for sent in (old, token(100 + office.sequence, office.sequence, counters=used(1))):
        with refused(UploadRefusal.STALE_CHECK_IN):
            office.check_ins.take(KID, sent)
    # Somebody removed the last check-in, so that an old one counts as the last again.
    forget_cameras(office.vault.root)
    office.check_ins.take(KID, old)
    assert office.kept() == before


def test_a_loss_of_power_costs_nothing_and_doubles_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.dock(0)
    sent = token(900, 900, counters=used(1))

    def lost(*_: object, **__: object) -> None:
        raise StorageError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr("camerad.office.server.check_ins.insert", lost)
        with pytest.raises(StorageError):
            office.check_ins.take(KID, sent)
    kept = office.kept()
    assert kept[-1] == sent  # it is durable before it counts
    office.restart()
    office.check_ins.take(KID, sent)
    assert office.kept() == kept


@pytest.mark.parametrize("left", [b"{", b'{"arrived_us":1,"statement":"', b"\0\0\0"])
def test_what_a_loss_of_power_left_of_a_line_is_cut_off(office: Office, left: bytes) -> None:
    first = office.dock(0)
    with office.file.open("ab") as file:
        file.write(left)
    assert office.kept() == [first]
    second = office.dock(1)
    assert office.kept() == [first, second]
    assert left not in office.file.read_bytes() or left == b"{"
    assert office.file.read_bytes().count(b"\n") == 2


def test_what_another_key_signed_or_is_out_of_order_counts_for_nothing(office: Office) -> None:
    office.dock(0)
    second = office.dock(1)
    stranger = SigningKey.generate()
    lines = office.file.read_bytes().splitlines()
    forged = camera_readings.msgspec.json.encode(
        camera_readings.Line(1, token(999, 999, key=stranger).decode())
    )
    office.file.write_bytes(b"\n".join([*lines, forged, lines[0], b"\xff", b"{}"]) + b"\n")
    assert office.kept()[-1] == second and len(office.kept()) == 2
    third = office.dock(2)
    assert office.kept()[-1] == third and len(office.kept()) == 3


def test_the_key_lies_beside_and_has_to_be_the_one_that_is_named(office: Office) -> None:
    office.dock(0)
    key = office.file.parent / "key.jwk"
    for wrong in (b"", b"{}", b"[" * 9999, SigningKey.generate().pem):
        key.write_bytes(wrong)
        assert office.kept() == []
    key.unlink()
    office.dock(1)
    assert len(office.kept()) == 2
    office.file.write_bytes(b"no reading\n")
    third = office.dock(2)  # begins anew, with the last one that the office has
    assert office.kept()[-1] == third and len(office.kept()) == 2


def test_a_file_has_its_bound_and_the_next_month_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = office.dock(0)
    monkeypatch.setattr(camera_readings, "MOST_BYTES", 2 * office.file.stat().st_size)
    for recordings in range(1, 6):
        office.dock(recordings)
    assert office.file.stat().st_size <= camera_readings.MOST_BYTES
    office.vault.clock.advance(31 * DAY)
    last = office.dock(6)  # whose counters have all that happened
    assert office.kept()[0] == first and office.kept()[-1] == last


def test_they_go_when_their_time_is_over_and_the_last_takes_all_with_it(office: Office) -> None:
    office.dock(0)
    office.vault.clock.advance(40 * DAY)
    office.dock(1)
    (month,) = {len(list(office.file.parent.glob("*.jsonl")))} - {1}
    assert month == 2
    now = office.vault.clock.wall_us()
    assert office.readings.expire(now + (MONTHS - 3) * 30 * DAY) == 0
    assert office.readings.expire(now + MONTHS * 30 * DAY) == 1
    assert len(office.kept()) >= 1
    assert office.readings.expire(now + (MONTHS + 3) * 30 * DAY) == 1
    assert office.readings.cameras() == []
    assert not office.file.parent.exists()
    assert office.readings.expire(now) == 0


def test_a_directory_with_something_else_in_it_stays(office: Office) -> None:
    (office.vault.root / "office" / "readings").mkdir(parents=True)
    (office.vault.root / "office" / "readings" / "ledger").mkdir()
    (office.vault.root / "office" / "readings" / KID).mkdir()
    assert office.readings.expire(WALL_US + 9999 * DAY) == 0
    assert (office.vault.root / "office" / "readings" / KID).exists()


def test_the_time_is_the_cameras_if_its_clock_was_confirmed(office: Office) -> None:
    trusted = said(clock=Moment(1, WALL_US, ClockSource.RTC))
    assert Reading(KID, 7, trusted, b"").wall_us == WALL_US
    unknown = said(clock=Moment(1, WALL_US, ClockSource.UNKNOWN))
    assert Reading(KID, 7, unknown, b"").wall_us == 7


def test_several_servers_on_one_directory_keep_each_reading_once(office: Office) -> None:
    """A camera goes on at whichever server it reaches; what one refuses, the other does, too."""
    others = [
        check_ins_in(office.vault.root, office.vault.cameras, office.vault.clock) for _ in range(3)
    ]
    tokens = [token(200 + number, 200 + number, counters=used(number)) for number in range(12)]

    def bring(server: CheckIns) -> None:
        for sent in tokens:
            with contextlib.suppress(UploadError):
                server.take(KID, sent)

    threads = [threading.Thread(target=bring, args=(one,)) for one in others]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    kept = office.kept()
    assert kept == [one for one in tokens if one in kept] and kept[-1] == tokens[-1]
    assert len(set(kept)) == len(kept)
    lines = office.file.read_bytes().splitlines()
    assert len(lines) == len(kept), "no line is torn, and none is there twice"


def test_nobody_but_the_server_s_user_reads_them(office: Office) -> None:
    office.dock(0)
    office.dock(1)
    assert office.file.parent.stat().st_mode & 0o777 == 0o700
    for path in office.file.parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_start_in_between_is_use(office: Office) -> None:
    office.dock(0)
    office.check_ins.take(
        KID,
        token(5, 60, LATER_BOOT, counters=replace(used(0), entered=(Count("idle", 2),))),
    )
    assert len(office.kept()) == 2


def test_no_link_is_followed(office: Office, tmp_path: Path) -> None:
    office.dock(0)
    for path in office.file.parent.iterdir():
        path.unlink()
    office.file.parent.rmdir()
    os.symlink(tmp_path, office.file.parent)
    with pytest.raises(StorageError):
        office.dock(1)
    assert durable_files is not None and not list(tmp_path.glob("*.jsonl"))
