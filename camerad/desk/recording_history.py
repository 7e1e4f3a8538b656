"""What happened to a recording since the press, by both ledgers: the camera's and the office's.

Entries are signed, and only those by a known key count; none is judged here. The office's ledger is
read as it is now, so what somebody has just done is in the answer.
"""

from __future__ import annotations

from typing import Any

from camerad.base import file_status
from camerad.container.keys import KeyRing, PublicKey
from camerad.ledger.ledger import entries_about
from camerad.office import office
from camerad.office.office_store import brought_keys
from camerad.store.locations import Place


def history_of(place: Place, own: PublicKey, recording: str) -> list[dict[str, Any]]:
    """Its entries: the camera's first, then the office's, each oldest first. own: the office's
    present key. Raises StorageError."""
    theirs = brought_keys(place)
    ledgers = [("camera", one.ledger, theirs) for one in place.holdings if one.root]
    ledgers.append(("office", place.ledger, office.ledger_keys(place, own).ring))
    return [
        said
        for name, directory, keys in ledgers
        if file_status.exists(directory)
        for said in _said(name, directory, keys, recording)
    ]


def is_held(history: list[dict[str, Any]]) -> bool:
    """Whether the office holds it now."""
    holds = [one["kind"] for one in history if one["ledger"] == "office"]
    holds = [one for one in holds if one in ("hold", "hold_until", "release")]
    return bool(holds) and holds[-1] != "release"


def _said(name: str, directory: str, keys: KeyRing, recording: str) -> list[dict[str, Any]]:
    return [
        {
            "ledger": name,
            "sequence": entry.sequence,
            "wall_us": entry.when.wall_us,
            "clock": entry.when.source.value,
            "kind": entry.kind,
            "who": getattr(entry.facts, "who", None),
            "reason": getattr(entry.facts, "reason", None),
        }
        for entry in entries_about(directory, keys, recording)
    ]
