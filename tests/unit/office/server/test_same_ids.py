"""An id is its camera's choice: one camera's recording says nothing of another's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEY, ONE, SHORT, Camera, Silent, facts_of
from sealed_helpers import WALL_US, made
from vault_helpers import KID, OFFICE_KEY, Vault, register

from camerad.base.clock import DAY, ManualClock
from camerad.container import jws
from camerad.container.chain import HEADER_NAME
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import office_key_file
from camerad.evidence.offload import offload
from camerad.office.server.ingest import DELETED
from camerad.store import camera_holds
from camerad.store.device_client import OwnedDevice
from camerad.store.locations import place_of
from camerad.store.store import PlaceClaim, Store

OTHER = SigningKey.generate()
BOTH = KeyRing([KEY.public, OTHER.public])


class OtherCamera(Camera):
    """A camera with a key of its own, and the same ids."""

    def __init__(self, root: Path) -> None:
        self.root, self.recordings, self.key = root, root / "recordings", OTHER
        self.recordings.mkdir(parents=True)
        self.clock = ManualClock(wall_us=WALL_US + DAY // 24)
        (root / "identity.pem").write_bytes(OTHER.pem)
        (root / "identity.pem").chmod(0o600)
        (root / "keys").mkdir()
        jwk = json.dumps(OTHER.public.jwk)
        (root / "keys" / f"{OTHER.public.thumbprint}.jwk").write_text(jwk)
        self.open().close()

    def put(self, identity: str = ONE, **_how: object) -> Path:  # type: ignore[override]
        one = made(SHORT, identity=identity, key=OTHER)
        path = self.recordings / f"{identity}.tar"
        path.write_bytes(one.file)
        with self.open() as store:
            store.ledger.append("opened", id=identity, header=jws.digest(one.content(HEADER_NAME)))
            store.ledger.append("closed", **facts_of(str(path), "closed", own=True))
        return path


class Two:
    """Two cameras and their office."""

    def __init__(self, root: Path) -> None:
        self.vault = Vault(root / "archive")
        register(self.vault.register, ("cam-1", KEY.public, ()), ("cam-2", OTHER.public, ()))
        self.vault.restart()
        self.one, self.other = Camera(root / "one"), OtherCamera(root / "other")
        self.kid = OTHER.public.thumbprint

    @contextmanager
    def desk(self) -> Iterator[Store]:
        """The office's directory, compared with its ledger."""
        place = place_of(str(self.vault.root))
        with Store.open(PlaceClaim(place), OFFICE_KEY, self.one.clock, trusted=BOTH) as store:
            office_key_file.remember_key(place, OFFICE_KEY.public)
            store.reconcile()
            yield store

    def files(self) -> list[str]:
        """Of which cameras recordings are there."""
        return sorted(path.parent.parent.name[:5] for path in self.vault.root.glob("*/*/*.tar"))

    def hand_over_other(self) -> bytes | None:
        path = self.other.put()
        self.vault.bring_ledger(self.other, self.kid)
        return self.vault.hand_over(path, self.kid)


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """The first camera's recording was handed over, and is deleted in its time."""
    made = Two(tmp_path)
    made.one.put()
    assert made.vault.dock(made.one) == [ONE]
    with made.desk() as store:
        made.one.clock.advance(DAYS * DAY)
        assert [one.id for one in store.purge()] == [ONE]
    return made


def test_a_tombstone_does_not_count_for_another_cameras_recording(two: Two) -> None:
    assert two.hand_over_other() is not None
    assert two.vault.ingest.refusal(two.kid, ONE) is None
    # For its own it does, whatever has come since.
    assert two.vault.hand_over(two.one.recordings / f"{ONE}.tar") is None
    assert two.vault.ingest.refusal(KID, ONE) == DELETED


def test_what_was_acknowledged_is_not_deleted_by_another_ones_tombstone(two: Two) -> None:
    assert two.hand_over_other() is not None
    for _ in range(2):
        with two.desk() as store:
            known = store.ledger.state.recordings[ONE]
            # As its header says; it has its own days, and may be held.
            assert (known.device, known.deleted) == ("cam-1", None)
            if not known.held:
                store.hold(ONE, "Az9", "X")
            assert store.purge() == []
        assert two.files() == ["cam-2"]
    assert two.vault.hand_over(two.one.recordings / f"{ONE}.tar") is None
    assert two.vault.ingest.refusal(KID, ONE) == DELETED
    with two.desk() as store:
        store.release(ONE, "X")
        assert [one.id for one in store.purge()] == [ONE]
    assert two.files() == []
    assert two.vault.ingest.refusal(two.kid, ONE) == DELETED


def test_a_deletion_that_was_interrupted_is_completed(two: Two) -> None:
    """Its own file goes as before."""
    holding = next(two.vault.root.glob("cam-1-*"))
    os.link(two.one.recordings / f"{ONE}.tar", holding / "recordings" / f"{ONE}.tar")
    with two.desk():
        assert two.files() == []


def test_of_one_id_the_office_takes_one_camera_s_recording_over(tmp_path: Path) -> None:
    """Else whoever has the key of one could take the place of another's, by a name before it."""
    two = Two(tmp_path)
    register(two.vault.register, ("cam-1", KEY.public, ()), ("a-cam", OTHER.public, ()))
    two.vault.restart()
    two.one.put()
    assert two.vault.dock(two.one) == [ONE]
    assert two.hand_over_other() is None
    assert two.files() == ["cam-1"]
    (why,) = two.vault.root.glob("office/quarantine/**/*.json")
    assert "another camera's recording of this id" in why.read_text()
    with two.desk() as store:
        assert store.ledger.state.recordings[ONE].changed is None


def test_a_stick_brings_what_another_one_s_tombstone_does_not_name(two: Two) -> None:
    two.other.put()
    with two.other.open() as store:
        client = OwnedDevice(store, OTHER, KeyRing([OTHER.public]))
        done = offload(client, str(two.vault.root), Silent(), same_disk=True)
    assert done.copied == [ONE]


def test_another_cameras_release_ends_no_hold(tmp_path: Path) -> None:
    two = Two(tmp_path)
    two.one.put()
    with two.one.open() as store:
        store.hold(ONE, "Az9", "X")
    two.vault.dock(two.one)
    two.other.put()
    with two.other.open() as store:
        store.hold(ONE, "Az9", "X")
        store.release(ONE, "X")
    two.vault.bring_ledger(two.other, two.kid)
    for _ in range(2):
        with two.desk() as store:
            list(camera_holds.ingest(store, BOTH, BOTH))
            assert store.ledger.state.recordings[ONE].held
