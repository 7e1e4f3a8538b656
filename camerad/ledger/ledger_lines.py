"""Reads single entries of a ledger, without computing its state.

Nothing is believed by them but that the key signed them: what damage hides is told by
`camerad.ledger.audit`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.safe_read import open_plain
from camerad.base.storage_errors import explaining
from camerad.base.version_cache import VersionCache
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry, parse_entry
from camerad.ledger.entry_types import Carried
from camerad.ledger.recording_entries import (
    Deleted,
    FoundEntry,
    HoldPlacedUntil,
    HoldReleased,
    OpenedEntry,
    Received,
)

MOST_EPOCHS: Final = 4_000
"""Epochs that are remembered: those of some offices."""


def entries_about(
    directory: str, keys: KeyRing, recording: str, within: Collection[int] | None = None
) -> Iterator[Entry]:
    """The signed entries about one recording that have not expired, in their order.

    within: only these epochs are read; the caller knows that no other has any. Entries that are not
    by one of `keys`, of another epoch, or out of order, are left out, and so is what an epoch says
    again of a hold with an end. Only lines with its id are taken apart. Raises StorageError.
    """
    return entries_about_any(directory, keys, (recording,), within)


def entries_about_any(
    directory: str,
    keys: KeyRing,
    recordings: Collection[str],
    within: Collection[int] | None = None,
) -> Iterator[Entry]:
    """The same about any of several recordings, in one pass."""
    spelled = [one for name in recordings for one in jws.spellings(jws.canonical(name)[1:-1])]
    last = 0
    standing: dict[str, set[HoldPlacedUntil]] = {one: set() for one in recordings}
    for number, content in contents_in(directory, within):
        there = [one for one in spelled if one in content]
        if not there:
            continue
        for token in tokens_in(content):
            entry = entry_in(token, keys) if any(one in token for one in there) else None
            if entry is None or entry.recording not in standing:
                continue
            if entry.epoch == number and entry.sequence > last:
                last = entry.sequence
                again = standing[entry.recording]
                if isinstance(entry.facts, HoldReleased):
                    again.clear()
                elif isinstance(entry.facts, HoldPlacedUntil):
                    if entry.facts in again:
                        continue
                    again.add(entry.facts)
                yield entry


def carried_about(directory: str, keys: KeyRing, recording: str) -> Entry | None:
    """The newest signed entry that carries on what earlier ones said of a recording; None if there
    is none. Raises StorageError."""
    spelled = jws.spellings(jws.canonical(recording)[1:-1])
    found = None
    for number, content in contents_in(directory):
        for token in tokens_in(content):
            entry = entry_in(token, keys) if any(one in token for one in spelled) else None
            facts = None if entry is None or entry.epoch != number else entry.facts
            if isinstance(facts, Carried) and any(one.id == recording for one in facts.recordings):
                found = entry
    return found


def contents_in(
    directory: str, within: Collection[int] | None = None
) -> Iterator[tuple[int, bytes]]:
    """The epochs whose entries are there: their numbers, and their files. within: these alone."""
    shelf = log_segments.list_files(directory)
    there = shelf.epochs | shelf.damaged
    for number in sorted(there if within is None else there.intersection(within)):
        yield number, log_segments.read_file(directory, shelf.name(number) or "")


def tokens_in(content: bytes) -> Iterator[bytes]:
    """The lines of an epoch's file that were not cut short. They are never all in memory: a file of
    newlines has millions."""
    begin = 0
    while (end := content.find(b"\n", begin)) >= 0:
        yield content[begin:end]
        begin = end + 1


def entry_in(token: bytes, keys: KeyRing) -> Entry | None:
    """The entry in a line; None if it is none by one of `keys`."""
    try:
        return parse_entry(token, keys)
    except jws.JwsError:
        return None


def tokens_backwards(content: bytes) -> Iterator[bytes]:
    """Tokens of the lines of a ledger's file, the last one first."""
    end = content.rfind(b"\n")
    while end >= 0:
        begin = content.rfind(b"\n", 0, end)
        yield content[begin + 1 : end]
        end = begin


def last_entry(content: bytes, keys: KeyRing) -> Entry | None:
    """The last entry by one of `keys` in an epoch's file; None if there is none."""
    entries = (entry_in(token, keys) for token in tokens_backwards(content))
    return next((one for one in entries if one is not None), None)


def read_tokens(directory: str, name: str) -> Iterator[bytes]:
    """The lines of a ledger's file, one after another: memory is that of one, which is cut where no
    entry is so long. Raises StorageError as `read_file` does."""
    path = os.path.join(directory, name)
    with open_plain(path, "ledger") as file, explaining("read the ledger", path):
        log_segments.check_size(path, os.fstat(file.fileno()).st_size)
        while line := file.readline(jws.LONGEST + 1):
            yield line.removesuffix(b"\n")


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


# ------------------------------------------------------------------ who signed


class Signers(msgspec.Struct, frozen=True):
    """Who signed a ledger.

    last: the key of its last entry, "" if none can be read. all: the keys of all entries. replaced:
    for a key, the one that it says it replaced.
    """

    last: str
    all: frozenset[str]
    replaced: Mapping[str, str]

    def behind(self, key: str) -> set[str]:
        """`key` and the keys before it, each named by the one that replaced it."""
        found = set()
        while key and key not in found:
            found.add(key)
            key = self.replaced.get(key, "")
        return found


_EPOCHS: Final = VersionCache[Signers](MOST_EPOCHS)


def signers(directory: str, keys: KeyRing) -> Signers:
    """Who signed a ledger, as far as it is by `keys`: remembered as long as its files stay the
    same, since an office's ledger has two years of epochs. Raises StorageError."""
    shelf = log_segments.list_files(directory)
    found = []
    for number in sorted(shelf.epochs | shelf.damaged):
        name = shelf.name(number) or ""
        path = os.path.join(directory, name)
        version = file_status.version_of(path), frozenset(keys)
        found.append(_EPOCHS.find(path, version, partial(_signers_in, directory, name, keys)))
    return _together(found)


def _together(epochs: list[Signers]) -> Signers:
    """Of several epochs, in their order."""
    last = next((one.last for one in reversed(epochs) if one.last), "")
    replaced: dict[str, str] = {}
    for one in epochs:
        replaced |= one.replaced
    return Signers(last, frozenset().union(*(one.all for one in epochs)), replaced)


def _signers_in(directory: str, name: str, keys: KeyRing) -> Signers:
    """One entry with a good signature is enough for a key. So only these lines are taken apart:
    those that may name a replaced key, those by a key without a good entry so far, and the last."""
    content = log_segments.read_file(directory, name)
    spelled = jws.spellings(b'"replaces":"')
    found: set[str] = set()
    replaced = {}
    for token in tokens_in(content):
        if jws.named_key(token) in found and not any(one in token for one in spelled):
            continue
        entry = entry_in(token, keys)
        if entry is None:
            continue
        found.add(entry.kid)
        before = getattr(entry.facts, "replaces", None)
        if before is not None:
            replaced[entry.kid] = before
    last = last_entry(content, keys)
    return Signers("" if last is None else last.kid, frozenset(found), replaced)
