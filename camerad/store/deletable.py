"""Checks whether a file under a recording's name is that recording, and can be removed.

A tombstone says for ever that a recording was deleted. So it is signed only after its files were
read, just then, and are what the ledger names:

- a plain file, in a directory where this user may remove it;
- with the end that the ledger names, or, where it names none, with the header that it names; of
  what the ledger knows as changed, with the end that this was noted with;
- a further file, or a copy, with the header that the ledger names.

The ledger has no hashes of unsigned files and of files that repair put aside: they only have to be
plain files that can be read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import ClassVar

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explain, explaining
from camerad.container import jws
from camerad.container.members import open_regular
from camerad.container.recording_files import SUFFIX
from camerad.container.skeleton import Skeleton, readable_skeleton
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.store.locations import NotThereError, Place


class NotTheRecordingError(StorageError):
    """Error raised when something else than the recording lies under its name."""

    exit_code: ClassVar[int] = 2  # as `camerad evidence verify` says it


def check_deletable(known: RecordingState, paths: Sequence[str]) -> None:
    """Return if these files are the recording, and can be removed. paths: all of them.

    Raises NotTheRecordingError if one is something else, and StorageError if one cannot be read or
    removed. Nothing is changed.
    """
    own = [path for path in paths if os.path.basename(path) == known.id + SUFFIX]
    others = 0
    for path in paths:
        check_plain(path)
        if path not in own:
            continue  # put aside; or a copy, which its header made one
        said = readable_skeleton(path)
        if _ends_as_named(known, said):
            continue
        if not known.header or said is None or jws.digest(said.statement.token) != known.header:
            raise _another(known, path)
        others += 1
    if own and others == len(own):
        raise _another(known, own[0])


def check_plain(path: str) -> None:
    """Return if this is a plain file that can be read and removed. Raises as `check_deletable`."""
    if not file_status.is_file(path):
        raise NotTheRecordingError(
            f"{path}: this is a link, a directory or a pipe under a recording's name, and not the "
            "recording: it is left as it is; see what put it there"
        )
    with explaining("read the recording", path), open_regular(path) as file:
        file.read(1)
    directory = os.path.dirname(path)
    with explaining("remove the recording", path):
        read_only = os.statvfs(directory).f_flag & os.ST_RDONLY
    number = errno.EROFS if read_only else errno.EACCES
    if read_only or not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
        refused = OSError(number, os.strerror(number))
        raise explain("remove the recording", path, refused)


def find_kept(place: Place, state: LedgerState, recording: str) -> str:
    """The file of a recording that is here and stays; as `Place.find`.

    state: what the place's ledger says. Raises NotThereError also where it says that the recording
    is deleted, and only its file is not removed yet, as after a loss of power; and StorageError.
    """
    path = place.find(recording)
    known = state.recordings.get(recording)
    if known is None or known.deleted is None:
        return path
    if not any(is_another(known, one) for one in place.files_of(recording)):
        raise NotThereError(f"{recording} was deleted, and its file is about to be removed")
    return path


def is_another(known: RecordingState, path: str) -> bool:
    """Whether a file with a recording's name is another recording, by its header and its end: an id
    is its camera's choice, and two may choose the same. Of what the ledger names neither, nothing
    is another. Raises StorageError if it cannot be read."""
    if os.path.basename(path) != known.id + SUFFIX or not (known.header or known.final):
        return False
    said = readable_skeleton(path)
    if said is None or said.header.id != known.id:
        return False
    same = jws.digest(said.statement.token) == known.header
    return not same and not (known.final and _ends_as_named(known, said))


def final_of(known: RecordingState) -> str | None:
    """SHA-256 of the end that the ledger names for what is there now; None if it names none."""
    return known.final if known.changed is None else known.changed or None


def _ends_as_named(known: RecordingState, said: Skeleton | None) -> bool:
    if known.changed is None and known.final is None:
        if not known.header:
            return True  # it is unsigned
        return said is not None and jws.digest(said.statement.token) == known.header
    closed = None if said is None else said.closed_by
    return (None if closed is None else closed.sha256) == final_of(known)


def _another(known: RecordingState, path: str) -> NotTheRecordingError:
    return NotTheRecordingError(
        f"{path}: this file is not the recording {known.id} that the ledger names: it is left as "
        f"it is, and not recorded as deleted; see what is wrong with 'camerad evidence verify "
        f"{path}'"
    )
