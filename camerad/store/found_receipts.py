"""Finds the receipts about recordings, without reading all others each time.

What is kept is which recordings a file names, as long as the directory has the file with the same
size, time and inode. While a directory is unchanged, by its own time, not even its files are looked
at, but those about what is asked for. So a receipt that another process adds or removes is noticed
at once. Nothing counts by what is kept alone: what is found is looked at or read, and its signature
checked, each time. A file that could not be read as a receipt is looked at each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from camerad.base import file_status
from camerad.base.clock import SECOND, SystemClock
from camerad.container.keys import KeyRing
from camerad.store import receipts
from camerad.store.receipts import FiledReceipt, FileVersion

MOST_DIRECTORIES: Final = 32
"""Of how many something is kept: cameras ask often while they hand over, and then no more. It takes
about half a kilobyte a receipt."""
SETTLED_US: Final = 2 * SECOND
"""A file system's times are coarse: two changes may have the same. So what was read of a directory
stands for it from so long after its last change was first seen."""


class _Kept(NamedTuple):
    """Of a file. state: what tells it from another one. names: the recordings; None if it is no
    receipt."""

    state: FileVersion
    names: frozenset[str] | None


class _Directory(NamedTuple):
    """What was read of one. state: of the directory. seen_us: when it was first seen in this state.
    settled: all of its files were looked at `SETTLED_US` later. files: by their paths, in their
    order. about: the files that name a recording. odd: those that are no receipts."""

    state: FileVersion
    seen_us: int
    settled: bool
    files: Mapping[str, _Kept]
    about: Mapping[str, list[str]]
    odd: list[str]


class FoundReceipts:
    """Any thread may ask. now_us: time since some beginning, which never steps."""

    def __init__(self, now_us: Callable[[], int] | None = None) -> None:
        self._now_us = now_us or SystemClock().now_us
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Directory] = OrderedDict()

    def about(self, directory: str, keys: KeyRing, recording: str) -> list[FiledReceipt]:
        """The receipts about a recording, in their order. Leaves out and raises as
        `camerad.store.receipts.read`."""
        found = self._look(directory)
        if found is None:
            return []
        wanted = [*found.about.get(recording, ()), *found.odd]
        # The text 10000 comes before 9999.
        wanted.sort(key=lambda path: (len(path), path))
        return list(receipts.read_files(wanted, keys, recording))

    def named(self, directory: str, recordings: Collection[str]) -> set[str]:
        """Which of these recordings the receipts in a directory name, by any signer. Raises
        StorageError."""
        found = self._look(directory)
        if found is None:
            return set()
        named = {
            one
            for one in recordings
            if any(_still_names(path, found.files[path], one) for path in found.about.get(one, ()))
        }
        for path in found.odd:
            named |= (receipts.named_in(path) or frozenset()).intersection(recordings)
        return named

    def _look(self, directory: str) -> _Directory | None:
        """What is in a directory; None if there is none."""
        file_status.check_directory(directory)  # no link is followed
        state = receipts.version_of(directory)
        with self._lock:
            before = self._kept.get(directory)
        if state is None:
            return None
        if before is None or before.state != state or not before.settled:
            before = self._read(directory, state, before)
        with self._lock:
            self._kept[directory] = before
            self._kept.move_to_end(directory)
            while len(self._kept) > MOST_DIRECTORIES:
                self._kept.popitem(last=False)
        return before

    def _read(self, directory: str, state: FileVersion, before: _Directory | None) -> _Directory:
        """Look at all files of a directory, and read those that are new."""
        now_us = self._now_us()
        seen_us = now_us if before is None or before.state != state else before.seen_us
        known = {} if before is None else before.files
        files: dict[str, _Kept] = {}
        about: dict[str, list[str]] = {}
        odd = []
        for path in receipts.paths(directory):
            of_file = receipts.version_of(path)
            if of_file is None:
                continue  # it was removed just now
            one = known.get(path)
            if one is None or one.names is None or one.state != of_file:
                one = _Kept(of_file, receipts.named_in(path))
            files[path] = one
            if one.names is None:
                odd.append(path)
            for recording in one.names or ():
                about.setdefault(recording, []).append(path)
        return _Directory(state, seen_us, now_us - seen_us >= SETTLED_US, files, about, odd)


def _still_names(path: str, kept: _Kept, recording: str) -> bool:
    """Whether a file names a recording, as it did when it was read."""
    state = receipts.version_of(path)
    return state == kept.state or (
        state is not None and recording in (receipts.named_in(path) or ())
    )
