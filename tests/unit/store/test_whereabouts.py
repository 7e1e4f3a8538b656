"""Whether a recording is gone or only away: what came with the recordings is read once a look, and
again as soon as its directory is another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, THREE, TWO, Camera, open_office
from msgspec.structs import replace
from vault_helpers import NAME, Vault, register

from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.evidence.holdings import make_holding
from camerad.ledger.recording_state import RecordingState
from camerad.store import receipts, whereabouts
from camerad.store.locations import Holding, UnreadPlace, device_place, office_place
from camerad.store.whereabouts import Whereabouts


@pytest.fixture
def office(tmp_path: Path) -> tuple[Path, dict[str, RecordingState]]:
    """Two recordings that an office has, and what its ledger knows of them."""
    camera = Camera(tmp_path / "camera")
    for one in (ONE, TWO):
        camera.put(one)
    camera.offload(tmp_path / "office")
    with open_office(tmp_path / "office", SigningKey.generate(), camera.clock) as store:
        store.reconcile()
        return tmp_path / "office", dict(store.ledger.state.recordings)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directories whose receipts are read."""
    found: list[str] = []
    real = receipts.named

    def noted(directory: str) -> set[str]:
        found.append(directory)
        return real(directory)

    monkeypatch.setattr(receipts, "named", noted)
    return found


def test_however_much_is_asked_it_is_read_once(
    office: tuple[Path, dict[str, RecordingState]], read: list[str]
) -> None:
    root, known = office
    asked = Whereabouts(office_place(str(root)))
    assert [asked.is_away(known[one]) for one in (ONE, TWO) * 10] == [False] * 20
    assert asked.is_away(replace(known[ONE], id=THREE)), "no directory ever had it"
    assert len(read) == 1


@pytest.mark.parametrize("how", ["taken away", "another", "its receipts", "its ledger"])
def test_a_directory_that_is_taken_away_meanwhile_is_noticed(
    office: tuple[Path, dict[str, RecordingState]], how: str
) -> None:
    """As a disk is that is unmounted in the middle of a look: nothing is called gone then."""
    root, known = office
    place = office_place(str(root))
    (holding,) = place.holdings
    asked = Whereabouts(place)
    assert not asked.is_away(known[ONE])
    if how in ("taken away", "another"):
        os.rename(holding.root, root.parent / "away")
    if how == "another":
        os.mkdir(holding.root)
    if how in ("its receipts", "its ledger"):
        for part in (holding.receipts, holding.ledger):
            os.rename(part, root.parent / f"away-{os.path.basename(part)}")
    assert asked.is_away(known[ONE])


def test_what_comes_meanwhile_is_known(
    office: tuple[Path, dict[str, RecordingState]], tmp_path: Path
) -> None:
    root, known = office
    (holding,) = office_place(str(root)).holdings
    for part in (holding.receipts, holding.ledger):
        os.rename(part, tmp_path / f"away-{os.path.basename(part)}")
    asked = Whereabouts(office_place(str(root)))
    assert asked.is_away(known[ONE])
    os.rename(tmp_path / "away-receipts", holding.receipts)
    assert not asked.is_away(known[ONE])


def test_a_purge_reads_it_once_for_all_that_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three vanished files that are due."""
    camera = Camera(tmp_path / "camera")
    for one in (ONE, TWO, THREE):
        camera.put(one)
    camera.offload(tmp_path / "office")
    seen: list[str] = []
    real = whereabouts._named

    def noted(holding: Holding) -> set[str]:
        seen.append(holding.root)
        return real(holding)

    with open_office(tmp_path / "office", SigningKey.generate(), camera.clock) as store:
        store.reconcile()
        for path in (tmp_path / "office").glob("*/recordings/*.tar"):
            path.unlink()
        camera.clock.advance(30 * DAY)
        monkeypatch.setattr(whereabouts, "_named", noted)
        store.purge()
        assert len(seen) == 1
        assert all(one.missing for one in store.ledger.state.recordings.values())


def test_a_camera_s_own_directory_is_never_away(
    office: tuple[Path, dict[str, RecordingState]], tmp_path: Path
) -> None:
    _, known = office
    asked = Whereabouts(device_place(str(tmp_path / "camera")))
    assert not asked.is_away(replace(known[ONE], id=THREE))


def test_what_nobody_vouches_for_is_away_only_without_any_directory(
    office: tuple[Path, dict[str, RecordingState]], tmp_path: Path
) -> None:
    root, known = office
    nobody = replace(known[ONE], device="")
    assert not Whereabouts(office_place(str(root))).is_away(nobody)
    empty = tmp_path / "empty"
    (empty / "office").mkdir(parents=True)
    assert Whereabouts(office_place(str(empty))).is_away(nobody)


def test_what_may_lie_in_a_directory_that_nobody_can_look_into_is_not_away(
    office: tuple[Path, dict[str, RecordingState]],
) -> None:
    root, known = office
    place = office_place(str(root))
    (holding,) = place.holdings
    shut = UnreadPlace(holding.recordings, StorageError("nobody may look"))
    asked = Whereabouts(replace(place, holdings=(), unread=(shut,)))
    assert not asked.is_away(known[ONE])
    assert not asked.is_away(replace(known[ONE], device=""))


def test_what_cannot_be_read_names_nothing_and_so_nothing_is_called_gone(
    office: tuple[Path, dict[str, RecordingState]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, known = office

    def fail(_directory: str) -> set[str]:
        raise StorageError("the disk is away")

    monkeypatch.setattr(receipts, "named", fail)
    assert Whereabouts(office_place(str(root))).is_away(known[ONE])


def test_what_a_renamed_camera_brought_may_have_been_in_any_of_its_directories(
    tmp_path: Path,
) -> None:
    """Two was made before, and says the former name, but was handed over under the new one."""
    camera, vault = Camera(tmp_path / "camera"), Vault(tmp_path / "archive")
    camera.put(ONE)
    assert vault.dock(camera) == [ONE]
    register(vault.register, ("camera-99", KEY.public, ()))
    vault.restart()
    there = make_holding(str(vault.root), "camera-99", KEY.public)
    camera.put(TWO)
    assert vault.dock(camera) == [TWO]
    with open_office(vault.root, vault.key, camera.clock) as store:
        store.reconcile()
        known = store.ledger.state.recordings[TWO]
    assert known.device == NAME
    Path(there.recordings, f"{TWO}.tar").unlink()
    place = office_place(str(vault.root))
    asked = Whereabouts(place)
    assert not asked.is_away(known)
    with open_office(vault.root, vault.key, camera.clock) as store:
        store.reconcile()
        assert store.ledger.state.recordings[TWO].missing
    shut = UnreadPlace(there.recordings, StorageError("nobody may look"))
    elsewhere = replace(known, id=THREE)
    assert asked.is_away(elsewhere)
    assert not Whereabouts(replace(place, unread=(shut,))).is_away(elsewhere), "it may be there"
    os.rename(there.root, tmp_path / "away")
    assert asked.is_away(known)
    assert Whereabouts(office_place(str(vault.root))).is_away(known)
