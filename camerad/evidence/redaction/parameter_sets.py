"""H.264 parameter sets in a recording's initialisation segment (ISO/IEC 14496-15, 5.3.3)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from camerad.container.mp4_boxes import Box, Mp4Error, boxes, only_box
from camerad.recording.avc import picture_format

_ENTRY_BYTES: Final = 78
"""Of a picture's sample entry, before its boxes (ISO/IEC 14496-12, 12.1.3)."""
_SET_BYTES: Final = 5
_PATH: Final = (b"mdia", b"minf", b"stbl", b"stsd")


class DecoderConfiguration(NamedTuple):
    """What an ``avcC`` has. head: its first five bytes; tail: those behind the sets."""

    head: bytes
    sequence_sets: tuple[bytes, ...]
    picture_sets: tuple[bytes, ...]
    tail: bytes

    @property
    def content(self) -> bytes:
        """The bytes of the box."""
        pieces = [self.head, bytes([0xE0 | len(self.sequence_sets)])]
        pieces += [struct.pack(">H", len(one)) + one for one in self.sequence_sets]
        pieces.append(bytes([len(self.picture_sets)]))
        pieces += [struct.pack(">H", len(one)) + one for one in self.picture_sets]
        return b"".join([*pieces, self.tail])


def read_configuration(init: bytes) -> DecoderConfiguration:
    """The configuration of the pictures in a segment. Raises Mp4Error."""
    box = _path(init)[-1]
    content = init[box.body : box.end]
    try:
        sequence_sets, at = _sets(content, 5, 0x1F)
        picture_sets, at = _sets(content, at, 0xFF)
    except (IndexError, struct.error) as error:
        raise Mp4Error("the segment's parameter sets cannot be read") from error
    found = DecoderConfiguration(content[:5], sequence_sets, picture_sets, content[at:])
    if found.content != content or content[4] != 0xFF:
        raise Mp4Error("the segment's parameter sets are not as a camera writes them")
    return found


def _sets(content: bytes, at: int, mask: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    count, at = content[at] & mask, at + 1
    for _ in range(count):
        (size,) = struct.unpack_from(">H", content, at)
        found.append(content[at + 2 : at + 2 + size])
        at += 2 + size
    return tuple(found), at


def with_sets(init: bytes, sequence_set: bytes, picture_set: bytes) -> bytes:
    """The segment with one more set of each kind, behind those that it has. Raises Mp4Error."""
    said = read_configuration(init)
    more = said._replace(
        sequence_sets=(*said.sequence_sets, sequence_set),
        picture_sets=(*said.picture_sets, picture_set),
    )
    return with_configuration(init, more)


def with_configuration(init: bytes, configuration: DecoderConfiguration) -> bytes:
    """The segment with another configuration of its pictures. Raises Mp4Error."""
    more, path = configuration.content, _path(init)
    box = path[-1]
    grown = bytearray(init[: box.body] + more + init[box.end :])
    for one in path:
        struct.pack_into(">I", grown, one.start, one.end - one.start + len(grown) - len(init))
    return bytes(grown)


def _path(init: bytes) -> list[Box]:
    """The boxes from ``moov`` to the pictures' ``avcC``."""
    moov = only_box(init, Box(b"", 0, 0, len(init)), b"moov")
    for trak in boxes(init, moov.body, moov.end):
        if trak.kind != b"trak":
            continue
        hdlr = only_box(init, trak, b"mdia", b"hdlr")
        if init[hdlr.body + 8 : hdlr.body + 12] == b"vide":
            inside = [only_box(init, trak, *_PATH[: depth + 1]) for depth in range(len(_PATH))]
            stsd = inside[-1]
            entry = only_box(init, Box(b"", 0, stsd.body + 8, stsd.end), b"avc1")
            fields = Box(b"", 0, entry.body + _ENTRY_BYTES, entry.end)
            return [moov, trak, *inside, entry, only_box(init, fields, b"avcC")]
    raise Mp4Error("the segment has no track of pictures")


def is_extended(init: bytes, by: bytes, width: int, height: int) -> bool:
    """Whether `init` is the segment `by` with sets of the id 1, for pictures of this size, and
    nothing else. Raises Mp4Error."""
    added = read_configuration(init)
    if not (added.sequence_sets and added.picture_sets):
        return False
    sequence_set, picture_set = added.sequence_sets[-1], added.picture_sets[-1]
    if len(sequence_set) < _SET_BYTES or len(picture_set) < 2:
        return False
    # Each id is ue(v), behind profile and level, and at once (ITU-T H.264, 7.3.2.1.1, 7.3.2.2).
    ids = sequence_set[4] >> 5 == 0b010 and picture_set[1] >> 2 == 0b010010
    try:
        size = picture_format(sequence_set)[:2]
    except ValueError:
        return False
    return ids and size == (width, height) and with_sets(by, sequence_set, picture_set) == init
