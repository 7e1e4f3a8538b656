"""What of a recording's file is not sealed footage: for a player that is to start and seek at once.

The chain of signatures leads through statements that lie between the fragments, one behind the
other. A tab that has them all at once needs no request for each. Nobody has to trust what gives
them out: the tab checks each signature, and reads what is not here from the recording itself.

The answer is a row of extents: offset in the file (8 bytes), length (4 bytes; both big-endian),
and the bytes. An extent reaches from the end of a sealed member's content to the beginning of the
next one's: padding, statements and archive headers. Of half a second of footage that is some 3 KB.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from camerad.container import ustar
from camerad.container.chain import TORN_NAME

_HEAD: Final = struct.Struct(">QI")
_SEALED: Final = ".age"
_LONGEST: Final = 4 << 20
"""Of an extent: statements are shorter, and what is longer is read from the recording."""


def statement_extents(file: BinaryIO) -> Iterator[bytes]:
    """The answer, extent by extent. Ends where the file is not as a recording's is, or ends.

    file: at any position, and binary. Raises OSError.
    """
    size = file.seek(0, os.SEEK_END)
    begin = at = 0
    while at + ustar.BLOCK <= size:
        file.seek(at)
        try:
            member = ustar.parse(file.read(ustar.BLOCK))
        except ustar.TarError:
            break  # the archive's end, or what only the judge can say something about
        content = at + ustar.BLOCK
        at = content + member.blocks_bytes
        if member.name.endswith(_SEALED) or member.name == TORN_NAME:
            yield from _extent(file, begin, content)
            begin = content + member.size
    yield from _extent(file, begin, min(at + 2 * ustar.BLOCK, size))


def _extent(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    if 0 < end - begin <= _LONGEST:
        file.seek(begin)
        data = file.read(end - begin)
        yield _HEAD.pack(begin, len(data)) + data
