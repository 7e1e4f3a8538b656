"""What is odd or cannot be read in an office's directory keeps nothing else from being found."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEY

from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.quarantine_reasons import UNKNOWN
from camerad.office.index import ledger_rows, office_knowledge, recording_rows, refresh
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.store import listing
from camerad.store.receipts import CopiedRecording
from tests.unit.office.index.office_scene_indexed import (
    QUARANTINE,
    IndexedOffice,
    answers,
    identity,
    row,
    table,
)

A, B, C = (identity(number) for number in range(1, 4))


@pytest.fixture
def index(office: IndexedOffice) -> RecordingIndex:
    return office.index()


def anew(office: IndexedOffice) -> list[bytes]:
    made = office.index(f"sqlite:///{office.root}/anew.sqlite")
    made.rebuild()
    return list(made.dump())


def test_a_file_that_cannot_be_read_is_tried_again(
    office: IndexedOffice, index: RecordingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(A, B)
    read = listing.read_file

    def fails(path: str) -> object:
        if A in path:
            raise StorageError("input/output error")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(listing, "read_file", fails)
        index.refresh()
        assert answers(index) == [B]
    index.refresh()
    assert answers(index) == [B, A]


def test_a_cameras_ledger_that_cannot_be_read_hides_no_recording(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    ledger = office.path(A).parents[1] / "ledger"
    (epoch,) = ledger.glob("*.jws")
    content = epoch.read_bytes()
    epoch.write_bytes(b"")
    os.truncate(epoch, 1 << 30)  # larger than any, and nowhere on the storage
    index.refresh()
    assert row(index, A)["in_device_ledger"] is False
    epoch.write_bytes(content)
    index.refresh()
    assert row(index, A)["in_device_ledger"] is True
    shutil.rmtree(ledger)
    index.refresh()
    assert row(index, A)["in_device_ledger"] is False


def test_a_broken_holding_hides_no_other(office: IndexedOffice, index: RecordingIndex) -> None:
    office.take(A)
    holding = office.path(A).parents[1]
    other = holding.with_name("cam-2-01234567")
    shutil.copytree(holding, other)
    shutil.rmtree(other / "ledger")
    (other / "ledger").symlink_to(holding / "ledger")
    index.refresh()
    assert answers(index) == [A]
    assert list(index.dump()) == anew(office)


def test_what_is_in_no_ledger_and_no_register_is_found_as_well(office: IndexedOffice) -> None:
    """Without the office's key and register, as whoever has a copy of the directory."""
    office.take(A)
    office.reconcile()
    shutil.rmtree(office.directory / "office" / "ledger")
    shutil.rmtree(office.directory / "office" / "keys")
    files = OfficeFiles(str(office.directory), None)
    index = RecordingIndex(office.url, files, office.said.append)
    index.open()
    index.refresh()
    assert answers(index) == [A]
    assert row(index, A)["in_ledger"] is False
    assert [one["standing"] for one in table(index, "cameras")] == ["unknown"]
    assert office_knowledge.look_version(files) == office_knowledge.look_version(files)


def test_the_register_names_keys_of_today_and_before(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    old, strange, other = (SigningKey.generate().public for _ in range(3))
    office.take(A)
    cameras = (
        RegisteredCamera(
            "cam-1", KEY.public.thumbprint, KEY.public.jwk, 1, None, None, "", (old.thumbprint,)
        ),
        RegisteredCamera("cam-2", other.thumbprint, strange.jwk, 1, None, None, ""),
        RegisteredCamera("cam-3", strange.thumbprint, {"kty": "none"}, 1, None, None, ""),
    )
    camera_register.write(str(office.register), Register(cameras))
    index.refresh()
    standing = {one["thumbprint"]: one["standing"] for one in table(index, "cameras")}
    assert standing[KEY.public.thumbprint] == "registered"
    assert standing[old.thumbprint] == "replaced"
    office.register.write_text("no register")
    index.refresh()
    assert {one["standing"] for one in table(index, "cameras")} == {"unknown"}
    (office.path(A).parents[1] / "device.jwk").write_text("no key")
    index.refresh()
    assert table(index, "cameras") == []


def test_files_that_are_no_recordings_are_left_out(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    recordings = office.path(A).parent
    (recordings / "notes.txt").write_text("of somebody")
    (recordings / f"{B}.tar").symlink_to(office.path(A))
    (recordings / f"{C}.tar.unreadable").write_bytes(b"put aside")
    (recordings / "folder").mkdir()
    receipts = recordings.parent / "receipts"
    (receipts / "9999.jws").write_text("no receipt")
    quarantined = office.directory / "office" / "quarantine"
    office.quarantine()
    (quarantined / "notes.txt").write_text("of somebody")
    (quarantined / KEY.public.thumbprint / "other.tar").write_text("no name of ours")
    (quarantined / KEY.public.thumbprint / f"{B}.tar").mkdir()
    index.refresh()
    assert answers(index) == [QUARANTINE, A]
    assert row(index, A)["receipt"] is True


def test_a_reason_that_cannot_be_read_is_none(
    office: IndexedOffice, index: RecordingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: str) -> str:
        raise StorageError("input/output error")

    office.quarantine()
    monkeypatch.setattr(refresh, "read_reason", fails)
    index.refresh()
    assert row(index, QUARANTINE)["quarantine_why"] == UNKNOWN


def test_a_receipt_that_cannot_be_read_is_tried_again(
    office: IndexedOffice, index: RecordingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(A)
    read = refresh.read_plain

    def fails(path: str, *words: object) -> bytes:
        if path.endswith(".jws"):
            raise StorageError("input/output error")
        return read(path, *words)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(refresh, "read_plain", fails)
        index.refresh()
        assert row(index, A)["receipt"] is False
    index.refresh()
    assert row(index, A)["receipt"] is True


def test_receipts_are_read_if_they_or_a_file_are_others(
    office: IndexedOffice, index: RecordingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is checked by its signature, so a ledger that grows is no reason to."""
    reads: list[str] = []
    receipts = refresh._HoldingPart._receipts

    def noted(part: refresh._HoldingPart) -> dict[str, CopiedRecording]:
        reads.append(part.name)
        return receipts(part)

    monkeypatch.setattr(refresh._HoldingPart, "_receipts", noted)
    office.take(A)
    index.refresh()
    office.hold(A)
    index.refresh()
    index.refresh()
    assert len(reads) == 1
    office.take(B)
    index.refresh()
    assert len(reads) == 2
    assert (row(index, A)["receipt"], row(index, B)["receipt"]) == (True, True)


def test_a_receipt_for_other_bytes_is_none(office: IndexedOffice, index: RecordingIndex) -> None:
    office.take(A)
    with office.path(A).open("ab") as file:
        file.write(bytes(512))
    index.refresh()
    assert row(index, A)["receipt"] is False


def test_a_camera_whose_directory_is_gone_is_gone(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    index.refresh()
    shutil.rmtree(office.path(A).parents[1])
    index.refresh()
    assert answers(index) == []


def test_what_was_deleted_and_came_again_is_here(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    content, path = office.path(A).read_bytes(), office.path(A)
    office.reconcile()
    office.clock.advance((DAYS + 1) * DAY)
    assert office.purge() == [A]
    index.refresh()
    assert row(index, A)["state"] == "deleted"
    path.write_bytes(content)
    index.refresh()
    again = row(index, A)
    # The next look of the office removes it; until then both are said.
    assert (again["state"], again["deleted_why"]) == ("here", "expired")
    office.reconcile()
    index.refresh()
    assert row(index, A)["state"] == "deleted"


def test_an_epoch_that_is_gone_leaves_what_the_next_one_carries(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    office.reconcile()
    office.clock.advance((DAYS + 1) * DAY)
    office.purge()
    index.refresh()
    assert row(index, A)["deleted_us"] is not None
    for path in sorted((office.directory / "office" / "ledger").glob("*.jws"))[:-1]:
        path.unlink()
    index.refresh()
    assert (row(index, A)["deleted_why"], row(index, A)["deleted_us"]) == ("expired", None)
    assert list(index.dump()) == anew(office)


def test_what_was_deleted_and_is_known_again_in_one_epoch_is_not_called_deleted(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    office.reconcile()
    office.clock.advance((DAYS + 1) * DAY)
    with office.store() as store:
        known = store.ledger.state.recordings[A]
        how = {"why": "expired", "age_us": (DAYS + 1) * DAY}
        store.ledger.append("deleted", id=A, final=known.final, **how)
        facts = {"header": "", "final": None, "retention_days": 1, "ended": known.ended}
        store.ledger.append("found", id=A, flagged=False, **facts)
    office.lose(A)
    index.refresh()
    assert row(index, A)["state"] == "missing"
    assert list(index.dump()) == anew(office)


def test_a_long_ledger_is_written_in_pieces(
    office: IndexedOffice, index: RecordingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(A, B)
    office.reconcile()
    expected = anew(office)
    monkeypatch.setattr(ledger_rows, "_MOST_ROWS", 2)
    index.refresh()
    assert list(index.dump()) == expected


def test_an_epoch_of_which_nothing_can_be_read_has_no_entries(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    ledger = office.directory / "office" / "ledger"
    ledger.mkdir()
    (ledger / "000001.jws").write_bytes(b"rubbish\n")
    office.take(A)
    index.refresh()
    assert answers(index) == [A]
    assert b'"entries"' not in b"".join(index.dump())


def test_a_camera_that_says_it_is_held_is_believed_before_the_office_has_looked(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A, B)
    office.reconcile()
    with office.camera.open() as store:
        store.hold(A, "on duty", "Officer")
    office.camera.offload(office.directory)
    index.refresh()
    assert answers(index, held=True) == [A]
    assert row(index, A)["holds"] == [
        {
            "reason": "on the camera: on duty",
            "who": "Officer",
            "on_camera": True,
            "until_us": None,
            "until": None,
        }
    ]
    office.reconcile()
    index.refresh()
    assert [one["on_camera"] for one in row(index, A)["holds"]] == [False]
    assert json.loads(json.dumps(row(index, A)))["due"] is None


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        ("20261124T153000Z-000001-00000001", 1_795_534_200_000_000),
        ("20261124T153000Z-000001-00000001.unreadable", 1_795_534_200_000_000),
        ("20261324T153000Z-000001-00000001", 0),
        ("00010101T000000Z-000001-00000001", 0),
        ("anything", 0),
    ],
)
def test_an_ids_time_orders_a_list(recording: str, expected: int) -> None:
    assert recording_rows.time_in(recording) == expected


def test_the_cheap_look_sees_what_comes_and_goes(office: IndexedOffice) -> None:
    office.take(A)
    seen = [office_knowledge.look_version(office.files)]

    def changed() -> bool:
        seen.append(office_knowledge.look_version(office.files))
        return seen[-1] != seen[-2]

    assert not changed()
    (office.directory / "notes").write_text("of somebody")
    assert not changed()
    office.hold(A)
    assert changed()
    office.quarantine()
    assert changed()
    (office.directory / "cam-2-01234567" / "recordings").mkdir(parents=True)
    assert changed()
    os.utime(office.register, ns=(1, 1))
    assert changed()
    Path(office.path(A)).unlink()
    assert changed()
