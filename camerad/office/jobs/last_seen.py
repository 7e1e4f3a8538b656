"""When anything last came of a camera: the newest of its last check-in, its ledger and its
receipts.

A check-in is ``office/check-ins/KID.json`` below the office's directory, and says when it arrived.
Of the rest the file's own time counts, which is when the server, or an offload, wrote it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from camerad.base import typed_json
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explain
from camerad.container.keys import Thumbprint
from camerad.office.server.check_ins import CHECK_INS
from camerad.store.locations import OFFICE, Holding

_LARGEST: Final = 1 << 20


class _Arrived(msgspec.Struct):
    """What is read of a check-in. arrived_us: wall time of the server."""

    arrived_us: int


def last_seen_us(root: str, kid: Thumbprint, holdings: Iterable[Holding]) -> int | None:
    """Wall time, microseconds; None if nothing ever came. root: the office's directory. kid:
    thumbprint of the camera's key. holdings: what the directory has of it. Raises StorageError."""
    times = [
        *_checked_in(os.path.join(root, OFFICE, CHECK_INS, f"{kid}.json")),
        *(
            time_us
            for holding in holdings
            for directory in (holding.ledger, holding.receipts)
            for time_us in _times_in(directory)
        ),
    ]
    return max(times, default=None)


def _checked_in(path: str) -> Iterator[int]:
    try:
        yield typed_json.decode(read_plain(path, "check-in", _LARGEST), _Arrived).arrived_us
    except StorageError as error:
        if error.errno != errno.ENOENT:
            raise
    except (msgspec.MsgspecError, RecursionError):
        return  # a check-in of another version: the rest counts


def _times_in(directory: str) -> Iterator[int]:
    try:
        with os.scandir(directory) as entries:
            for one in entries:
                if one.is_file(follow_symlinks=False):
                    yield one.stat(follow_symlinks=False).st_mtime_ns // 1000
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain("look at the files", directory, error) from error
