"""Deletion: its order, and never without a tombstone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEYS, ONE, THREE, TWO, Camera, open_office

from camerad.base import durable_files, storage_errors
from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.container.recording_files import SUFFIX
from camerad.ledger.ledger import read_ledger
from camerad.ledger.recording_entries import EXPIRED, OFFLOADED


def test_purge_deletes_what_is_due_and_nothing_else(camera: Camera) -> None:
    paths = {name: camera.put(name) for name in (ONE, TWO)}
    with camera.open() as store:
        store.hold(TWO, "prosecutor", "Desk")
        camera.clock.advance(DAYS * DAY - 2 * DAY // 24)
        assert store.purge() == []
        camera.clock.advance(2 * DAY // 24)
        (deletion,) = store.purge()
        assert (deletion.id, deletion.why) == (ONE, EXPIRED)
        assert deletion.bytes > 0
        assert [path.exists() for path in paths.values()] == [False, True]
        store.release(TWO, "Desk")
        assert [one.id for one in store.purge()] == [TWO]
    state, _ = read_ledger(str(camera.root / "ledger"), KEYS)
    assert all(known.deleted is not None for known in state.recordings.values())


def test_the_tombstone_is_durable_before_the_file_goes(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)

    def refuse(path: str, *, missing_ok: bool = False) -> None:
        raise storage_errors.explain("remove the file", path, OSError(errno.EROFS, "read-only"))

    with camera.open() as store:
        camera.clock.advance(DAYS * DAY)
        with monkeypatch.context() as patched:
            patched.setattr(durable_files, "remove", refuse)
            with pytest.raises(StorageError, match="read-only"):
                store.purge()
        state, _ = read_ledger(str(camera.root / "ledger"), KEYS)
        assert state.recordings[ONE].deleted is not None
        assert path.exists()
        store.purge()
        assert not path.exists()


def test_without_a_tombstone_nothing_is_unlinked(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        camera.clock.advance(DAYS * DAY)
        monkeypatch.setattr(
            os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "input/output"))
        )
        with pytest.raises(StorageError, match="input/output"):
            store.purge()
        assert path.exists()


def test_room_is_made_of_what_the_office_has_oldest_first_and_no_more_than_is_needed(
    camera: Camera,
) -> None:
    for name in (ONE, TWO, THREE):
        camera.put(name)
    camera.offload(camera.root.parent / "office")
    with camera.open() as store:
        store.hold(ONE, "prosecutor", "Desk")
        assert [(one.id, one.why) for one in store.make_room(1)] == [(TWO, OFFLOADED)]
        assert [one.id for one in store.make_room(1 << 40)] == [THREE]
        assert [one.info.id for one in store.recordings()] == [ONE]


@pytest.mark.parametrize("rest", [-1024, 0])
def test_what_was_changed_since_the_office_had_it_makes_no_room_and_goes_by_its_own_days(
    camera: Camera, rest: int
) -> None:
    """Its file is what shows that somebody changed it. rest: where it was cut off."""
    path = camera.put(ONE)
    camera.offload(camera.root.parent / "office")
    path.write_bytes(path.read_bytes()[:rest])
    with camera.open() as store:
        store.reconcile()
        assert store.ledger.state.recordings[ONE].changed is not None
        assert store.make_room(1 << 40) == []
        assert path.exists()
        camera.clock.advance(DAYS * DAY)
        assert [(one.id, one.why) for one in store.purge()] == [(ONE, EXPIRED)]


def test_what_no_office_has_makes_no_room(camera: Camera) -> None:
    camera.put(ONE)
    with camera.open() as store:
        assert store.make_room(1 << 40) == []


def test_the_receipt_of_a_lost_recording_goes_on_its_day_unless_that_is_held(
    camera: Camera, tmp_path: Path
) -> None:
    """Before that it shows that the recording was lost."""
    for name in (ONE, TWO):
        camera.put(name)
    camera.offload(tmp_path / "office")
    with open_office(tmp_path / "office", SigningKey.generate(), camera.clock) as store:
        store.reconcile()
        store.hold(TWO, "prosecutor", "Desk")
        (holding,) = store.place.holdings
        for name in (ONE, TWO):
            os.unlink(os.path.join(holding.recordings, name + SUFFIX))
        store.reconcile()
        camera.clock.advance((DAYS - 1) * DAY)
        assert store.purge() == []
        assert sorted(os.listdir(holding.receipts)) == ["0001.jws", "0002.jws"]
        camera.clock.advance(DAY)
        assert store.purge() == []
        assert set(store.ledger.state.recordings) == {TWO}
        assert os.listdir(holding.receipts) == ["0002.jws"]
