"""Remembers checked receipts as long as their files stay the same.

Comparing an office's directory with its ledger reads all of them again and again, and each has a
signature. So the content of one is remembered with its file's size, inode and times, and with the
keys that it was read by; also that it is none, which the log says then. What could not be read is
read each time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, NamedTuple

from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.store import receipts
from camerad.store.receipts import CopiedRecording, FileVersion

MOST_DIRECTORIES: Final = 2000
"""Of how many something is remembered; about half a kilobyte a receipt."""


class ReceiptedCopy(NamedTuple):
    """What a receipt says of a recording. directory: id of the office's directory that it names."""

    copied: CopiedRecording
    directory: str


_Known = dict[str, tuple[FileVersion, tuple[ReceiptedCopy, ...]]]


class ReceiptMemory:
    """Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[frozenset[str], _Known]] = {}

    def read(self, directory: str, keys: KeyRing) -> dict[str, ReceiptedCopy]:
        """What the receipts in a directory say of each recording; the latest one counts. Leaves out
        and raises as `camerad.store.receipts.read`."""
        by = frozenset(keys)
        with self._lock:
            kept = self._known.get(directory)
        before: Mapping[str, tuple[FileVersion, tuple[ReceiptedCopy, ...]]] = {}
        if kept is not None and kept[0] == by:
            before = kept[1]
        now: _Known = {}
        found: dict[str, ReceiptedCopy] = {}
        for path in receipts.paths(directory):
            # Before it is read: what changes meanwhile is read again.
            state = receipts.version_of(path)
            one = before.get(path)
            if one is None or one[0] != state:
                filed = list(receipts.read_files([path], keys))
                if state is None or not (filed or _can_be_read(path)):
                    continue
                said = (known.receipt for known in filed)
                one = (
                    state,
                    tuple(
                        ReceiptedCopy(copied, receipt.directory_id)
                        for receipt in said
                        for copied in receipt.recordings
                    ),
                )
            now[path] = one
            found |= {copy.copied.id: copy for copy in one[1]}
        with self._lock:
            self._known.pop(directory, None)
            self._known[directory] = by, now
            if len(self._known) > MOST_DIRECTORIES:
                del self._known[next(iter(self._known))]
        return found


_MEMORY: Final = ReceiptMemory()


def copied_by(directory: str, keys: KeyRing) -> dict[str, ReceiptedCopy]:
    """As `ReceiptMemory.read`, with what this process remembers."""
    return _MEMORY.read(directory, keys)


def _can_be_read(path: str) -> bool:
    try:
        read_plain(path, "receipt", jws.LONGEST + 1)
    except StorageError:
        return False
    return True
