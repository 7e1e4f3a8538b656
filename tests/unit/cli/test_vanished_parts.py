"""Whatever a ledger or a receipt names, and no tombstone explains, is damage if it is not there:
wherever the hole is, and however much is gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera

from camerad.store.locations import Holding, Place, PlaceKind, place_of

from .conftest import Desk, Said

pytestmark = pytest.mark.usefixtures("an_hour_later")


@pytest.fixture
def archive(known_archive: Path) -> Path:
    return known_archive


def another(archive: Path, holding: Holding) -> None:
    """The directory of another camera, which is whole."""
    root = archive / f"cam-2{holding.root[-9:]}"  # the dash, and its key's thumbprint
    shutil.copytree(holding.root, root)
    for path in (root / "recordings").iterdir():
        path.rename(path.with_name(path.name.replace("-00000", "-00001")))


def remove(path: str) -> None:
    shutil.rmtree(path)


def rename(path: str) -> None:
    os.rename(path, f"{path}.old")


def move_out(path: str) -> None:
    """To where nobody looks."""
    os.rename(path, os.path.join(os.path.dirname(os.path.dirname(path)), "elsewhere"))


@pytest.mark.parametrize("how", [remove, rename, move_out])
@pytest.mark.parametrize("cameras", [1, 2])
@pytest.mark.parametrize("office", ["whole", "no ledger", "nothing of its own"])
def test_recordings_that_vanish_with_their_directory_are_damage(
    verified: Callable[..., Said],
    archive: Path,
    holding: Holding,
    *,
    how: Callable[[str], None],
    cameras: int,
    office: str,
) -> None:
    if cameras == 2:
        another(archive, holding)
    if office != "whole":
        shutil.rmtree(archive / "office" / "ledger")
        shutil.rmtree(archive / "office" / "keys")
    if office == "nothing of its own":
        shutil.rmtree(archive / "office")
    how(holding.recordings)
    said = verified(archive)
    assert said.code == 2
    assert f"{holding.recordings}: the directory of the recordings is gone" in said.out
    for recording in (ONE, TWO):
        assert f"DAMAGE: {recording}: " in said.out
    assert verified(holding.root).code == 2


@pytest.mark.parametrize("left", ["receipts", "ledger", "device.jwk"])
def test_any_part_that_is_left_of_a_camera_tells_that_the_rest_is_gone(
    verified: Callable[..., Said], archive: Path, holding: Holding, left: str
) -> None:
    another(archive, holding)
    for name in os.listdir(holding.root):
        path = Path(holding.root, name)
        if name != left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(archive / "office")
    said = verified(archive)
    assert (said.code, f"{holding.recordings}: the directory" in said.out) == (2, True)


@pytest.mark.parametrize("cameras", [1, 2])
def test_a_camera_s_whole_part_that_vanishes_is_damage_by_the_office_s_ledger(
    verified: Callable[..., Said], archive: Path, holding: Holding, cameras: int
) -> None:
    if cameras == 2:
        another(archive, holding)
    shutil.rmtree(holding.root)
    said = verified(archive)
    assert said.code == 2
    for recording in (ONE, TWO):
        assert f"{recording}: its file is gone, and the ledger has no deletion of it" in said.out


@pytest.mark.parametrize("how", [remove, rename])
@pytest.mark.parametrize("left", ["ledger", "ledger and key", "key"])
def test_a_camera_s_own_recordings_that_vanish_with_their_directory_are_damage(
    desk: Desk,
    verified: Callable[..., Said],
    camera: Camera,
    how: Callable[[str], None],
    left: str,
) -> None:
    camera.put(ONE)
    how(str(camera.recordings))
    if "key" not in left:
        (camera.root / "identity.pem").unlink()
    if "ledger" not in left:
        shutil.rmtree(camera.root / "ledger")
    for said in (verified(camera.root), desk("evidence", "verify", "--state", camera.root)):
        assert said.code == 2
        assert f"{camera.recordings}: the directory of the recordings is gone" in said.out
        assert (f"DAMAGE: {ONE}: its file is gone" in said.out) is ("ledger" in left)
    # And no list is shown as if nothing had ever been there.
    assert desk("evidence", "list", camera.root).code != 0


def test_a_camera_whose_key_is_elsewhere_is_known_by_what_it_said_of_that(
    verified: Callable[..., Said], camera: Camera
) -> None:
    (camera.root / "identity.pem").unlink()
    shutil.rmtree(camera.root / "ledger")
    shutil.rmtree(camera.recordings)
    assert place_of(str(camera.root)).kind is PlaceKind.FILES
    (camera.root / "keys" / "current").write_text("x\n")
    assert verified(camera.root).code == 2


def test_purge_signs_nothing_of_a_directory_that_is_gone_and_says_so(
    desk: Desk, verified: Callable[..., Said], archive: Path, holding: Holding, key: Path
) -> None:
    os.rename(holding.recordings, archive.parent / "aside")
    said = desk("evidence", "purge", archive, "--key", key)
    assert (said.code != 0, f"{holding.recordings}: " in said.out) == (True, True)
    assert "vanished" not in said.out + said.err
    assert desk("evidence", "list", archive).code != 0
    os.rename(archive.parent / "aside", holding.recordings)
    assert desk("evidence", "purge", archive, "--key", key).code == 0
    assert verified(archive).code == 0


def test_offload_brings_back_what_is_gone_at_the_office(
    verified: Callable[..., Said], camera: Camera, archive: Path, holding: Holding
) -> None:
    shutil.rmtree(holding.recordings)
    assert camera.offload(archive).copied == [ONE, TWO]
    assert verified(archive).code == 0


def test_a_directory_of_files_is_none_of_a_camera_s(tmp_path: Path, camera: Camera) -> None:
    files = tmp_path / "files"
    files.mkdir()
    shutil.copy(camera.put(ONE), files)
    (files / "keys").mkdir()
    found: Place = place_of(str(files / f"{ONE}.tar"))
    assert (found.kind, found.root) == (PlaceKind.FILES, str(files))
