"""Which cue is told next: in its turn, at once, again, or no longer."""

from __future__ import annotations

from itertools import islice, product

import pytest

from camerad.behaviour import cue_queue, signals
from camerad.behaviour.cue_queue import MAX_WAITING, CueQueue
from camerad.behaviour.signals import ANSWERS, Detail
from camerad.behaviour.stages import CUES, Condition, CueKind, Stage, State
from tests.breadth import breadth

BASIC = Detail.BASIC
STEP = breadth(7, 1)
"""From one combination to the next; it divides neither the number of cues nor of answers."""


def at(stage: Stage, *conditions: Condition, muted: bool = False) -> State:
    return State(stage, 0, frozenset(conditions), muted=muted)


IDLE, RECORDING = at(Stage.IDLE), at(Stage.RECORDING)
FULL = at(Stage.IDLE, Condition.STORAGE_FULL)


def told(queue: CueQueue, state: State, detail: Detail = BASIC) -> list[CueKind]:
    """Everything that is told from now on, in its order, if nothing else happens."""
    found = []
    while queue.playing is not None or queue.waiting:
        queue = cue_queue.turn(cue_queue.rest(queue), state, detail)
        found += [queue.playing] if queue.playing is not None else []
    return found


def news(*kinds: CueKind, state: State) -> CueQueue:
    """The first is being told, the others wait."""
    queue = CueQueue()
    for kind in kinds:
        queue = cue_queue.add(queue, kind, state)
    return cue_queue.turn(queue, state, BASIC)


def test_news_is_told_in_its_order_and_once_however_often_it_comes() -> None:
    state = at(Stage.IDLE, Condition.BATTERY_LOW, Condition.STORAGE_FULL)
    waiting = [CueKind.BATTERY_LOW, CueKind.SHIFT_BEGUN, CueKind.STORAGE_FULL]
    queue = news(CueKind.CUT_OFF, *waiting, state=state)
    assert queue.playing is CueKind.CUT_OFF
    queue = cue_queue.add(queue, CueKind.BATTERY_LOW, state)
    assert told(queue, state) == waiting


def test_what_feels_the_same_is_told_once() -> None:
    state = at(Stage.IDLE, Condition.BATTERY_LOW, Condition.HOT, Condition.STORAGE_LOW)
    queue = news(
        CueKind.CUT_OFF, CueKind.BATTERY_LOW, CueKind.HOT, CueKind.STORAGE_LOW, state=state
    )
    assert told(queue, state) == [CueKind.BATTERY_LOW]
    apart = [CueKind.BATTERY_LOW, CueKind.HOT, CueKind.STORAGE_LOW]
    assert told(queue, state, Detail.FULL) == apart
    # One of them is over before its turn: the others are told all the same.
    assert told(queue, at(Stage.IDLE, Condition.HOT)) == [CueKind.HOT]


def test_an_answer_is_told_now_and_what_it_cuts_short_again() -> None:
    queue = news(CueKind.STORAGE_FULL, state=FULL)
    queue = cue_queue.answer(queue, CueKind.SELF_VIEW_ON, FULL, BASIC)
    assert queue.playing is CueKind.SELF_VIEW_ON
    assert told(queue, FULL) == [CueKind.STORAGE_FULL]
    # Unless the answer has said the same.
    queue = cue_queue.answer(queue, CueKind.REFUSED, FULL, BASIC)
    assert told(queue, FULL) == []


def test_that_it_can_record_is_not_told_in_a_recording() -> None:
    queue = news(CueKind.READY, state=IDLE)
    queue = cue_queue.answer(queue, CueKind.STARTED, RECORDING, BASIC)
    assert told(queue, RECORDING) == []
    # Nor once it cannot any more; but in self-view it still is news.
    queue = cue_queue.answer(news(CueKind.READY, state=IDLE), CueKind.SELF_VIEW_ON, IDLE, BASIC)
    assert told(queue, FULL) == []
    assert told(queue, at(Stage.SELF_VIEW)) == [CueKind.READY]


def test_what_is_over_before_its_turn_is_not_told() -> None:
    state = at(Stage.IDLE, *CUES)
    for condition, kind in CUES.items():
        queue = news(CueKind.CUT_OFF, kind, state=state)
        left = [one for one in CUES if CUES[one] is not kind]
        assert told(queue, at(Stage.IDLE, *left)) == []
        assert told(queue, at(Stage.IDLE, condition)) == [kind]


def test_self_view_that_has_ended_is_told_no_more() -> None:
    in_self_view = at(Stage.SELF_VIEW)
    queue = news(CueKind.READY, CueKind.SELF_VIEW_ON, state=in_self_view)
    assert told(queue, in_self_view) == [CueKind.SELF_VIEW_ON]
    assert told(queue, IDLE) == told(queue, RECORDING) == []


def test_a_stop_that_the_next_press_cuts_short_is_told_again_unless_that_records() -> None:
    queue = cue_queue.answer(CueQueue(), CueKind.STOPPED, at(Stage.STOPPING), BASIC)
    for answer, state, again in (
        (CueKind.SELF_VIEW_ON, at(Stage.SELF_VIEW), [CueKind.STOPPED]),
        (CueKind.STARTED, RECORDING, []),
    ):
        assert told(cue_queue.answer(queue, answer, state, BASIC), state) == again


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (CueKind.MUTED, at(Stage.RECORDING, muted=True)),
        (CueKind.UNMUTED, at(Stage.RECORDING, Condition.MICROPHONE_DOWN)),
        (CueKind.MICROPHONE_DOWN, at(Stage.RECORDING, Condition.MICROPHONE_DOWN)),
        (CueKind.LIGHT_DOWN, at(Stage.RECORDING, Condition.LIGHT_DOWN)),
        (CueKind.CAMERA_DOWN, at(Stage.RECORDING, Condition.CAMERA_DOWN)),
        (CueKind.STILL_RECORDING, at(Stage.RECORDING, muted=True)),
        (CueKind.NOT_READY, FULL),
        (CueKind.CUT_OFF, IDLE),
        (CueKind.RECORDING_FAILED, IDLE),
    ],
)
def test_what_law_and_safety_hang_on_is_told_again_whatever_cuts_it_short(
    kind: CueKind, state: State
) -> None:
    assert cue_queue.grave(kind, state)
    for answer in ANSWERS:
        queue = cue_queue.answer(CueQueue(kind), answer, state, BASIC)
        same = signals.sounding(answer, state, BASIC) == signals.sounding(kind, state, BASIC)
        assert told(queue, state) == ([] if same else [kind]), answer


def test_a_refusal_is_over_once_it_can_record() -> None:
    assert signals.still_news(CueKind.REFUSED, FULL)
    # Nothing refuses a press there, and nothing is recorded either.
    assert signals.still_news(CueKind.NOT_READY, State(Stage.STARTING, 0))
    assert not signals.still_news(CueKind.NOT_READY, IDLE)
    assert signals.still_news(CueKind.REFUSED, RECORDING)
    assert not signals.still_news(CueKind.REFUSED, IDLE)


def test_an_older_answer_is_not_told_again() -> None:
    for older in (CueKind.MARKED, CueKind.STARTED, CueKind.SELF_VIEW_OFF):
        queue = cue_queue.answer(CueQueue(older), CueKind.MUTED, at(Stage.RECORDING), BASIC)
        assert told(queue, RECORDING) == []


def test_of_too_much_that_waits_the_oldest_goes_but_nothing_grave() -> None:
    looks = [CueKind.STORAGE_LOW, CueKind.HOT, CueKind.CLOCK_UNTRUSTED, CueKind.DISPLAY_DOWN]
    grave = [CueKind.LIGHT_DOWN, CueKind.BATTERY_CRITICAL, CueKind.CUT_OFF]
    queue = CueQueue()
    for kind in (*grave, *looks):
        queue = cue_queue.add(queue, kind, IDLE)
    assert queue.waiting == (*grave, looks[-1])
    assert len(queue.waiting) == MAX_WAITING
    # More than that, all of them grave, wait all the same.
    cannot = [CueKind.STORAGE_FULL, CueKind.CAMERA_DOWN]
    for kind in cannot:
        queue = cue_queue.add(queue, kind, IDLE)
    assert queue.waiting == (*grave, *cannot)


@pytest.mark.breadth
def test_whatever_waits_and_whatever_cuts_it_short_nothing_grave_is_lost() -> None:
    """Each pair of news, and each answer, in each state of law and safety."""
    states = [
        at(stage, *conditions, muted=muted)
        for stage, conditions, muted in product(
            (Stage.IDLE, Stage.SELF_VIEW, Stage.RECORDING, Stage.STOPPING),
            (
                (),
                (Condition.CAMERA_DOWN,),
                (Condition.LIGHT_DOWN, Condition.MICROPHONE_DOWN),
                (Condition.BATTERY_LOW, Condition.LEDGER_FAILED),
            ),
            (False, True),
        )
    ]
    every = product(states, CueKind, CueKind, sorted(ANSWERS, key=str))
    for state, first, second, answer in islice(every, 0, None, STEP):
        queue = cue_queue.add(CueQueue(first), second, state)
        queue = cue_queue.answer(queue, answer, state, BASIC)
        felt = {signals.rhythm(kind, state) for kind in (answer, *told(queue, state))}
        for kind in (first, second):
            due = cue_queue.grave(kind, state) and signals.still_news(kind, state)
            assert not due or signals.rhythm(kind, state) in felt, (kind, answer, state)
