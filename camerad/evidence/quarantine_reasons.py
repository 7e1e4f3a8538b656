"""Reasons for quarantined files, each in a file beside the other.

``ID.json`` says which file it is about by all its bytes, and why that was not taken.
"""

from __future__ import annotations

import errno
from typing import Final

import msgspec

from camerad.base import typed_json
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.store.verified_copy import Digest

ENDING: Final = ".json"
UNKNOWN: Final = "it did not verify"
"""Where nothing says more."""
_LARGEST: Final = 64 * 1024


class _Reason(msgspec.Struct, frozen=True):
    """The file. sha256, bytes: of the whole quarantined file; only people read them."""

    why: str
    sha256: str = ""
    bytes: int = 0


def make_reason(why: str, written: Digest) -> bytes:
    """The content of the file. written: the quarantined file."""
    return msgspec.json.encode(_Reason(why, *written))


def read_reason(path: str) -> str:
    """Why, or `UNKNOWN` if there is no such file, or none that can be understood. Raises
    StorageError."""
    try:
        return typed_json.decode(read_plain(path, "reason", _LARGEST), _Reason).why
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return UNKNOWN
        raise
    except (ValueError, RecursionError):
        return UNKNOWN
