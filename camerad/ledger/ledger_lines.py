"""Reads single lines of a ledger's files, without computing its state."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from camerad.base.safe_read import open_plain
from camerad.base.storage_errors import explaining
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.audit import contents_in
from camerad.ledger.entries import parse_entry
from camerad.ledger.entry_types import Carried
from camerad.ledger.recording_entries import Deleted, FoundEntry, OpenedEntry, Received


def read_tokens(directory: str, name: str) -> Iterator[bytes]:
    """The lines of a ledger's file, one after another: memory is that of one, which is cut where no
    entry is so long. Raises StorageError as `read_file` does."""
    path = os.path.join(directory, name)
    with open_plain(path, "ledger") as file, explaining("read the ledger", path):
        log_segments.check_size(path, os.fstat(file.fileno()).st_size)
        while line := file.readline(jws.LONGEST + 1):
            yield line.removesuffix(b"\n")


def last_token(directory: str, name: str, keys: KeyRing) -> bytes | None:
    """The last line of a ledger's file that is an entry by one of `keys`; None if none is. Raises
    StorageError."""
    for token in reversed(log_segments.read_file(directory, name).split(b"\n")):
        try:
            parse_entry(token, keys)
        except jws.JwsError:
            continue
        return token
    return None


def tombstones(directory: str, keys: KeyRing, recordings: Collection[str]) -> dict[str, str]:
    """Which of these recordings were deleted, each with the SHA-256 of its header.

    Only epochs that have not expired are read, and only recordings whose header they name are
    found. Entries count as in `entries_about`. Raises StorageError.
    """
    deleted: set[str] = set()
    headers: dict[str, str] = {}
    spelled = [one for name in recordings for one in jws.spellings(jws.canonical(name)[1:-1])]
    for number, content in contents_in(directory):
        if not any(one in content for one in spelled):
            continue
        for _, entry in log_segments.read_epoch(None, number, content, keys).entries:
            facts = entry.facts
            if isinstance(facts, Carried):
                headers |= {one.id: one.header for one in facts.recordings if one.header}
            elif isinstance(facts, OpenedEntry | Received | FoundEntry) and facts.header:
                headers[facts.id] = facts.header
                deleted.discard(facts.id)
            elif isinstance(facts, Deleted):
                deleted.add(facts.id)
    return {one: headers[one] for one in recordings if one in deleted and one in headers}
