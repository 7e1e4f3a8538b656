"""Whether something may have changed in an office's directory: a cheap look, some system calls for
each camera.

A file that is put into a directory, renamed or removed changes the directory's time. The ledgers
grow in place, so their files are looked at themselves. A recording that somebody changes in place
is not noticed here; the comparison of files and ledgers notes it in the office's ledger, and that
is.
"""

from __future__ import annotations

import os
from typing import Final

from camerad.base import file_status
from camerad.base.storage_errors import explaining
from camerad.office.index.office_knowledge import OfficeFiles, digest, list_versions
from camerad.office.state.index_tables import APART
from camerad.store.locations import (
    DIRECTORY_ID,
    EARLIER_LEDGER,
    KEYS,
    LEDGER,
    OFFICE,
    RECEIPTS,
    RECORDINGS,
)

_OFFICE_PARTS: Final = (DIRECTORY_ID, KEYS, "apart", os.path.join("desk", "cases"))


def look_version(files: OfficeFiles) -> str:
    """What tells the directory from how it was before. Raises StorageError."""
    root = files.root
    found: list[object] = []
    for name, *_ in list_versions(root):
        holding = os.path.join(root, name)
        if not file_status.is_directory(holding):
            continue
        found.append(name)
        found += [_time(os.path.join(holding, part)) for part in (RECORDINGS, RECEIPTS)]
        found += [list_versions(os.path.join(holding, part)) for part in (LEDGER, EARLIER_LEDGER)]
    found += [_time(os.path.join(root, OFFICE, part)) for part in _OFFICE_PARTS]
    for name, *_ in list_versions(os.path.join(root, APART)):
        found.append((name, _time(os.path.join(root, APART, name))))
    if files.register is not None:
        found.append(_time(files.register))
    return digest(found)


def _time(path: str) -> tuple[int, int, int] | None:
    """What a change of a file or directory changes; None if there is none."""
    if not file_status.exists(path):
        return None
    with explaining("look at it", path):
        state = os.stat(path)
    return state.st_ino, state.st_size, state.st_mtime_ns
