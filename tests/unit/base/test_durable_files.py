"""What the few calls that write promise beyond what their users' tests show."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.base import durable_files
from camerad.base.errors import StorageError


@pytest.mark.parametrize("path", ["one", "one/two/three", "./one", "../here/one/two"])
def test_a_directory_is_made_by_a_relative_path_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    durable_files.make_directory(path)
    assert (here / path).is_dir()
    durable_files.make_directory(path)


def test_a_directory_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="make the directory"):
        durable_files.make_directory(str(tmp_path / "file" / "below"))


@pytest.mark.parametrize(
    ("place", "why"), [("file", "something of this name"), ("link", "a symbolic link stands there")]
)
def test_what_is_no_directory_and_has_its_name_is_told(
    place: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"of somebody's")
    (tmp_path / "link").symlink_to("nowhere")
    path = tmp_path / place
    with pytest.raises(StorageError, match=rf"make the directory: .*{why}") as said:
        durable_files.make_directory(str(path))
    assert str(said.value).startswith(f"{path}: ")
    assert (tmp_path / "file").read_bytes() == b"of somebody's"


def test_a_directory_that_somebody_else_makes_meanwhile_is_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = durable_files.os.mkdir

    def first(path: str, mode: int, *, dir_fd: int | None) -> None:
        make(path, mode, dir_fd=dir_fd)
        make(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(durable_files.os, "mkdir", first)
    durable_files.make_directory(str(tmp_path / "one" / "two"))
    assert (tmp_path / "one" / "two").is_dir()


def test_nothing_but_a_plain_file_is_opened_to_be_written(tmp_path: Path) -> None:
    """A device's name on a card would be a disk of the computer's; a pipe would take the bytes."""
    path = tmp_path / "000001.jws"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(StorageError, match="this is a device or a pipe, and not what a camera"):
            durable_files.open_existing(str(path))
    finally:
        os.close(reader)


# ------------------------------------------------------------------------------- what is there


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that are another user's")
def test_what_root_makes_belongs_to_whoever_has_the_directory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(tmp_path, 65_534, 65_533)
    durable_files.make_directory(str(tmp_path / "one" / "two"))
    durable_files.publish(str(tmp_path / "one" / "file"), b"x")
    durable_files.publish(str(tmp_path / "secret"), b"x", mode=0o600)

    def owner(name: str) -> tuple[int, int]:
        found = (tmp_path / name).stat()
        return found.st_uid, found.st_gid

    assert {owner(name) for name in ("one", "one/two", "one/file")} == {(65_534, 65_533)}
    assert owner("secret") == (0, 0)

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    # A share may know no such user: what is copied there counts more than whose it is.
    monkeypatch.setattr(durable_files.os, "fchown", refuse)
    durable_files.publish(str(tmp_path / "shared"), b"x")
    assert owner("shared") == (0, 0)
    assert "cannot give it to the directory's owner" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="others write only where they may")
def test_root_follows_no_link_on_the_way_but_its_own(tmp_path: Path) -> None:
    """Of others, whoever owns a directory on the way could put one there at any time."""
    there = tmp_path / "there"
    there.mkdir()
    (there / "a").write_bytes(b"1")
    own, theirs, loop = (tmp_path / one for one in ("own", "theirs", "loop"))
    own.symlink_to("there")
    theirs.symlink_to(there)
    os.lchown(theirs, 65_534, 65_534)
    loop.symlink_to("loop")
    durable_files.publish(str(own / "b"), b"2")
    assert (there / "b").read_bytes() == b"2"
    before = sorted(there.iterdir())
    calls: list[Callable[[str], object]] = [
        lambda above: durable_files.publish(f"{above}/a", b"x"),
        lambda above: durable_files.publish_new(f"{above}/c", b"x", mode=0o600),
        lambda above: durable_files.make_directory(f"{above}/d/e"),
        lambda above: durable_files.remove(f"{above}/a"),
        lambda above: durable_files.rename(f"{above}/a", f"{above}/c"),
        lambda above: durable_files.move(f"{there}/a", f"{above}/c"),
        lambda above: durable_files.move(f"{above}/a", f"{there}/c"),
        lambda above: durable_files.open_existing(f"{above}/a"),
        durable_files.sync_directory,
    ]
    for above in (theirs, loop):
        for call in calls:
            with pytest.raises(StorageError):
                call(str(above))
    assert sorted(there.iterdir()) == before and (there / "a").read_bytes() == b"1"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A file, and where it is to go."""
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    (tmp_path / "from" / "a").write_bytes(b"1")
    return tmp_path / "from" / "a", tmp_path / "to" / "b"


def one_name_only(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("links", [True, False], ids=["links", "FAT"])
def test_a_file_is_moved_and_not_written_again(
    two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", one_name_only)
    path, to = two
    before = path.stat().st_ino
    durable_files.move(str(path), str(to))
    assert (to.read_bytes(), to.stat().st_ino, path.exists()) == (b"1", before, False)


@pytest.mark.parametrize("links", [True, False], ids=["links", "FAT"])
@pytest.mark.parametrize("there", ["file", "directory", "link"])
def test_a_move_replaces_nothing(
    two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, there: str, *, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", one_name_only)
    path, to = two
    {"file": to.touch, "directory": to.mkdir, "link": lambda: to.symlink_to("nowhere")}[there]()
    with pytest.raises(StorageError) as told:
        durable_files.move(str(path), str(to))
    assert told.value.errno == errno.EEXIST
    assert path.read_bytes() == b"1"
    assert to.lstat().st_size == {"file": 0, "link": len("nowhere")}.get(there, to.lstat().st_size)


def test_a_move_of_nothing_is_told(two: tuple[Path, Path]) -> None:
    path, to = two
    path.unlink()
    with pytest.raises(StorageError, match="move it to"):
        durable_files.move(str(path), str(to))


def test_a_write_out_begins_early_where_the_file_can_and_a_failing_one_is_told(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "file")
    descriptor = durable_files.create(path)
    try:
        durable_files.write(descriptor, [b"x" * 8192], 0, path)
        durable_files.begin_sync(descriptor, 0, 8192, path)
        assert os.pread(descriptor, 8192, 0) == b"x" * 8192
    finally:
        os.close(descriptor)
    # ESPIPE: what has no pages has nothing to write out.
    reading, writing = os.pipe()
    durable_files.begin_sync(writing, 0, 1, "pipe")
    os.close(reading)
    os.close(writing)
    with pytest.raises(StorageError, match="cannot write") as said:
        durable_files.begin_sync(writing, 0, 1, path)
    assert said.value.errno == errno.EBADF


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS])
def test_where_an_early_write_out_is_not_to_be_had_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unable(*_asked: int) -> int:
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(durable_files._libc, "sync_file_range", unable)
    path = str(tmp_path / "file")
    descriptor = durable_files.create(path)
    try:
        durable_files.begin_sync(descriptor, 0, 1, path)
    finally:
        os.close(descriptor)
