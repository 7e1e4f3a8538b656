"""Shows that every synchronisation in the production code matters, and every order.

For each place that synchronises, the life is replayed as if it did not, and for each two steps of
which one is synchronised before the other begins, as if they came the other way round: a state must
then be found in which something is wrong. Where none can be, `EXPLAINED` has the reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from tests.crash.campaign import Effort, Violation
from tests.crash.trace import SYNCS, Event, Frame, Kind, Op, Promise

EFFORT: Final = Effort(limit=96, torn=24, nested=0.0, twice=0.0)
_GENERAL: Final = ("evidence/files.py", "evidence/copying.py")
"""What others synchronise with; a place is who calls them."""

_AGAIN: Final = "the next start does the same again"
_FIRST: Final = (
    "a first start has promised nothing yet, and each part is made again where it is missing"
)
_NOTHING_IN_IT: Final = "the reserve says nothing, and is filled again whatever became of it"
_RECEIPT: Final = "nothing counts at the office before the receipt"
EXPLAINED: Final = (
    ("identity.* THEN *", _FIRST),
    ("* THEN identity.*", _FIRST),
    ("ledger.Ledger._open > * THEN *", _FIRST),
    (
        "container.SealedContainer.__init__ > * THEN *",
        "nothing is promised before the first fragment",
    ),
    (
        "ledger.Ledger._write > * THEN repair.*",
        "what the ledger was told last is not about what is repaired next",
    ),
    (
        "repair.* THEN ledger.*",
        "the next start compares recordings and ledger, and tells the ledger what it lacks",
    ),
    ("offload._directory_id > * THEN *", _RECEIPT),
    ("offload._Offload._holding > * THEN *", _RECEIPT),
    (
        "ledger.Ledger._write > * THEN offload.*",
        "what the ledger was told last is not about what is copied next",
    ),
    (
        "ledger.Ledger._write > * THEN mirror.*",
        "the first part of the ledger that is copied is an earlier epoch",
    ),
    (
        "offload._Offload._copy > * THEN receipts.write > copying.publish > files.sync",
        "what is written of the receipt has no name yet",
    ),
    (
        "mirror.* THEN *",
        "each offload compares the copy of the ledger anew, and promises it only at its end",
    ),
    (
        "offload._Offload._copy > * THEN mirror.*",
        "recordings and the ledger's copy do not build on each other",
    ),
    ("store._unlink > * THEN ledger.*", "one recording's file, and what follows is not about it"),
    (
        "ledger.Ledger._begin > * THEN ledger.Ledger._write > *",
        "the entry is promised only after both",
    ),
    (
        "ledger.Ledger.* THEN ledger.Ledger._expire > *",
        "the epoch that expires is older than what was written before that",
    ),
    (
        "storage.prepare > files.make_directory > files.sync_directory",
        "the start settles everything a moment later; others make directories without that",
    ),
    (
        "identity.load_or_create > files.make_directory > files.sync_directory",
        "the same directory is synchronised for the key a moment later, unless the service "
        "manager brings the key",
    ),
    (
        "identity._kept > files.publish > files.rename > files.sync_directory",
        "the same directory is synchronised for the ledger's a moment later, unless that is there "
        "already, as when a key is replaced",
    ),
    (
        "identity._publish_public > *",
        "the public half is made again from the key at each start; a former one could not be",
    ),
    ("identity.confirm > *", _AGAIN),
    (
        "ledger.Ledger._open > files.make_directory > files.sync_directory",
        "the same directory is synchronised for the reserve a moment later; no office has one",
    ),
    ("*reserve.Reserve.*", _NOTHING_IN_IT),
    (
        "offload._directory_id > files.make_directory > files.sync_directory",
        "the same directory is synchronised for the device's own a moment later, unless that is "
        "there already",
    ),
    ("repair._Repair.* > files.remove > files.sync_directory", _AGAIN),
    (
        "repair._Repair._cut > files.sync",
        "the end itself is on the storage, and what belongs behind it follows from that: " + _AGAIN,
    ),
)
"""Patterns of places and orders without which nothing is lost, and why they are there all the
same, or why the two may come either way round."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was left out or swapped, how often that happens in a life, and what is then wrong."""

    what: str
    times: int
    found: Violation | None

    @property
    def explained(self) -> str | None:
        """Why nothing is wrong without it."""
        return next((why for pattern, why in EXPLAINED if fnmatchcase(self.what, pattern)), None)

    def __str__(self) -> str:
        if self.found is not None:
            first = self.found.text.splitlines()[0]
            verdict = first if len(first) < 140 else first[:139] + "…"
        else:
            verdict = f"nothing: {self.explained}" if self.explained else "**nothing was found**"
        return f"| `{self.what}` | {self.times} | {verdict} |"


def place(op: Op) -> str:
    """Where the production code asks for a synchronisation, without line numbers."""
    frames: list[Frame] = []
    for frame in op.site:
        frames.append(frame)
        if frame.file not in _GENERAL:
            break
    names = [f"{_module(frame)}.{frame.function}" for frame in reversed(frames)]
    return " > ".join(names) or str(op.kind)


def _module(frame: Frame) -> str:
    return frame.file.rpartition("/")[2].removesuffix(".py")


def places(events: Sequence[Event]) -> dict[str, int]:
    """Every place that synchronises, and how often it does."""
    counts: dict[str, int] = {}
    for event in events:
        if isinstance(event, Op) and event.kind in SYNCS and event.site:
            counts[place(event)] = counts.get(place(event), 0) + 1
    return counts


Try = Callable[..., list[Violation]]
"""Runs a campaign on events, with the keyword arguments of `Campaign.run`."""


def leave_out(events: Sequence[Event], attempt: Try) -> Iterator[Row]:
    """One row for every place that synchronises: the life, as if it did not."""
    for what, times in places(events).items():

        def forget(op: Op, what: str = what) -> bool:
            return op.kind in SYNCS and bool(op.site) and place(op) == what

        found = attempt(events, forget=forget, only_changed=True, first=True)
        yield Row(what, times, found[0] if found else None)


def swap(events: Sequence[Event], attempt: Try) -> Iterator[Row]:
    """One row for every two steps of which one is synchronised before the other begins, and which
    nothing separates that was promised: the life, as if they came the other way round."""
    pairs: dict[str, list[_Pair]] = {}
    for pair in _pairs(events):
        pairs.setdefault(pair.what, []).append(pair)
    for what, alike in pairs.items():
        found = list[Violation]()
        for pair in alike[:_OCCURRENCES]:
            found = attempt(pair.swapped(events), only=pair.points, first=True)
            if found:
                break
        yield Row(what, len(alike), found[0] if found else None)


_OCCURRENCES: Final = 4
"""How often the same two steps are swapped before they are taken to be exchangeable."""
_MAKES: Final = (Kind.CREATE, Kind.MKDIR, Kind.MODE)


@dataclass(frozen=True, slots=True)
class _Step:
    """Events from `begin` up to `end`, at whose end they are durable. at: number of the first
    operation, counted from 1 as in `Violation.at`."""

    begin: int
    end: int
    at: int
    ops: tuple[Op, ...]

    @property
    def names(self) -> bool:
        """Whether it puts a file into place that was written before."""
        return self.ops[0].kind is Kind.RENAME

    def and_then(self, other: _Step) -> _Step:
        """Both as one."""
        return _Step(self.begin, other.end, self.at, self.ops + other.ops)


@dataclass(frozen=True, slots=True)
class _Pair:
    one: _Step
    other: _Step

    @property
    def what(self) -> str:
        first, second = place(self.one.ops[-1]), place(self.other.ops[-1])
        return f"{first} THEN {second}"

    @property
    def points(self) -> range:
        """Points in time within and right behind the two."""
        return range(self.one.at, self.other.at + len(self.other.ops))

    def swapped(self, events: Sequence[Event]) -> list[Event]:
        """The events with the two the other way round. What a step makes it makes in any case
        before something else is done with it."""
        makes = [op for op in self.one.ops if op.kind in _MAKES]
        rest = [op for op in self.one.ops if op.kind not in _MAKES]
        between = events[self.one.end : self.other.begin]
        before, behind = events[: self.one.begin], events[self.other.end :]
        return [*before, *makes, *self.other.ops, *rest, *between, *behind]


def _pairs(events: Sequence[Event]) -> Iterator[_Pair]:
    """Content and name of one file; and what is done as a whole, one after the other."""
    steps = [*_steps(events), None]
    before: _Step | None = None
    for step, following in itertools.pairwise(steps):
        if step is None:
            before = None
            continue
        if step.names:
            continue  # it was taken together with the one before
        whole = step
        if following is not None and following.names:
            yield _Pair(step, following)
            whole = step.and_then(following)
        if before is not None:
            yield _Pair(before, whole)
        before = whole


def _steps(events: Sequence[Event]) -> Iterator[_Step | None]:
    """What becomes durable together; None where something is promised in between, so that the
    order is not the production code's own choice."""
    begin, at, ops = 0, 1, list[Op]()
    for index, event in enumerate(events):
        following = events[index + 1] if index + 1 < len(events) else None
        if isinstance(event, Promise):
            # That a recording is closed is told to the ledger by the same procedure.
            if event.kind != "whole":
                yield None
            begin = index + 1
            continue
        ops.append(event)
        if event.kind is Kind.SYNC_ALL:
            yield None
        elif event.kind not in SYNCS or (isinstance(following, Op) and following.kind in SYNCS):
            continue
        else:
            yield _Step(begin, index + 1, at, tuple(ops))
        begin, at, ops = index + 1, at + len(ops), []
