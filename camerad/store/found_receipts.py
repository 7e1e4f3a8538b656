"""Finds the receipts about one recording, without reading all others each time.

What is kept is which recordings a file names, as long as the directory has the file with the same
size, time and inode. So a receipt that another process adds or removes is noticed at once. Nothing
counts by what is kept alone: what is found is read, and its signature checked, each time. A file
that could not be read as a receipt is looked at each time.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple

from camerad.base import storage_errors
from camerad.container.keys import KeyRing
from camerad.store import receipts
from camerad.store.receipts import FiledReceipt

MOST_DIRECTORIES: Final = 32
"""Of how many something is kept: cameras ask often while they hand over, and then no more. It takes
about half a kilobyte a receipt."""
_State = tuple[int, int, int]


class _Kept(NamedTuple):
    """Of a file. state: what tells it from another one. names: the recordings; None if it is no
    receipt."""

    state: _State
    names: frozenset[str] | None


class FoundReceipts:
    """Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Mapping[str, _Kept]] = OrderedDict()

    def about(self, directory: str, keys: KeyRing, recording: str) -> list[FiledReceipt]:
        """The receipts about a recording, in their order. Leaves out and raises as
        `camerad.store.receipts.read`."""
        with self._lock:
            before = self._kept.get(directory, {})
        now: dict[str, _Kept] = {}
        for path in receipts.paths(directory):
            state = _state_of(path)
            if state is None:
                continue  # it was removed just now
            known = before.get(path)
            if known is None or known.names is None or known.state != state:
                known = _Kept(state, receipts.named_in(path))
            now[path] = known
        with self._lock:
            self._kept[directory] = now
            self._kept.move_to_end(directory)
            while len(self._kept) > MOST_DIRECTORIES:
                self._kept.popitem(last=False)
        wanted = [path for path, one in now.items() if one.names is None or recording in one.names]
        return list(receipts.read_files(wanted, keys, recording))


def _state_of(path: str) -> _State | None:
    """None if there is no such file. Raises StorageError."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_errors.explain("look at the receipt", path, error) from error
    return found.st_size, found.st_mtime_ns, found.st_ino
