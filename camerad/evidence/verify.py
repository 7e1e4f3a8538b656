"""Checks a recording with nothing but the device's public key, and without opening it.

One thread reads and hashes, and the caller's judges what was signed, so that a check takes little
more time than hashing the file does. Memory is constant, however long the recording is.
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

from camerad.errors import CameradError
from camerad.evidence import container, files
from camerad.evidence.archive import Found, Lost, Seen, Tail, TailKind, is_recording, walk
from camerad.evidence.chain import HEADER_NAME
from camerad.evidence.checker import Checker
from camerad.evidence.findings import Judged, Kind
from camerad.evidence.keys import KeyRing
from camerad.evidence.report import Report, Verdict

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told how many bytes of how many were checked, in the caller's thread."""

_BATCH: Final = 32
"""Members that are handed over at once: every handing over costs both threads some time."""
_BATCH_SEALED: Final = 2
_DEPTH: Final = 3
"""Batches that may wait."""
_JOIN_S: Final = 0.01
_TRIES: Final = 3
"""Checks of a running recording before it is called damaged."""


class UnreadableError(CameradError, ValueError):
    """Error raised when there is no recording in a file; `verify` makes a `Report` of it."""

    exit_code = Verdict.UNREADABLE


class Reader:
    """The members of a file, read and hashed ahead by a thread of its own; a context manager.

    path: the file. keep_sealed: sealed members are handed over too. Raises UnreadableError when
    entered if the file cannot be read, or is none.
    """

    def __init__(self, path: str, *, keep_sealed: bool = False) -> None:
        self._path = path
        self._keep_sealed = keep_sealed
        self._batch = _BATCH_SEALED if keep_sealed else _BATCH
        self._queue: queue.Queue[list[Found | Exception]] = queue.Queue(_DEPTH)
        self._thread = threading.Thread(target=self._read, name="evidence-hash", daemon=True)
        self._stop = False
        self.size = 0
        self.running = False

    def __enter__(self) -> Self:
        # A named pipe would block here until somebody writes.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._descriptor = os.open(self._path, flags)
        except OSError as error:
            raise UnreadableError(_cannot_read(self._path, error)) from error
        try:
            found = os.fstat(self._descriptor)
            if stat.S_ISDIR(found.st_mode):
                raise UnreadableError("this is a directory; name a recording's file (.tar)")
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableError("this is not a file; name a recording's file (.tar)")
            if found.st_size == 0:
                raise UnreadableError("the file is empty: there is no recording in it")
            self.size = found.st_size
            self.running = _is_locked(self._descriptor, self._path)
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
            for found in walk(self._descriptor, keep_sealed=self._keep_sealed):
                batch.append(found)
                if len(batch) >= self._batch:
                    self._queue.put(batch)
                    batch = []
                    if self._stop:
                        return
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread
            batch.append(error)
        self._queue.put(batch)


Step = Callable[[Seen, Judged | None], None]


def judge(
    reader: Reader,
    path: str,
    checker: Checker,
    progress: Progress | None = None,
    step: Step | None = None,
) -> Report:
    """Let `checker` judge all that `reader` has.

    step: called after each member. Raises UnreadableError if nothing in the file is a recording's,
    and if the storage fails.
    """
    ours = False
    for found in reader:
        if isinstance(found, Tail):
            if not ours and not (found.kind is TailKind.CUT and found.name == HEADER_NAME):
                raise UnreadableError(_foreign(found, reader.size))
            checker.finish(found, running=reader.running)
            break
        if isinstance(found, Lost):
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
    name = container.ID.match(os.path.basename(path))
    if header is not None and name is not None and name[0] != header.id:
        text = f"the file is named like {name[0]}, and holds {header.id}"
        checker.result.findings.say(Kind.MISNAMED, text)
    return Report(path, reader.size, checker.result)


def verify(
    path: str, keys: KeyRing, progress: Progress | None = None, *, final: str | None = None
) -> Report:
    """Check the recording in the file `path`; whatever is wrong is in the report.

    keys: those that are trusted, from wherever the device was enrolled, never from beside the
    recording. final: SHA-256 of the recording's end, if a ledger or a receipt names it; another
    end is then found, even if the device signed it.
    """
    report, running = _once(path, keys, progress, final)
    tries = 1
    while running and report.verdict is Verdict.NOT_AUTHENTIC and tries < _TRIES:
        # A fragment that was read while it was being written looks like one that was changed.
        report, running = _once(path, keys, progress, final)
        tries += 1
    return report


def compare_end(checker: Checker, final: str | None) -> None:
    """Say so if a recording has another end than the one that a ledger or a receipt names.

    final: SHA-256 of that one, None if none is known.
    """
    if final is not None and checker.result.final != final:
        text = f"the ledger knows the end {final}, this one is {checker.result.final or 'none'}"
        checker.result.findings.say(Kind.OTHER_END, text)


def _once(
    path: str, keys: KeyRing, progress: Progress | None, final: str | None
) -> tuple[Report, bool]:
    """Check once, and say whether a recorder had the file open when that began."""
    checker = Checker(keys)
    reader = Reader(path)
    try:
        with reader:
            report = judge(reader, path, checker, progress)
    except UnreadableError as error:
        return Report(path, reader.size, problem=str(error)), reader.running
    compare_end(checker, final)
    return report, reader.running


def _is_locked(descriptor: int, path: str) -> bool:
    try:
        return container.is_locked(descriptor)
    except OSError as error:
        # Some network file systems have no locks; then nobody records there either.
        _log.debug("%s: cannot ask for its lock: %s", path, error)
        return False


def _cannot_read(path: str, error: OSError) -> str:
    return str(files.explained("read", path, error)).removeprefix(f"{path}: ")


def _foreign(tail: Tail, size: int) -> str:
    if tail.offset == 0 and tail.kind is TailKind.ZEROS:
        return f"the file has {size} zeros and nothing else: no recording was begun in it"
    return "this is not a recording of camerad: there is no signed statement of one in it"
