"""The archive that a recording is: POSIX tar (ustar, IEEE Std 1003.1, pax), in one spelling only.

Only name and size of a member's header vary. Owner, mode, time and everything else are constants,
padding is zeros, and two blocks of zeros end the archive and the file. So a header is ours only if
it is, byte for byte, what `header` makes, and no byte of an archive can be changed unseen.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from camerad.base.errors import CameradError

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
"""The archive's end; a single block of zeros where a member should begin is the reserved room of a
recording that has no end yet."""

LARGEST: Final = 64 << 20
"""The most bytes of a member: half a second of footage has a hundredth of it, and repair keeps no
longer tail. So a header cannot make a reader go through gigabytes that are not there."""

_NAME: Final = re.compile(r"[0-9a-z][0-9a-z.-]{0,98}[0-9a-z]")


class TarError(CameradError, ValueError):
    """Error raised when a block is not a member's header in its one spelling."""


class Member(NamedTuple):
    """A member, as its header says. size: bytes of its content."""

    name: str
    size: int

    @property
    def padding(self) -> int:
        """Zeros behind the content, up to a whole block."""
        return -self.size % BLOCK

    @property
    def blocks_bytes(self) -> int:
        """Content and padding."""
        return self.size + self.padding


_BEFORE_SIZE: Final = b"0000444\0" + b"0000000\0" * 2
"""Mode, user and group."""
_BEFORE_CHECKSUM: Final = b"\0" + b"00000000000\0"
"""The end of the size, and the time."""
_BEHIND: Final = b"".join(
    (
        b"0",  # a regular file
        bytes(100),  # link
        b"ustar\x0000",
        bytes(64),  # names of user and group
        b"0000000\0" * 2,  # device
        bytes(167),
    )
)
"""All behind the checksum."""
_CONSTANT_SUM: Final = sum(_BEFORE_SIZE + _BEFORE_CHECKSUM + b"        " + _BEHIND)
"""What all but name and size count in the checksum, which itself counts as spaces."""


def header(name: str, size: int) -> bytes:
    """The 512 bytes before a member's content.

    Raises TarError for a name or a size that no member of a recording has.
    """
    if _NAME.fullmatch(name) is None:
        raise TarError(f"{name!r} is no name of a recording's member")
    if not 0 <= size <= LARGEST:
        raise TarError(f"a member cannot have {size} bytes")
    called, digits = name.encode(), b"%011o" % size
    checksum = b"%06o\0 " % (_CONSTANT_SUM + sum(called) + sum(digits))
    fields = (called.ljust(100, b"\0"), _BEFORE_SIZE, digits, _BEFORE_CHECKSUM, checksum, _BEHIND)
    return b"".join(fields)


def parse(block: bytes) -> Member:
    """The member whose header `block` is. Raises TarError unless `header` would make the same."""
    if len(block) != BLOCK:
        raise TarError(f"{len(block)} bytes are not a header")
    try:
        name = block[:100].rstrip(b"\0").decode("ascii")
        size = int(block[124:135], 8)
    except ValueError:
        raise TarError("a member's header is damaged, or not one of camerad's") from None
    if header(name, size) != block:
        raise TarError(f"the header of the member {name!r} is not the one that camerad writes")
    return Member(name, size)


def member(name: str, content: bytes) -> list[bytes]:
    """A member as it is written: header, content, padding."""
    found = Member(name, len(content))
    return [header(name, len(content)), content, bytes(found.padding)]
