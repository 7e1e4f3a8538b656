"""Closes recordings that a loss of power, or the end of the daemon, left without an end.

What can be there (see `camerad.recording.container_writer`): whole commits; behind the last one
perhaps a torn tail, part of one append; then zeros. Repair keeps the commits, keeps the torn tail
as the member ``torn.bin``, whatever it is, and adds an end that says so. It destroys nothing but
zeros.

Procedure; each line is durable before the next begins. Power may be lost again at any instant, for
the whole can be repeated from every point:

1. lock the file, find the last commit that holds (its signature, and the hash of its fragment);
2. cut off the zeros behind the torn tail, and put a copy of the tail aside as ``ID.torn``;
3. write ``torn.bin``, the end and the archive's end behind the last commit; cut the file to its
   size;
4. remove ``ID.torn``.

A copy that is there at 1 is the tail, whatever the file has become since. Without a tail there
is no copy. Only the last commit is looked into, since each was durable before the next began;
whether a recording is authentic from its beginning is for verification to say.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base import durable_files, storage_errors
from camerad.base.clock import Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.text import count
from camerad.container import chain, jws, sparse, ustar
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.members import Located, NotARecordingError, open_regular
from camerad.container.recording_files import SUFFIX, UNREADABLE, list_names, number_of, try_lock
from camerad.container.recording_ids import ID
from camerad.container.skeleton import (
    ChainProgress,
    CommittedFragment,
    SignedEnd,
    Skeleton,
    end_of,
    skeleton,
)
from camerad.container.statements import END, Header, RecordingEnd
from camerad.container.ustar import member
from camerad.recording.container_writer import STEP
from camerad.store.unwritten_end import UnwrittenEnd, make_closing

TORN: Final = ".torn"
"""Ending of the file that keeps a torn tail while its recording is repaired."""
LONGEST_TAIL: Final = 64 << 20
"""The longest append, bytes. A longer tail is damage, not an interruption."""

_PIECE: Final = 1 << 20
_NOT_OURS: Final = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.ENXIO)
"""The error for what another user put there; the storage itself is all right."""


class RepairOutcome(StrEnum):
    """Result of repair."""

    WHOLE = "whole"
    """It has its end: there was nothing to do."""
    RUNNING = "running"
    """It is being recorded, or repaired by another process."""
    RECOVERED = "recovered"
    """It was interrupted, and has an end that says so."""
    FINISHED = "finished"
    """It had its end already; the reserved room behind it was cut off."""
    EMPTY = "empty"
    """Nothing had been written to it yet; it was removed."""
    UNREADABLE = "unreadable"
    """It has no header of a recording; it was put aside under another name."""
    FORMER_KEY = "former key"
    """It was interrupted, and another key than the present one had signed it; it was left as it
    is."""
    DAMAGED = "damaged"
    """No interruption leaves it like this; it was left as it is."""
    FAILED = "failed"
    """The storage refused; the next start tries again."""


class Repaired(msgspec.Struct, frozen=True):
    """Outcome of one file. id: of the recording, as the file is named. text: why, for people.

    header, end, final (SHA-256 of the end): where they are known. torn_bytes: how long the tail
    was. marks: how many the commits have.
    """

    id: str
    path: str
    outcome: RepairOutcome
    text: str
    header: Header | None = None
    end: RecordingEnd | None = None
    final: str | None = None
    torn_bytes: int = 0
    marks: int = 0


class _DamagedError(CameradError):
    """What is there cannot come from an interruption."""


def newest_first(directory: str) -> list[str]:
    """Paths of all files that should be recordings, the newest first. Raises StorageError."""
    found = [
        (number_of(name), os.path.join(directory, name))
        for name in list_names(directory)
        if name.endswith(SUFFIX) and ID.fullmatch(name.removesuffix(SUFFIX)) is not None
    ]
    return [path for _, path in sorted(found, reverse=True)]


def unfinished(directory: str) -> list[str]:
    """Paths of the recordings without an end, the newest first; also those that are being made.
    Reads the last bytes of each file only. Raises StorageError."""
    there = list_names(directory)
    return [
        path
        for path in newest_first(directory)
        if os.path.basename(path).removesuffix(SUFFIX) + TORN in there or not _has_end(path)
    ]


def _has_end(path: str) -> bool:
    """Whether a file has its end; one that cannot be read has none, and `repair` says why."""
    try:
        return end_of(path) is not None
    except (StorageError, NotARecordingError):
        return False


def repair_all(directory: str, key: SigningKey, clock: Clock) -> Iterator[Repaired]:
    """Repair every recording without an end, the newest first; one result for each.

    If one fails, its result says so (`RepairOutcome.FAILED`), and the others are repaired. Raises
    StorageError if the directory cannot be read.
    """
    for path in unfinished(directory):
        try:
            yield repair(path, key, clock)
        except StorageError as error:
            yield _result(path, RepairOutcome.FAILED, str(error))


def repair(
    path: str, key: SigningKey, clock: Clock, unwritten: UnwrittenEnd | None = None
) -> Repaired:
    """Close the recording at `path` if it has no end. Raises StorageError.

    key: the device's; it must be the one that the recording was begun with. clock: says when.
    unwritten: up to when its footage was wanted, if that is known.

    What lies under a recording's name and is no file, or may not be opened, is left as it is: no
    recorder made it. The others are repaired all the same.
    """
    with storage_errors.explaining("look at the file", path):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return _result(
                path, RepairOutcome.DAMAGED, "it is no regular file; it was left as it is"
            )
    try:
        return _repair(path, key, clock, unwritten)
    except StorageError as error:
        if error.errno not in _NOT_OURS:
            raise
        return _result(path, RepairOutcome.FAILED, str(error))


def _repair(path: str, key: SigningKey, clock: Clock, unwritten: UnwrittenEnd | None) -> Repaired:
    descriptor = durable_files.open_existing(path)
    try:
        # In one step: a recorder may claim it just now, and repair does not wait for its end.
        if not try_lock(descriptor, path):
            return _result(path, RepairOutcome.RUNNING, "it is being recorded")
        return _Repair(descriptor, path, key, clock, unwritten).run()
    finally:
        durable_files.close(descriptor, path)


class _Repair:
    """One repair of an open and locked file."""

    def __init__(
        self,
        descriptor: int,
        path: str,
        key: SigningKey,
        clock: Clock,
        unwritten: UnwrittenEnd | None,
    ) -> None:
        self._descriptor = descriptor
        self._path = path
        self._side = path.removesuffix(SUFFIX) + TORN
        self._key = key
        self._clock = clock
        self._unwritten = unwritten

    def run(self) -> Repaired:
        try:
            found = skeleton(self._path)
        except NotARecordingError as error:
            return self._put_aside(error)
        result = replace(
            _result(self._path, RepairOutcome.WHOLE, "it has its end"),
            header=found.header,
            marks=found.point.marks,
        )
        ended = found.closed_by
        try:
            kept = self._kept()
        except NotARecordingError as error:
            return replace(result, outcome=RepairOutcome.DAMAGED, text=str(error))
        if ended is not None and kept is None:
            return _ended(result, ended)
        if found.statement.kid != self._key.public.thumbprint:
            text = f"it was begun with the key {found.statement.kid}, which is not there any more"
            return replace(result, outcome=RepairOutcome.FORMER_KEY, text=text)
        try:
            if ended is not None and kept is not None:
                return self._complete(result, found, ended, kept)
            if found.end is not None and kept is None and self._holds(found.end.statement):
                return self._cut(result, found.end)
            return self._recover(result, found.header, self._point(found), kept)
        except _DamagedError as error:
            return replace(result, outcome=RepairOutcome.DAMAGED, text=str(error))

    def _put_aside(self, error: NotARecordingError) -> Repaired:
        if error.blank:
            durable_files.remove(self._path)
            return _result(self._path, RepairOutcome.EMPTY, "there was nothing in it")
        to = self._path.removesuffix(SUFFIX) + UNREADABLE
        durable_files.rename(self._path, to)
        return replace(_result(self._path, RepairOutcome.UNREADABLE, str(error)), path=to)

    def _complete(
        self, result: Repaired, found: Skeleton, ended: SignedEnd, kept: bytes
    ) -> Repaired:
        """The end and the side file are both there: at most its removal is missing."""
        if found.torn is None:
            raise _DamagedError(f"{self._side} is not its own: it is whole without")
        copied = self._sha256(found.torn) == hashlib.sha256(kept).hexdigest()
        if not copied or not self._holds(ended.statement):
            return self._recover(result, found.header, self._point(found), kept)
        durable_files.discard(self._side)
        return _ended(replace(result, outcome=RepairOutcome.RECOVERED, torn_bytes=len(kept)), ended)

    def _cut(self, result: Repaired, ended: SignedEnd) -> Repaired:
        """The end is there, but not the archive's."""
        at = ended.located.end_offset
        if any(any(piece) for _, piece in self._stored(at)):
            raise _DamagedError("there are bytes behind its end")
        size = durable_files.write(self._descriptor, [ustar.END], at, self._path)
        durable_files.truncate(self._descriptor, size, self._path)
        durable_files.sync(self._descriptor, self._path)
        text = "it has its end; the room behind it was cut off"
        return _ended(replace(result, outcome=RepairOutcome.FINISHED, text=text), ended)

    def _recover(
        self, result: Repaired, header: Header, point: ChainProgress, kept: bytes | None
    ) -> Repaired:
        descriptor, path = self._descriptor, self._path
        tail = self._tail(point.offset, point.commits) if kept is None else kept
        if kept is None:
            # What goes are zeros, so it may be lost; on a full storage it makes room for the copy.
            durable_files.truncate(descriptor, point.offset + len(tail), path)
            if tail:
                durable_files.publish(self._side, tail)
        statements = chain.Chain(self._key, point.previous, point.commits)
        clock = self._clock
        closing = make_closing(header, point, self._unwritten, clock.boot_id, clock.moment())
        token = statements.end(closing, chain.content_of(tail) if tail else None)
        pieces = member(chain.TORN_NAME, tail) if tail else []
        pieces += [*member(chain.END_NAME, token), ustar.END]
        size = durable_files.write(descriptor, pieces, point.offset, path)
        durable_files.truncate(descriptor, size, path)
        durable_files.sync(descriptor, path)
        if tail:
            durable_files.discard(self._side)
        text = f"it was interrupted after {count(point.commits, 'fragment')}"
        if tail:
            text += f", and {len(tail)} bytes of one that was not finished are kept"
        return replace(
            result,
            outcome=RepairOutcome.RECOVERED,
            text=text,
            end=jws.decode(jws.parse(token), END, RecordingEnd),
            final=statements.previous,
            torn_bytes=len(tail),
            marks=point.marks,
        )

    # ------------------------------------------------------------------ what is there

    def _point(self, found: Skeleton) -> ChainProgress:
        """How far the chain holds. At most one append was under way, so only the last commit may
        not hold."""
        if not self._holds(found.statement):
            raise _DamagedError("the signature of its header does not hold")
        last = found.last
        if last is None or self._is_there(last):
            return found.point
        if found.before_last is not None and not self._is_there(found.before_last):
            raise _DamagedError("its last two commits do not hold")
        return last.before

    def _holds(self, statement: jws.Statement) -> bool:
        try:
            jws.check(statement, KeyRing([self._key.public]))
        except jws.JwsError:
            return False
        return True

    def _is_there(self, committed: CommittedFragment) -> bool:
        """Whether the commit is signed, and what it commits is there."""
        commit = committed.commit
        if not self._holds(committed.statement):
            return False
        if self._sha256(committed.fragment) != commit.fragment.sha256:
            return False
        init = committed.init
        return init is None or commit.init is None or self._sha256(init) == commit.init.sha256

    def _sha256(self, found: Located) -> str:
        digest = hashlib.sha256()
        for _, piece in self._pieces(found.data_offset, found.data_offset + found.member.size):
            digest.update(piece)
        return digest.hexdigest()

    def _tail(self, offset: int, commits: int) -> bytes:
        """What lies behind the last commit: up to the last byte that is not zero, in whole blocks.

        Raises _DamagedError if an append can never have left that.
        """
        # Where the fragment after the next one begins, the next one was committed.
        beyond = ustar.header(chain.fragment_name(commits + 1), 0)[:100]
        end = offset
        read = 0
        for at, piece in self._stored(offset):
            filled = piece.rstrip(b"\0")
            if filled:
                end = at + len(filled)
            read += len(piece)
            if end - offset > LONGEST_TAIL or read > LONGEST_TAIL + STEP or beyond in piece:
                raise _DamagedError(
                    f"what follows its fragment {commits - 1} is damaged at byte {offset}, and not "
                    "what an interruption leaves"
                )
        blocks = -(-(end - offset) // ustar.BLOCK)
        pieces = self._pieces(offset, offset + blocks * ustar.BLOCK)
        return b"".join(piece for _, piece in pieces).ljust(blocks * ustar.BLOCK, b"\0")

    def _stored(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """The data of the file from there on, each piece with its offset; the rest are zeros."""
        with storage_errors.explaining("read the recording", self._path):
            yield from sparse.data_pieces(self._descriptor, offset)

    def _pieces(self, offset: int, end: int) -> Iterator[tuple[int, bytes]]:
        """The file's bytes up to `end`, and where they lie."""
        with storage_errors.explaining("read the recording", self._path):
            while offset < end:
                size = min(_PIECE, end - offset)
                piece = os.pread(self._descriptor, size, offset)
                if not piece:
                    return
                yield offset, piece
                offset += len(piece)

    def _kept(self) -> bytes | None:
        """The torn tail that an earlier repair put aside."""
        try:
            with open_regular(self._side) as file:
                return file.read(min(LONGEST_TAIL, os.fstat(file.fileno()).st_size))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_errors.explain("read the file", self._side, error) from error


def _result(path: str, outcome: RepairOutcome, text: str) -> Repaired:
    return Repaired(os.path.basename(path).removesuffix(SUFFIX), path, outcome, text)


def _ended(result: Repaired, ended: SignedEnd) -> Repaired:
    return replace(result, end=ended.end, final=ended.sha256)
