"""When it is handed over: docked and at rest, at once, and less and less often if that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from camerad.base.clock import SystemClock
from camerad.base.errors import CameradError
from camerad.behaviour.dock_progress import (
    NOT_HEARD,
    HandoverProgress,
    HandoverState,
    HandoverTrouble,
)
from camerad.dock.dock_watch import GONE, DockState, DockWatch
from camerad.dock.errors import HandoverStoppedError, OfficeUnavailableError
from camerad.dock.handover import HandoverResult
from tests.waiting import until

DOCKED = DockState(docked=True, at_rest=True, clock_vouched_for=True)
WORN = DockState(docked=False, at_rest=True)
BUSY = DockState(docked=True, at_rest=False)
DONE = HandoverResult(("one",), (), {}, {}, (), ())
LEFT = HandoverResult((), (), {}, {"one": "it went wrong"}, (), ())
DEADLINE = 20.0


class Pass:
    """A pass that ends as it is told to: with a result, an error, or when it is stopped."""

    def __init__(self, outcome: Any, vouched: bool) -> None:
        self.outcome = outcome
        self.vouched = vouched
        self.stopped = threading.Event()
        self.running = threading.Event()
        self.closed = threading.Event()
        self.updates = 0
        self.without_update: CameradError | None = None
        self.updating: threading.Event | None = None

    def run(self) -> HandoverResult:
        self.running.set()
        if self.outcome is None:
            assert self.stopped.wait(DEADLINE)
            raise HandoverStoppedError("stopped")
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        assert isinstance(self.outcome, HandoverResult)
        return self.outcome

    def bring_update(self) -> None:
        self.updates += 1
        if self.updating is not None:
            self.updating.set()
            assert self.stopped.wait(DEADLINE)
            raise HandoverStoppedError("stopped")
        if self.without_update is not None:
            raise self.without_update

    def interrupt(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        self.closed.set()


class Bench:
    def __init__(self, *outcomes: Any, again: tuple[float, ...], look: float) -> None:
        self.outcomes = list(outcomes)
        self.passes: list[Pass] = []
        self.told: list[str] = []
        self.shown: list[HandoverProgress | None] = []
        self.watch = DockWatch(
            self.make, SystemClock(), self, again_seconds=again, look_seconds=look
        )
        self.watch.start()

    def say(self, text: str, word: HandoverProgress | None = None) -> None:
        self.told.append(text)
        if word is not None:
            self.shown.append(word)

    def forget(self, text: str) -> None:
        self.told.append(text)
        self.shown.append(None)

    def make(self, vouched: bool) -> Pass:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, CameradError) and outcome.args[0] == "no certificate":
            raise outcome
        self.passes.append(Pass(outcome, vouched))
        return self.passes[-1]

    def wait_for(self, count: int) -> Pass:
        """The pass of this number, once it runs."""
        until(lambda: len(self.passes) >= count, DEADLINE, lambda: f"{len(self.passes)} passes")
        assert self.passes[count - 1].running.wait(DEADLINE)
        return self.passes[count - 1]


Make = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[Make]:
    made: list[Bench] = []

    def make(*outcomes: Any, again: tuple[float, ...] = (60.0,), look: float = 60.0) -> Bench:
        made.append(Bench(*outcomes, again=again, look=look))
        return made[-1]

    yield make
    for one in made:
        one.watch.close()
        assert all(handed.closed.is_set() for handed in one.passes)


@pytest.mark.parametrize("state", [GONE, WORN, BUSY])
def test_nothing_begins_unless_docked_and_at_rest(bench: Make, state: DockState) -> None:
    one = bench()
    one.watch.tell(state)
    one.watch.close()
    assert one.passes == []


@pytest.mark.parametrize("state", [GONE, WORN, BUSY])
def test_what_runs_is_ended_at_once_and_goes_on_later(bench: Make, state: DockState) -> None:
    one = bench()
    one.watch.tell(DOCKED)
    first = one.wait_for(1)
    assert first.vouched
    one.watch.tell(DOCKED)
    assert not first.stopped.is_set()
    one.watch.tell(state)
    assert first.stopped.is_set()
    one.watch.tell(DOCKED)
    assert one.wait_for(2) is not first


def test_it_is_looked_again_after_a_while(bench: Make) -> None:
    one = bench(DONE, DONE, look=0.05)
    one.watch.tell(DOCKED)
    one.wait_for(3)
    assert "everything is handed over" in one.told


def test_what_was_recorded_meanwhile_is_handed_over_at_once(bench: Make) -> None:
    one = bench(DONE)
    one.watch.tell(DOCKED)
    one.wait_for(1)
    one.watch.tell(BUSY)
    one.watch.tell(DOCKED)
    one.wait_for(2)


@pytest.mark.parametrize(
    "before", [[], [OfficeUnavailableError("away")]], ids=["first", "after a failure"]
)
def test_what_was_recorded_while_a_pass_was_ending_is_handed_over_at_once(
    bench: Make, monkeypatch: pytest.MonkeyPatch, before: list[CameradError]
) -> None:
    """And the camera does not show meanwhile that everything is handed over, nor if the office is
    away by then."""
    finished = DockWatch._finished

    def pressed(watch: DockWatch, result: HandoverResult, rest: int) -> None:
        watch.tell(BUSY)
        watch.tell(DOCKED)
        finished(watch, result, rest)

    monkeypatch.setattr(DockWatch, "_finished", pressed)
    away = OfficeUnavailableError("away", trouble=HandoverTrouble.OFFICE)
    one = bench(*before, DONE, away, again=(0.01,))
    one.watch.tell(DOCKED)
    one.wait_for(len(before) + 3)
    assert one.shown[-1] == failed(HandoverTrouble.OFFICE)
    assert HandoverState.HANDED_OVER not in {word.state for word in one.shown if word is not None}


def test_an_office_that_is_away_is_tried_less_and_less_often(bench: Make) -> None:
    away = [OfficeUnavailableError("away") for _ in range(4)]
    one = bench(*away, again=(0.01, 0.05, 0.4))
    begun = time.monotonic()
    one.watch.tell(DOCKED)
    one.wait_for(5)
    # 0.01, 0.05, 0.4 and 0.4 s, each a quarter less at the least.
    assert time.monotonic() - begun >= 0.75 * 0.86
    assert one.told.count("it does not work: see the log") == 4


def test_what_the_office_asks_to_wait_is_waited(bench: Make) -> None:
    one = bench(OfficeUnavailableError("busy", 0.5), again=(0.01,))
    begun = time.monotonic()
    one.watch.tell(DOCKED)
    one.wait_for(2)
    assert time.monotonic() - begun >= 0.5


@pytest.mark.parametrize("outcome", [OfficeUnavailableError("away", 600.0), LEFT, RuntimeError("")])
def test_at_each_docking_it_is_tried_at_once(bench: Make, outcome: Any) -> None:
    one = bench(outcome)
    one.watch.tell(DOCKED)
    one.wait_for(1)
    one.watch.tell(WORN)
    one.watch.tell(DOCKED)
    one.wait_for(2)


def test_a_press_does_not_shorten_the_wait_for_an_office_that_is_away(bench: Make) -> None:
    one = bench(OfficeUnavailableError("away"))
    one.watch.tell(DOCKED)
    first = one.wait_for(1)
    assert first.closed.wait(DEADLINE)
    one.watch.tell(BUSY)
    one.watch.tell(DOCKED)
    one.watch.close()
    assert len(one.passes) == 1


@pytest.mark.parametrize("outcome", [LEFT, RuntimeError("a mistake"), CameradError("no daemon")])
def test_whatever_goes_wrong_it_is_tried_again(
    bench: Make, outcome: Any, caplog: pytest.LogCaptureFixture
) -> None:
    one = bench(outcome, again=(0.01,))
    one.watch.tell(DOCKED)
    one.wait_for(2)
    if isinstance(outcome, RuntimeError):
        assert "handing over failed" in caplog.text


def test_a_pass_that_cannot_be_made_is_tried_again(bench: Make) -> None:
    one = bench(OfficeUnavailableError("no certificate"), again=(0.01,))
    one.watch.tell(DOCKED)
    one.wait_for(1)
    assert "it does not work: see the log" in one.told


def shown(one: Bench, *words: HandoverProgress | None) -> None:
    """Wait until the camera was to show these, in this order, and nothing else."""
    until(lambda: len(one.shown) >= len(words), DEADLINE, lambda: str(one.shown))
    assert one.shown == list(words)


def failed(trouble: HandoverTrouble) -> HandoverProgress:
    return HandoverProgress(HandoverState.FAILED, trouble=trouble)


def test_a_dock_without_a_network_is_told_at_the_second_attempt(bench: Make) -> None:
    away = [OfficeUnavailableError("away", trouble=HandoverTrouble.NETWORK) for _ in range(2)]
    one = bench(*away, again=(0.01, 60.0))
    one.watch.tell(DOCKED)
    shown(one, None, NOT_HEARD, NOT_HEARD, failed(HandoverTrouble.NETWORK))


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (OfficeUnavailableError("it is full"), failed(HandoverTrouble.OFFICE)),
        (OfficeUnavailableError("all docks are full", 60.0, trouble=None), NOT_HEARD),
        (CameradError("the daemon says no"), failed(HandoverTrouble.CAMERA)),
        (RuntimeError("a mistake"), failed(HandoverTrouble.CAMERA)),
        (DONE, HandoverProgress(HandoverState.HANDED_OVER, 1, 1)),
        (LEFT, HandoverProgress(HandoverState.FAILED, 0, 1, HandoverTrouble.RECORDINGS)),
        (
            HandoverResult(("a",), (), {"b": "no"}, {}, (), ()),
            HandoverProgress(HandoverState.FAILED, 1, 2, HandoverTrouble.RECORDINGS),
        ),
        (
            HandoverResult(("a",), (), {}, {}, ("b",), ()),
            HandoverProgress(HandoverState.HANDING_OVER, 1, 2),
        ),
        (
            HandoverResult(("a",), ("b",), {}, {}, (), ()),
            HandoverProgress(HandoverState.WAITING, 1, 1),
        ),
    ],
    ids=[
        "office",
        "busy",
        "daemon",
        "mistake",
        "done",
        "went wrong",
        "refused",
        "being checked",
        "without an end",
    ],
)
def test_what_came_of_an_attempt_is_shown(
    bench: Make, outcome: Any, word: HandoverProgress
) -> None:
    """All handed over is said only where not one recording is left."""
    one = bench(outcome)
    one.watch.tell(DOCKED)
    shown(one, None, NOT_HEARD, word)


def test_what_was_handed_over_stays_so_while_the_office_is_away(bench: Make) -> None:
    everything = HandoverProgress(HandoverState.HANDED_OVER, 1, 1)
    away = OfficeUnavailableError("away", trouble=HandoverTrouble.NETWORK)
    one = bench(DONE, away, away, look=0.01, again=(0.01, 60.0))
    one.watch.tell(DOCKED)
    one.wait_for(3)
    shown(one, None, NOT_HEARD, everything)
    # Until something may have been recorded.
    one.watch.tell(BUSY)
    shown(one, None, NOT_HEARD, everything, NOT_HEARD)
    one.watch.tell(WORN)
    shown(one, None, NOT_HEARD, everything, NOT_HEARD, None)


def test_what_came_too_late_is_not_shown_of_a_camera_in_use(bench: Make) -> None:
    one = bench()
    one.watch.tell(DOCKED)
    first = one.wait_for(1)
    one.watch.tell(BUSY)
    assert first.closed.wait(DEADLINE)
    one.watch._finished(DONE, 1)
    assert one.shown == [None, NOT_HEARD, NOT_HEARD]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, GONE),
        ({"conditions": ["docked"], "stage": "idle", "clock": "unknown"}, (True, True, False)),
        ({"conditions": ["docked"], "stage": "idle", "clock": "rtc"}, (True, True, True)),
        ({"conditions": [], "stage": "idle", "clock": "synchronised"}, (False, True, True)),
        ({"conditions": None, "stage": "self_view"}, GONE),
        ({"conditions": ["docked"], "stage": "idle", "recording": {"id": 1}}, (True, False, False)),
        ({"conditions": ["docked"], "stage": "recording"}, (True, False, False)),
    ],
)
def test_what_the_daemon_says_decides(status: dict[str, Any], state: Any) -> None:
    assert DockState.of(status) == (state if isinstance(state, DockState) else DockState(*state))


# ------------------------------------------------------------------------------------------ updates


def test_an_update_is_brought_when_everything_is_handed_over(bench: Make) -> None:
    one = bench(LEFT, DONE, again=(0.01,), look=0.01)
    one.watch.tell(DOCKED)
    one.wait_for(3)
    assert [handed.updates for handed in one.passes] == [0, 1, 0]


def test_an_update_that_does_not_come_is_tried_again_and_shows_nothing(
    bench: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = iter([OfficeUnavailableError("the network has gone"), CameradError("not what it is")])
    made = Bench.make

    def make(self: Bench, vouched: bool) -> Pass:
        handed = made(self, vouched)
        handed.without_update = next(errors, None)
        return handed

    monkeypatch.setattr(Bench, "make", make)
    one = bench(DONE, DONE, DONE, again=(0.01,), look=60.0)
    one.watch.tell(DOCKED)
    one.wait_for(3)
    assert "the network has gone" in caplog.text and "not what it is" in caplog.text
    assert HandoverState.FAILED not in {word.state for word in one.shown if word is not None}
    # After a press all is looked at again at once: nothing of that counts as a hand-over's failure.
    one.watch.tell(BUSY)
    one.watch.tell(DOCKED)
    one.wait_for(4)


def test_a_press_ends_an_update_at_once(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    updating, made = threading.Event(), Bench.make

    def make(self: Bench, vouched: bool) -> Pass:
        handed = made(self, vouched)
        handed.updating = updating
        return handed

    monkeypatch.setattr(Bench, "make", make)
    one = bench(DONE)
    one.watch.tell(DOCKED)
    assert updating.wait(DEADLINE)
    one.watch.tell(BUSY)
    assert one.passes[0].stopped.is_set()
    one.watch.tell(DOCKED)
    one.wait_for(2)
