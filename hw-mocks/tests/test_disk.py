"""The card, through the functions of Python that a daemon writes with."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import DEADLINE

from hw_mocks.bus import now_us
from hw_mocks.disk import ERROR, FULL, LIES, READONLY, SLOW, Disk
from hw_mocks.world import WorldThread

Call = Callable[[Path, int], None]
"""Something done to a file, which lies at a path and was opened before."""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card").mkdir()
    return tmp_path / "card"


@pytest.fixture
def disk(card: Path) -> Iterator[Disk]:
    made = Disk(card)
    made.install()
    yield made
    made.remove()


def descriptor(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    return os.open(path, flags, 0o600)


def by_descriptor(name: str, *arguments: Any) -> Call:
    def call(_: Path, fd: int) -> None:
        getattr(os, name)(fd, *arguments)

    return call


def by_path(act: Callable[[Path], Any]) -> Call:
    def call(path: Path, _: int) -> None:
        act(path)

    return call


def write_by_file(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"x")


@pytest.mark.parametrize("fault", [FULL, READONLY, ERROR])
def test_an_open_descriptor_meets_the_fault_that_begins_later(
    disk: Disk, card: Path, fault: str
) -> None:
    code = {FULL: errno.ENOSPC, READONLY: errno.EROFS, ERROR: errno.EIO}[fault]
    fd = descriptor(card / "a")
    assert os.write(fd, b"before") == 6
    disk.fail(fault)
    with pytest.raises(OSError, match=os.strerror(code)) as failed:
        os.write(fd, b"after")
    assert failed.value.errno == code
    assert failed.value.filename == str(card / "a")
    disk.heal(fault)
    assert os.write(fd, b"healed") == 6
    os.close(fd)
    assert (card / "a").read_bytes() == b"beforehealed"


WRITES = [
    by_descriptor("write", b"x"),
    by_descriptor("writev", [b"x", b"y"]),
    by_descriptor("pwrite", b"x", 0),
    by_descriptor("pwritev", [b"x"], 0),
    by_descriptor("posix_fallocate", 0, 4096),
    by_path(write_by_file),
    by_path(lambda path: path.write_text("x")),
]
CHANGES = [
    by_descriptor("ftruncate", 0),
    by_path(lambda path: os.truncate(path, 0)),
    by_path(lambda path: os.rename(path, path.with_suffix(".new"))),
    by_path(lambda path: os.replace(path, path.with_suffix(".new"))),
    by_path(lambda path: os.link(path, path.with_suffix(".new"))),
    by_path(lambda path: os.unlink(str(path))),
    by_path(lambda path: path.unlink()),
    by_path(lambda path: os.close(os.open(path, os.O_WRONLY))),
    by_path(lambda path: path.open("a").close()),
]
ROOM = [
    by_path(lambda path: (path.parent / "directory").mkdir()),
    by_path(lambda path: (path.parent / "link").symlink_to("a")),
]


@pytest.mark.parametrize("call", WRITES + ROOM)
def test_what_needs_room_fails_on_a_full_card(disk: Disk, card: Path, call: Call) -> None:
    fd = descriptor(card / "a")
    disk.fail(FULL)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        call(card / "a", fd)
    os.close(fd)


@pytest.mark.parametrize("call", CHANGES)
def test_what_needs_no_room_works_on_a_full_card(disk: Disk, card: Path, call: Call) -> None:
    fd = descriptor(card / "a")
    disk.fail(FULL)
    call(card / "a", fd)
    os.close(fd)


@pytest.mark.parametrize(("fault", "code"), [(READONLY, errno.EROFS), (ERROR, errno.EIO)])
@pytest.mark.parametrize("call", [*WRITES, *CHANGES, *ROOM, by_descriptor("fsync")])
def test_all_that_changes_the_card_fails_on_a_broken_one(
    disk: Disk, card: Path, call: Call, fault: str, code: int
) -> None:
    fd = descriptor(card / "a")
    disk.fail(fault)
    with pytest.raises(OSError, match=os.strerror(code)):
        call(card / "a", fd)
    os.close(fd)


@pytest.mark.parametrize("call", [*WRITES, *CHANGES, *ROOM, by_descriptor("fdatasync")])
def test_other_files_never_notice(disk: Disk, tmp_path: Path, call: Call) -> None:
    # Beside the card, with the card's name as the beginning of its own.
    (tmp_path / "cards").mkdir()
    fd = descriptor(tmp_path / "cards" / "a")
    for fault in (FULL, READONLY, ERROR):
        disk.fail(fault)
    call(tmp_path / "cards" / "a", fd)
    os.close(fd)


def test_a_full_card_takes_what_room_is_left_in_a_short_write(disk: Disk, card: Path) -> None:
    fd = descriptor(card / "a")
    disk.fail(FULL, bytes_left=10)
    assert os.write(fd, b"1234567") == 7
    assert os.writev(fd, [b"89", b"abc"]) == 3
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        os.write(fd, b"d")
    os.close(fd)
    assert (card / "a").read_bytes() == b"123456789a"


def test_statvfs_shows_a_full_and_a_readonly_card(disk: Disk, card: Path, tmp_path: Path) -> None:
    healthy = os.statvfs(card)
    disk.fail(FULL)
    full = os.statvfs(card)
    assert (full.f_bfree, full.f_bavail) == (0, 0)
    assert (full.f_blocks, full.f_namemax, full.f_fsid) == (
        healthy.f_blocks,
        healthy.f_namemax,
        healthy.f_fsid,
    )
    assert shutil.disk_usage(card).free == 0
    assert os.statvfs(tmp_path).f_bavail > 0
    disk.fail(READONLY)
    fd = os.open(card, os.O_RDONLY)
    assert os.fstatvfs(fd).f_flag & os.ST_RDONLY
    os.close(fd)


def test_a_slow_card_syncs_late_and_rightly(disk: Disk, card: Path) -> None:
    disk.fail(SLOW, seconds=0.1)
    with (card / "a").open("wb") as file:
        for sync in (os.fsync, os.fdatasync):
            began = time.monotonic()
            sync(file.fileno())
            assert time.monotonic() - began >= 0.1
        sync(file)  # a file object, as os.fsync takes it
    began = time.monotonic()
    fd = os.open(card, os.O_RDONLY)
    os.fsync(fd)  # a directory is on the card too
    os.close(fd)
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("name", ["fsync", "fdatasync"])
def test_a_lying_card_says_that_it_has_synced_and_has_not(
    monkeypatch: pytest.MonkeyPatch, card: Path, name: str
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, name, synced.append)
    disk = Disk(card)
    disk.install()
    try:
        fd = descriptor(card / "file")
        getattr(os, name)(fd)
        disk.fail(LIES)
        getattr(os, name)(fd)
        assert synced == [fd]
        disk.heal()
        getattr(os, name)(fd)
        assert synced == [fd, fd]
        os.close(fd)
    finally:
        disk.remove()


def test_paths_are_judged_by_where_they_lead(disk: Disk, card: Path, tmp_path: Path) -> None:
    (tmp_path / "shortcut").symlink_to(card)
    disk.fail(READONLY)
    for path in (tmp_path / "shortcut" / "a", card / ".." / "card" / "a"):
        with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
            path.write_text("x")
    folder = os.open(card, os.O_RDONLY)
    with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
        os.open("a", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
    os.close(folder)
    (tmp_path / "b").write_text("x")


def test_the_world_lets_the_card_fail_and_hears_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, card: Path
) -> None:
    with WorldThread(tmp_path / "world") as world:
        monkeypatch.setenv("HW_MOCKS_WORLD", str(tmp_path / "world"))
        still = {"fault": FULL, "until_us": now_us() + 60_000_000}
        world.tell("disk", still, keep=FULL)
        disk = Disk(card)
        disk.connect()
        disk.install()
        try:
            fd = descriptor(card / "a")
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                os.write(fd, b"x")
            hit = world.wait_for(lambda _, m: m.get("hit") == FULL)
            assert (hit["call"], hit["path"]) == ("write", str(card / "a"))
            os.fdatasync(fd)
            synced = world.wait_for(lambda _, m: m.get("synced") == str(card / "a"))
            assert synced["took_us"] >= 0
            os.close(fd)
        finally:
            disk.remove()


PROGRAM = """
import json, os, sys
try:
    open(sys.argv[1], "w").write("x")
    word = "written"
except OSError as error:
    word = error.strerror
print(json.dumps([__name__, sys.argv, word]))
"""


def test_boot_runs_a_module_on_the_simulated_card(tmp_path: Path, card: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "HW_MOCKS_DISK": str(card), "HW_MOCKS_PARENT": str(os.getpid())}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
    with WorldThread(tmp_path / "world") as world:
        environment["HW_MOCKS_WORLD"] = str(tmp_path / "world")
        fault = {"fault": READONLY, "until_us": now_us() + 60_000_000}
        world.tell("disk", fault, keep=READONLY)
        command = [sys.executable, "-m", "hw_mocks.boot", "program", str(card / "a")]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
    name, arguments, word = json.loads(done.stdout)
    assert name == "__main__"
    assert arguments == [str(tmp_path / "program.py"), str(card / "a")]
    assert word == os.strerror(errno.EROFS)
