"""Checks a ledger without writing anything, with public keys alone.

It finds any change, omission or reordering of entries, and any epoch that is gone without its
checkpoint. Only a head that was witnessed elsewhere, such as in an office's receipt, shows that a
whole ledger was put back to an older state of itself. Without one the check says so. What lies
beside the ledger is no such witness: it can be put back together with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import groupby
from typing import Final

import msgspec

from camerad.base.text import count
from camerad.base.version_cache import VersionCache
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.container.severity import Severity
from camerad.container.statements import rfc3339
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry, Head, parse_carried
from camerad.ledger.entry_types import (
    WHOLE_LEDGER,
    Carried,
    Damaged,
    IdentityEntry,
    RepairedEntry,
    UnreadEntry,
)
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.log_segments import EpochCheckpoint
from camerad.ledger.recording_entries import (
    Changed,
    FoundEntry,
)
from camerad.ledger.tombstone_ages import LedgerTimes, judge

MOST_UNREAD: Final = 10_000
"""Entries that cannot be read, which are counted: each is remembered by its SHA-256."""
MOST_RECORDINGS: Final = 4_000
"""The state of a ledger that knows of more is not remembered."""
_STATES: Final = VersionCache[LedgerState](32)
"""Of as many cameras as hand over at the same time, and some."""


class LedgerFinding(msgspec.Struct, frozen=True):
    """A finding about a ledger.

    file: its name, "" if it is about all of them. line: counted from 1, 0 if it is about the whole
    file. qualifies: a note about what the ledger does not prove; every report must show it.
    """

    severity: Severity
    file: str
    line: int
    text: str
    qualifies: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{place if self.file else ''}{self.text}"


class Witnessed(msgspec.Struct, frozen=True):
    """A head of a ledger that was witnessed.

    beside: what names it lies in the same directory, so it goes back together with the ledger if
    all of that is put back. option: how to name one that was witnessed elsewhere.
    """

    head: Head | None = None
    beside: bool = False
    option: str = "--head"
    earlier: tuple[Head, ...] = ()
    """Others that were witnessed as that was."""

    @property
    def caveat(self) -> str:
        """The limit of this proof; "" if the head was witnessed elsewhere."""
        elsewhere = f"without a head that was witnessed elsewhere ({self.option})"
        if self.head is None:
            return (
                "that the ledger was put back to an older state of itself cannot be excluded "
                f"{elsewhere}"
            )
        if self.beside:
            return (
                "the receipts that witness it lie in the same directory: that all of that was put "
                f"back to an older state cannot be excluded {elsewhere}"
            )
        return ""


def read_state(directory: str, keys: KeyRing) -> LedgerState:
    """The state of a ledger's entries, remembered as long as the newest epoch has the same bytes.

    The newest epoch says everything that the ledger knows, so only that is read. If something is
    wrong with it, all epochs are read, as by `read_ledger`, and nothing is remembered; what was
    wrong is not reported here. Raises StorageError.
    """
    files = log_segments.list_files(directory)
    name = files.name(files.newest)
    if name is None or files.newest < max(files.checkpoints, default=0):
        return read_ledger(directory, keys)[0]
    content = log_segments.read_file(directory, name)
    version = (files.newest, hashlib.sha256(content).digest(), frozenset(keys))
    if (known := _STATES.get(directory, version)) is not None:
        return known
    reading = log_segments.read_epoch(None, files.newest, content, keys, log_segments.ignore_entry)
    if reading.state is None or not reading.preamble or reading.damage:
        return read_ledger(directory, keys)[0]
    if len(reading.state.recordings) <= MOST_RECORDINGS:  # no ledger takes the room of the others'
        _STATES.put(directory, version, reading.state)
    return reading.state


def read_ledger(
    directory: str, keys: KeyRing, head: Head | Witnessed | None = None
) -> tuple[LedgerState, list[LedgerFinding]]:
    """Check a ledger; returns what its entries add up to, and everything found.

    head: one that was witnessed, elsewhere unless it says so. Raises StorageError if the ledger
    cannot be read.
    """
    return audit_ledger(directory, keys, head)[:2]


def audit_ledger(
    directory: str, keys: KeyRing, head: Head | Witnessed | None = None
) -> tuple[LedgerState, list[LedgerFinding], LedgerTimes]:
    """The same, and what its entries say of time."""
    audit = _Audit(directory, keys, head if isinstance(head, Witnessed) else Witnessed(head))
    before = 0
    for number in audit.numbers:
        if number > before + 1:
            audit.missing(before + 1, number - 1)
        audit.epoch(number)
        before = number
    return *audit.finish(), audit.times


class _Audit:
    """Reads epochs and checkpoints in their order."""

    def __init__(self, directory: str, keys: KeyRing, witnessed: Witnessed) -> None:
        self._directory = directory
        self._keys = keys
        self._witnessed = witnessed.head
        self._caveat = witnessed.caveat
        self._heads: dict[int, set[str]] = {}
        for one in (*witnessed.earlier, *filter(None, [witnessed.head])):
            self._heads.setdefault(one.sequence, set()).add(one.sha256)
        self._shelf = log_segments.list_files(directory)
        self._state: LedgerState | None = LedgerState()
        self._last = LedgerState()
        self._findings: list[LedgerFinding] = []
        self._seen = False
        self.times = LedgerTimes()
        self._torn: tuple[RepairedEntry, int] | None = None
        self._read = ""
        self._named: set[str] = set()
        self._unread: dict[str, tuple[str, int, str]] = {}
        self.numbers = sorted(self._shelf.numbers)
        """Of the epochs of which anything is left, in their order."""

    def epoch(self, number: int) -> None:
        """Check one epoch, or what is left of it."""
        checkpoint = self._checkpoint(number)
        name = self._shelf.name(number)
        if name is not None:
            self._entries(number, name, checkpoint)
        elif checkpoint is not None:
            self._follow_checkpoint(checkpoint)
        else:  # its checkpoint was found to be none, which is reported
            self._report_unmentioned_tail()
            self._state = None

    def missing(self, first: int, last: int) -> None:
        """Nothing is left of the epochs from `first` to `last`. They are not counted one by one: a
        file name may make them billions."""
        self._report_unmentioned_tail()
        text = "the epoch is missing, and there is no checkpoint of it"
        if last > first:
            text = f"this epoch and all up to {last} are missing, and there are no checkpoints"
        self._damage(log_segments.epoch_name(first), 0, text)
        self._state = None

    def finish(self) -> tuple[LedgerState, list[LedgerFinding]]:
        """Compare with what was witnessed, and each tombstone with the times of all entries."""
        disputed = self.times.settle()
        for one, is_damage, text in judge(self.times):
            if is_damage:
                self._damage(one.file, one.line, text)
            else:
                self._note(one.file, one.line, text, qualifies=True)
        for declared, (file, line) in self.times.declared.items():
            taken_back = self.times.is_taken_back(declared)
            text = f"{declared.who} declared the time right: {rfc3339(declared.wall_us)}"
            text += "; a time server says otherwise, so nothing goes by that" if taken_back else ""
            if declared in disputed:
                text += "; in the same boot another time was declared, so nothing goes by either"
            self._note(file, line, text, qualifies=taken_back or declared in disputed)
        if not self.numbers:
            self._damage("", 0, "there is no ledger")
        if self._torn is not None:
            torn, line = self._torn
            text = f"{torn.bytes} bytes of an interrupted append; the next start tells of them"
            self._note(torn.file, line, text)
        if self._unread:
            file, line, kind = next(iter(self._unread.values()))
            entries = count(len(self._unread), "entry", "entries")
            text = (
                f"this version of camerad cannot read {entries} as a whole, of which this is the "
                f"first (kind {kind!r}); nothing is deleted by such a ledger: check it with a "
                "later version"
            )
            self._note(file, line, text, qualifies=True)
        if self._caveat:
            self._note("", 0, self._caveat)
        witnessed = self._witnessed
        if witnessed is None:
            return self._last, self._findings
        if witnessed.sequence > self._last.head.sequence:
            last = self._last.head.sequence
            text = f"it ends with entry {last}, but entry {witnessed.sequence} was witnessed"
            self._damage("", 0, f"the ledger was put back: {text}")
        elif not self._seen:
            self._note("", 0, f"entry {witnessed.sequence}, which was witnessed, has expired")
        return self._last, self._findings

    def _damage(self, file: str, line: int, text: str) -> None:
        self._findings.append(LedgerFinding(Severity.DAMAGE, file, line, text))

    def _note(self, file: str, line: int, text: str, *, qualifies: bool = False) -> None:
        self._findings.append(LedgerFinding(Severity.NOTE, file, line, text, qualifies))

    def _witness(self, sequence: int, sha256: str, file: str, line: int) -> None:
        """Compare an entry with the witnessed head, if it is that."""
        if self._witnessed is not None and self._witnessed.sequence == sequence:
            self._seen = True
        if self._heads.get(sequence, {sha256}) != {sha256}:
            self._damage(file, line, f"entry {sequence} is not the one that was witnessed")

    def _checkpoint(self, number: int) -> EpochCheckpoint | None:
        if number not in self._shelf.checkpoints:
            return None
        name = log_segments.checkpoint_name(number)
        try:
            checkpoint = log_segments.parse_checkpoint(
                log_segments.read_file(self._directory, name), self._keys
            )
        except jws.JwsError as error:
            self._damage(name, 0, str(error))
            return None
        before = self._state.head if self._state is not None else None
        if checkpoint.number != number:
            self._damage(name, 0, f"this is the checkpoint of epoch {checkpoint.number}")
            return None
        if before not in (None, Head(number - 1, checkpoint.first - 1, checkpoint.previous)):
            self._damage(name, 0, "it does not follow what is before it")
        return checkpoint

    def _follow_checkpoint(self, checkpoint: EpochCheckpoint) -> None:
        head = Head(checkpoint.number, checkpoint.last, checkpoint.final)
        self._state = self._last = LedgerState(head=head)
        name = log_segments.checkpoint_name(checkpoint.number)
        self._witness(checkpoint.last, checkpoint.final, name, 0)

    def _entries(self, number: int, name: str, checkpoint: EpochCheckpoint | None) -> None:
        content = log_segments.read_file(self._directory, name)
        before, self._findings = self._findings, []

        def take(read: log_segments.SegmentReading, line: int, entry: Entry) -> None:
            self.times.take(entry, read.before_deletion, name, line)
            self._remark(name, line, entry)
            self._witness(entry.sequence, entry.sha256, name, line)

        reading = log_segments.read_epoch(self._state, number, content, self._keys, take)
        remarks, self._findings = self._findings, before
        self._report_damage(name, reading.damage)
        self._findings += remarks
        self._report_unmentioned_tail()
        self._read = name
        if reading.torn:
            line = content.count(b"\n", 0, len(content) - len(reading.torn)) + 1
            sha256 = hashlib.sha256(reading.torn).hexdigest()
            self._torn = RepairedEntry(name, len(reading.torn), sha256), line
        state = reading.state if reading.last is not None else None
        if checkpoint is not None and state is not None:
            head = Head(number, checkpoint.last, checkpoint.final)
            if state.head != head:
                self._damage(name, 0, "it ends otherwise than its checkpoint says")
        self._state = state
        self._last = state or self._last

    def _remark(self, name: str, line: int, entry: Entry) -> None:
        facts = entry.facts
        if entry.unread:
            self._not_read(entry.token.decode("ascii"), name, line, entry.kind)
        if isinstance(facts, UnreadEntry) and parse_carried(facts.token) is None:
            self._not_read(facts.token, name, line, entry.kind)
        if isinstance(facts, Damaged):
            what = "all that the ledger had said" if facts.file == WHOLE_LEDGER else facts.file
            text = f"{what} was found damaged, or gone, at a start; holds may be lost with it"
            self._note(name, line, text, qualifies=True)
        elif isinstance(facts, Changed):
            ends = f"with {facts.final}" if facts.final is not None else "without an end"
            text = f"the file of {facts.id} had changed: it was found {ends}"
            self._note(name, line, text, qualifies=True)
        elif isinstance(facts, FoundEntry) and not facts.device and facts.header:
            if facts.id not in self._named:
                text = (
                    f"{facts.id} was found, and the ledger had not named it: either entries are "
                    "lost, or power was lost as it began"
                )
                self._note(name, line, text, qualifies=True)
        elif isinstance(facts, RepairedEntry):
            self._note(name, line, f"{facts.file} ends with an append that was interrupted")
            if self._torn is not None and self._torn[0] == facts:
                self._torn = None
            elif self._torn is None and self._read == facts.file:
                self._damage(facts.file, 0, "it does not end with the bytes that were told of")
        elif isinstance(facts, IdentityEntry) and facts.replaces is not None:
            self._note(name, line, f"the key {facts.replaces} was replaced by {facts.kid}")
        if isinstance(facts, Carried):
            self._named |= {known.id for known in facts.recordings}
        elif entry.recording is not None:
            self._named.add(entry.recording)

    def _not_read(self, token: str, name: str, line: int, kind: str) -> None:
        """Note it once, in however many epochs it is; beyond some thousand it is not counted."""
        if len(self._unread) < MOST_UNREAD:
            self._unread.setdefault(jws.digest(token.encode()), (name, line, kind))

    def _report_unmentioned_tail(self) -> None:
        """The epoch before was cut short, and the next one does not say so."""
        if self._torn is not None:
            torn, line = self._torn
            self._damage(torn.file, line, f"{torn.bytes} bytes that are no entry")
        self._torn = None

    def _report_damage(self, name: str, damage: Iterable[tuple[int, str]]) -> None:
        """One finding for neighbours that say the same."""
        for text, same in groupby(damage, key=lambda found: found[1]):
            numbers = [line for line, _ in same]
            more = f" (and up to line {numbers[-1]})" if len(numbers) > 1 else ""
            self._damage(name, numbers[0], text + more)
