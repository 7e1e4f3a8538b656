"""Shows that every synchronisation in the production code matters, and every order.

For each place that synchronises, the life is replayed as if it did not, and for each two steps of
which one is synchronised before the other begins, as if they came the other way round: a state must
then be found in which something is wrong. Two steps that follow one another need not be in an order
for that: which are not, `RULES` decides from what they do, and where a rule says so nothing must be
found. Of synchronisations two kinds have such a way out (`PLACES`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from camerad.base.durable_files import TEMPORARY
from camerad.container import jws
from camerad.ledger import reserved_space
from tests.crash.campaign import Effort, Violation
from tests.crash.device import OFFICE, STATE
from tests.crash.trace import SYNCS, Event, Frame, Kind, Op, Promise

EFFORT: Final = Effort(limit=96, torn=24, nested=0.0, twice=0.0)
_GENERAL: Final = ("base/durable_files.py", "base/state_file.py", "store/verified_copy.py")
"""What others synchronise with; a place is who calls them."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was left out or swapped, how often that happens in a life, and what is then wrong."""

    what: str
    times: int
    found: Violation | None
    rule: str | None = None
    """By which of `RULES` the two may come either way round, each time that they come."""

    @property
    def wrong(self) -> str | None:
        """What is wrong with this row: nothing was found and no rule says why, or both."""
        if self.found is None and self.rule is None:
            return f"{self.what}: nothing is lost without it, and no rule says why"
        if self.found is not None and self.rule is not None:
            return f"{self.what}: may come either way round ({self.rule}), but: {self.found}"
        return None

    def __str__(self) -> str:
        if self.found is not None:
            first = self.found.text.splitlines()[0]
            verdict = first if len(first) < 140 else first[:139] + "…"
        else:
            verdict = f"nothing: {self.rule}" if self.rule else "**nothing was found**"
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
        rule = next((why for pattern, why in PLACES if fnmatchcase(what, pattern)), None)
        yield Row(what, times, found[0] if found else None, rule)


def swap(
    events: Sequence[Event], attempt: Try, chosen: Collection[str] | None = None
) -> Iterator[Row]:
    """One row for every two steps of which one is synchronised before the other begins, and which
    nothing separates that was promised: the life, as if they came the other way round. chosen: of
    these only."""
    events = without_vacuous(events)
    pairs: dict[str, list[_Pair]] = {}
    for pair in _pairs(events):
        if chosen is None or pair.what in chosen:
            pairs.setdefault(pair.what, []).append(pair)
    for what, alike in pairs.items():
        found, rules = list[Violation](), [rule_of(pair, events) for pair in alike]
        tried = alike[:_OCCURRENCES]
        # What a rule lets pass is tried too: it could be wrong. What none does comes first.
        for pair in sorted(tried, key=lambda pair: rule_of(pair, events) is not None):
            found = attempt(pair.swapped(events), only=pair.points, first=True)
            if found:
                rules = [rule_of(pair, events)]
                break
        rule = rules[0] if None not in rules else None
        yield Row(what, len(alike), found[0] if found else None, rule)


def without_vacuous(events: Sequence[Event]) -> list[Event]:
    """The events without each synchronisation of a file that was durable already: it separates no
    two steps."""
    dirty, kept = set[int](), list[Event]()
    for event in events:
        if isinstance(event, Op) and event.file:
            if event.kind not in SYNCS:
                dirty.add(event.file)
            elif event.file not in dirty:
                continue
            else:
                dirty.discard(event.file)
        kept.append(event)
    return kept


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

    @property
    def paths(self) -> frozenset[str]:
        """The files that it changes, or whose names it does, as they are called afterwards."""
        return frozenset(op.to or op.path for op in self.ops if op.kind not in SYNCS)

    @property
    def recordings(self) -> set[str]:
        """Ids of the recordings that the ledger's entries in it are about. What is merely carried
        on from the epoch before was said there."""
        found = set[str]()
        for op in self.ops:
            if op.kind is Kind.WRITE:
                for line in op.data.splitlines():
                    facts = msgspec.json.decode(jws.parse(line).payload)["facts"]
                    found |= {str(facts["id"])} if "id" in facts else set()
        return found

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


# ------------------------------------------------------------------------------------------ rules

PLACES: Final = (
    ("reserved_space.Reserve.*", "the reserve has nothing in it: what it synchronises is its room"),
    (
        "ledger.Ledger._open > durable_files.make_directory > durable_files.sync_directory",
        "of a device the reserve synchronises the same directory next; an office has no reserve",
    ),
    (
        "ledger_mirror._Mirror._content > durable_files.sync_path > durable_files.sync",
        "the ledger synchronises each entry that it writes; this is for one whose program ended in "
        "between, and whose copy would be ahead of a card that then lost power",
    ),
)
"""Places that synchronise for something else than what a device has recorded, and why."""
_INTENTS: Final = ("now", "holding", "releasing", "deleting", "keys lost", "office lost")
"""Promises that promise nothing: the life only says what it is about to do."""


def _nothing_promised(pair: _Pair, events: Sequence[Event]) -> bool:
    return not any(
        isinstance(event, Promise) and event.kind not in _INTENTS
        for event in events[: pair.one.begin]
    )


def _without_name(pair: _Pair, _: Sequence[Event]) -> bool:
    return all(path.endswith(TEMPORARY) for path in pair.other.paths)


def _one_new_file(pair: _Pair, events: Sequence[Event]) -> bool:
    (path, *more) = pair.other.paths
    before = events[: pair.one.begin]
    last = max((at for at, event in enumerate(before) if isinstance(event, Promise)), default=0)
    made = {
        event.to or event.path
        for event in events[last : pair.one.end]
        if isinstance(event, Op) and event.kind in (Kind.CREATE, Kind.RENAME)
    }
    # The first step does nothing else than to make it, or to make its name durable.
    named = {one.removesuffix(TEMPORARY) for one in pair.one.paths}
    named = named or {path for op in pair.one.ops if op.path == os.path.dirname(path)}
    return not more and path in made and named == {path}


def _office_before_receipt(pair: _Pair, _: Sequence[Event]) -> bool:
    paths = pair.one.paths | pair.other.paths
    if all("/ledger/" in path for path in paths):
        return False  # an epoch without the one before would look like another ledger
    return all(path.startswith(f"{OFFICE}/") and "/receipts/" not in path for path in paths)


def _reserve(pair: _Pair, _: Sequence[Event]) -> bool:
    return any(step.paths == {f"{STATE}/{reserved_space.NAME}"} for step in (pair.one, pair.other))


def _public_halves(pair: _Pair, _: Sequence[Event]) -> bool:
    return any(
        all(path.startswith(f"{STATE}/keys/") for path in step.paths)
        for step in (pair.one, pair.other)
    )


def _checkpoint_of_what_is_there(pair: _Pair, _: Sequence[Event]) -> bool:
    for step, beside in ((pair.one, pair.other), (pair.other, pair.one)):
        names = {path.removesuffix(TEMPORARY) for path in step.paths}
        epochs = {path.replace(".checkpoint", ".jws") for path in names}
        if all(path.endswith(".checkpoint") for path in names) and not epochs & beside.paths:
            return True
    return False


def _about_another(pair: _Pair, _: Sequence[Event]) -> bool:
    for ledger, other in ((pair.one, pair.other), (pair.other, pair.one)):
        if not all(path.startswith(f"{STATE}/ledger/") for path in ledger.paths):
            continue
        named = {_recording(path) for path in other.paths}
        if None not in named and not named & ledger.recordings:
            return True
    return False


def _recording(path: str) -> str | None:
    """Id of the recording that a file is, or is a part or a copy of; None if it is none."""
    directory, _, name = path.rpartition("/")
    return name.partition(".")[0] if directory.endswith("/recordings") else None


RULES: Final[tuple[tuple[str, Callable[[_Pair, Sequence[Event]], bool]], ...]] = (
    ("nothing has been promised yet, and a start makes whatever is missing", _nothing_promised),
    ("what has no name yet is nothing to anybody", _without_name),
    ("a new file is promised only when both its name and its content are there", _one_new_file),
    ("at the office nothing counts before a receipt names it", _office_before_receipt),
    ("the reserve has nothing in it", _reserve),
    ("public halves follow from the private one: each start makes them again", _public_halves),
    ("a checkpoint says what its epoch says while that is there", _checkpoint_of_what_is_there),
    ("the ledger's entries are about something else", _about_another),
)
"""Which two steps may come either way round, as the reason and how it is decided from what they do.
A pair for which one of them holds is in no order, and it must not matter."""


def rule_of(pair: _Pair, events: Sequence[Event]) -> str | None:
    """The first rule by which the two may come either way round; None if they are in an order.

    A file's content always comes before its name.
    """
    if pair.other.names:
        return None
    return next((why for why, holds in RULES if holds(pair, events)), None)


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
