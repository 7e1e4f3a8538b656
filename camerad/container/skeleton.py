"""Reads a recording's own statements, without judging whether it is authentic.

`skeleton` reads header, commits and end, but no fragment, in constant memory. That is enough for a
listing, and for repair to know where a recording ends. It checks no signature and no hash of a
fragment.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, Final, NamedTuple, TypeVar

import msgspec

from camerad.base.errors import CameradError, StorageError
from camerad.base.storage_errors import explaining
from camerad.container import jws, sparse, ustar
from camerad.container.chain import (
    END_NAME,
    HEADER_NAME,
    INIT_NAME,
    TORN_NAME,
    commit_name,
    fragment_name,
)
from camerad.container.members import (
    Located,
    NotARecordingError,
    Stop,
    StopReason,
    Walk,
    open_regular,
)
from camerad.container.statements import (
    COMMIT,
    END,
    FORMAT,
    HEADER,
    Commit,
    FragmentFacts,
    FragmentSound,
    Header,
    RecordingEnd,
)

_END_WITHIN: Final = 1 << 18
"""How far before a file's end its ``end.jws`` is looked for."""

_MOST_RESERVED: Final = 64 << 20
"""Bytes; four times what a recorder reserves at once (`camerad.recording.container_writer.STEP`).
"""

_T = TypeVar("_T", Header, Commit, RecordingEnd)


class ChainProgress(NamedTuple):
    """Progress of a chain.

    offset: where the last of its members ends. previous: SHA-256 of its last statement. commits,
    frames, units, marks: how many there are up to here, units being those of sound. end_us: media
    time at which the last picture or sound ends; the trigger's before the first commit. last: what
    the last commit says. seen_us: media time of the last picture; heard_us: where the last sound
    ends; sound_state: what was last stated of it. All four None where there is none.
    """

    offset: int
    previous: str
    commits: int
    frames: int
    units: int
    marks: int
    end_us: int
    last: FragmentFacts | None = None
    seen_us: int | None = None
    heard_us: int | None = None
    sound_state: str | None = None


class CommittedFragment(msgspec.Struct, frozen=True):
    """A commit and its statement; the fragment that it commits, and the initialisation segment if
    it is the first. before: the chain without it."""

    commit: Commit
    statement: jws.Statement
    fragment: Located
    init: Located | None
    before: ChainProgress


class SignedEnd(msgspec.Struct, frozen=True):
    """The end, its statement, and the member that it is."""

    end: RecordingEnd
    statement: jws.Statement
    located: Located

    @property
    def sha256(self) -> str:
        """Of the statement: the recording's last hash."""
        return jws.digest(self.statement.token)


class Skeleton(msgspec.Struct, frozen=True):
    """A file's own statements.

    size: bytes of the file. point: how far header and commits go; last, before_last: the last two
    commits. end: if there is one that fits the commits; torn: the member before it, with what
    repair kept. stop: where the file ceases to be understood.
    """

    path: str
    size: int
    header: Header
    statement: jws.Statement
    point: ChainProgress
    last: CommittedFragment | None
    before_last: CommittedFragment | None
    torn: Located | None
    end: SignedEnd | None
    stop: Stop

    @property
    def kid(self) -> str:
        """Thumbprint of the key that the header names; every other statement names the same."""
        return self.statement.kid

    @property
    def closed_by(self) -> SignedEnd | None:
        """The end, if nothing follows it but the archive's."""
        return self.end if self.stop.why is StopReason.END else None


def skeleton(path: str, on_commit: Callable[[FragmentFacts, int], None] | None = None) -> Skeleton:
    """Read what the file at `path` says about itself, fragments left out.

    on_commit: told the facts of every commit and the size of the sealed fragment, in their order.
    Raises NotARecordingError without a valid header, and StorageError if the file cannot be read.
    """
    with explaining("read the recording", path), open_regular(path) as file:
        return _Reader(path, file, on_commit).read()


def readable_skeleton(path: str) -> Skeleton | None:
    """The same; None if the file is no recording. Raises StorageError."""
    try:
        return skeleton(path)
    except StorageError:
        raise
    except (CameradError, ValueError, ArithmeticError):
        return None


def header_of(path: str) -> Header:
    """The header of the recording at `path`.

    Raises NotARecordingError without a valid one, and StorageError if the file cannot be read.
    """
    with explaining("read the recording", path), open_regular(path) as file:
        return _Reader(path, file, None).header()[1]


def end_of(path: str) -> tuple[RecordingEnd, jws.Statement] | None:
    """The end of a whole file; None if it has none, or something behind it.

    Looks at the last bytes only, so that a start need not go through every recording. Raises
    NotARecordingError if it is no regular file, and StorageError if it cannot be read.
    """
    with explaining("read the recording", path), open_regular(path) as file:
        size = file.seek(0, io.SEEK_END)
        if size % ustar.BLOCK:
            return None
        file.seek(max(0, size - _END_WITHIN))
        tail = file.read(_END_WITHIN)
    if len(tail) < len(ustar.END) or any(tail[-len(ustar.END) :]):
        return None
    tail = tail[: -len(ustar.END)]
    name = END_NAME.encode() + b"\0"
    at = tail.rfind(name)
    while at >= 0:
        try:
            member = ustar.parse(tail[at : at + ustar.BLOCK])
            if at + ustar.BLOCK + member.blocks_bytes == len(tail):
                token = tail[at + ustar.BLOCK : at + ustar.BLOCK + member.size]
                statement = jws.parse(token)
                return jws.decode(statement, END, RecordingEnd), statement
        except (ustar.TarError, jws.JwsError):
            pass
        at = tail.rfind(name, 0, at)
    return None


def _is_blank(file: BinaryIO) -> bool:
    """Whether a file has nothing but zeros, and no more of them on its storage than a recorder
    reserves. A longer one is not a recording that had only just begun. Raises OSError."""
    read = 0
    for _, piece in sparse.data_pieces(file.fileno(), 0):
        read += len(piece)
        if any(piece) or read > _MOST_RESERVED:
            return False
    return True


class _MisplacedError(Exception):
    """A member that does not belong where it is, or a statement that does not fit."""

    def __init__(self, found: Located, text: str) -> None:
        self.stop: Final = Stop(found.header_offset, StopReason.DAMAGED, text)
        super().__init__(text)


class _Reader:
    """Reads one skeleton."""

    def __init__(
        self, path: str, file: BinaryIO, on_commit: Callable[[FragmentFacts, int], None] | None
    ) -> None:
        self._path = path
        self._file = file
        self._on_commit = on_commit
        self._walk = Walk(file)
        self._members = iter(self._walk)
        self._init: Located | None = None
        self._fragment: Located | None = None
        self._last: CommittedFragment | None = None
        self._before_last: CommittedFragment | None = None
        self._torn: Located | None = None
        self._end: SignedEnd | None = None

    def read(self) -> Skeleton:
        """Everything."""
        statement, header = self.header()
        try:
            for found in self._members:
                self._take(found)
            stop = self._walk.stop
        except _MisplacedError as error:
            stop = error.stop
        return Skeleton(
            path=self._path,
            size=self._walk.size,
            header=header,
            statement=statement,
            point=self._point,
            last=self._last,
            before_last=self._before_last,
            torn=self._torn,
            end=self._end,
            stop=stop,
        )

    def header(self) -> tuple[jws.Statement, Header]:
        """The first member. Raises NotARecordingError if it is no header."""
        first = next(self._members, None)
        if first is None:
            raise self._foreign(self._walk.stop.text)
        if first.member.name != HEADER_NAME:
            raise self._foreign(f"it begins with the member {first.member.name!r}")
        try:
            statement, header = self._read(first, HEADER, Header)
        except _MisplacedError as error:
            raise self._foreign(str(error)) from error
        if header.format != FORMAT:
            raise self._foreign(f"it is of format {header.format}, known is {FORMAT}")
        self._kid = statement.kid
        self._point = ChainProgress(
            first.end_offset, jws.digest(statement.token), 0, 0, 0, 0, header.trigger_us
        )
        return statement, header

    def _foreign(self, text: str) -> NotARecordingError:
        blank = _is_blank(self._file)
        return NotARecordingError(self._path, f"this is not a recording: {text}", blank=blank)

    def _take(self, found: Located) -> None:
        """Take in the member that follows."""
        taken_in = self._expected().get(found.member.name)
        if taken_in is None:
            raise _MisplacedError(found, f"the member {found.member.name!r} does not belong here")
        taken_in(found)

    def _expected(self) -> dict[str, Callable[[Located], None]]:
        """The names of which one may follow, and what is to be done with it."""
        sequence = self._point.commits
        if self._end is not None:
            return {}
        if self._fragment is not None:
            return {commit_name(sequence): self._take_commit}
        if self._init is not None:
            return {fragment_name(sequence): self._take_fragment}
        if self._torn is not None:
            return {END_NAME: self._take_end}
        # Without a commit the segment is unsigned, so no end follows it.
        following = {TORN_NAME: self._take_torn, END_NAME: self._take_end}
        if sequence == 0:
            return {INIT_NAME: self._take_init, **following}
        return {fragment_name(sequence): self._take_fragment, **following}

    def _take_init(self, found: Located) -> None:
        self._init = found

    def _take_fragment(self, found: Located) -> None:
        self._fragment = found

    def _take_torn(self, found: Located) -> None:
        self._torn = found

    def _take_commit(self, found: Located) -> None:
        statement, commit = self._read(found, COMMIT, Commit)
        fragment, init, before = self._fragment, self._init, self._point
        size = None if init is None else init.member.size
        if (
            fragment is None
            or statement.kid != self._kid
            or commit.previous != before.previous
            or commit.facts.sequence != before.commits
            or commit.fragment.bytes != fragment.member.size
            or (None if commit.init is None else commit.init.bytes) != size
        ):
            raise _MisplacedError(found, f"{found.member.name} does not commit what lies before it")
        facts, sound = commit.facts, commit.facts.sound
        heard_us, state, units = before.heard_us, before.sound_state, 0
        if isinstance(sound, FragmentSound):
            heard_us = heard_us if sound.end_us is None else sound.end_us
            state = sound.states[-1].state if sound.states else state
            units = sound.units
        self._init = self._fragment = None
        self._before_last = self._last
        self._last = CommittedFragment(commit, statement, fragment, init, before)
        self._point = ChainProgress(
            found.end_offset,
            jws.digest(statement.token),
            before.commits + 1,
            before.frames + facts.frames,
            before.units + units,
            before.marks + len(facts.marks),
            max(before.end_us if before.commits else 0, facts.until_us),
            facts,
            facts.last_us if facts.frames else before.seen_us,
            heard_us,
            state,
        )
        if self._on_commit is not None:
            self._on_commit(facts, fragment.member.size + (size or 0))

    def _take_end(self, found: Located) -> None:
        statement, end = self._read(found, END, RecordingEnd)
        kept = None if self._torn is None else self._torn.member.size
        if (
            statement.kid != self._kid
            or end.previous != self._point.previous
            or end.commits != self._point.commits
            or (None if end.torn is None else end.torn.bytes) != kept
        ):
            raise _MisplacedError(found, "the end does not fit what lies before it")
        self._end = SignedEnd(end, statement, found)

    def _read(self, found: Located, kind: str, payload: type[_T]) -> tuple[jws.Statement, _T]:
        if found.member.size > jws.LONGEST:
            raise _MisplacedError(found, f"{found.member.name} is too long for a statement")
        self._file.seek(found.data_offset)
        try:
            statement = jws.parse(self._file.read(found.member.size))
            return statement, jws.decode(statement, kind, payload)
        except jws.JwsError as error:
            raise _MisplacedError(found, f"{found.member.name}: {error}") from error
