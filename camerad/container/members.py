"""Finds the members of a recording's file, without reading what they say.

`Walk` stops at the first byte that is not as it should be, and says why.
`camerad.container.skeleton` reads what the members say; `camerad.container.reader` goes on behind
damage.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO, Final, NamedTuple

from camerad.base.errors import CameradError
from camerad.container import ustar

_READ_AHEAD: Final = 8192
"""A fragment's padding, its commit and the next header are usually within so many bytes."""


class StopReason(StrEnum):
    """Why a walk stopped."""

    END = "end"
    """Two blocks of zeros and nothing else: the archive is whole."""
    ROOM = "room"
    """A block of zeros, but not the end of the archive: room reserved for what was to come."""
    CUT = "cut"
    """The file ends before the archive does."""
    DAMAGED = "damaged"
    """Something else than a member's header, padding or statement is there."""


class Stop(NamedTuple):
    """Where and why a walk stopped. offset: of the first byte that was not understood."""

    offset: int
    why: StopReason
    text: str


class Located(NamedTuple):
    """A member, where its header begins and where its content does."""

    member: ustar.Member
    header_offset: int
    data_offset: int

    @property
    def end_offset(self) -> int:
        """Where the next member begins."""
        return self.data_offset + self.member.blocks_bytes


class NotARecordingError(CameradError, ValueError):
    """Error raised when a file does not even have the header of a recording.

    blank: there is nothing in it but zeros, or nothing at all. renamed: it is a recording, under
    another one's name.
    """

    exit_code = 3  # of `camerad evidence`: unreadable

    def __init__(self, path: str, text: str, *, blank: bool = False, renamed: bool = False) -> None:
        self.blank, self.renamed = blank, renamed
        super().__init__(f"{path}: {text}")


class Walk:
    """The members of an archive, in their order; iterate once.

    file: seekable; the caller may seek and read in it in between. A member is given out when its
    header, content and padding are there. Afterwards `stop` says where it stopped and why. Raises
    OSError if the file cannot be read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size: Final = file.seek(0, io.SEEK_END)
        """Bytes of the file as the walk began."""
        self.stop: Stop = Stop(0, StopReason.CUT, "nothing was read yet")

    def __iter__(self) -> Iterator[Located]:
        offset = padding = 0
        held: Located | None = None
        while True:
            # The padding of the member before comes with the header of the next, in one read.
            block = self._read(offset - padding, padding + ustar.BLOCK)
            if any(block[:padding]):
                self.stop = Stop(offset - padding, StopReason.DAMAGED, "the padding is not zeros")
                return
            if held is not None:
                yield held
            found = self._next(offset, block[padding:])
            if isinstance(found, Stop):
                self.stop = found
                return
            held = found
            offset, padding = held.end_offset, held.member.padding

    def _next(self, offset: int, block: bytes) -> Located | Stop:
        if len(block) < ustar.BLOCK:
            return Stop(offset, StopReason.CUT, "the file ends here, without the archive's end")
        if not any(block):
            whole = offset + len(ustar.END) == self.size and not any(self._read(offset, self.size))
            if whole:
                return Stop(offset, StopReason.END, "the archive ends here")
            return Stop(offset, StopReason.ROOM, "a block of zeros, which is not the archive's end")
        try:
            member = ustar.parse(block)
        except ustar.TarError as error:
            return Stop(offset, StopReason.DAMAGED, str(error))
        found = Located(member, offset, offset + ustar.BLOCK)
        if found.end_offset > self.size:
            return Stop(offset, StopReason.CUT, f"the file ends within the member {member.name!r}")
        return found

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(min(size, self.size - offset))


def open_regular(path: str) -> BinaryIO:
    """Open a file that should be a recording.

    Raises NotARecordingError if it is not a regular file: a named pipe has no end, and reading a
    device may do anything. Raises OSError.
    """
    file = open(path, "rb", buffering=_READ_AHEAD, opener=_at_once)  # noqa: SIM115 - the caller does
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise NotARecordingError(path, "this is no regular file")


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for the writer of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
