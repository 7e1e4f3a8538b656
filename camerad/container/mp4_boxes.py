"""The boxes of an MP4 (ISO/IEC 14496-12, 4.2), one after the other.

The recorder makes fragments of them (`camerad.recording.fragment_boxes`); an evidence desk takes
them apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from camerad.base.errors import CameradError

_HEADER: Final = 8
"""Bytes of a size and a kind."""


class Mp4Error(CameradError, ValueError):
    """Error raised when a fragment or a segment is not as a recorder makes them."""


class Box(NamedTuple):
    """One box. kind: its four characters; start, end: where it lies; body: where its content
    begins."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(
    data: bytes | bytearray | memoryview, start: int = 0, end: int | None = None
) -> Iterator[Box]:
    """The boxes that follow one another between `start` and `end` of `data`.

    Raises Mp4Error if one is smaller than its header or reaches beyond `end`.
    """
    end = len(data) if end is None else end
    while start < end:
        if end - start < _HEADER:
            raise Mp4Error(f"{end - start} bytes at {start} are too few for a box of an MP4")
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + _HEADER
        if size == 1 and end - start >= 16:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        if not body - start <= size <= end - start:
            raise Mp4Error(
                f"the box {kind!r} at {start} claims {size} bytes of {end - start} that are there"
            )
        yield Box(kind, start, body, start + size)
        start += size


def only_box(data: bytes, within: Box, *path: bytes) -> Box:
    """The box that a path of kinds leads to, each the only one of its kind. Raises Mp4Error."""
    for kind in path:
        found = [box for box in boxes(data, within.body, within.end) if box.kind == kind]
        if len(found) != 1:
            raise Mp4Error(f"there is no box {kind!r} where one is needed, or more than one")
        within = found[0]
    return within
