"""What an office has deleted: it does not come back because a camera hands it over again."""

from __future__ import annotations

from camerad.base import file_status
from camerad.container.keys import PublicKey
from camerad.ledger.ledger import entries_about, read_state
from camerad.ledger.recording_entries import Deleted, FoundEntry, Received
from camerad.office import office
from camerad.office.office import OfficeKeyError
from camerad.store.locations import office_place


def was_deleted(root: str, key: PublicKey, recording: str) -> bool:
    """Whether the office's own ledger calls a recording deleted, as long as it has that entry.

    root: the office's directory. key: the office's. Raises OfficeKeyError if the ledger is by
    another key, or gone: then nobody can tell, and nothing is to be taken over. Raises
    StorageError.
    """
    place = office_place(root)
    found = office.ledger_keys(place, key)
    if found.problem:
        raise OfficeKeyError(f"{found.problem}; nothing is taken over until this is mended")
    if not file_status.is_directory(place.ledger):
        return False
    known = read_state(place.ledger, found.ring).recordings.get(recording)
    if known is not None:
        return known.deleted is not None
    deleted = False
    for entry in entries_about(place.ledger, found.ring, recording):
        if isinstance(entry.facts, Deleted | Received | FoundEntry):
            deleted = isinstance(entry.facts, Deleted)
    return deleted
