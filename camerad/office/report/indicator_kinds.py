"""Which kinds of entries of the office's ledger are figures of the report.

An indicator counts entries of its kinds, apart by `part`, one of their fields, if it names one: a
word of a program, never a text that people write. An indicator none of whose kinds the ledger of
this version has is reported as *not recorded by this version*, never as 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import KINDS

HOLDS: Final = "holds_placed"
GROUNDS: Final = "holds_by_ground"
RELEASES: Final = "holds_released"
VIEWINGS: Final = "viewings"
DOWNLOADS: Final = "downloads"
HAND_OVERS: Final = "hand_overs"
WITNESS_REFUSALS: Final = "witness_refusals"
WITHDRAWALS: Final = "cameras_withdrawn"


class LedgerIndicator(msgspec.Struct, frozen=True):
    """name: in the report. kinds: of entries that it counts. part: field that says which part of it
    an entry is, or `KIND`; "" for none. only: the one part that it counts; "" for all."""

    name: str
    kinds: tuple[str, ...]
    part: str = ""
    only: str = ""

    def is_recorded(self, known: Collection[str] = KINDS) -> bool:
        """Whether the ledger of this version has such entries."""
        return any(kind in known for kind in self.kinds)


KIND: Final = "kind"
"""As a part: the kind of the entry."""
INDICATORS: Final = (
    LedgerIndicator(HOLDS, ("hold", "hold_until"), KIND),
    LedgerIndicator(GROUNDS, ("hold_ground",), "ground"),
    LedgerIndicator(RELEASES, ("release",)),
    LedgerIndicator(VIEWINGS, ("viewed",), "role"),
    LedgerIndicator(DOWNLOADS, ("downloaded",), "role"),
    LedgerIndicator(HAND_OVERS, ("case",), "what", only="handed_over"),
    LedgerIndicator(WITNESS_REFUSALS, ("witness_refused",)),
    LedgerIndicator(WITHDRAWALS, ("camera",), "what", only="withdrawn"),
)


def name_of(entry: Entry, indicators: Iterable[LedgerIndicator] = INDICATORS) -> str | None:
    """The indicator that counts an entry, and after a colon which part of it; None if none does."""
    for one in indicators:
        if entry.kind in one.kinds:
            part = entry.kind if one.part == KIND else getattr(entry.facts, one.part, "")
            if one.only:
                return one.name if part == one.only else None
            return f"{one.name}:{part}" if part else one.name
    return None
