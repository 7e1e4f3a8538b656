"""The card's partition: whatever it answers is told, and nothing is done twice over."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from camerad.base import durable_files, storage_errors
from camerad.base.errors import StorageError
from camerad.provisioning import boot_partition
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.provisioning_status import ProvisioningStatus, read_status


@pytest.fixture
def card(tmp_path: Path) -> BootPartition:
    return BootPartition(str(tmp_path))


def names(card: BootPartition) -> set[str]:
    return set(os.listdir(card.directory))


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_a_file_is_there_whole_or_not_at_all(card: BootPartition) -> None:
    assert card.read("a", 10) is None
    card.write("a", b"first")
    Path(card.directory, "a.new").write_bytes(b"cut off")
    card.write("a", b"second and longer")
    assert card.read("a", 6) == b"second"
    assert names(card) == {"a"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_write_that_fails_leaves_nothing_half(
    number: int, card: BootPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int, _pieces: object, _offset: int, path: str) -> int:
        raise storage_errors.explain("write", path, refuse(number))

    monkeypatch.setattr(durable_files, "write", fail)
    with pytest.raises(StorageError):
        card.write("a", b"content")
    assert names(card) == set()


def test_an_error_of_the_card_is_no_full_card(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only for want of room is a file written over in place, where it could be torn."""
    card.write("a", b"first")

    def fail(path: str, _mode: int) -> int:
        raise storage_errors.explain("make the file", path, refuse(errno.EIO))

    monkeypatch.setattr(durable_files, "create", fail)
    with pytest.raises(StorageError):
        card.write("a", b"second")
    assert card.read("a", 10) == b"first"


def test_what_is_to_be_erased_goes_also_where_that_was_begun_before(card: BootPartition) -> None:
    Path(card.directory, "a.erase").write_bytes(b"half overwritten")
    card.erase("a")
    card.erase("a")
    assert names(card) == set()


def test_what_was_half_erased_is_overwritten_before_another_file_takes_its_name(
    card: BootPartition,
) -> None:
    """Renamed over, its room would be free with what stands in it."""
    left = Path(card.directory, "a.erase")
    left.write_bytes(b"the former secret")
    former = os.open(left, os.O_RDONLY)
    try:
        card.write("a", b"without any")
        card.erase("a")
        assert not any(os.read(former, 100))
    finally:
        os.close(former)
    assert names(card) == set()


def test_a_file_of_any_size_is_overwritten_with_little_memory(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card's partition has 64 MB, and the unit that erases there 96 MB of memory."""
    size = (5 << 20) + 700
    with Path(card.directory, "a.erase").open("wb") as file:
        file.truncate(size)
    seen: list[int] = []
    write = durable_files.write

    def look(descriptor: int, pieces: list[bytes], offset: int, path: str) -> int:
        seen.append(sum(len(piece) for piece in pieces))
        return write(descriptor, pieces, offset, path)

    monkeypatch.setattr(durable_files, "write", look)
    card.erase("a")
    assert sum(seen) == size
    assert max(seen) <= 1 << 20
    assert names(card) == set()


def test_a_card_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    card = BootPartition(str(tmp_path / "none"))
    assert card.similar_names(()) == []
    assert card.files_containing(b"x", "") == ()
    for look in (lambda: card.read_only, card.overwrite_free_room):
        with pytest.raises(StorageError):
            look()


def test_a_card_that_cannot_be_listed_is_told_where_it_matters(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_path: str) -> None:
        raise refuse(errno.EIO)

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(StorageError):
        card.similar_names(())
    assert card.files_containing(b"x", "") == (), (
        "it only warns of what else may have the passphrase"
    )
    assert "cannot list the card" in caplog.text


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_searched(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    card.write("a", b"secret")
    card.write("b", b"the secret")
    read = boot_partition.read_plain

    def fail(path: str, what: str, most: int | None = None) -> bytes:
        if path.endswith("/a"):
            raise storage_errors.explain("read", path, refuse(errno.EIO))
        return read(path, what, most)

    monkeypatch.setattr(boot_partition, "read_plain", fail)
    assert card.files_containing(b"secret", "c") == ("b",)
    assert "/a: cannot read" in caplog.text


def test_a_folder_that_cannot_be_listed_keeps_nothing_else_from_being_searched(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path(card.directory, "b").mkdir()
    Path(card.directory, "c").mkdir()
    card.write("a", b"secret")
    card.write("c/d", b"secret")
    scandir = os.scandir

    def fail(path: str) -> object:
        if path.endswith("/b"):
            raise refuse(errno.EIO)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail)
    assert card.files_containing(b"secret", "") == ("a", "c/d")
    assert "/b: cannot list the card" in caplog.text


def test_a_file_that_cannot_be_looked_at_is_told(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a", b"x")

    def vanish(path: str, to: str) -> None:
        os.unlink(path)

    monkeypatch.setattr(durable_files, "rename", vanish)
    with pytest.raises(StorageError, match="look at the file"):
        card.erase("a")


def test_an_error_while_free_room_is_overwritten_is_told_and_leaves_nothing(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(card.directory, "camerad-free-room").write_bytes(b"of a start that was cut off")
    monkeypatch.setattr(os.path, "ismount", lambda _path: True)
    monkeypatch.setattr(boot_partition, "MOST_FREE", sys.maxsize)

    def fail(_descriptor: int, _pieces: object, _offset: int, path: str) -> int:
        raise storage_errors.explain("write", path, refuse(errno.EIO))

    monkeypatch.setattr(durable_files, "write", fail)
    with pytest.raises(StorageError):
        card.overwrite_free_room()
    assert names(card) == set()


def test_free_room_is_filled_to_its_last_sector_and_free_again(
    card: BootPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 3 * (1 << 20) + 700_000
    write, most = durable_files.write, []
    monkeypatch.setattr(os.path, "ismount", lambda _path: True)
    monkeypatch.setattr(boot_partition, "MOST_FREE", sys.maxsize)

    def limited(descriptor: int, pieces: list[bytes], offset: int, path: str) -> int:
        if offset + len(pieces[0]) > room:
            raise storage_errors.explain("write", path, refuse(errno.ENOSPC))
        most.append(write(descriptor, pieces, offset, path))
        return most[-1]

    monkeypatch.setattr(durable_files, "write", limited)
    assert card.overwrite_free_room()
    assert room - max(most) < 512
    assert names(card) == set()


def test_a_camera_that_was_set_up_by_hand_stands_with_nobody(tmp_path: Path) -> None:
    assert read_status(None) is ProvisioningStatus.BY_HAND
    assert read_status(tmp_path) is ProvisioningStatus.UNPROVISIONED
