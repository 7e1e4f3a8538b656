"""Thread-safe decoding of JSON into a known type.

msgspec analyses a type when it is first asked to read one, and shows other threads an unfinished
analysis: two threads that read the first JSON of a type at once end the process (SIGSEGV in msgspec
0.22, `StructInfo`). So the analysis is made here, one thread at a time. All of camerad decodes
types through this module.
"""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar

import msgspec

_T = TypeVar("_T")
_lock: Final = threading.Lock()
_decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}
"""By type; each is whole. At most one for each type that camerad reads."""


def decode(content: bytes | bytearray | memoryview | str, kind: type[_T]) -> _T:
    """Decode JSON as a `kind`. Raises msgspec.DecodeError, or its msgspec.ValidationError if it is
    JSON of another type."""
    found: _T = _decoder(kind).decode(content)
    return found


def convert(value: object, kind: type[_T], *, strict: bool = True) -> _T:
    """Convert decoded JSON to a `kind`. strict: as of `msgspec.convert`. Raises
    msgspec.ValidationError."""
    _decoder(kind)
    return msgspec.convert(value, kind, strict=strict)


def _decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    found = _decoders.get(kind)
    if found is None:
        with _lock:
            found = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    return found
