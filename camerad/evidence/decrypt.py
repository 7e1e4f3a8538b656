"""Opens a recording with the office's private key: checks it, and writes an MP4.

Both happen in one pass, fragment by fragment: a fragment is opened only once its commit is known to
be authentic. The MP4 is a file without a name until everything was verified and is on the storage;
after any failure, also a kill or a loss of power, nothing is left behind in the clear.
Salvage is the exception: it writes what is proven of a damaged recording, and its file says so in
its name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import BinaryIO, ClassVar, Final

import pyrage

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import CameradError, NotAllowedError, StorageError
from camerad.container.chain import INIT_NAME, fragment_name
from camerad.container.keys import KeyRing
from camerad.container.mp4_boxes import Mp4Error
from camerad.container.reader import MemberSeen
from camerad.evidence.identity_file import Identities
from camerad.evidence.remux import Mp4Writer
from camerad.store import verified_copy
from camerad.verify.checker import Checker
from camerad.verify.findings import JudgedCommit, Span, extend_spans
from camerad.verify.judge import (
    MayRun,
    MemberReader,
    Progress,
    UnreadableError,
    compare_end,
    judge,
    never_runs,
    unreadable,
)
from camerad.verify.verdict import Report, Verdict

SALVAGED: Final = ".salvaged"
"""Put before the ending of the name of a file with the proven parts only."""

_CANDIDATES: Final = 4
_SWITCH_S: Final = 0.001


class UnsealError(CameradError, ValueError):
    """Error raised when a recording cannot be opened, though it may well be authentic."""

    exit_code: ClassVar[int] = Verdict.UNREADABLE


class Terminated(KeyboardInterrupt):
    """Raised where SIGTERM arrives while a recording is opened, so that nothing is left behind."""


def salvage_name(output: str) -> str:
    """Where salvage writes when it is asked for `output`."""
    stem, ending = os.path.splitext(output)
    return f"{stem}{SALVAGED}{ending}"


class OpenedRecording:
    """A recording that was checked and opened, and whose MP4 has no name yet.

    report: what was found; its output is the MP4's name to be, None where there is nothing to open.
    starts: the fragments with whose first picture a film can begin.
    """

    def __init__(self, report: Report, target: UnnamedFile, starts: frozenset[int]) -> None:
        self.report: Final = report
        self.starts: Final = starts
        self._target = target

    def sha256(self) -> str:
        """Of the MP4, in hexadecimal. Raises StorageError."""
        return self._target.sha256()

    def opened(self) -> BinaryIO:
        """The MP4, at its beginning, to be read. Raises StorageError."""
        return self._target.opened()

    def publish(self) -> None:
        """Give the MP4 its name, durably; without one, nothing happens. Raises StorageError, also
        if something has that name."""
        if self.report.output is not None:
            self._target.publish(self.report.output)


def open_recording(
    path: str,
    keys: KeyRing,
    identities: Identities,
    output: str,
    *,
    salvage: bool = False,
    progress: Progress | None = None,
    final: str | None = None,
    may_run: MayRun = never_runs,
) -> Report:
    """Check the recording in `path` and write it to `output` as a standard, seekable MP4.

    All as `decrypted` has it. The report says what was found, and where the MP4 is, if one was
    written.
    """
    with decrypted(
        path,
        keys,
        identities,
        output,
        salvage=salvage,
        progress=progress,
        final=final,
        may_run=may_run,
    ) as one:
        one.publish()
        return one.report


@contextlib.contextmanager
def decrypted(
    path: str,
    keys: KeyRing,
    identities: Identities,
    output: str,
    *,
    salvage: bool = False,
    progress: Progress | None = None,
    final: str | None = None,
    may_run: MayRun = never_runs,
    part: bool = False,
) -> Iterator[OpenedRecording]:
    """Check the recording in `path` and open it; the MP4 is gone at the end, unless it was
    published as `output`.

    keys: the devices' public keys that are trusted. identities: private keys of which one can open
    it. salvage: of a recording that is not authentic, open the proven parts, and put ".salvaged"
    into the name. final, may_run, part: as in `verify`; the film of a part begins with its own
    first picture.

    Raises NotAllowedError if the identities do not open it, UnsealError if there is nothing to
    write, and StorageError if the output cannot be written or is there already; then, and when
    interrupted (also by SIGTERM, as `Terminated`), nothing is left behind.
    """
    for target in (output, salvage_name(output)) if salvage else (output,):
        if file_status.exists(target):
            raise storage_errors.FileExistsAlreadyError(
                f"{target}: exists already and is not overwritten"
            )
    with raise_on_sigterm(), UnnamedFile(output) as target_file:
        checker = Checker(keys, part=part)
        opener = _Opener(checker, identities, target_file, salvage=salvage, part=part)
        with _handing_over():
            report = opener.carry_out(path, progress, final, may_run)
            if opener.complete(report):
                authentic = report.verdict < Verdict.NOT_AUTHENTIC
                report.output = output if authentic else salvage_name(output)
                report.written = tuple(opener.written)
        yield OpenedRecording(report, target_file, frozenset(opener.starts))


@contextlib.contextmanager
def _handing_over() -> Iterator[None]:
    """Let the thread that reads have the interpreter soon: decryption keeps it for long."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Opener:
    """Opens what the checker has proven, in the order of the file."""

    def __init__(
        self,
        checker: Checker,
        identities: Identities,
        target: UnnamedFile,
        *,
        salvage: bool,
        part: bool,
    ) -> None:
        self.written: list[Span] = []
        self.starts: set[int] = set()
        self._part = part
        self._checker = checker
        self._identities = identities
        self._target = target
        self._salvage = salvage
        self._sealed: dict[str, bytes] = {}
        """The last sealed members, by SHA-256: what is opened is what was signed, whatever the
        member around it is called."""
        self._writer: Mp4Writer | None = None
        self._next = 0
        self._given_up = False

    def step(self, seen: MemberSeen, judged: JudgedCommit | None) -> None:
        """Take a member, and if it is a commit, open what it has proven."""
        if self._given_up:
            return
        if not self._salvage and not self._checker.result.authentic:
            # Nothing will be published, so nothing more is opened; the check goes on.
            self._given_up = True
            self._sealed.clear()
            self._target.discard()
            return
        if seen.sealed is not None:
            self._sealed[seen.sha256] = seen.sealed
            while len(self._sealed) > _CANDIDATES:
                del self._sealed[next(iter(self._sealed))]
        elif judged is not None:
            if judged.linked:
                self._open(judged)
            self._sealed.clear()

    def _open(self, judged: JudgedCommit) -> None:
        init = self._sealed.get(judged.init or "")
        fragment = self._sealed.get(judged.fragment or "")
        facts = judged.facts
        if init is not None:
            self._writer = self._understood(
                lambda data: Mp4Writer(self._target, data, from_zero=self._part), init, INIT_NAME
            )
        if self._writer is None or fragment is None:
            return
        if facts.sequence != self._next:
            self._writer.skip_to_key_frame()
        self._next = facts.sequence + 1
        self._understood(self._writer.add, fragment, fragment_name(facts.sequence))
        if self._writer.begins_with_key:
            self.starts.add(facts.sequence)
        # Sound that stands alone is there if it is; beside pictures it is they that count.
        began_us = self._writer.began_us if facts.frames else self._writer.heard_us
        if began_us is not None:
            extend_spans(self.written, began_us, self._checker.result.recording_us(facts.until_us))

    def _understood(
        self, use: Callable[[bytes], Mp4Writer | None], sealed: bytes, name: str
    ) -> Mp4Writer | None:
        try:
            return use(pyrage.decrypt(sealed, self._identities))
        except pyrage.DecryptError as error:
            header = self._checker.result.header
            recipients = ", ".join(header.recipients) if header is not None else "unknown"
            raise NotAllowedError(
                f"the key does not open this recording ({name}): {error}; use the private key of "
                f"one of its recipients: {recipients}"
            ) from error
        except Mp4Error as error:
            raise UnsealError(
                f"{name}: the device signed this, but it cannot be understood: {error}"
            ) from error

    def carry_out(
        self, path: str, progress: Progress | None, final: str | None, may_run: MayRun
    ) -> Report:
        """Check the recording, and open it on the way."""
        reader = MemberReader(path, keep_sealed=True)
        try:
            with reader:
                report = judge(
                    reader, path, self._checker, progress, step=self.step, may_run=may_run
                )
            compare_end(self._checker, final)
        except UnreadableError as error:
            return unreadable(reader, path, error, final)
        return report

    def complete(self, report: Report) -> bool:
        """Complete the file; False if there is nothing to be put into one.

        Raises UnsealError if the recording is authentic all the same.
        """
        authentic = report.verdict < Verdict.NOT_AUTHENTIC
        if report.problem is not None or not (authentic or self._salvage):
            return False
        if self._writer is None or not self._writer.pictures or self._given_up:
            if authentic:
                raise UnsealError(f"{report.path}: there is no footage in this recording")
            return False
        try:
            self._writer.finish()
        except Mp4Error as error:
            raise UnsealError(
                f"the device signed this recording, but it cannot be made into a video: {error}"
            ) from error
        return True


@contextlib.contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` here, if it would just end the process."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise Terminated

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


TEMPORARY: Final = ".part"
"""Ending of a file that is not finished, where such a file needs a name; one that is found is worth
nothing."""


MODE: Final = 0o600
"""What is opened is in the clear: only the user who opened it may read it."""


_BUFFER: Final = 1 << 20
"""Bytes that are handed to the thread at once."""
_PIECE: Final = 256 << 10
"""Bytes of one call. On ext4 a call of 512 KiB and more takes three times as long for each byte, on
some devices (Linux 6.18, measured on a loop device)."""


class UnnamedFile:
    """The output until it is published; a context manager, behind which it is gone otherwise.

    It has no name, so the kernel removes it with the process. Where the file system has no such
    files, it is called as its target with `TEMPORARY` behind; only the user who opened it may
    read it, if that file system has modes (vfat and exFAT have none). There a kill or a loss of
    power leaves what was opened so far, in the clear; the next run with this target removes it, on
    any file system.

    A separate thread writes, so that the kernel copies while the next fragment is decrypted. One
    write is under way at most, which bounds the memory.
    """

    def __init__(self, output: str) -> None:
        self._output = output
        self._path = output + TEMPORARY
        self._named = False
        self._descriptor: int | None = None
        self._offset = 0
        self._pieces: list[bytes | memoryview] = []
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evidence-write")
        self._under_way: Future[None] | None = None

    def __enter__(self) -> UnnamedFile:
        directory = os.path.dirname(self._output)
        self._descriptor = durable_files.create_unnamed(directory, MODE)
        if file_status.is_file(self._path) or file_status.is_link(self._path):
            durable_files.remove(self._path)
        if self._descriptor is None:
            self._descriptor = durable_files.create(self._path, MODE)
            self._named = True
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        if self._descriptor is not None:
            durable_files.close(self._descriptor, self._path)
            self._descriptor = None
            if self._named:
                durable_files.remove(self._path)

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises StorageError, perhaps that of data before. The data must not change."""
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= _BUFFER:
            self._flush()

    def patch(self, offset: int, data: bytes) -> None:
        """Write over what is there already. Raises StorageError."""
        self._flush()
        self._wait()
        durable_files.write(self._opened, [data], offset, self._path)

    def discard(self) -> None:
        """Forget what was written."""
        self._wait()
        self._pieces.clear()
        self._waiting = self._offset = 0
        durable_files.truncate(self._opened, 0, self._path)

    def opened(self) -> BinaryIO:
        """What was written, to be read from its beginning. Raises StorageError."""
        self._flush()
        self._wait()
        file = os.fdopen(os.dup(self._opened), "rb")
        file.seek(0)
        return file

    def sha256(self) -> str:
        """Of what was written. Raises StorageError."""
        self._flush()
        self._wait()
        return verified_copy.digest_of(self._opened, self._path).sha256

    def publish(self, name: str) -> None:
        """Give the file its name, durably. Raises StorageError."""
        self._flush()
        self._wait()
        durable_files.sync(self._opened, self._path)
        if self._named:
            durable_files.rename(self._path, name)
        else:
            durable_files.link_unnamed(self._opened, name)
        durable_files.close(self._opened, name)
        self._descriptor = None

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise StorageError(f"{self._path}: is not open")
        return self._descriptor

    def _flush(self) -> None:
        self._wait()
        pieces, size = self._pieces, self._waiting
        self._pieces, self._waiting = [], 0
        self._under_way = self._thread.submit(self._write_all, pieces, self._offset)
        self._offset += size

    def _write_all(self, pieces: list[bytes | memoryview], offset: int) -> None:
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), _PIECE):
                part = view[start : start + _PIECE]
                offset = durable_files.write(self._opened, [part], offset, self._path)

    def _wait(self) -> None:
        """Return when what was to be written is. Raises StorageError."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()
