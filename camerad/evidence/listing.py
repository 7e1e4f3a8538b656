"""Which recordings a directory holds, from their own files.

There is no index that could disagree with them. What a file says about itself is listed as it is:
whether it is authentic is not asked here.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from dataclasses import replace
from typing import Final

from camerad.errors import StorageError
from camerad.evidence.container import ID, SUFFIX, is_locked, names, number_of
from camerad.evidence.files import explained
from camerad.evidence.reading import header_of, skeleton
from camerad.evidence.records import RECOVERED, RecordingInfo, Tally
from camerad.evidence.text import printable
from camerad.evidence.walking import NotARecordingError

_log = logging.getLogger(__name__)

RECORDING: Final = "recording"
"""It runs."""
CLOSED: Final = "closed"
"""It has its end; one that repair wrote makes it `RECOVERED` instead."""
INTERRUPTED: Final = "interrupted"
"""It has no end, and nobody is writing it."""

_Key = tuple[int, int]


class Listing:
    """Lists directories, and reads no file again that has neither another size nor another time of
    change. Usable from any thread.

    failed: of the directories that were read, each file that could not be, and why: nobody knows
    what is in it.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Key, RecordingInfo | None]] = {}
        self.failed: dict[str, StorageError] = {}

    def read(self, directory: str) -> list[RecordingInfo]:
        """Every recording in `directory`, the newest first.

        Files that are none of ours are left out; of those that should be, the log says why, once.
        Raises StorageError if the directory cannot be read.
        """
        known, seen = self._known, {}
        found = []
        failed = {}
        for name in names(directory):
            if not name.endswith(SUFFIX) or ID.fullmatch(name.removesuffix(SUFFIX)) is None:
                continue
            path = os.path.join(directory, name)
            try:
                key, info = self._look(path, known.get(path))
            except OSError as error:
                if error.errno != errno.ENOENT:  # else it was deleted since
                    _log.warning("this recording cannot be listed: %s", printable(error))
                    if not isinstance(error, StorageError):
                        error = explained("look at it", path, error)
                    failed[path] = error
                continue
            except (ValueError, ArithmeticError) as error:
                # Whatever a file says, it keeps no other one from being listed.
                _log.error("this recording cannot be listed: %s: %s", path, printable(error))
                continue
            seen[path] = key, info
            if info is not None:
                found.append(info)
        kept = {path: entry for path, entry in known.items() if os.path.dirname(path) != directory}
        self._known = kept | seen
        others = {
            path: error for path, error in self.failed.items() if os.path.dirname(path) != directory
        }
        self.failed = others | failed
        return sorted(found, key=lambda info: (number_of(info.id), info.id), reverse=True)

    def _look(
        self, path: str, known: tuple[_Key, RecordingInfo | None] | None
    ) -> tuple[_Key, RecordingInfo | None]:
        # Before the file is read: what changes meanwhile is read again the next time.
        state = os.stat(path, follow_symlinks=False)
        key = state.st_size, state.st_mtime_ns
        if known is not None and known[0] == key:
            info = known[1]
            if info is not None and info.state in (RECORDING, INTERRUPTED):
                info = replace(info, state=RECORDING if _runs(path) else INTERRUPTED)
            return key, info
        try:
            if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
                # Not even opened: a symbolic link may lead anywhere. To read a directory fails.
                raise NotARecordingError(path, "this is no regular file")
            return key, read_info(path)
        except NotARecordingError as error:
            _log.warning("this recording cannot be listed: %s", printable(error))
            return key, None


def list_recordings(directory: str) -> list[RecordingInfo]:
    """Every recording in `directory`, read afresh: see `Listing.read`."""
    return Listing().read(directory)


def read_info(path: str) -> RecordingInfo:
    """What the recording at `path` says about itself.

    Raises NotARecordingError if it is none, or has the name of another one; StorageError if it
    cannot be read.
    """
    # The lock first: a recording that ends meanwhile has its end when the file is read.
    runs = _runs(path)
    header = header_of(path)
    if header.id != os.path.basename(path).removesuffix(SUFFIX):
        raise NotARecordingError(path, f"this is the recording {header.id}, renamed")
    tally = Tally(header, path, 0)
    ended = skeleton(path, tally.add).closed_by
    if ended is None:
        return tally.info(RECORDING if runs else INTERRUPTED)
    closing = ended.end.closing
    tally.finish(closing, ended.sha256)
    return tally.info(RECOVERED if closing.reason == RECOVERED else CLOSED)


def _runs(path: str) -> bool:
    try:
        # A named pipe would block here until somebody writes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return is_locked(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise explained("read the recording", path, error) from error
