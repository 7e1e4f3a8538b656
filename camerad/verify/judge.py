"""Entry of the judge: `verify` reads a recording's file and returns its report.

It needs nothing but the device's public key, and decrypts nothing. This module reads and hashes the
file; `camerad.verify.checker` decides about what was read. One thread reads and hashes, and the
caller's thread judges. So a check takes little more time than hashing the file. Memory is constant,
however long the recording is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from camerad.base import storage_errors
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.container import recording_files
from camerad.container.chain import HEADER_NAME
from camerad.container.keys import KeyRing
from camerad.container.reader import (
    Found,
    LostBytes,
    MemberSeen,
    Tail,
    TailKind,
    is_recording,
    walk_members,
)
from camerad.container.recording_ids import ID
from camerad.container.severity import Severity
from camerad.container.statements import Header
from camerad.container.whole_file import WholeFile
from camerad.verify.checker import Checker
from camerad.verify.findings import FindingKind, JudgedCommit
from camerad.verify.verdict import Report, Verdict

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called in the caller's thread with the bytes that were checked, and how many there are."""
MayRun = Callable[[Header], bool]
"""Whether the ledger of the recording's store says that it may be running. A lock on its file alone
proves nothing: every reader of a file can lock it."""

_BATCH: Final = 32
"""Members that are handed over at once: each hand-over costs both threads some time."""
_BATCH_SEALED: Final = 2
_DEPTH: Final = 3
"""Batches that may wait."""
_JOIN_S: Final = 0.01
_TRIES: Final = 3
"""How often a running recording is checked before it is called damaged."""


class UnreadableError(CameradError, ValueError):
    """Error raised when a file has no recording that could be judged; `verify` makes a `Report` of
    it. read: the file could be read, and is no recording."""

    exit_code = Verdict.UNREADABLE

    def __init__(self, text: str, *, read: bool = False) -> None:
        self.read = read
        super().__init__(text)


class MemberReader:
    """The members of a file, read and hashed ahead by a thread of its own; a context manager.

    path: the file. keep_sealed: sealed members are handed over too. whole: hashes all of the file
    in the same reading, which is then done from the storage and not from memory
    (``posix_fadvise(2)``). locked: whether the file is locked, as by a recorder. Raises
    UnreadableError when entered if the file cannot be read, or is none.
    """

    def __init__(
        self, path: str, *, keep_sealed: bool = False, whole: WholeFile | None = None
    ) -> None:
        self._path = path
        self._whole = whole
        self._keep_sealed = keep_sealed
        self._batch = _BATCH_SEALED if keep_sealed else _BATCH
        self._queue: queue.Queue[list[Found | Exception]] = queue.Queue(_DEPTH)
        self._thread = threading.Thread(target=self._read, name="evidence-hash", daemon=True)
        self._stop = False
        self.size = 0
        self.locked = False

    def __enter__(self) -> Self:
        # A named pipe would block here until a process writes.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._descriptor = os.open(self._path, flags)
        except OSError as error:
            raise UnreadableError(_cannot_read(self._path, error)) from error
        try:
            found = os.fstat(self._descriptor)
            if stat.S_ISDIR(found.st_mode):
                raise UnreadableError(
                    "this is a directory; name a recording's file (.tar)", read=True
                )
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableError(
                    "this is not a file; name a recording's file (.tar)", read=True
                )
            if found.st_size == 0:
                raise UnreadableError("the file is empty: there is no recording in it", read=True)
            self.size = found.st_size
            if self._whole is not None:
                os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            self.locked = _is_locked(self._descriptor, self._path)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop = True
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(_JOIN_S)
        os.close(self._descriptor)

    def __iter__(self) -> Iterator[Found]:
        """Everything that `walk` finds. Raises UnreadableError if the storage fails."""
        while True:
            for found in self._queue.get():
                if isinstance(found, OSError):
                    raise UnreadableError(_cannot_read(self._path, found)) from found
                if isinstance(found, Exception):
                    raise found
                yield found
                if isinstance(found, Tail):
                    return

    def _read(self) -> None:
        batch: list[Found | Exception] = []
        try:
            walk = walk_members(self._descriptor, keep_sealed=self._keep_sealed, whole=self._whole)
            for found in walk:
                if isinstance(found, Tail) and self._whole is not None:
                    self._whole.finish(self._descriptor)
                batch.append(found)
                if len(batch) >= self._batch:
                    self._queue.put(batch)
                    batch = []
                    if self._stop:
                        return
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread
            batch.append(error)
        self._queue.put(batch)


Step = Callable[[MemberSeen, JudgedCommit | None], None]


def never_runs(_: Header) -> bool:
    """A `MayRun` for places where no camera records."""
    return False


def judge(
    reader: MemberReader,
    path: str,
    checker: Checker,
    progress: Progress | None = None,
    *,
    step: Step | None = None,
    may_run: MayRun = never_runs,
) -> Report:
    """Let `checker` judge everything that `reader` has. step: called after each member.

    Raises UnreadableError if nothing in the file belongs to a recording, and if
    the storage fails.
    """
    ours = False
    for found in reader:
        if isinstance(found, Tail):
            if not ours and not (found.kind is TailKind.CUT and found.name == HEADER_NAME):
                raise UnreadableError(_foreign(found, reader.size), read=True)
            header = checker.result.header
            running = reader.locked and header is not None and may_run(header)
            checker.finish(found, running=running)
            break
        if isinstance(found, LostBytes):
            checker.lost(found)
            continue
        ours = ours or is_recording(found)
        judged = checker.member(found)
        if step is not None:
            step(found, judged)
        if progress is not None and found.token is not None:
            progress(found.offset, reader.size)
    if progress is not None:
        progress(reader.size, reader.size)
    header = checker.result.header
    name = ID.match(os.path.basename(path))
    if header is not None and name is not None and name[0] != header.id:
        text = f"the file is named like {name[0]}, and holds {header.id}"
        checker.result.findings.say(FindingKind.MISNAMED, text)
    return Report(path, reader.size, checker.result)


def verify(
    path: str,
    keys: KeyRing,
    progress: Progress | None = None,
    *,
    final: str | None = None,
    begun: bool = False,
    may_run: MayRun = never_runs,
    whole: WholeFile | None = None,
    part: bool = False,
) -> Report:
    """Check the recording in the file `path`; whatever is wrong is in the report.

    keys: those that are trusted. They come from wherever the device was enrolled, never from beside
    the recording. final: SHA-256 of the recording's end, if a ledger or a receipt names it; another
    end is a finding, even if the device signed it. begun: a ledger names the recording, with or
    without an end; if the file is none, that is damage. whole: as for `MemberReader`; it has all of
    the file afterwards if the report has a result. Only for files that are not written any more.
    part: as for `Checker`.
    """
    report = _once(
        path, keys, progress, final=final, begun=begun, may_run=may_run, whole=whole, part=part
    )
    tries = 1
    while report.state == "running" and report.verdict is Verdict.NOT_AUTHENTIC and tries < _TRIES:
        # A fragment that was read while it was being written looks like one that was changed.
        report = _once(path, keys, progress, final=final, begun=begun, may_run=may_run)
        tries += 1
    return report


def unreadable(
    reader: MemberReader,
    path: str,
    error: UnreadableError,
    final: str | None,
    *,
    begun: bool = False,
) -> Report:
    """The report on a file in which nothing can be judged. final, begun: as in `verify`."""
    report = Report(path, reader.size, problem=str(error))
    if error.read and (begun or final is not None):
        end = "" if final is None else f", with the end {final}"
        text = f"the ledger knows a recording here{end}: its file was wiped or replaced"
        report.ledger.append((Severity.DAMAGE, text))
    return report


def compare_end(checker: Checker, final: str | None) -> None:
    """Report an end that is not the one that a ledger or a receipt names.

    final: SHA-256 of that one, None if none is known.
    """
    if final is not None and checker.result.final != final:
        text = f"the ledger knows the end {final}, this one is {checker.result.final or 'none'}"
        checker.result.findings.say(FindingKind.OTHER_END, text)


def _once(
    path: str,
    keys: KeyRing,
    progress: Progress | None,
    *,
    final: str | None,
    begun: bool,
    may_run: MayRun,
    whole: WholeFile | None = None,
    part: bool = False,
) -> Report:
    """Check once."""
    checker = Checker(keys, part=part)
    reader = MemberReader(path, whole=whole)
    try:
        with reader:
            report = judge(reader, path, checker, progress, may_run=may_run)
    except UnreadableError as error:
        return unreadable(reader, path, error, final, begun=begun)
    compare_end(checker, final)
    return report


def _is_locked(descriptor: int, path: str) -> bool:
    try:
        return recording_files.is_locked(descriptor)
    except OSError as error:
        # Some network file systems have no locks; then nothing is recorded there either.
        _log.debug("%s: cannot ask for its lock: %s", path, error, extra=MessageId.DETAIL.extra)
        return False


def _cannot_read(path: str, error: OSError) -> str:
    return str(storage_errors.explain("read", path, error)).removeprefix(f"{path}: ")


def _foreign(tail: Tail, size: int) -> str:
    if tail.offset == 0 and tail.kind is TailKind.ZEROS:
        return f"the file has {size} zeros and nothing else: no recording was begun in it"
    return "this is not a recording of camerad: there is no signed statement of one in it"
