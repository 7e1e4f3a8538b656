"""Reads a recording's file once, from front to back, and names what is there, damaged or not.

`walk` yields the members with the SHA-256 of their content, and at the end one `Tail`. It judges
the archive around the members and nothing else (`camerad.container.ustar`);
`camerad.verify.checker` judges the statements. Behind a damaged header it goes on where the next
one is found, so one flipped bit does not hide the rest.

Memory is constant: contents are hashed as they are read. Only statements are kept whole, and sealed
members up to `LARGEST_KEPT` if asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from camerad.base import typed_json
from camerad.base.text import printable
from camerad.container import jws, sparse, ustar
from camerad.container.chain import END_NAME, HEADER_NAME
from camerad.container.whole_file import WholeFile

LARGEST_KEPT: Final = 32 << 20
"""The most bytes of a sealed member that are held in memory. Half a second of footage has less than
a tenth of it."""

_BUFFER: Final = 1 << 20
_SMALL_BUFFER: Final = 1 << 13
"""Where sealed members are kept, each is read into its own room, and the buffer is for what lies
between them: a statement and two headers."""
_FIRST_LOOK: Final = 1 << 13
"""Bytes that a search for the next header reads first. Where every other header is damaged, the
next one is close by, and to read a whole buffer for it would be slow."""
_ZEROS: Final = bytes(_BUFFER)
_MAGIC: Final = b"ustar\x0000"
_MAGIC_AT: Final = 257
_ABOUT_THE_NEXT: Final = (b"x", b"g", b"L", b"K")
"""Types of members that only say more about the members behind them (pax; GNU tar)."""
_OCTAL: Final = re.compile(rb"[0-7]{1,12}")
_STATEMENT: Final = re.compile(r"header\.jws|end\.jws|[0-9]{6,}\.jws")
_OURS: Final = re.compile(
    r"header\.jws|init\.mp4\.age|[0-9]{6,}\.(m4s\.age|jws)|torn\.bin|end\.jws"
)

HEADER_DAMAGED: Final = "its archive header is not the one that camerad writes"
PADDING_DAMAGED: Final = "the padding behind it is not zeros"


class MemberSeen(msgspec.Struct, frozen=True):
    """A member as it lies in the file.

    name: from its archive header; "" where that is damaged so that it cannot be known. size: bytes
    of its content, sha256: over them, in hexadecimal, "" if foreign. offset: of its archive header
    in the file. token: the content of a statement; None of any other member, and where it is too
    long for one.
    sealed: the content of any other member if it was asked for. damage: what is wrong with the
    archive around it, None if nothing is. foreign: another program wrote it, and it is of a kind or
    has a name that no member of a recording has; the name is fit to be printed then.
    """

    name: str
    size: int
    sha256: str
    offset: int
    token: bytes | None = None
    sealed: bytes | None = None
    damage: str | None = None
    foreign: bool = False


class LostBytes(msgspec.Struct, frozen=True):
    """Bytes from `offset` on that are no member: with members behind them, or from the last header
    on, which is damaged."""

    offset: int
    size: int


class TailKind(StrEnum):
    """Content behind the last member."""

    ZEROS = "zeros"
    """Nothing but zeros: the end of the archive, or reserved room."""
    TORN = "torn"
    """Bytes that are no member."""
    CUT = "cut"
    """A member whose content or padding reaches beyond the end of the file."""


class Tail(msgspec.Struct, frozen=True):
    """Bytes between the last whole member and the end of the file.

    name: of the member that is cut, else "". size: bytes; 0 if there are none.
    """

    kind: TailKind
    offset: int
    size: int
    name: str = ""


Found = MemberSeen | LostBytes | Tail


class _Fragment(msgspec.Struct):
    bytes: int


class _CommitHint(msgspec.Struct):
    fragment: _Fragment


class _Source:
    """A descriptor read through one buffer, up to the size that the file has now."""

    def __init__(
        self, descriptor: int, whole: WholeFile | None = None, buffer_bytes: int = _BUFFER
    ) -> None:
        self.descriptor: Final = descriptor
        self._whole = whole
        self.size: Final = os.fstat(descriptor).st_size
        self._view: Final = memoryview(bytearray(buffer_bytes))
        self._start = 0
        self._end = 0
        self._next = 0

    @property
    def offset(self) -> int:
        return self._next - (self._end - self._start)

    @property
    def left(self) -> int:
        return self.size - self.offset

    def seek(self, offset: int) -> None:
        self._start = self._end = 0
        self._next = offset

    def some(self, most: int) -> memoryview:
        """The next bytes, at least one, at most `most`; none at the end of the file.

        They are valid until the next call.
        """
        if self._start == self._end:
            wanted = min(len(self._view), self.size - self._next)
            got = os.preadv(self.descriptor, [self._view[:wanted]], self._next) if wanted > 0 else 0
            self._start, self._end = 0, got
            if self._whole is not None:
                self._whole.show(self.descriptor, self._next, self._view[:got])
            self._next += got
        taken = self._view[self._start : min(self._end, self._start + most)]
        self._start += len(taken)
        return taken

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end of the file."""
        if size > len(self._view):
            return self._past_the_buffer(size)
        first = bytes(self.some(size))
        while len(first) < size and (more := self.some(size - len(first))):
            first += more
        return first

    def _past_the_buffer(self, size: int) -> bytes:
        """The same, copied once, from the kernel to where it stays."""
        offset = self.offset
        content = os.pread(self.descriptor, min(size, self.left), offset)
        if self._whole is not None:
            self._whole.show(self.descriptor, offset, memoryview(content))
        self.seek(offset + len(content))
        return content

    def at(self, offset: int, size: int) -> bytes:
        """Bytes elsewhere in the file, without moving on."""
        return os.pread(self.descriptor, size, offset)


def walk_members(
    descriptor: int, *, keep_sealed: bool = False, whole: WholeFile | None = None
) -> Iterator[Found]:
    """The file's members, in order; the last one is a Tail. Raises OSError.

    keep_sealed: members that are no statements are kept as well, for a caller that opens them.
    whole: is shown all that is read on the way; `WholeFile.finish` is the caller's.
    """
    source = _Source(descriptor, whole, _SMALL_BUFFER if keep_sealed else _BUFFER)
    while True:
        offset = source.offset
        block = source.exactly(ustar.BLOCK)
        damage = None
        try:
            member: ustar.Member | None = ustar.parse(block)
        except ustar.TarError:
            if block == _ZEROS[: ustar.BLOCK] and _only_zeros(source, offset):
                yield Tail(TailKind.ZEROS, offset, source.size - offset)
                return
            member = _leniently(source, block, offset)
            if member is not None and (name := _foreign(block)) is not None:
                source.seek(offset + ustar.BLOCK + member.blocks_bytes)
                yield MemberSeen(name, member.size, "", offset, foreign=True)
                continue
            if member is not None and member.size > ustar.LARGEST:
                member = None
            damage = HEADER_DAMAGED
        if member is None:
            following = _next_header(source, offset + ustar.BLOCK)
            if following is None:
                # Storage tears no block within itself: a whole one that was a header is damage.
                if len(block) == ustar.BLOCK and block[_MAGIC_AT : _MAGIC_AT + 5] == b"ustar":
                    yield LostBytes(offset, source.size - offset)
                    yield Tail(TailKind.ZEROS, source.size, 0)
                    return
                kind = TailKind.TORN if source.size > offset else TailKind.ZEROS
                yield Tail(kind, offset, source.size - offset)
                return
            member = _between(source, offset + ustar.BLOCK, following)
            if member is None:
                yield LostBytes(offset, following - offset)
                source.seek(following)
                continue
        if damage is not None:
            source.seek(offset + ustar.BLOCK)
        if member.blocks_bytes > source.left:
            yield Tail(TailKind.CUT, offset, source.size - offset, member.name)
            return
        yield _content(source, member, offset, damage, keep_sealed)


def _content(
    source: _Source, member: ustar.Member, offset: int, damage: str | None, keep_sealed: bool
) -> MemberSeen:
    statement = _STATEMENT.fullmatch(member.name) is not None
    token_like = member.size <= jws.LONGEST and (statement or not member.name)
    kept = token_like or (keep_sealed and not statement and member.size <= LARGEST_KEPT)
    content = None
    if kept:
        content = source.exactly(member.size)
        digest = hashlib.sha256(content)
    else:
        digest = hashlib.sha256()
        left = member.size
        while left and (view := source.some(left)):
            digest.update(view)
            left -= len(view)
    padding = source.exactly(member.padding)
    if padding != _ZEROS[: len(padding)]:
        damage = f"{damage}, and {PADDING_DAMAGED}" if damage else PADDING_DAMAGED
    token = content if token_like else None
    sealed = None if statement else content
    return MemberSeen(member.name, member.size, digest.hexdigest(), offset, token, sealed, damage)


def _only_zeros(source: _Source, offset: int) -> bool:
    """Whether there is nothing but zeros from `offset` on."""
    there = sparse.data_pieces(source.descriptor, offset)
    return all(piece == _ZEROS[: len(piece)] for _, piece in there)


def _leniently(source: _Source, block: bytes, offset: int) -> ustar.Member | None:
    """Read a damaged header, if the next header, or the end, is where it says it is."""
    if len(block) < ustar.BLOCK or block[_MAGIC_AT : _MAGIC_AT + 5] != b"ustar":
        return None
    size = _octal(block[124:136])
    if size is None:
        return None
    member = ustar.Member(_name(block), size)
    end = offset + ustar.BLOCK + member.blocks_bytes
    if end > source.size:
        return None
    if _next_header(source, offset + ustar.BLOCK, end) is not None:
        return None
    following = source.at(end, ustar.BLOCK)
    if following[_MAGIC_AT : _MAGIC_AT + 5] == b"ustar" or not any(following):
        return member
    return None


def _octal(field: bytes) -> int | None:
    """The number in a header's field; None if there is none."""
    digits = field.strip(b"\0 ")
    return int(digits, 8) if _OCTAL.fullmatch(digits) else None


def _name(block: bytes) -> str:
    """A damaged header's name if it is one that a recording's member has, else ""."""
    # Put into an archive again from a directory, a member is called by its path.
    name = _name_by_another(block).rsplit("/", 1)[-1]
    return name if _OURS.fullmatch(name) else ""


def _foreign(block: bytes) -> str | None:
    """The name of a member that another program added; None if it may be one of the recording.

    Headers that only describe the next member (pax, GNU) are foreign too: a recording's member has
    its name and size in its own header.
    """
    name = _name_by_another(block)
    if not name or (block[156:157] not in _ABOUT_THE_NEXT and _name(block)):
        return None
    return printable(name)


def _name_by_another(block: bytes) -> str:
    """The name in a header that another program wrote; "" if the header is just damaged.

    The checksum of such a header is right. Of any other, the name itself may be damaged.
    """
    if _octal(block[148:156]) != sum(block[:148]) + 8 * ord(" ") + sum(block[156:]):
        return ""
    return block[:100].split(b"\0")[0].decode("utf-8", "replace")


def _next_header(source: _Source, offset: int, limit: int | None = None) -> int | None:
    """Where the next undamaged header of a recording's member is, before `limit`.

    Every byte is tried: where bytes were added or taken out, blocks are out of place.
    """
    limit = source.size if limit is None else min(limit, source.size)
    window = _FIRST_LOOK
    while offset < limit:
        data = sparse.next_data(source.descriptor, offset)
        if data is None:
            return None
        # No header begins with zeros, but what was found may be the middle of one.
        offset = max(offset, data - ustar.BLOCK)
        # The windows overlap by less than a header, so each is whole in one of them.
        view = source.at(offset, window)
        found = view.find(_MAGIC, _MAGIC_AT)
        while found >= 0:
            start = found - _MAGIC_AT
            block = view[start : start + ustar.BLOCK]
            if offset + start >= limit:
                return None
            with contextlib.suppress(ustar.TarError):
                if _OURS.fullmatch(ustar.parse(block).name):
                    return offset + start
            found = view.find(_MAGIC, found + 1)
        offset += window - ustar.BLOCK + 1
        window = min(2 * window, _BUFFER)
    return None


def _between(source: _Source, start: int, end: int) -> ustar.Member | None:
    """The content of a member whose damaged header does not even show its size. A statement ends
    where zeros begin; a fragment has the size that the commit behind it names."""
    room = end - start
    if 0 < room <= jws.LONGEST:
        size = len(source.at(start, room).rstrip(b"\0"))
        try:
            jws.parse(source.at(start, size))
        except jws.JwsError:
            pass
        else:
            return ustar.Member("", size)
    try:
        member = ustar.parse(source.at(end, ustar.BLOCK))
        token = source.at(end + ustar.BLOCK, min(member.size, jws.LONGEST))
        hint = typed_json.decode(jws.parse(token).payload, _CommitHint)
    except (ValueError, RecursionError):
        # Its signature is not checked yet: it may be anything. msgspec's errors are ValueErrors.
        return None
    found = ustar.Member("", hint.fragment.bytes)
    fits = 0 < found.size <= ustar.LARGEST and found.blocks_bytes == room
    return found if fits else None


def is_recording(found: MemberSeen) -> bool:
    """Whether this member is a statement of a recording, with any signature. If so, the rest of the
    file is a recording too, damaged or not."""
    if found.token is None or _STATEMENT.fullmatch(found.name or END_NAME) is None:
        return False
    try:
        kind = jws.parse(found.token).kind
    except jws.JwsError:
        return found.name == HEADER_NAME and HEADER_DAMAGED not in (found.damage or "")
    return kind.startswith("camerad-")
