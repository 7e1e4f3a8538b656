"""Replicas in another directory, such as one on another machine or another disk.

Below the directory: ``ID/FINAL.tar`` is a copy, and ``ID/FINAL.lock`` says until when it is kept.

This lock binds camerad alone: a user who may write there can remove a copy at any time. It keeps
an office's mistakes from deleting early, and evidence from going with the office's
directory.

Order; each line is durable before the next begins:

1. the bytes, in ``FINAL.tar.new``; an attempt that was cut off goes on behind its last whole part;
2. the lock, in ``FINAL.lock``;
3. the copy gets its name. So none is ever there without its lock.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.clock import DAY, SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explain, explaining
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import is_id
from camerad.office.replicas.replica_store import (
    UPLOADS,
    Lock,
    ReplicaError,
    StoredReplica,
    parse_name,
    store_away,
)

LOCK: Final = ".lock"
PART: Final = 8 << 20
"""What an attempt goes on behind is a multiple of this; bytes."""
_PROBE: Final = "camerad-probe"
_LARGEST: Final = 4096
_ONLY: Final = "only"
"""The name of the one version that a directory has."""


class DirectoryStore:
    """root: the directory, which is never made here: if it is not there, nothing is mounted. clock:
    by whose wall time a lock ends. See `replica_store.ReplicaStore`."""

    def __init__(self, root: str, clock: Clock) -> None:
        self._root: Final = os.path.abspath(root)
        self._clock = clock

    def describe(self) -> str:
        return f"directory {self._root}"

    def describe_lock(self) -> str:
        return "camerad alone keeps its locks, and a user who may write there can remove a copy"

    def close(self) -> None:
        """There is nothing to give up."""

    def probe(self) -> None:
        self._check_there()
        for name in _names(self._root):
            path = os.path.join(self._root, name)
            if name.startswith(_PROBE) and _is_older(path, self._clock.wall_us() - DAY):
                durable_files.remove(path, missing_ok=True)  # its probe was killed
        path = os.path.join(self._root, f"{_PROBE}-{secrets.token_hex(8)}")
        durable_files.publish(path, b"camerad tries whether it can write here\n", mode=None)
        durable_files.remove(path)

    # ------------------------------------------------------------------ writing

    def put(self, name: str, path: str, size: int, lock: Lock, *, again: bool = False) -> None:
        self._check_there()
        target = self._path(name)
        there = self._size(target)
        if not again and there == size:
            self._add(target, lock)
            return
        try:
            self._write(target, path, size, lock, anew=again)
        except StorageError as error:
            if error.errno != errno.ENOENT or not file_status.exists(path):
                raise
            # Another process has just removed the directory, which was empty.
            self._write(target, path, size, lock, anew=again)

    def _write(self, target: str, path: str, size: int, lock: Lock, *, anew: bool) -> None:
        durable_files.make_directory(os.path.dirname(target))
        temporary = target + durable_files.TEMPORARY
        if anew and file_status.exists(temporary):
            durable_files.remove(temporary)
        _copy(path, temporary, size)
        self._add(target, lock)
        durable_files.rename(temporary, target)

    def _add(self, target: str, lock: Lock) -> None:
        """Give a copy what it lacks of a lock."""
        known = self._read_lock(target)
        until_us = known.until_us
        if until_us is None and lock.until_us is not None:
            until_us = lock.until_us // SECOND * SECOND
        self._write_lock(target, Lock(until_us, known.hold or lock.hold))

    # ------------------------------------------------------------------ reading

    def versions(self, name: str) -> list[str]:
        self._check_there()
        return [] if self._size(self._path(name)) is None else [_ONLY]

    def pieces(self, name: str, version: str) -> Iterator[bytes]:
        if version != _ONLY:
            raise ReplicaError(f"{self._root}: there is no version {version!r} of {name}")
        path = self._path(name)
        with explaining("read the file", path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                offset = 0
                while piece := os.pread(descriptor, 1 << 20, offset):
                    offset += len(piece)
                    yield piece
            finally:
                os.close(descriptor)

    def list_copies(self) -> list[StoredReplica]:
        self._check_there()
        found = []
        for directory in self._directories():
            for name in _names(os.path.join(self._root, directory)):
                copy = f"{directory}/{name}"
                size = self._size(self._path(copy)) if parse_name(copy) is not None else None
                if size is not None:
                    found.append(StoredReplica(copy, size))
        return found

    def _directories(self) -> list[str]:
        """Directories of recordings; what else lies there is not camerad's."""
        found = (one for one in _names(self._root) if is_id(one))
        return [one for one in found if file_status.is_directory(os.path.join(self._root, one))]

    # ------------------------------------------------------------------ parts of uploads

    def put_bytes(self, name: str, content: bytes) -> None:
        self._check_there()
        path = self._part_path(name)
        durable_files.make_directory(os.path.dirname(path))
        durable_files.publish(path, content, mode=None)

    def read_bytes(self, name: str) -> bytes | None:
        self._check_there()
        path = self._part_path(name)
        return read_plain(path, "part") if file_status.exists(path) else None

    def remove_below(self, prefix: str) -> None:
        self._check_there()
        above = self._part_path(prefix.rstrip("/"))
        for name in _names(above):
            durable_files.remove(os.path.join(above, name), missing_ok=True)
        self._remove_if_empty(above)

    def _part_path(self, name: str) -> str:
        if not name.startswith(UPLOADS) or ".." in name.split("/"):
            raise ReplicaError(f"{name!r}: this is no name of a part")
        return os.path.join(self._root, name)

    # ------------------------------------------------------------------ locks

    def lock_of(self, name: str) -> Lock | None:
        if not self.versions(name):
            return None
        return self._read_lock(self._path(name))

    def set_lock(self, name: str, until_us: int) -> None:
        self._add(self._path(name), Lock(until_us))

    def hold(self, name: str, *, on: bool) -> None:
        if self.versions(name):
            path = self._path(name)
            self._write_lock(path, self._read_lock(path)._replace(hold=on))

    def _read_lock(self, target: str) -> Lock:
        path = _lock_path(target)
        try:
            content = read_plain(path, "lock", _LARGEST)
        except StorageError as error:
            if error.errno == errno.ENOENT:
                return Lock(None)
            raise
        try:
            said = json.loads(content)
            until_us, hold = said["until_us"], said["hold"]
            if not (until_us is None or type(until_us) is int) or type(hold) is not bool:
                raise ValueError(said)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ReplicaError(
                f"{path}: this is no lock of camerad's, so the last day of the copy beside it is "
                "unknown; find out what happened, and remove both if that day is over"
            ) from None
        return Lock(until_us, hold)

    def _write_lock(self, target: str, lock: Lock) -> None:
        content = json.dumps({"until_us": lock.until_us, "hold": lock.hold}).encode() + b"\n"
        durable_files.publish(_lock_path(target), content, mode=None)

    # ------------------------------------------------------------------ deleting

    def delete(self, name: str) -> None:
        self._check_there()
        target = self._path(name)
        if not file_status.exists(os.path.dirname(target)):
            return
        lock = self._read_lock(target)
        if lock.hold:
            raise ReplicaError(f"{target}: this copy cannot be deleted yet: it is held")
        if lock.until_us is not None and self._clock.wall_us() < lock.until_us:
            until = datetime.fromtimestamp(lock.until_us / SECOND, UTC)
            raise ReplicaError(
                f"{target}: this copy cannot be deleted yet: it is locked until {until:%F %T} UTC"
            )
        durable_files.remove(target, missing_ok=True)
        durable_files.remove(_lock_path(target), missing_ok=True)
        self.abandon(name)

    def leftovers(self, before_us: int) -> list[str]:
        self._check_there()
        found = []
        for directory in self._directories():
            for name in _names(os.path.join(self._root, directory)):
                copy = f"{directory}/{name.removesuffix(durable_files.TEMPORARY)}"
                path = os.path.join(self._root, directory, name)
                left = name.endswith(durable_files.TEMPORARY) and parse_name(copy) is not None
                if left and _is_older(path, before_us):
                    found.append(copy)
        return found

    def abandon(self, name: str) -> None:
        target = self._path(name)
        durable_files.remove(target + durable_files.TEMPORARY, missing_ok=True)
        self._remove_if_empty(os.path.dirname(target))

    def _remove_if_empty(self, directory: str) -> None:
        try:
            os.rmdir(directory)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                with explaining("remove the directory", directory):
                    raise
            return
        durable_files.sync_directory(self._root)

    # ------------------------------------------------------------------ paths

    def _check_there(self) -> None:
        if not file_status.is_directory(self._root, linked=True):
            raise store_away(
                f"{self._root}: the directory of replicas is not there: mount the storage "
                "that has it"
            )

    def _path(self, name: str) -> str:
        if parse_name(name) is None:
            raise ReplicaError(f"{name!r}: this is no name of a replica")
        return os.path.join(self._root, name)

    def _size(self, path: str) -> int | None:
        if not file_status.is_file(path):
            return None
        try:
            return os.lstat(path).st_size
        except FileNotFoundError:
            return None  # it was removed just now
        except OSError as error:
            raise explain("look at it", path, error) from error


def _lock_path(target: str) -> str:
    return target.removesuffix(SUFFIX) + LOCK


def _is_older(path: str, before_us: int) -> bool:
    """Whether it is there, and was changed before that time."""
    try:
        return os.lstat(path).st_mtime_ns // 1000 < before_us
    except FileNotFoundError:
        return False
    except OSError as error:
        raise explain("look at it", path, error) from error


def _names(directory: str) -> list[str]:
    """What is in a directory; nothing if it was removed just now."""
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise explain("list the directory", directory, error) from error


def _copy(source: str, target: str, size: int) -> None:
    """Copy a file durably, or go on with that. What was there may be torn behind its last part."""
    with explaining("read the file", source):
        reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        there = file_status.exists(target)
        writing = durable_files.open_existing(target) if there else durable_files.create(target)
        try:
            offset = min(os.fstat(writing).st_size, size) // PART * PART
            durable_files.truncate(writing, offset, target)
            while offset < size:
                with explaining("read the file", source):
                    piece = os.pread(reading, PART, offset)
                if not piece:
                    raise ReplicaError(f"{source}: it became shorter while it was copied")
                offset = durable_files.write(writing, [piece], offset, target)
            durable_files.sync(writing, target)
        finally:
            durable_files.close(writing, target)
    finally:
        os.close(reading)
