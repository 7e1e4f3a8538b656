"""A recording that should be there and is not is told as that by every command that is asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera

from .conftest import Desk

THREE = "20261124T170000Z-000003-00000003"


pytestmark = pytest.mark.usefixtures("an_hour_later")


@pytest.fixture
def archive(known_archive: Path) -> Path:
    return known_archive


def file_of(archive: Path, recording: str) -> Path:
    (path,) = archive.glob(f"cam-*/recordings/{recording}.tar")
    return path


@pytest.mark.parametrize("by", ["the ledger", "a receipt"])
def test_a_recording_that_is_missing_is_said_to_be_by_its_id(
    desk: Desk, archive: Path, key: Path, by: str
) -> None:
    file_of(archive, ONE).unlink()
    if by == "a receipt":
        shutil.rmtree(archive / "office" / "ledger")
    for command, code in (("verify", 2), ("show", 3), ("open", 3)):
        more = ("--key", key) if command == "verify" else ()
        more = ("--key", key, "--identity", key) if command == "open" else more
        said = desk("evidence", command, ONE, *more, "--state", archive)
        assert (said.code, f"{ONE}: it is missing: {by} names it" in said.err) == (code, True), said
    said = desk("evidence", "verify", THREE, "--state", archive, "--key", key)
    assert (said.code, "there is no recording" in said.err) == (3, True)


def test_a_recording_that_is_missing_on_its_camera_is_said_to_be(
    desk: Desk, camera: Camera
) -> None:
    camera.put(ONE).unlink()
    said = desk("evidence", "show", ONE, "--state", camera.root)
    assert (said.code, f"{ONE}: it is missing: the ledger names it" in said.err) == (3, True)
    said = desk("evidence", "list", camera.root)
    assert (said.code, f"{ONE}: it is missing: the ledger names it" in said.err) == (0, True)


def test_a_list_names_what_is_missing_wiped_or_cut(desk: Desk, archive: Path) -> None:
    assert "missing" not in desk("evidence", "list", archive).err
    file_of(archive, ONE).unlink()
    said = desk("evidence", "list", archive)
    assert (said.code, said.err.count(f"{ONE}: it is missing: the ledger names it")) == (0, 1)
    path = file_of(archive, TWO)
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    said = desk("evidence", "list", archive)
    assert f"{TWO}: its file cannot be read as a recording; see: camerad" in said.err
    path.write_bytes(whole[: len(whole) // 2])
    said = desk("evidence", "list", archive)
    assert ", CHANGED" in said.out
    assert f"1 recording whose file is not the one that the ledger names: {TWO}" in said.err


def test_a_link_to_nothing_is_called_that(desk: Desk, archive: Path, key: Path) -> None:
    Path(ONE).symlink_to("nowhere")
    said = desk("evidence", "verify", ONE, "--key", key)
    assert (said.code, "this symbolic link leads to nothing" in said.err) == (3, True)
    assert "make it" not in said.err
