"""The files of a ledger: its epochs, and the checkpoints that expired ones leave.

=====================  ============================================================================
``000001.jws``         an epoch: entries, one a line; the first says what is still needed of before
``000001.damaged``     the same after damage was found in it; the next epoch says so
``000001.checkpoint``  signed statement of where an epoch began and ended, when its entries are gone
=====================  ============================================================================
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import DAY, Moment
from camerad.base.durable_files import TEMPORARY
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import count
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entries import (
    Entry,
    Head,
    LedgerLine,
    find_misfit,
    parse_carried,
    read_lines,
)
from camerad.ledger.entry_types import Carried, EpochBegun, UnreadEntry
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_entries import EXPIRED, Deleted, HoldPlacedUntil
from camerad.ledger.recording_state import ClosedEpoch, Hold, RecordingState

CHECKPOINT: Final = "camerad-checkpoint"
EPOCH_ENDING: Final = ".jws"
DAMAGED_ENDING: Final = ".damaged"
CHECKPOINT_ENDING: Final = ".checkpoint"

_LARGEST: Final = 64 << 20
"""The most bytes of one file: some 100,000 entries. An epoch ends after 2,000 and what it
carries."""
MOST_FINDINGS: Final = 1_000
"""What is said of one epoch's damage; the rest is counted. A file of newlines has millions."""
_NAME: Final = re.compile(r"([0-9]{6,})(\.jws|\.damaged|\.checkpoint)")


class EpochCheckpoint(msgspec.Struct, frozen=True):
    """Remains of an expired epoch.

    first, last: sequence numbers of its entries. previous, final: SHA-256 of the entry before the
    first, and of the last. boot_id, clock: when the checkpoint was made.
    """

    number: int
    first: int
    last: int
    previous: str
    final: str
    boot_id: str
    clock: Moment


def epoch_name(number: int) -> str:
    """Name of the file with an epoch."""
    return f"{number:06d}{EPOCH_ENDING}"


def damaged_name(number: int) -> str:
    """Name of the file with an epoch after damage was found in it."""
    return f"{number:06d}{DAMAGED_ENDING}"


def checkpoint_name(number: int) -> str:
    """Name of the file with an epoch's checkpoint."""
    return f"{number:06d}{CHECKPOINT_ENDING}"


class LedgerFiles(msgspec.Struct, frozen=True):
    """Numbers of the epochs in a directory, by the kind of file that is left of each.

    temporary: names of files that were never published. others: names that do not belong to a
    ledger.
    """

    epochs: frozenset[int]
    damaged: frozenset[int]
    checkpoints: frozenset[int]
    temporary: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def numbers(self) -> frozenset[int]:
        """Of the epochs of which anything is left; they are counted from 1."""
        return (self.epochs | self.damaged | self.checkpoints) - {0}

    @property
    def newest(self) -> int:
        """Number of the newest epoch whose entries are there; 0 if there is none."""
        return max(self.epochs | self.damaged, default=0)

    def name(self, number: int) -> str | None:
        """Name of the file with the entries of an epoch, None if there is none."""
        if number in self.epochs:
            return epoch_name(number)
        return damaged_name(number) if number in self.damaged else None


def list_files(directory: str) -> LedgerFiles:
    """Which files of a ledger are in `directory`. Raises StorageError."""
    found: dict[str, set[int]] = {
        EPOCH_ENDING: set(),
        DAMAGED_ENDING: set(),
        CHECKPOINT_ENDING: set(),
    }
    temporary, others = [], []
    with explaining("list the ledger", directory):
        names = os.listdir(directory)
    for name in names:
        match = _NAME.fullmatch(name)
        if match is not None:
            found[match[2]].add(int(match[1]))
        elif name.endswith(TEMPORARY):
            temporary.append(name)
        else:
            others.append(name)
    return LedgerFiles(
        frozenset(found[EPOCH_ENDING]),
        frozenset(found[DAMAGED_ENDING]),
        frozenset(found[CHECKPOINT_ENDING]),
        tuple(sorted(temporary)),
        tuple(sorted(others)),
    )


def read_file(directory: str, name: str) -> bytes:
    """The content of a ledger's file; b"" if it is not a plain file, which counts as damage.

    Raises StorageError, also if it is larger than memory should hold: no ledger becomes so large.
    """
    path = os.path.join(directory, name)
    content = read_plain(path, "ledger", _LARGEST + 1)
    check_size(path, len(content))
    return content


def check_size(path: str, size: int) -> None:
    """Raise StorageError if no ledger's file becomes so large, bytes."""
    if size > _LARGEST:
        raise StorageError(
            f"{path}: larger than {_LARGEST >> 20} MiB, which no camera writes: treat the card, or "
            "the stick, as manipulated"
        )


def make_checkpoint(key: SigningKey, closed: ClosedEpoch, boot_id: str, clock: Moment) -> bytes:
    """The checkpoint of an epoch, as it is kept."""
    return jws.sign(
        key,
        CHECKPOINT,
        EpochCheckpoint(
            closed.number,
            closed.first,
            closed.last,
            closed.previous,
            closed.final,
            boot_id,
            clock.signed,
        ),
    )


def parse_checkpoint(token: bytes, keys: KeyRing) -> EpochCheckpoint:
    """Raises JwsError unless this is a checkpoint by one of `keys`."""
    statement = jws.parse(token)
    jws.check(statement, keys)
    return jws.decode(statement, CHECKPOINT, EpochCheckpoint)


class SegmentReading(msgspec.Struct):
    """Content of an epoch's file.

    state: after its last entry, None if no entry can be used. end: offset behind the last entry,
    bytes. torn: what lies behind it, if only an interrupted append can have left that. damage:
    lines and what is wrong with them. preamble: all of what the epoch began with could be read.
    entries: those that were used, each with the number of its line, unless `take` was given them.
    last: of these. before_deletion: what was known of the recordings that tombstones are about, by
    these entries' sequence numbers. left_out: how much damage is not in `damage`.
    """

    state: LedgerState | None
    end: int = 0
    torn: bytes = b""
    damage: list[tuple[int, str]] = msgspec.field(default_factory=list)
    preamble: bool = False
    entries: list[tuple[int, Entry]] = msgspec.field(default_factory=list)
    before_deletion: dict[int, RecordingState | None] = msgspec.field(default_factory=dict)
    last: Entry | None = None
    left_out: int = 0

    def find(self, line: int, problem: str) -> None:
        """Note what is wrong with a line; beyond `MOST_FINDINGS` it is counted only."""
        if len(self.damage) < MOST_FINDINGS:
            self.damage.append((line, problem))
        else:
            self.left_out += 1


def ignore_entry(_reading: SegmentReading, _line: int, _entry: Entry) -> None:
    """Ignores entries, for callers that need only the resulting state."""


def read_epoch(
    before: LedgerState | None,
    number: int,
    content: bytes,
    keys: KeyRing,
    take: Callable[[SegmentReading, int, Entry], None] | None = None,
) -> SegmentReading:
    """Read an epoch's file. take: is given the entries that are used, with this reading so far and
    the numbers of their lines; then they are not kept in memory.

    before: the state at the end of the epoch before; None if that is not known, and then the
    epoch's own word is believed. Every signed entry of this epoch counts, also behind damage: a
    hold must not be lost because a line before it was. Entries that come twice or out of order do
    not count. However many lines are no entries, few are kept in memory.
    """
    reading = SegmentReading(before)
    reader = _Reader(reading, before, number, take)
    suspects = _Suspects()
    for line in read_lines(content, keys):
        if line.entry is None:
            suspects.add(line)
            continue
        suspects.report(reading)
        suspects = _Suspects()
        reader.take(line, line.entry)
    reader.finish()
    if suspects.kept and (reading.damage or not reading.preamble or suspects.whole):
        suspects.report(reading)
    elif suspects.kept:
        reading.torn = content[suspects.kept[0].begin :]
    if reading.last is None:
        reading.damage.append((0, "there is no entry of the epoch in it"))
    if reading.left_out:
        reading.damage.append((0, f"{count(reading.left_out, 'line', 'lines')} more are damaged"))
    return reading


class _Suspects:
    """Lines that are no entries, one after another, until it is known whether an entry follows.

    kept: the first of them. whole: whether no interrupted append can have left one of them.
    """

    def __init__(self) -> None:
        self.kept: list[LedgerLine] = []
        self.whole = False
        self._more = 0

    def add(self, line: LedgerLine) -> None:
        """Take the next one."""
        self.whole = self.whole or line.whole
        if len(self.kept) < MOST_FINDINGS:
            self.kept.append(line)
        else:
            self._more += 1

    def report(self, reading: SegmentReading) -> None:
        """They are damage."""
        for line in self.kept:
            reading.find(line.number, line.problem)
        reading.left_out += self._more


class _Reader:
    """Takes an epoch's entries one by one. number: of the epoch."""

    def __init__(
        self,
        reading: SegmentReading,
        before: LedgerState | None,
        number: int,
        take: Callable[[SegmentReading, int, Entry], None] | None,
    ) -> None:
        self._take = take
        self._reading = reading
        self._before = before
        self._number = number
        self._inside = False
        self._complete = True
        self._begun: tuple[int, int, LedgerState] | None = None
        """Number of findings before the last carried entry, its line, and the state after it."""
        self._late: set[str] = set()
        self._restated: set[tuple[str, Hold]] = set()

    def take(self, line: LedgerLine, entry: Entry) -> None:
        """Take a signed entry."""
        reading = self._reading
        state = reading.state
        begins = isinstance(entry.facts, EpochBegun)
        if state is None:
            # Nothing is known of what was before; the epoch's first entry says it.
            state = LedgerState(head=Head(entry.epoch - begins, entry.sequence - 1, entry.previous))
        problem = find_misfit(entry, state.head, state.kid) or find_contradiction(state, entry)
        if not problem and entry.epoch != self._number:
            problem = f"entry {entry.sequence} belongs to epoch {entry.epoch}"
        if problem:
            reading.find(line.number, problem)
        if entry.epoch != self._number or entry.sequence <= state.head.sequence:
            return
        if self._inside and state.awaited and not isinstance(entry.facts, Carried):
            state = self._without_preamble(line.number, entry, state)
        elif not self._inside and not begins:
            reading.find(line.number, "the entry that begins the epoch is missing")
            state = (self._before or state).resumed_at(entry)
            self._complete = False
        self._inside = True
        if isinstance(entry.facts, Deleted):
            reading.before_deletion[entry.sequence] = state.recordings.get(entry.facts.id)
        reading.state = state.with_entry(entry)
        reading.end = line.end
        reading.last = entry
        if self._take is None:
            reading.entries.append((line.number, entry))
        else:
            self._take(reading, line.number, entry)
        opening = isinstance(entry.facts, EpochBegun | Carried)
        if opening and self._complete and not reading.state.awaited:
            reading.preamble = True
            self._begun = len(reading.damage), line.number, reading.state
        if isinstance(entry.facts, HoldPlacedUntil):
            hold = Hold(entry.facts.reason, entry.facts.who, entry.facts.until_us)
            self._restated.add((entry.facts.id, hold))
        if isinstance(entry.facts, UnreadEntry):
            self._late |= _recordings_in(entry.facts.token)

    def finish(self) -> None:
        """Nothing follows."""
        state = self._reading.state
        last = self._reading.last
        if last is not None and state is not None and state.awaited:
            self._reading.state = self._without_preamble(0, last, state)
        if self._begun is not None:
            at, line, state = self._begun
            self._reading.damage[at:at] = self._compare(line, state)

    def _without_preamble(self, number: int, entry: Entry, state: LedgerState) -> LedgerState:
        """What to go on from, if a part of what is carried is lost: the epoch before, or else what
        could be read."""
        text = f"{state.awaited} entries with what is needed of before are missing"
        self._reading.find(number, text)
        self._complete = False
        if self._before is None:
            return state.incomplete_at(entry)
        resumed = self._before.resumed_at(entry)
        return replace(resumed, head=state.head, unread=(*resumed.unread, *state.unread))

    def _compare(self, number: int, state: LedgerState) -> Iterator[tuple[int, str]]:
        """What the epoch before left has to be here too, as far as the version that began this
        epoch could read it."""
        if self._before is None:
            return
        for known in self._before.recordings.values():
            if not known.here or known.id in self._late:
                continue
            found = state.recordings.get(known.id)
            ending = {(known.id, one) for one in known.ending_holds}
            if found is None or _carried(found) != _carried(known) or ending - self._restated:
                text = f"it does not say about {known.id} what the epoch before said"
                yield number, text


def _carried(known: RecordingState) -> tuple[object, ...]:
    """What no epoch says otherwise about a recording than the one before."""
    return known.device, known.header, known.final, known.retention_days, known.lasting_holds


def _recordings_in(token: str) -> set[str]:
    """Ids of the recordings that a carried entry is about, if this version can read it: the version
    that began the epoch could not."""
    late = parse_carried(token)
    if late is None:
        return set()
    if isinstance(late.facts, Carried):
        return {known.id for known in late.facts.recordings}
    return {late.recording} if late.recording is not None else set()


def find_contradiction(state: LedgerState, entry: Entry) -> str:
    """Why a signed entry should never have been written; "" if nothing is wrong with it."""
    facts = entry.facts
    if not isinstance(facts, Deleted):
        return ""
    known = state.recordings.get(facts.id)
    if known is None:
        return ""
    if known.held:
        return f"the recording {facts.id} was deleted although it was held"
    if facts.why == EXPIRED and facts.age_us < known.retention_days * DAY:
        return f"the recording {facts.id} was deleted before its time"
    if state.lost is not None:
        ages = state.ages(entry.boot_id, entry.clock)
        if ages.minimum_us(state.lost) < known.retention_days * DAY:
            return f"the recording {facts.id} was deleted although holds on it may have been lost"
    return ""
