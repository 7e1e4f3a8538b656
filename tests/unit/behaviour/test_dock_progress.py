"""Whose word about handing over counts, and for how long: every state, every word."""

from __future__ import annotations

from itertools import product

import pytest

from camerad.behaviour import dock_progress, signals
from camerad.behaviour.dock_progress import (
    NOT_HEARD,
    SILENCE_US,
    SILENT,
    DockWord,
    HandoverProgress,
    HandoverState,
    HandoverTrouble,
    follow,
    hear,
    shown,
    silent_at_us,
)
from camerad.behaviour.scene import (
    HandoverScene,
    OfficerStatus,
    RecordingScene,
    SceneFacts,
    handover_scene,
    scene,
)
from camerad.behaviour.signals import BLINK, FLASH, OFF, ON, Indication
from camerad.behaviour.stages import REFUSES_START, Condition, Stage, State

ALL = HandoverProgress(HandoverState.HANDED_OVER, 3, 3)
WORDS = [
    HandoverProgress(HandoverState.WAITING),
    HandoverProgress(HandoverState.HANDING_OVER, 1, 3),
    ALL,
    *(HandoverProgress(HandoverState.FAILED, 1, 3, trouble) for trouble in HandoverTrouble),
]
IN_DOCK = State(Stage.IDLE, 0, frozenset({Condition.DOCKED}))


def in_stage(stage: Stage, *, docked: bool = True) -> State:
    return State(stage, 0, frozenset({Condition.DOCKED} if docked else ()))


@pytest.mark.parametrize("word", WORDS, ids=str)
def test_a_word_is_shown_until_nobody_has_said_it_for_too_long(word: HandoverProgress) -> None:
    heard = hear(follow(DockWord(), IN_DOCK, 5), word, 7)
    assert silent_at_us(heard) == 7 + SILENCE_US
    assert shown(heard, 7 + SILENCE_US - 1) == word
    assert shown(heard, 7 + SILENCE_US) == SILENT
    # Said again, it counts anew.
    again = hear(follow(heard, IN_DOCK, 6 + SILENCE_US), word, 6 + SILENCE_US)
    assert shown(again, 7 + SILENCE_US) == word


def test_before_the_first_word_it_waits_and_not_for_ever() -> None:
    heard = follow(DockWord(), IN_DOCK, 5)
    assert shown(heard, 5) == NOT_HEARD
    assert follow(heard, IN_DOCK, 9) == heard
    assert shown(heard, 5 + SILENCE_US) == SILENT


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("word", WORDS, ids=str)
def test_outside_the_dock_nothing_counts_and_nothing_is_kept(
    stage: Stage, word: HandoverProgress
) -> None:
    heard = hear(follow(DockWord(), in_stage(stage), 5), word, 7)
    out = follow(heard, in_stage(stage, docked=False), 8)
    assert hear(out, word, 9) == out == DockWord()
    assert shown(out, 9) is None
    assert silent_at_us(out) is None
    assert shown(follow(out, in_stage(stage), 10), 10) == NOT_HEARD


@pytest.mark.parametrize("stage", Stage)
def test_a_recording_makes_every_word_void_and_nothing_else_does(stage: Stage) -> None:
    heard = hear(follow(DockWord(), IN_DOCK, 5), ALL, 7)
    state = in_stage(stage)
    during = follow(heard, state, 8)
    assert shown(during, 8) == (NOT_HEARD if state.keeping else ALL)
    # A word that was under way when the recording began does not outlast it.
    late = follow(hear(during, ALL, 9), state, 10)
    assert shown(late, 10) == (NOT_HEARD if state.keeping else ALL)


# ------------------------------------------------------------------------------------ lights


def test_only_all_handed_over_looks_done_and_at_work_looks_so() -> None:
    assert set(signals.IN_DOCK) == set(HandoverState)
    done = {one for one, (green, _) in signals.IN_DOCK.items() if green is FLASH}
    assert done == {HandoverState.HANDED_OVER}
    for at_work in (HandoverState.WAITING, HandoverState.HANDING_OVER):
        # A press would record, so green is steady; amber that blinks asks to wait.
        assert signals.IN_DOCK[at_work] == (ON, BLINK)
    # Without contact in its dock a camera is steady green alone: no word looks like that.
    assert (ON, OFF) not in signals.IN_DOCK.values()
    # Amber that is steady would say that a press is refused.
    assert ON not in {amber for _, amber in signals.IN_DOCK.values()}


@pytest.mark.parametrize("ending", [False, True])
@pytest.mark.parametrize("stage", Stage)
def test_handing_over_gives_way_to_everything(stage: Stage, ending: bool) -> None:
    for handover, one, docked in product((None, *HandoverState), Condition, (False, True)):
        conditions = frozenset({one, *({Condition.DOCKED} if docked else ())})
        plain = signals.indication(State(stage, 0, conditions, ending=ending))
        seen = signals.in_dock(plain, handover)
        assert seen.red == plain.red
        alone = conditions == {Condition.DOCKED}
        shows = alone and not ending and stage in (Stage.IDLE, Stage.SELF_VIEW)
        if handover is None or not shows:
            assert seen == plain
        else:
            green, amber = signals.IN_DOCK[handover]
            assert seen == Indication(green, OFF, amber)
        if conditions & REFUSES_START:
            assert seen.green is OFF


def test_a_shift_in_its_dock_changes_none_of_it() -> None:
    plain = signals.indication(IN_DOCK)
    for handover in HandoverState:
        seen = signals.in_dock(plain, handover)
        assert signals.on_shift(seen, looking=False) == seen


# ------------------------------------------------------------------------------------ display


@pytest.mark.parametrize("word", WORDS, ids=str)
def test_the_display_says_the_same(word: HandoverProgress) -> None:
    said = handover_scene(word)
    if word.trouble is HandoverTrouble.NETWORK:
        assert said is HandoverScene.NO_NETWORK
    else:
        assert (said is HandoverScene.FAILED) is (word.state is HandoverState.FAILED)
        assert (said is HandoverScene.DONE) is (word.state is HandoverState.HANDED_OVER)


def test_outside_the_dock_the_display_says_nothing_of_it() -> None:
    assert handover_scene(None) is None


def test_it_is_said_only_when_asked_in_idle_and_never_to_the_person_opposite() -> None:
    status = OfficerStatus(handover=HandoverScene.FAILED)
    for stage, on, armed, wiping, asked in product(Stage, *[(False, True)] * 4):
        state = State(
            stage,
            0,
            frozenset({Condition.DOCKED}),
            display_on=on,
            armed=armed,
            wiping=wiping,
            status_on=asked and stage is Stage.IDLE,
        )
        said = scene(state, SceneFacts(status=status))
        assert isinstance(said, OfficerStatus) is state.status_on
        if state.keeping and on:
            assert isinstance(said, RecordingScene)


def test_what_the_process_says_is_said_again_before_it_is_forgotten() -> None:
    # Twice missed is no alarm yet.
    assert 2.5 * dock_progress.REPEAT_SECONDS * 1_000_000 < SILENCE_US
