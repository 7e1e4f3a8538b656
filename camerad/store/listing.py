"""Lists the recordings in a directory, from their own files.

There is no index that could disagree with them. A listing shows what a file says about itself; it
does not ask whether that is authentic. A recording has one name, its id and ``.tar``. A file with
the content of a recording and any other name is a copy (`Listing.others`).
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import explain, explaining
from camerad.base.text import printable
from camerad.base.version_cache import VersionCache
from camerad.container.members import NotARecordingError
from camerad.container.recording_files import SUFFIX, UNREADABLE, is_locked, list_names, number_of
from camerad.container.recording_ids import ID
from camerad.container.skeleton import Skeleton, header_of, skeleton
from camerad.container.statements import RECOVERED, FragmentFacts, RecordingInfo, Tally

_log = logging.getLogger(__name__)

RECORDING: Final = "recording"
"""State of a recording that is being made."""
CLOSED: Final = "closed"
"""State of a recording with an end; if repair wrote the end, it is `RECOVERED` instead."""
INTERRUPTED: Final = "interrupted"
"""State of a recording without an end that no recorder is writing."""

MOST_FILES: Final = 200_000
"""Of so many it is remembered what they are."""


class OtherFiles(msgspec.Struct, frozen=True):
    """Other files in a directory of recordings.

    copies: recordings by their content, with another name than their own. odd: paths of files that
    may be recordings and cannot be looked at, or are none, each with why, for people. failed:
    errors of files that could not be read.
    """

    copies: tuple[RecordingInfo, ...] = ()
    odd: tuple[tuple[str, str], ...] = ()
    failed: tuple[StorageError, ...] = ()


class Listing:
    """Lists directories, and reads a file again only if its size or its time of change is another
    one. Any thread may use it.

    failed: files in the directories read that could not be read themselves, and why: their content
    is unknown.
    """

    def __init__(self) -> None:
        self._known: Final = VersionCache[RecordingInfo | NotARecordingError](MOST_FILES)
        self.failed: dict[str, StorageError] = {}
        self._others: Final = VersionCache[RecordingInfo | str](MOST_FILES)

    def read(self, directory: str) -> list[RecordingInfo]:
        """Every recording in `directory`, the newest first.

        Files that are no recordings are left out. Of those that should be, the log says once what
        is wrong. Raises StorageError if the directory cannot be read.
        """
        names = list_names(directory)
        found = []
        failed = {
            path: error for path, error in self.failed.items() if os.path.dirname(path) != directory
        }
        for name in names:
            if not name.endswith(SUFFIX) or ID.fullmatch(name.removesuffix(SUFFIX)) is None:
                continue
            path = os.path.join(directory, name)
            try:
                info = self._look(path)
            except OSError as error:
                if error.errno != errno.ENOENT:  # else it was deleted since
                    _log.warning(
                        "this recording cannot be listed: %s",
                        printable(error),
                        extra=MessageId.NOT_LISTED.extra,
                    )
                    if not isinstance(error, StorageError):
                        error = explain("look at it", path, error)
                    failed[path] = error
            except (ValueError, ArithmeticError) as error:
                # Whatever a file says, it keeps no other one from being listed.
                _log.error(
                    "this recording cannot be listed: %s: %s",
                    path,
                    printable(error),
                    extra=MessageId.NOT_LISTED.extra,
                )
            else:
                if isinstance(info, RecordingInfo):
                    found.append(info)
        self.failed = failed
        return sorted(found, key=lambda info: (number_of(info.id), info.id), reverse=True)

    def _look(self, path: str) -> RecordingInfo | NotARecordingError:
        # Before the file is read: what changes meanwhile is read again the next time.
        state = os.stat(path, follow_symlinks=False)
        version = state.st_size, state.st_mtime_ns
        info = self._known.get(path, version)
        if info is None:
            return self._known.find(path, version, lambda: _read(path, state))
        if isinstance(info, RecordingInfo) and info.state in (RECORDING, INTERRUPTED):
            return replace(info, state=RECORDING if _runs(path) else INTERRUPTED)
        return info

    def others(self, directory: str) -> OtherFiles:
        """What else is in `directory`. A directory inside it that cannot be read is odd itself.

        Of the files with a recording's name, only those are looked at that the last `read` found to
        be another recording.
        """
        copies, odd = [], []
        failed: list[StorageError] = []
        try:
            there = sorted(list_names(directory))
        except StorageError as error:
            return OtherFiles((), ((directory, str(error)),), (error,))
        for name in there:
            path = os.path.join(directory, name)
            own = name.endswith(SUFFIX) and ID.fullmatch(name.removesuffix(SUFFIX)) is not None
            if (own and not self._is_renamed(path)) or name.endswith(UNREADABLE):
                continue
            try:
                state = os.stat(path, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                failed.append(explain("look at the file", path, error))
                odd.append((path, str(failed[-1])))
                continue
            version = state.st_size, state.st_mtime_ns
            try:
                other = self._others.find(path, version, partial(_other, path, state))
            except StorageError as error:
                # Not kept: a user's right to read a file shows in neither size nor time.
                failed.append(error)
                odd.append((path, str(error)))
                continue
            if isinstance(other, RecordingInfo):
                if not own or other.id != name.removesuffix(SUFFIX):  # else it was put right
                    copies.append(other)
            elif other:
                odd.append((path, other))
        copies.sort(key=lambda info: (number_of(info.id), info.id), reverse=True)
        return OtherFiles(tuple(copies), tuple(odd), tuple(failed))

    def _is_renamed(self, path: str) -> bool:
        """Whether the last `read` found another recording under a recording's name."""
        known = self._known.latest(path)
        return known is not None and getattr(known[1], "renamed", False)


def _read(path: str, state: os.stat_result) -> RecordingInfo | NotARecordingError:
    try:
        if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
            # Not even opened: a symbolic link may lead anywhere. To read a directory fails.
            raise NotARecordingError(path, "this is no regular file")
        return read_info(path)
    except NotARecordingError as error:
        _log.warning(
            "this recording cannot be listed: %s",
            printable(error),
            extra=MessageId.NOT_LISTED.extra,
        )
        return error.with_traceback(None)  # nothing else is kept with it


def _other(path: str, state: os.stat_result) -> RecordingInfo | str:
    """The recording that a file of any name is. Otherwise why that is unknown, in words for people;
    "" if nothing points to a recording.

    Raises StorageError if it cannot be read.
    """
    if not stat.S_ISREG(state.st_mode):
        return "this is not a file, so it was not searched for a copy of a recording"
    try:
        return info_of(path)
    except NotARecordingError as error:
        like_one = path.endswith(SUFFIX) or ID.search(os.path.basename(path)) is not None
        return printable(error) if like_one else ""
    except StorageError:
        raise
    except (CameradError, ValueError, ArithmeticError) as error:
        return printable(error)


def list_recordings(directory: str) -> list[RecordingInfo]:
    """Every recording in `directory`, read afresh: see `Listing.read`."""
    return Listing().read(directory)


def read_info(path: str) -> RecordingInfo:
    """Facts of the recording at `path`, from its own file.

    Raises NotARecordingError if it is none, or has another name than its own; StorageError if it
    cannot be read.
    """
    return _info(path, os.path.basename(path).removesuffix(SUFFIX))


def info_of(path: str) -> RecordingInfo:
    """The same, whatever the file's name is."""
    return _info(path, None)


def _info(path: str, name: str | None) -> RecordingInfo:
    return read_file(path, name)[0]


def read_file(
    path: str,
    name: str | None = None,
    also: Callable[[FragmentFacts, int], None] | None = None,
) -> tuple[RecordingInfo, Skeleton]:
    """What a file says about itself, summed up and in its parts. name: as which recording it is
    stored, if that is to be looked at. also: is given what each commit says, and the bytes of its
    fragment. Raises as `read_info`."""
    # The lock first: a recording that ends meanwhile has its end when the file is read.
    runs = _runs(path)
    header = header_of(path)
    if name is not None and header.id != name:
        text = f"this is the recording {header.id}, renamed"
        raise NotARecordingError(path, text, renamed=True)
    tally = Tally(header, path, 0)

    def add(facts: FragmentFacts, size: int) -> None:
        tally.add(facts, size)
        if also is not None:
            also(facts, size)

    said = skeleton(path, add)
    ended = said.closed_by
    if ended is None:
        return tally.info(RECORDING if runs else INTERRUPTED), said
    closing = ended.end.closing
    tally.finish(closing, ended.sha256)
    return tally.info(RECOVERED if closing.reason == RECOVERED else CLOSED), said


def _runs(path: str) -> bool:
    with explaining("read the recording", path):
        # A named pipe would block here until another process writes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return is_locked(descriptor)
        finally:
            os.close(descriptor)
