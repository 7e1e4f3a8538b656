"""Tries crash states: restarts on each, and asks the judge.

For every point in time of a recorded life, the states that a loss of power may leave there are made
in a directory; production code restarts on each, and the judge says whether all that had been
promised by then is there. A restart writes too, so a part of the restarts is recorded and cut off
at each of its own operations in the same way; and a second restart must find nothing to do.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from tests.crash.model import Disk, Rules, Survey, Tree
from tests.crash.trace import SYNCS, Event, Kind, Op, Promise, Recorder
from tests.crash.workspace import Workspace

_REMEMBERED: Final = 4096
_FULL_LOOK_EVERY: Final = 499
"""Every so many restarts the whole directory is read, to see that nothing went by unrecorded."""


class Judge(Protocol):
    """Knows what was promised, and looks at what is left."""

    def take(self, promise: Promise) -> None:
        """The code has reported something, or is about to do it."""

    def judge(self, before: Tree, after: Tree, error: Exception | None) -> list[str]:
        """What is wrong after a restart that found `before` and left `after`; error: what it
        raised."""

    def again(self, first: Tree, second: Tree, ops: Iterable[Op]) -> list[str]:
        """What is wrong with a second restart that found `first` and left `second`."""


Restart = Callable[[str], None]
"""Restarts production code on a directory."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try. limit, torn: see `Disk.states`. nested: the share of restarts that are cut
    off themselves; nested_limit, nested_torn: states at each of their operations. twice: the share
    of restarts that are followed by another."""

    limit: int = 48
    torn: int = 16
    nested: float = 0.02
    nested_limit: int = 6
    nested_torn: int = 2
    twice: float = 0.1


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, in which state. at: number of the operation before the crash. nested: of the
    restart's operation, if that was cut off too."""

    text: str
    at: int
    op: str
    nested: str
    tree: Tree

    def __str__(self) -> str:
        nested = f", and the restart after {self.nested}" if self.nested else ""
        return f"{self.text}\n    crash after operation {self.at}: {self.op}{nested}"


@dataclass(slots=True)
class Tally:
    """What was done. lives: that were walked through; states: different states on which production
    code restarted; judged: different states, each with what was promised."""

    survey: Survey = field(default_factory=Survey)
    lives: int = 0
    points: int = 0
    states: int = 0
    nested_states: int = 0
    judged: int = 0
    twice: int = 0
    seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count what another campaign did."""
        self.lives += other.lives
        self.survey.complete += other.survey.complete
        self.survey.sampled += other.survey.sampled
        self.survey.states += other.survey.states
        self.points += other.points
        self.states += other.states
        self.nested_states += other.nested_states
        self.judged += other.judged
        self.twice += other.twice
        self.seconds += other.seconds
        self.violations += other.violations

    def __str__(self) -> str:
        return (
            f"{self.lives} lives, {self.points} points in time; {self.survey.complete} complete, "
            f"{self.survey.sampled} sampled; {self.survey.states} states of the model; restarted "
            f"on {self.states} different ones, {self.nested_states} of them left by a restart that "
            f"was cut off; {self.twice} second "
            f"restarts; {len(self.violations)} violations; {self.seconds:.0f} s"
        )


@dataclass(frozen=True, slots=True)
class _Point:
    at: int
    op: Op | None
    rules: Rules


@dataclass(frozen=True, slots=True)
class _Restarted:
    after: Tree
    error: Exception | None


class Known(OrderedDict[int, _Restarted]):
    """What became of states on which the same production code restarted, the latest of them."""


class Campaign:
    """root: an empty directory on tmpfs. restart: production code. seed: of everything random.

    known: of other campaigns with the same restart; this one adds to it.
    """

    def __init__(
        self,
        root: str,
        restart: Restart,
        effort: Effort | None = None,
        seed: int = 1,
        known: Known | None = None,
    ) -> None:
        self.tally = Tally()
        self._workspace = Workspace(root)
        self._restart = restart
        self._effort = effort or Effort()
        self._random = Random(seed)
        self._known = Known() if known is None else known
        self._restarts = 0

    def run(
        self,
        events: Sequence[Event],
        judge: Judge,
        rules: Rules = Rules.HARSH,
        *,
        before: Tree | None = None,
        forget: Callable[[Op], bool] = lambda _: False,
        only_changed: bool = False,
        only: range | None = None,
        first: bool = False,
        until: float | None = None,
    ) -> list[Violation]:
        """Try the states at every point of `events`; returns the violations.

        before: what there is at the beginning, directories only. forget: synchronisations that do
        not happen. only_changed: leave out points whose states are as if nothing had been
        forgotten. only: these points alone. first: one violation is enough. until: a deadline of
        `time.monotonic`.
        """
        began = time.monotonic()
        disk, found = Disk(before, rules=rules), list[Violation]()
        owed: set[tuple[int, str]] = set()
        for at, op, promises in _points(events):
            if op is not None:
                covers = (op.file, op.path if not op.file else "")
                if forget(op):
                    owed.add(covers)
                else:
                    disk.apply(op)
                    if op.kind is Kind.SYNC_ALL:
                        owed.clear()
                    elif op.kind in SYNCS:
                        owed.discard(covers)
            for promise in promises:
                judge.take(promise)
            if (only_changed and not owed) or (only is not None and at not in only):
                continue
            found += self._point(disk, judge, _Point(at, op, rules), first=first)
            if (
                (only is not None and at == only[-1])
                or (first and found)
                or (until is not None and time.monotonic() > until)
            ):
                break
        self.tally.seconds += time.monotonic() - began
        self.tally.violations += found
        return found

    # ------------------------------------------------------------------ one point in time

    def _point(self, disk: Disk, judge: Judge, point: _Point, *, first: bool) -> list[Violation]:
        effort, tally = self._effort, self.tally
        tally.points += 1
        found = list[Violation]()
        seen = set[int]()
        for tree in disk.states(effort.limit, effort.torn, self._random, tally.survey):
            fingerprint = tree.fingerprint()
            if fingerprint in seen:
                continue
            seen.add(fingerprint)
            tally.judged += 1
            nested = self._random.random() < effort.nested
            restarted, ops, numbers = self._restarted(tree, fingerprint, again=nested)
            texts = self._verdict(judge, tree, restarted)
            found += [Violation(text, point.at, str(point.op), "", tree) for text in texts]
            if nested and not texts:
                found += self._nested(judge, Disk(tree, numbers, point.rules), ops, point)
            if first and found:
                break
        return found

    def _verdict(self, judge: Judge, tree: Tree, restarted: _Restarted) -> list[str]:
        texts = judge.judge(tree, restarted.after, restarted.error)
        if texts or self._random.random() >= self._effort.twice:
            return texts
        self.tally.twice += 1
        again, ops, _ = self._restarted(restarted.after, None, again=True)
        if again.error is not None:
            return [f"a second restart fails: {again.error!r}"]
        return judge.again(restarted.after, again.after, ops)

    def _nested(self, judge: Judge, disk: Disk, ops: list[Op], point: _Point) -> list[Violation]:
        """Cut the restart off at each of its operations. disk: as it was before."""
        effort, found = self._effort, list[Violation]()
        seen = {disk.cached().fingerprint()}
        for step in ops:
            disk.apply(step)
            for state in disk.states(
                effort.nested_limit, effort.nested_torn, self._random, self.tally.survey
            ):
                fingerprint = state.fingerprint()
                if fingerprint in seen:
                    continue
                seen.add(fingerprint)
                self.tally.judged += 1
                before = self._restarts
                restarted, _, _ = self._restarted(state, fingerprint)
                self.tally.nested_states += self._restarts - before
                texts = self._verdict(judge, state, restarted)
                found += [
                    Violation(text, point.at, str(point.op), str(step), state) for text in texts
                ]
        return found

    # ------------------------------------------------------------------ one restart

    def _restarted(
        self, tree: Tree, fingerprint: int | None, *, again: bool = False
    ) -> tuple[_Restarted, list[Op], dict[str, int]]:
        """Restart on a tree, unless that was done. again: in any case, to have its operations, and
        where in the code they come from."""
        if fingerprint is not None:
            known = self._known.get(fingerprint)
            if known is not None and not again:
                self._known.move_to_end(fingerprint)
                return known, [], {}
            if known is None:
                self.tally.states += 1
        self._workspace.show(tree)
        recorder = Recorder(self._workspace.root, sites=again)
        error = None
        with recorder.recording():
            try:
                self._restart(self._workspace.root)
            except Exception as raised:  # noqa: BLE001 - whatever it is, the judge is told
                error = raised
        ops = recorder.ops
        touched = {path for op in ops for path in (op.path, op.to) if path}
        after = self._workspace.read(touched)
        self._restarts += 1
        if self._restarts % _FULL_LOOK_EVERY == 0 and Workspace(recorder.root).read() != after:
            raise AssertionError("a restart changed something without the recorder seeing it")
        restarted = _Restarted(after, error)
        if fingerprint is not None:
            self._known[fingerprint] = restarted
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return restarted, ops, recorder.numbers


def _points(events: Sequence[Event]) -> Iterator[tuple[int, Op | None, Iterable[Promise]]]:
    """Operations, each with what was promised until the next; at 0 what came before the first."""
    at, op, promises = 0, None, list[Promise]()
    for event in events:
        if isinstance(event, Promise):
            promises.append(event)
        else:
            yield at, op, promises
            at, op, promises = at + 1, event, []
    yield at, op, promises
