"""The signers of a ledger, remembered as long as its files stay the same.

Every opening of an office's ledger asks for them, and it has two years of epochs. A closed epoch
does not change, so its result is remembered with the file's size, number and times. Nothing is
believed by that but which keys signed: what an entry says is read and checked each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.version_cache import VersionCache
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.audit import entry_in, tokens_in

MOST_EPOCHS: Final = 4_000
"""Epochs that are remembered: those of some offices."""


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
    """Who signed a ledger, as far as it is by `keys`. Raises StorageError."""
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
    newest = (entry_in(token, keys) for token in _tokens_backwards(content))
    last = next((entry.kid for entry in newest if entry is not None), "")
    return Signers(last, frozenset(found), replaced)


def _tokens_backwards(content: bytes) -> Iterator[bytes]:
    """The lines that were not cut short, the last one first."""
    end = content.rfind(b"\n")
    while end >= 0:
        begin = content.rfind(b"\n", 0, end)
        yield content[begin + 1 : end]
        end = begin
