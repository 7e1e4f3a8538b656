"""What a shared library calls itself: its SONAME, of a 64-bit little-endian ELF file.

Read by hand: it is one entry of one table, and a library for it would be another dependency of the
build. Format: System V ABI, chapters 4 and 5 (https://gabi.xinuos.com/).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_ENTRY: Final = struct.Struct("<qQ")
_PT_LOAD: Final = 1
_PT_DYNAMIC: Final = 2
_DT_NULL: Final = 0
_DT_STRTAB: Final = 5
_DT_SONAME: Final = 14


def is_elf(content: bytes) -> bool:
    """Whether these are the bytes of a 64-bit little-endian ELF file."""
    return content[:6] == b"\x7fELF\x02\x01"


def soname(content: bytes) -> str:
    """The SONAME of an ELF file, empty if it has none. Raises ValueError if the file is no such
    file, or is cut off."""
    if not is_elf(content):
        raise ValueError("not a 64-bit little-endian ELF file")
    try:
        return _soname(content)
    except struct.error as error:
        raise ValueError(f"cut off: {error}") from None


def _soname(content: bytes) -> str:
    header = _HEADER.unpack_from(content)
    begin, size, count = header[5], header[9], header[10]
    segments = [_SEGMENT.unpack_from(content, begin + n * size) for n in range(count)]
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind == _PT_DYNAMIC:
            # The first of each kind counts.
            found = dict(reversed(list(_entries(content, offset, length))))
            if _DT_SONAME not in found:
                return ""
            place = _offset(segments, found[_DT_STRTAB]) + found[_DT_SONAME]
            return content[place : content.index(b"\0", place)].decode("utf-8")
    return ""


def _entries(content: bytes, offset: int, length: int) -> Iterator[tuple[int, int]]:
    """Tag and value of each entry of the dynamic section."""
    for place in range(offset, offset + length, _ENTRY.size):
        tag, value = _ENTRY.unpack_from(content, place)
        if tag == _DT_NULL:
            return
        yield tag, value


def _offset(segments: list[tuple[int, ...]], address: int) -> int:
    """Where in the file lies what is loaded at `address`."""
    for kind, _, offset, start, _, length, _, _ in segments:
        if kind == _PT_LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError(f"nothing of the file is loaded at {address:#x}")
