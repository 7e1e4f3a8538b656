"""Room for recordings: asked without writing, probed without a trace."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from camerad.base.errors import EX_CANTCREAT, StorageError
from camerad.store import disk


def test_minutes_left_follow_from_the_bit_rate(tmp_path: Path) -> None:
    room = disk.free_space(str(tmp_path), bits_per_second=8_000_000)
    # 8 Mbit/s are 60 MB a minute
    assert room.minutes == pytest.approx(room.free_bytes / 60e6)
    assert room.writable


def test_errors_that_ext4_has_found_in_itself_are_counted(tmp_path: Path) -> None:
    devices, ext4 = tmp_path / "block", tmp_path / "ext4"
    number = os.stat(tmp_path).st_dev
    (devices / "mmcblk0p3").mkdir(parents=True)
    (devices / f"{os.major(number)}:{os.minor(number)}").symlink_to("mmcblk0p3")

    def errors() -> int:
        return disk.free_space(str(tmp_path), 8_000_000, str(devices), str(ext4)).errors

    assert errors() == 0
    (ext4 / "mmcblk0p3").mkdir(parents=True)
    (ext4 / "mmcblk0p3" / "errors_count").write_text("3\n")
    assert errors() == 3
    (ext4 / "mmcblk0p3" / "errors_count").write_text("")
    assert errors() == 0


def test_a_probe_leaves_no_trace(tmp_path: Path) -> None:
    before = os.stat(tmp_path).st_mtime_ns
    disk.probe(str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert os.stat(tmp_path).st_mtime_ns == before


def test_prepare_makes_a_directory_that_others_cannot_read(tmp_path: Path) -> None:
    place = tmp_path / "state" / "recordings"
    disk.prepare(str(place))
    assert os.stat(place).st_mode & 0o007 == 0


def test_a_state_directory_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(disk.StateDirectoryError, match=r"set device\.state_dir") as caught:
        disk.prepare(str(tmp_path / "file" / "recordings"))
    assert caught.value.exit_code == EX_CANTCREAT


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "full"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "replace it"),
        (errno.EACCES, "as a user who may"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_a_write_that_fails_is_one_sentence_with_a_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StorageError, match=says) as caught:
        disk.probe(str(tmp_path))
    assert caught.value.errno == code
    if code in (errno.ENOSPC, errno.EROFS, errno.EIO):
        # It may pass: the camera starts, and says that it cannot record.
        away = disk.usable(str(tmp_path))
        assert away is not None
        assert says in str(away)
    else:
        with pytest.raises(disk.StateDirectoryError, match=says):
            disk.usable(str(tmp_path))


def test_storage_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        disk.free_space(str(tmp_path / "gone"), 8_000_000)


def test_only_one_daemon_records_into_a_directory(tmp_path: Path) -> None:
    first = disk.claim(str(tmp_path))
    with pytest.raises(disk.TakenError, match="another process of camerad"):
        disk.claim(str(tmp_path))
    os.close(first)
    os.close(disk.claim(str(tmp_path)))


@pytest.mark.parametrize("call", ["open", "flock"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOLCK, errno.EMFILE])
def test_a_directory_that_cannot_be_claimed_is_not_one_that_another_daemon_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os if call == "open" else fcntl, call, fail)
    with pytest.raises(disk.StateDirectoryError, match=os.strerror(number)) as caught:
        disk.claim(str(tmp_path))
    assert not isinstance(caught.value, disk.TakenError)
    assert caught.value.errno == number


@pytest.mark.parametrize(
    ("table", "refused"),
    [
        ("UUID=1 / ext4 defaults 0 1\nUUID=2 {card} ext4 defaults 0 2\n", True),
        ("#UUID=2 {card} ext4 defaults 0 2\n", False),
        ("UUID=2 {card} ext4 noauto 0 2\n", False),
        ("UUID=2 {card}-other ext4 defaults 0 2\n", False),
        ("UUID=2 /proc ext4 defaults 0 2\n", False),
        ("", False),
    ],
)
def test_a_card_that_is_to_be_mounted_and_is_not_gets_no_new_camera_beneath(
    tmp_path: Path, table: str, refused: bool
) -> None:
    card, fstab = tmp_path / "card", tmp_path / "fstab"
    fstab.write_text(table.format(card=card))
    with pytest.raises(disk.StateDirectoryError, match="put it in") if refused else nullcontext():
        disk.check_mounted(str(card / "camerad" / "recordings"), str(fstab))
    assert not card.exists()
    disk.check_mounted("/proc/camerad/recordings", str(fstab))  # what is mounted is there


def test_another_mount_in_the_same_place_is_another_place(tmp_path: Path) -> None:
    first = disk.free_space(str(tmp_path), 1e6).place
    assert disk.free_space(str(tmp_path), 1e6).place == first
    assert disk.free_space("/proc", 1e6).place != first
