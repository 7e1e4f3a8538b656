"""Parses H.264 as an encoder delivers it (ITU-T H.264): the units of a picture, and its format.

An access unit is in the byte stream format of annex B: each NAL unit behind a start code. Offsets
are bytes from the access unit's beginning. Nothing here keeps a part of an access unit but its
parameter sets, which are settings and no picture.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from camerad.stream.packets import Buffer

SLICES: Final = range(1, 6)
SEQUENCE_SET: Final = 7
PICTURE_SET: Final = 8
"""Kinds of NAL units, table 7-1."""

_START_CODE: Final = re.compile(b"\0\0\1")
_PLAIN_PROFILES: Final = (66, 77, 88)
"""Baseline, main and extended: 4:2:0 with 8 bits, and nothing is said of it."""
_RICH_PROFILES: Final = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
"""Those whose sequence parameter set tells of chroma and depth, 7.3.2.1.1."""
_CROP_UNITS: Final = ((1, 1), (2, 2), (2, 1), (1, 1))
"""SubWidthC and SubHeightC by chroma_format_idc, table 6-1; 1 where there is no chroma."""


class NalUnit(NamedTuple):
    """kind: nal_unit_type. start, end: where it lies, without start code and trailing zeros."""

    kind: int
    start: int
    end: int


def nal_units(unit: Buffer) -> list[NalUnit]:
    """The NAL units of an access unit, in their order; none where there is no start code."""
    found = []
    codes = [(code.start(), code.end()) for code in _START_CODE.finditer(unit)]
    codes.append((len(unit), 0))
    for (_, start), (following, _) in itertools.pairwise(codes):
        end = following
        # Zeros before a start code, and at the end, belong to no unit (B.1).
        while end > start and unit[end - 1] == 0:
            end -= 1
        if end > start:
            found.append(NalUnit(unit[start] & 31, start, end))
    return found


class PictureFormat(NamedTuple):
    """Content of a sequence parameter set. width, height: pixels, cropped. chroma: 0 none, 1 4:2:0,
    2 4:2:2, 3 4:4:4. luma_bits, chroma_bits: depth."""

    width: int
    height: int
    chroma: int
    luma_bits: int
    chroma_bits: int


class _Bits:
    """Reads a raw byte sequence payload bit by bit (7.2, 9.1)."""

    def __init__(self, payload: bytes) -> None:
        # Emulation prevention (7.4.1): a 3 behind two zeros is no part of the payload.
        self._data = payload.replace(b"\0\0\3", b"\0\0")
        self._at = 0

    def take(self, count: int) -> int:
        """u(n)"""
        value = 0
        for _ in range(count):
            byte, bit = divmod(self._at, 8)
            if byte >= len(self._data):
                raise ValueError("a sequence parameter set ends too early")
            value = value << 1 | self._data[byte] >> 7 - bit & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """ue(v)"""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("a sequence parameter set has a number that is too large")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v)"""
        number = self.unsigned()
        return (number + 1) // 2 if number % 2 else -(number // 2)


def picture_format(sequence_set: bytes) -> PictureFormat:
    """Parse a sequence parameter set, from its NAL header on (7.3.2.1.1). Raises ValueError."""
    bits = _Bits(sequence_set[1:])
    profile = bits.take(8)
    bits.take(16)
    bits.unsigned()
    chroma, luma_bits, chroma_bits, planes = 1, 8, 8, False
    if profile in _RICH_PROFILES:
        chroma = bits.unsigned()
        if chroma > 3:
            raise ValueError(f"a sequence parameter set has the unknown chroma format {chroma}")
        planes = chroma == 3 and bool(bits.take(1))
        luma_bits, chroma_bits = 8 + bits.unsigned(), 8 + bits.unsigned()
        bits.take(1)
        if bits.take(1):
            for number in range(8 if chroma != 3 else 12):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    _skip_order(bits)
    columns, rows = bits.unsigned() + 1, bits.unsigned() + 1
    fields = 1 if bits.take(1) else 2
    if fields == 2:
        bits.take(1)
    bits.take(1)
    width, height = columns * 16, rows * 16 * fields
    if bits.take(1):
        across, down = _CROP_UNITS[0 if planes else chroma]
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * across
        height -= (top + bottom) * down * fields
    return PictureFormat(width, height, chroma, luma_bits, chroma_bits)


def _skip_order(bits: _Bits) -> None:
    """Frame numbers, the order of pictures, and how many are referred to."""
    bits.unsigned()
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()
    bits.take(1)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    """7.3.2.1.1.1"""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def decoder_configuration(sequence_sets: Sequence[bytes], picture_sets: Sequence[bytes]) -> bytes:
    """The AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) of access units whose NAL units
    have their length in four bytes before them. Raises ValueError."""
    first = sequence_sets[0]
    said = picture_format(first)
    lists = [bytes([1, *first[1:4], 0xFF, 0xE0 | len(sequence_sets)])]
    lists += [struct.pack(">H", len(one)) + one for one in sequence_sets]
    lists.append(bytes([len(picture_sets)]))
    lists += [struct.pack(">H", len(one)) + one for one in picture_sets]
    if first[1] not in _PLAIN_PROFILES:
        depths = (0xF8 | said.luma_bits - 8, 0xF8 | said.chroma_bits - 8)
        lists.append(bytes([0xFC | said.chroma, *depths, 0]))
    return b"".join(lists)
