"""Builds the beginning of a new epoch: everything from the epochs before that is still needed.
Pure.

So their files can expire, and the ledger can be read from the new epoch alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final, TypeVar

from msgspec.structs import replace

from camerad.base.clock import DAY, Moment
from camerad.container import jws, limits
from camerad.ledger.entry_types import (
    Carried,
    EpochBegun,
    Fact,
    MuteSwitched,
    StageReached,
    UnreadEntry,
)
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_entries import HoldPlacedUntil
from camerad.ledger.recording_state import RecordingState
from camerad.ledger.timeline import Ages, Instant

CHUNK: Final = 256
"""The most recordings, runs or epochs in one carried entry, so that none is too long for a
statement."""
CARRIED_BYTES: Final = jws.LONGEST // 2
"""The most bytes of them, whatever is written in their holds: base64 makes four bytes of three, and
runs and epochs come beside recordings."""

_T = TypeVar("_T")


def carry_over(
    state: LedgerState, boot_id: str, now: Moment, number: int, replaces: str | None
) -> tuple[EpochBegun, tuple[Carried, ...]]:
    """The beginning of the next epoch, if it begins at `now`. number: its own.

    A missing recording is given up when it would have been deleted. A tombstone is carried into one
    further epoch. Holds with an end are not carried: entries of their own say them again
    (`restate_holds`), so that a camerad that does not know them reads all that is carried.
    """
    now = now.signed
    timeline = state.timeline.observe(boot_id, now)
    here = Instant(timeline.runs.newest.number, now.boot_us)
    epochs = state.epochs_closed_at(here)
    ages = state.ages(boot_id, now)
    recordings = tuple(
        replace(known, holds=known.lasting_holds)
        for known in state.recordings.values()
        if _is_needed(state, known, ages)
    )
    referred = {known.instant.run for known in recordings}
    referred |= {closed.ended.run for closed in epochs}
    lost = state.lost
    if lost is not None and ages.minimum_us(lost) >= limits.MOST_DAYS * DAY:
        lost = None
    referred |= {lost.run} if lost is not None else set()
    runs = timeline.keep_needed(referred).runs
    chunks = (_chunks(runs), _chunks(recordings), _chunks(epochs))
    parts = tuple(Carried(*part) for part in zip_longest(*chunks, fillvalue=()))
    begun = EpochBegun(
        number, replaces, here.run, timeline.synchronised, state.stage, lost, len(parts)
    )
    return begun, parts


def restate(state: LedgerState, parts: Sequence[Carried]) -> tuple[Fact, ...]:
    """Entries that the next epoch repeats. They say what holds at present, so that a recording that
    is cut off can go on from that epoch alone; what was declared of the runs in `parts`, which are
    carried; and what this version could not read."""
    display = (StageReached(state.stage, True),) if state.display else ()
    muted = (MuteSwitched(True, state.muted_us),) if state.muted_us is not None else ()
    runs = {run.number for part in parts for run in part.runs}
    declared = (one for one in state.declared if one.run in runs)
    return (*display, *muted, *declared, *map(UnreadEntry, state.unread))


def restate_holds(state: LedgerState, parts: Iterable[Carried]) -> tuple[HoldPlacedUntil, ...]:
    """The holds with an end on what is carried. state: what it is carried from."""
    return tuple(
        HoldPlacedUntil(carried.id, one.reason, one.who, end_us)
        for part in parts
        for carried in part.recordings
        for one in state.recordings[carried.id].holds
        if (end_us := one.end_us) is not None
    )


def _is_needed(state: LedgerState, known: RecordingState, ages: Ages) -> bool:
    if known.deleted is not None:
        return known.deleted.epoch == state.head.epoch
    return not state.is_given_up(known, ages)


def _chunks(items: Iterable[_T]) -> list[tuple[_T, ...]]:
    """The items in parts that each fit into a carried entry."""
    chunks: list[tuple[_T, ...]] = []
    chunk: list[_T] = []
    bytes_left = CARRIED_BYTES
    for item in items:
        size = len(jws.canonical(item))
        if chunk and (size > bytes_left or len(chunk) == CHUNK):
            chunks.append(tuple(chunk))
            chunk, bytes_left = [], CARRIED_BYTES
        chunk.append(item)
        bytes_left -= size
    return [*chunks, tuple(chunk)] if chunk else chunks
