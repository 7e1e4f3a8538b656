"""Brings the camera's ledger to its office, which compares recordings with it.

The daemon goes on writing meanwhile. So what is brought is a snapshot: of each file so many bytes
as it has whole entries now. Files only grow; if one is replaced meanwhile (an epoch expires, or is
set aside), the office misses what was declared, and the next snapshot has it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from camerad.base import durable_files
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.dock.errors import OfficeAnswerError
from camerad.dock.office_client import OfficeClient
from camerad.dock.request_bodies import FilePart
from camerad.ledger import log_segments

LARGEST: Final = 16 << 20
"""Bytes of a file that an office takes."""
ATTEMPTS: Final = 3
"""Snapshots that are taken if files are replaced meanwhile."""
_TAIL: Final = 4096


class LedgerFile(msgspec.Struct, frozen=True):
    """A file of the ledger as it was. sha256: of its first `size` bytes, in hexadecimal."""

    path: str
    size: int
    sha256: str


def bring_ledger(
    directory: str, client: OfficeClient, raise_if_stopped: Callable[[], None]
) -> list[str]:
    """Bring what the office lacks of the ledger in `directory`; what a person has to look at.

    Raises StorageError, OfficeAnswerError if the office still lacks something afterwards, and what
    `client` raises.
    """
    lacking: list[str] = []
    for _ in range(ATTEMPTS):
        try:
            files = snapshot(directory, raise_if_stopped)
            there = client.ledger()
            wanted = [name for name in files if there.get(name) != files[name].sha256]
            _put(client, files, wanted)
            problems, lacking = _declare(client, files)
            if lacking:
                _put(client, files, [name for name in lacking if name in files])
                problems, lacking = _declare(client, files)
        except StorageError as error:
            if error.errno != errno.ENOENT:
                raise
            continue
        if not lacking:
            return problems
    raise OfficeAnswerError(
        f"the office lacks files of the ledger though they were brought: {', '.join(lacking[:3])}"
    )


def snapshot(directory: str, raise_if_stopped: Callable[[], None]) -> dict[str, LedgerFile]:
    """The files of a ledger as they are now, by their names. Raises StorageError, also if one is
    larger than an office takes."""
    shelf = log_segments.list_files(directory)
    names = [
        *map(log_segments.epoch_name, sorted(shelf.epochs)),
        *map(log_segments.damaged_name, sorted(shelf.damaged)),
        *map(log_segments.checkpoint_name, sorted(shelf.checkpoints)),
    ]
    newest = log_segments.epoch_name(shelf.newest)
    if newest in names:
        # What a loss of power could still take back must never be at the office and not here.
        durable_files.sync_path(os.path.join(directory, newest))
    return {name: _look(os.path.join(directory, name), raise_if_stopped) for name in names}


def _look(path: str, raise_if_stopped: Callable[[], None]) -> LedgerFile:
    with opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        if path.endswith(log_segments.EPOCH_ENDING):
            size = _whole(descriptor, path, size)
        if size > LARGEST:
            raise StorageError(
                f"{path}: larger than {LARGEST >> 20} MiB, which no office takes: treat the card "
                "as manipulated"
            )
        sha256 = hashlib.sha256()
        for piece in FilePart(descriptor, path, 0, size).pieces():
            raise_if_stopped()
            sha256.update(piece)
        return LedgerFile(path, size, sha256.hexdigest())


def _whole(descriptor: int, path: str, size: int) -> int:
    """How many bytes of an epoch are whole entries: up to its last newline."""
    end = size
    while end > 0:
        begin = max(0, end - _TAIL)
        with explaining("read", path):
            found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _put(client: OfficeClient, files: Mapping[str, LedgerFile], names: list[str]) -> None:
    for name in names:
        file = files[name]
        with opened(file.path) as descriptor:
            client.put_ledger_file(name, FilePart(descriptor, file.path, 0, file.size))


def _declare(client: OfficeClient, files: Mapping[str, LedgerFile]) -> tuple[list[str], list[str]]:
    return client.declare_ledger({name: file.sha256 for name, file in files.items()})


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """A plain file, opened to be read; no link is followed. Raises StorageError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    with explaining("open", path):
        descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
