"""Applies an entry of the ledger to the known state of one recording. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from camerad.base.clock import ClockSource
from camerad.container import limits
from camerad.ledger.entries import Entry
from camerad.ledger.recording_entries import (
    Acknowledged,
    Changed,
    ClosedEntry,
    Deleted,
    FoundEntry,
    HoldPlaced,
    HoldPlacedUntil,
    HoldReleased,
    Missing,
    OpenedEntry,
    Received,
    Recovered,
)
from camerad.ledger.recording_state import Hold, RecordingState, Tombstone
from camerad.ledger.timeline import Instant, Timeline

MOST_HOLDS: Final = 1_000
"""Holds of one recording that are told apart: a person can place a tenth at most
(`camerad.store.holds`). Each new one is compared with all of them."""
Ended = ClosedEntry | Recovered | Received | FoundEntry
"""Entries that say how a recording ended."""


def newly_named(recording: str, entry: Entry, timeline: Timeline) -> RecordingState:
    """A recording that `entry` is the first to name: nothing else is known of it."""
    return RecordingState(
        id=recording,
        device="",
        header="",
        final=None,
        ended=None,
        ended_boot=entry.boot_id,
        instant=instant_of(entry, timeline),
        stated_us=None,
        retention_days=0,
        flagged=False,
        holds=(),
        acknowledged=None,
        missing=False,
        changed=None,
        deleted=None,
        known_since=entry.sequence,
    )


def unreadable_put_aside(
    recordings: Mapping[str, RecordingState], name: str, entry: Entry, timeline: Timeline
) -> RecordingState:
    """A file that cannot be read and was put aside as `name`.

    It is kept as long as any recording may be, from when it was found. What was held stays held.
    """
    known = recordings.get(name)
    if known is not None:
        return replace(known, missing=False, deleted=None)
    before = recordings.get(name.rpartition(".")[0])
    return replace(
        newly_named(name, entry, timeline),
        **_unended(entry),
        holds=before.holds if before is not None else (),
    )


def instant_of(entry: Entry, timeline: Timeline) -> Instant:
    """When an entry was made, on a timeline that has seen it."""
    return Instant(timeline.runs.newest.number, entry.clock.boot_us)


def after_entry(
    before: RecordingState, entry: Entry, timeline: Timeline
) -> tuple[RecordingState, Timeline]:
    """A recording after an entry about it, and the timeline with what it learns from the
    recording's end."""
    facts = entry.facts
    if isinstance(facts, Ended):
        return _after_end(before, entry, facts, timeline)
    return _changed(before, entry), timeline


def _after_end(
    before: RecordingState, entry: Entry, facts: Ended, timeline: Timeline
) -> tuple[RecordingState, Timeline]:
    """The same after an entry that says how the recording ended."""
    known = replace(
        before,
        final=facts.final,
        ended=facts.ended,
        ended_boot=facts.ended_boot or entry.boot_id,
        retention_days=facts.retention_days,
        flagged=facts.flagged,
        missing=False,
        changed=None,
        deleted=None,
    )
    if isinstance(facts, Received | FoundEntry):
        known = replace(known, device=facts.device, header=facts.header)
    if before.final != facts.final:
        known = replace(known, acknowledged=None)
    elif before.ended is not None:
        return known, timeline  # it was placed when it was heard of first
    ended = facts.ended
    # What another machine signed says nothing about the boots of those that write this ledger.
    others = bool(known.device) or isinstance(facts, Received)
    run = None if others else timeline.latest_run(known.ended_boot)
    if ended is not None and run is not None:
        instant = Instant(run.number, ended.boot_us)
        known = replace(known, instant=instant, stated_us=None)
        return known, timeline.with_wall_time(run.number, ended)
    return placed_at(known, instant_of(entry, timeline)), timeline


def _changed(known: RecordingState, entry: Entry) -> RecordingState:
    """A recording after an entry about it."""
    facts = entry.facts
    if isinstance(facts, OpenedEntry):
        return replace(known, header=facts.header, ended_boot=entry.boot_id)
    if isinstance(facts, HoldPlaced):
        return replace(known, holds=(*known.holds, Hold(facts.reason, facts.who))[:MOST_HOLDS])
    if isinstance(facts, HoldPlacedUntil):
        # Each epoch says it anew, also one that goes on from what the one before knew.
        return with_holds(known, [Hold(facts.reason, facts.who, facts.until_us)])
    if isinstance(facts, HoldReleased):
        return replace(known, holds=())
    if isinstance(facts, Acknowledged):
        matches = facts.final == known.final
        return replace(known, acknowledged=facts.receipt) if matches else known
    if isinstance(facts, Changed):
        changed = None if facts.final == known.final else facts.final or ""
        return replace(known, changed=changed, missing=False)
    if isinstance(facts, Deleted):
        return replace(known, deleted=Tombstone(facts.why, facts.age_us, entry.epoch))
    if isinstance(facts, Missing):
        # Without an end it can get none any more, and must not be carried on for ever.
        unended = _unended(entry) if known.ended is None else {}
        return replace(known, missing=True, **unended)
    return known


def placed_at(known: RecordingState, here: Instant) -> RecordingState:
    """A recording at `here`: the timeline does not know its boot."""
    ended = known.ended
    stated_us = ended.wall_us if ended is not None and ended.trusted else None
    return replace(known, instant=here, stated_us=stated_us)


def with_holds(known: RecordingState, holds: Iterable[Hold]) -> RecordingState:
    """A recording with these holds too."""
    more = (one for one in holds if one not in known.holds)
    return replace(known, holds=(*known.holds, *more)[:MOST_HOLDS])


def _unended(entry: Entry) -> dict[str, Any]:
    """The end of a recording whose end and days are unknown: the longest retention, from now on.

    Wall time is not called trusted, so it never confirms the clock.
    """
    ended = replace(entry.clock, source=ClockSource.UNKNOWN)
    return {"ended": ended, "ended_boot": entry.boot_id, "retention_days": limits.MOST_DAYS}
