"""A person may name a store by a link; a link in the place of a store's own directory is refused,
and keeps nobody from dealing with the other cameras."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera

from camerad.store.locations import Holding

from .conftest import Desk, Said, set_clock

pytestmark = pytest.mark.usefixtures("an_hour_later")


@pytest.fixture
def archive(known_archive: Path) -> Path:
    return known_archive


@pytest.mark.parametrize("part", ["recordings", "holding", "office"])
def test_a_link_to_a_store_is_judged_as_what_it_leads_to(
    verified: Callable[..., Said],
    desk: Desk,
    archive: Path,
    holding: Holding,
    tmp_path: Path,
    *,
    part: str,
) -> None:
    target = {"recordings": holding.recordings, "holding": holding.root, "office": str(archive)}
    link = tmp_path / "link"
    link.symlink_to(target[part])
    assert verified(link).code == 0
    assert "14 d" in desk("evidence", "list", link).out
    assert verified(ONE, "--state", link).code == 0
    os.unlink(os.path.join(holding.recordings, f"{TWO}.tar"))
    said = verified(link)
    assert (said.code, f"DAMAGE: {TWO}: its file is gone" in said.out) == (2, True)
    assert verified(link).out == verified(target[part]).out


def test_a_link_to_a_camera_s_recordings_is_that_camera(
    verified: Callable[..., Said], camera: Camera, tmp_path: Path
) -> None:
    camera.put(ONE).unlink()
    (tmp_path / "link").symlink_to(camera.recordings)
    assert verified(tmp_path / "link").code == 2


def test_a_link_in_an_office_to_another_camera_s_part_elsewhere_is_that(
    verified: Callable[..., Said], archive: Path, holding: Holding, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (archive / "link").symlink_to(holding.root)
    assert "2 recordings: 2 authentic" in verified(archive / "link").out


@pytest.mark.parametrize("part", ["", "/x.tar"])
def test_a_link_in_the_place_of_recordings_stays_refused(
    verified: Callable[..., Said], camera: Camera, tmp_path: Path, part: str
) -> None:
    camera.put(ONE)
    camera.recordings.rename(tmp_path / "elsewhere")
    camera.recordings.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "x.tar").write_bytes(b"")
    said = verified(f"{camera.recordings}{part}")
    assert (said.code, "cannot use it as a directory" in said.err) == (2, True)


def another(archive: Path, holding: Holding) -> Path:
    """The directory of another camera, which is whole."""
    root = archive / f"cam-2{holding.root[-9:]}"  # the dash, and its key's thumbprint
    shutil.copytree(holding.root, root)
    return root


def link(path: Path) -> None:
    (path.parents[2] / "elsewhere").mkdir()
    for one in path.iterdir():
        shutil.copy(one, path.parents[2] / "elsewhere")
    shutil.rmtree(path)
    path.symlink_to(path.parents[2] / "elsewhere")


def file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"")


def pipe(path: Path) -> None:
    shutil.rmtree(path)
    os.mkfifo(path)


@pytest.mark.parametrize("how", [link, file, pipe])
@pytest.mark.parametrize("part", ["recordings", "receipts", "ledger"])
def test_what_lies_in_place_of_one_camera_s_directory_stops_no_other_camera(
    verified: Callable[..., Said],
    desk: Desk,
    archive: Path,
    holding: Holding,
    key: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    how: Callable[[Path], None],
    part: str,
) -> None:
    root = another(archive, holding)
    how(root / part)
    there = sorted(tmp_path.glob("elsewhere/*"))
    said = verified(archive)
    assert said.code == 2
    assert f"DAMAGE: {root / part}: cannot use it as a directory: " in said.out
    assert "2 recordings: 2 authentic and complete" in said.out
    assert verified(holding.root).code == 0
    assert f"DAMAGE: {root / part}: cannot" in verified(root).out
    said = verified(root / part)
    assert (said.code, "cannot use it as a directory" in said.err) == (2, True)
    assert desk("evidence", "list", archive).code == 74
    set_clock(monkeypatch, 20)
    said = desk("evidence", "purge", archive, "--key", key)
    assert said.out.count(f"deleted {ONE}: expired") == 1
    assert (said.code, said.out.count(f"{root / part}: cannot use it as a directory")) == (74, 1)
    assert sorted(tmp_path.glob("elsewhere/*")) == there
    # What the camera that is skipped has stays, and what is in it cannot be named.
    if part != "recordings":
        assert len(list((root / "recordings").iterdir())) == 2
    elif how is link:
        said = verified(root / part / f"{ONE}.tar")
        assert (said.code, "cannot use it as a directory" in said.err) == (2, True)


def test_a_ledger_of_the_office_that_is_larger_than_any_stops_no_check(
    verified: Callable[..., Said], archive: Path, holding: Holding
) -> None:
    with (archive / "office" / "ledger" / "000002.jws").open("wb") as large:
        large.truncate(1 << 40)
    said = verified(archive)
    assert (said.code, "2 recordings: 2 authentic" in said.out) == (2, True), said
    assert "which no camera writes" in said.out
