"""Ledger entries of one recording, deleted or not, for ``camerad evidence show``.

Nothing is checked but that the keys beside the ledgers signed the entries.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from camerad.base import file_status
from camerad.base.clock import DAY
from camerad.base.text import printable
from camerad.cli import desk, times
from camerad.cli.target import find_target
from camerad.container.keys import KeyRing
from camerad.container.recording_ids import is_id
from camerad.container.statements import rfc3339
from camerad.ledger.entries import Entry
from camerad.ledger.ledger import entries_about
from camerad.ledger.recording_entries import Deleted
from camerad.store.locations import Place, PlaceKind


def about(
    options: argparse.Namespace, place: Place, recording: str, path: str
) -> list[dict[str, Any]]:
    """What the ledgers at hand say about a recording whose file is there, in their order. Raises
    StorageError."""
    holding = place.holding_of(path)
    if place.kind is PlaceKind.FILES:
        return []
    own = place.kind is PlaceKind.DEVICE or holding is None
    ledgers = [] if own or holding is None else [("device", holding.ledger)]
    ledgers.append(("device" if own else "office", place.ledger))
    return [_said(options, *one) for one in _entries(options, place, ledgers, recording)]


def rows(history: Sequence[dict[str, Any]], *, utc: bool) -> list[tuple[str, str]]:
    """It for people: names and texts."""
    return [
        (
            f"{entry['ledger']} ledger",
            f"{_spoken(entry, utc=utc)} {entry['kind']}"
            + (f": {entry['reason']}" if entry["reason"] else "")
            + (f" ({entry['who']})" if entry["who"] else ""),
        )
        for entry in history
    ]


def show_deleted(options: argparse.Namespace) -> bool:
    """Print what ledgers say of a recording that was deleted, its tombstones first; False if they
    have none of it. Raises StorageError, and NotThereError without a store."""
    if not is_id(options.what):
        return False
    place = find_target(None, options.state).place
    ledgers = [("office" if place.kind is PlaceKind.OFFICE else "device", place.ledger)]
    if place.kind is PlaceKind.OFFICE:
        ledgers[:0] = [("device", one.ledger) for one in place.holdings if not one.broken]
    found = list(_entries(options, place, ledgers, options.what))
    stones = [(name, one) for name, one in found if isinstance(one.facts, Deleted)]
    history = [_said(options, *one) for one in found]
    if not stones:
        return False
    deletions = [_deletion(options, *one) for one in stones]
    if options.json:
        said = {"id": options.what, "state": "deleted", "deletions": deletions, "ledger": history}
        sys.stdout.write(json.dumps(said | {"checked": False}) + "\n")
        return True
    lines = [
        ("checked", "no: this is what ledgers say; check with: camerad evidence verify"),
        ("recording", options.what),
        ("state", "deleted"),
        *(
            (
                "tombstone",
                f"{_spoken(one, utc=options.utc)}, by the {one['ledger']}'s ledger: {one['why']}, "
                f"at least {one['age_days']:.1f} days old",
            )
            for one in deletions
        ),
        *rows(history, utc=options.utc),
    ]
    sys.stdout.write("".join(f"{name:<14}{printable(value)}\n" for name, value in lines))
    return True


def _entries(
    options: argparse.Namespace, place: Place, ledgers: Sequence[tuple[str, str]], recording: str
) -> Iterator[tuple[str, Entry]]:
    for name, directory in ledgers:
        keys: KeyRing = desk.accompanying_keys(place)
        if name == "office":
            keys = desk.ledger_keys(options, place)
        if file_status.exists(directory):
            yield from ((name, one) for one in entries_about(directory, keys, recording))


def _said(options: argparse.Namespace, name: str, entry: Entry) -> dict[str, Any]:
    return _when(options, name, entry) | {
        "kind": entry.kind,
        "who": getattr(entry.facts, "who", None),
        "reason": getattr(entry.facts, "reason", None),
    }


def _deletion(options: argparse.Namespace, name: str, entry: Entry) -> dict[str, Any]:
    facts = entry.facts
    if not isinstance(facts, Deleted):
        raise TypeError(f"an entry {entry.kind!r} is no tombstone")
    said = {"why": facts.why, "age_days": facts.age_us / DAY, "final": facts.final}
    return _when(options, name, entry) | said


def _when(options: argparse.Namespace, name: str, entry: Entry) -> dict[str, Any]:
    wall_us = entry.when.wall_us
    return {
        "ledger": name,
        "sequence": entry.sequence,
        "when": rfc3339(wall_us),
        "when_local": times.rfc3339(times.local_time(wall_us, utc=options.utc)),
        "wall_us": wall_us,
    }


def _spoken(entry: dict[str, Any], *, utc: bool) -> str:
    return times.format_time(times.local_time(entry["wall_us"], utc=utc))
