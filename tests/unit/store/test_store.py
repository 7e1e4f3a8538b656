"""The store: what is here, what the ledger says about it, and the order in which it goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEY, KEYS, ONE, THREE, TWO, Camera, kinds, open_office

from camerad.base.clock import DAY, SECOND
from camerad.container.keys import SigningKey
from camerad.container.limits import MOST_DAYS
from camerad.container.recording_files import SUFFIX
from camerad.container.severity import Severity
from camerad.ledger.ledger import read_ledger
from camerad.ledger.recording_entries import EXPIRED
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.disk import StateDirectoryError
from camerad.store.holds import HoldError
from camerad.store.locations import NotThereError, Place, PlaceKind, place_of
from camerad.store.store import PlaceClaim, Store


def differences(store: Store) -> list[tuple[DiscrepancyKind, str, bool]]:
    return [(one.what, one.id, one.alarm) for one in store.reconcile()]


# ------------------------------------------------------------------------------------ what is here


def test_flagged_recordings_are_listed_first_then_the_newest(camera: Camera) -> None:
    camera.put(ONE, marks=(SECOND // 2,))
    camera.put(TWO)
    camera.put(THREE)
    with camera.open() as store:
        assert [one.info.id for one in store.recordings()] == [ONE, THREE, TWO]


def test_a_recording_says_until_when_it_is_kept(camera: Camera) -> None:
    camera.put(ONE)
    camera.put(TWO)
    with camera.open() as store:
        store.hold(TWO, "prosecutor", "Desk")
        two, one = store.recordings()
        # A second of footage, and the clock stands an hour after its beginning.
        left_us = DAYS * DAY - (DAY // 24 - SECOND)
        assert one.expires_us is not None
        assert one.days_left == DAYS
        assert abs(one.expires_us - camera.clock.wall_us() - left_us) < SECOND // 10
        assert (two.expires_us, two.days_left) == (None, None)
        assert [(hold.reason, hold.who) for hold in two.holds] == [("prosecutor", "Desk")]


def test_what_json_says_of_a_recording_is_complete(camera: Camera) -> None:
    camera.put(ONE)
    with camera.open() as store:
        said = store.recordings()[0].as_json()
    assert {"id", "held", "holds", "flagged", "acknowledged", "expires", "days_left"} <= set(said)
    assert (said["id"], said["held"], said["in_ledger"]) == (ONE, False, True)


# ------------------------------------------------------------------------- files against the ledger


def test_a_file_that_the_ledger_does_not_know_is_found_once(camera: Camera) -> None:
    camera.put(ONE, known=False)
    with camera.open() as store:
        assert differences(store) == [(DiscrepancyKind.FOUND, ONE, False)]
        known = store.ledger.state.recordings[ONE]
        assert known.final is not None
        assert known.ended is not None
        assert known.retention_days == DAYS
        assert store.reconcile() == []


def test_a_recording_whose_file_has_vanished_is_missing_once(camera: Camera) -> None:
    path = camera.put(ONE)
    path.unlink()
    with camera.open() as store:
        assert differences(store) == [(DiscrepancyKind.MISSING, ONE, True)]
        assert store.ledger.state.recordings[ONE].missing
        assert store.reconcile() == []


def test_a_missing_file_that_comes_back_is_found(camera: Camera) -> None:
    path = camera.put(ONE)
    content = path.read_bytes()
    path.unlink()
    with camera.open() as store:
        store.reconcile()
        path.write_bytes(content)
        assert differences(store) == [(DiscrepancyKind.FOUND, ONE, False)]
        assert store.ledger.state.recordings[ONE].here


@pytest.mark.parametrize(("torn", "kind"), [(None, "closed"), (b"half a fragment", "recovered")])
def test_an_end_that_the_ledger_does_not_know_is_written_down(
    camera: Camera, torn: bytes | None, kind: str
) -> None:
    path = camera.put(ONE, known=False, torn=torn)
    with camera.open() as store:
        store.ledger.append("opened", id=ONE, header="aa")
        assert differences(store) == [(DiscrepancyKind.ENDED, ONE, False)]
        assert kinds(store)[-1] == kind
        assert store.ledger.state.recordings[ONE].final is not None
        assert store.reconcile() == []
    assert path.exists()


def notes(store: Store) -> list[str]:
    """What a check of the ledger says that nobody may miss."""
    _, findings = read_ledger(store.ledger.directory, KEYS)
    return [one.text for one in findings if one.qualifies]


def test_a_file_that_ends_otherwise_than_the_ledger_says_is_an_alarm_every_time_and_noted_once(
    camera: Camera,
) -> None:
    path = camera.put(ONE)
    camera_2 = Camera(camera.root.parent / "other")
    path.write_bytes(camera_2.put(ONE, marks=(SECOND // 2,)).read_bytes())
    with camera.open() as store:
        assert differences(store) == [(DiscrepancyKind.CHANGED, ONE, True)]
        head = store.ledger.head
        assert differences(store) == [(DiscrepancyKind.CHANGED, ONE, True)]
        assert store.ledger.head == head
        (one,) = store.recordings()
        assert (one.changed, one.as_json()["changed"]) == (True, True)
        (said,) = notes(store)
        assert said == f"the file of {ONE} had changed: it was found with {one.info.final}"


@pytest.mark.parametrize("how", ["no end", "no recording"])
def test_a_file_that_has_lost_its_end_is_noted_and_so_is_that_it_has_it_again(
    camera: Camera, how: str
) -> None:
    path = camera.put(ONE)
    whole = path.read_bytes()
    with camera.open() as store:
        path.write_bytes(whole[:-2048] if how == "no end" else b"\1" * 4096)
        assert differences(store) == [(DiscrepancyKind.CHANGED, ONE, True)]
        assert notes(store) == [f"the file of {ONE} had changed: it was found without an end"]
        store.ledger.rotate()
        assert store.ledger.state.recordings[ONE].changed == ""
        path.write_bytes(whole)
        assert differences(store) == [(DiscrepancyKind.CHANGED, ONE, False)]
        assert store.ledger.state.recordings[ONE].changed is None
        assert store.reconcile() == []


def test_of_two_files_with_one_id_a_changed_one_is_noted_once(
    camera: Camera, tmp_path: Path
) -> None:
    camera.put(ONE)
    office = tmp_path / "office"
    camera.offload(office)
    (holding,) = place_of(str(office)).holdings
    other = office / "another" / "recordings"
    other.mkdir(parents=True)
    whole = Path(holding.recordings, ONE + SUFFIX).read_bytes()
    with open_office(office, SigningKey.generate(), camera.clock) as store:
        store.reconcile()
        (other / f"{ONE}{SUFFIX}").write_bytes(whole[:-2048])
        found = differences(store)
        assert (DiscrepancyKind.CHANGED, ONE, True) in found
        head = store.ledger.head
        assert differences(store) == found
        assert store.ledger.head == head


def test_a_recording_that_runs_is_left_alone(camera: Camera) -> None:
    path = camera.put(ONE, known=False)
    with path.open("rb") as file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        path.write_bytes(path.read_bytes()[:-2048])
        with camera.open() as store:
            assert store.reconcile() == []


def test_a_lock_does_not_hide_that_a_recording_was_cut_which_the_ledger_knows(
    camera: Camera,
) -> None:
    path = camera.put(ONE)
    with path.open("rb") as file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        path.write_bytes(path.read_bytes()[:-2048])
        with camera.open() as store:
            assert differences(store) == [(DiscrepancyKind.CHANGED, ONE, True)]


def test_what_can_get_no_end_any_more_expires_all_the_same(camera: Camera) -> None:
    path = camera.put(ONE, known=False)
    path.write_bytes(path.read_bytes()[:-2048])
    with camera.open() as store:
        assert differences(store) == [(DiscrepancyKind.FOUND, ONE, False)]
        assert store.reconcile() == []
        camera.clock.advance(DAYS * DAY)
        assert [one.id for one in store.purge()] == [ONE]


# ----------------------------------------------------------------------------- what is no recording


ASIDE = f"{ONE}.unreadable"


def test_what_was_put_aside_is_noted_once_and_expires_like_what_nobody_vouches_for(
    camera: Camera,
) -> None:
    path = camera.recordings / ASIDE
    path.write_bytes(b"half a header")
    with camera.open() as store:
        assert differences(store) == [(DiscrepancyKind.UNREADABLE, ASIDE, False)]
        assert kinds(store)[-1] == "unreadable"
        assert store.reconcile() == []
        camera.clock.advance(MOST_DAYS * DAY - 1)
        store.ledger.rotate()
        assert store.purge() == []
        camera.clock.advance(1)
        assert [(one.id, one.why) for one in store.purge()] == [(ASIDE, EXPIRED)]
        assert not path.exists()
        assert kinds(store)[-1] == "deleted"
    _, findings = read_ledger(str(camera.root / "ledger"), KEYS)
    assert [one for one in findings if one.severity is Severity.DAMAGE] == []


def test_what_was_put_aside_can_be_held_and_vanish_and_come_back(camera: Camera) -> None:
    path = camera.recordings / ASIDE
    path.write_bytes(b"half a header")
    with camera.open() as store:
        store.reconcile()
        store.hold(ASIDE, "prosecutor", "Desk")
        path.unlink()
        assert differences(store) == [(DiscrepancyKind.MISSING, ASIDE, True)]
        path.write_bytes(b"half a header")
        assert differences(store) == [(DiscrepancyKind.UNREADABLE, ASIDE, False)]
        assert store.ledger.state.recordings[ASIDE].here
        camera.clock.advance(2 * MOST_DAYS * DAY)
        assert store.purge() == []


def test_a_directory_with_the_name_of_what_was_put_aside_stops_nothing(
    camera: Camera,
) -> None:
    (camera.recordings / ASIDE).mkdir()
    camera.put(TWO, known=False)
    with camera.open() as store:
        assert (DiscrepancyKind.UNREADABLE, ASIDE, True) in differences(store)
        assert TWO in store.ledger.state.recordings


def test_what_vanished_without_an_end_is_not_remembered_for_ever(camera: Camera) -> None:
    with camera.open() as store:
        store.ledger.append("opened", id=ONE, header="aa")
        assert differences(store) == [(DiscrepancyKind.MISSING, ONE, True)]
        camera.clock.advance(MOST_DAYS * DAY - 1)
        store.ledger.rotate()
        assert ONE in store.ledger.state.recordings
        camera.clock.advance(1)
        store.ledger.rotate()
        assert ONE not in store.ledger.state.recordings


# -------------------------------------------------------------------------------------- one writer


def test_a_store_has_one_writer(camera: Camera) -> None:
    camera.put(ONE)
    with camera.open():
        head = (camera.root / "ledger" / "000001.jws").read_bytes()
        with pytest.raises(StateDirectoryError, match="another process of camerad"):
            camera.open()
        assert (camera.root / "ledger" / "000001.jws").read_bytes() == head
    camera.open().close()


def test_mere_files_are_no_store(tmp_path: Path) -> None:
    (tmp_path / f"{ONE}{SUFFIX}").write_bytes(b"")
    place = place_of(str(tmp_path))
    assert place.kind is PlaceKind.FILES
    with pytest.raises(HoldError, match="without a ledger"):
        Store.open(PlaceClaim(place), KEY, Camera(tmp_path / "x").clock)


def test_a_device_that_has_not_recorded_yet_is_a_store(tmp_path: Path) -> None:
    camera = Camera(tmp_path / "state")
    with Store(str(camera.root), camera.ledger()) as store:
        assert store.place.kind is PlaceKind.DEVICE
        assert store.recordings() == []


# --------------------------------------------------------------------------------------- an office


def test_a_file_is_in_the_place_that_its_directory_belongs_to(
    camera: Camera, tmp_path: Path
) -> None:
    path = camera.put(ONE)
    office = tmp_path / "office"
    camera.offload(office)
    (holding,) = place_of(str(office)).holdings
    copy = os.path.join(holding.recordings, ONE + SUFFIX)

    def where(path: str) -> tuple[PlaceKind, str]:
        place: Place = place_of(path)
        return place.kind, place.root

    assert (
        where(str(path))
        == where(str(camera.recordings))
        == (
            PlaceKind.DEVICE,
            str(camera.root),
        )
    )
    for inside in (copy, holding.recordings, holding.root, str(office)):
        assert where(inside) == (PlaceKind.OFFICE, str(office))
    with pytest.raises(NotThereError, match="no such file"):
        place_of(str(tmp_path / "nowhere"))
