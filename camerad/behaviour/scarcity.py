"""Detects short memory, a slow card and a card that stalls.

Pure. The wearer can do nothing about the first two, so both go to the ledger and the log only;
delays of a slow card are a signed fact of the recording besides. A card that stalls may cost
footage in a moment, and the wearer is told.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.behaviour.budget import CALM_SECONDS, STALLED_SECONDS

MEMORY_BYTES: Final = 48 * 1024 * 1024
"""Less than this available to programs is short. The smallest board has 512 MiB, of which a
recording camera is known to leave more than 180 MiB."""
RECOVERS_AT: Final = 4 / 3
"""Memory is short until there is `MEMORY_BYTES` times this, so that it does not change all the
time."""
SLOW_SYNCS: Final = 3
SLOW_US: Final = 60 * SECOND
"""`SLOW_SYNCS` slow synchronisations within this time: repeated stalls, not a single one."""
SLOW_OVER_US: Final = 600 * SECOND
"""A card ceases to count as slow after this time without a slow synchronisation."""


def memory_short(short: bool, available_bytes: int | None) -> bool:
    """Whether memory is short. short: whether it was; available_bytes: None if unknown."""
    if available_bytes is None:
        return short
    return available_bytes < MEMORY_BYTES * (RECOVERS_AT if short else 1.0)


class SlowCard(msgspec.Struct, frozen=True):
    """slow: it stalls again and again. seen: slow synchronisations so far; times_us: when the
    latest of them were noticed."""

    slow: bool = False
    seen: int = 0
    times_us: tuple[int, ...] = ()


def card_step(card: SlowCard, at_us: int, slow_syncs: int) -> SlowCard:
    """The state at `at_us`, after so many slow synchronisations since the start."""
    new = min(slow_syncs - card.seen, SLOW_SYNCS)
    times_us = (*card.times_us, *[at_us] * new)[-SLOW_SYNCS:]
    card = replace(card, seen=slow_syncs, times_us=times_us)
    if len(times_us) == SLOW_SYNCS and at_us - times_us[0] <= SLOW_US:
        return replace(card, slow=True)
    if card.slow and at_us - times_us[-1] >= SLOW_OVER_US:
        return replace(card, slow=False)
    return card


def stall_step(stalled_us: int | None, at_us: int, pending_us: int | None) -> int | None:
    """When the card that takes a recording was last seen to stall; None: it does not.

    stalled_us: the previous result. pending_us: since when it has had a piece that it has not yet
    stored; None: it has none.
    """
    if pending_us is not None and at_us - pending_us >= STALLED_SECONDS * SECOND:
        return at_us
    if stalled_us is not None and at_us - stalled_us >= CALM_SECONDS * SECOND:
        return None
    return stalled_us
