"""The gestures by example: presets, the earliest decision, bounce, and fingers out of time."""

from __future__ import annotations

import pytest

from camerad.behaviour import gestures, stages
from camerad.behaviour.bindings import (
    DEFAULT_ONE_BUTTON,
    DEFAULT_TWO_BUTTONS,
    Binding,
    ButtonTable,
    Gesture,
)
from camerad.behaviour.gestures import (
    DecidedGesture,
    Edge,
)
from camerad.behaviour.stages import Intent, Stage
from tests.unit.behaviour.hand import MS, SECOND, Hand

AT = 5 * SECOND
PRESETS = [DEFAULT_TWO_BUTTONS, DEFAULT_ONE_BUTTON]
BY_PRESET = pytest.mark.parametrize("tables", PRESETS, ids=["two-buttons", "one-button"])


def decision(
    intent: Intent,
    decided_us: int,
    edge_us: int = AT,
    button: str = "main",
    began: Stage = Stage.IDLE,
) -> DecidedGesture:
    return DecidedGesture(button, intent, edge_us, decided_us, began)


# ------------------------------------------------------------------------------------ the presets


@BY_PRESET
@pytest.mark.parametrize(
    ("before_us", "held_us", "is_awaited"),
    [
        (5 * SECOND, 2_400 * MS, True),
        (5 * SECOND, 1_900 * MS, False),  # let go before it was felt
        (5 * SECOND, 3_100 * MS, False),  # not let go when it was felt
        (SECOND, 2_400 * MS, False),  # another contact just before
    ],
)
def test_an_answer_is_awaited_where_one_would_stop(
    tables: tuple[ButtonTable, ...], before_us: int, held_us: int, is_awaited: bool
) -> None:
    """From the release to three seconds after the hand was told, and by no other stage."""
    hand = Hand(tables, Stage.RECORDING)
    hand.press("main", AT - before_us, 50 * MS, settle=False)
    hand.edges("main", (AT, True))
    hand.wait_until(AT + held_us - MS)
    assert hand.awaited is None
    hand.edges("main", (AT + held_us, False))
    hand.wait_until(AT + 4_900 * MS)
    assert hand.awaited == ("main" if is_awaited else None)
    hand.stage = Stage.IDLE
    assert hand.awaited is None
    hand.stage = Stage.RECORDING
    hand.wait_until(AT + 5 * SECOND)
    assert hand.awaited is None


def test_six_gestures_have_at_most_eight_meanings() -> None:
    gestures_of = {
        (table.name, one.gesture) for table in DEFAULT_TWO_BUTTONS for one in table.bindings
    }
    assert len(gestures_of) == 6
    one_button = {
        (table.name, one.gesture) for table in DEFAULT_ONE_BUTTON for one in table.bindings
    }
    assert len(one_button) <= 6
    for tables in PRESETS:
        meanings = {
            stages.outcome(stage, one.intent)
            for table in tables
            for one in table.bindings
            for stage in one.stages
        } - {None}
        # Self-view on, and off again; record, mark, stop; display, sound, status.
        assert len(meanings) <= 8


def test_a_gesture_means_one_thing_but_for_a_press() -> None:
    """What is held is the same in every stage where it means anything at all; in how long, too."""
    for tables in PRESETS:
        for table in tables:
            for gesture in set(Gesture) - {Gesture.PRESS}:
                found = [one for one in table.bindings if one.gesture is gesture]
                assert len({one.intent for one in found}) <= 1, (table.name, gesture)


def test_one_button_never_leaves_self_view_by_a_gesture() -> None:
    intents = {
        binding.intent
        for binding in DEFAULT_ONE_BUTTON[0].bindings
        if Stage.SELF_VIEW in binding.stages
    }
    assert intents == {Intent.ESCALATE, Intent.RECORD}


# ----------------------------------------------------------------------------- levels and lateness


def test_reporting_a_level_again_changes_nothing() -> None:
    hand = Hand()
    hand.edges("main", *((AT + ms * MS, True) for ms in range(0, 900, 50)))
    before = hand.state
    hand.edges("main", (AT + 950 * MS, True))
    assert hand.state == before
    hand.wait_until(AT + SECOND)
    assert hand.decisions == [decision(Intent.RECORD, AT + SECOND)]


def test_an_unknown_button_is_named() -> None:
    with pytest.raises(ValueError, match="no button is called side; there is main, display"):
        Hand().take(Edge("side", True, AT))


# ------------------------------------------------------------------------------- tables of your own

ALL = frozenset(Stage)
IDLE = frozenset({Stage.IDLE})
RECORDING = frozenset({Stage.RECORDING})


def table(*bindings: Binding) -> tuple[ButtonTable, ...]:
    return (ButtonTable("main", bindings),)


def test_of_two_holds_the_release_chooses_the_shorter_and_the_clock_the_longer() -> None:
    tables = table(
        Binding(Gesture.HOLD, Intent.RECORD, IDLE, 3 * SECOND),
        Binding(Gesture.HOLD, Intent.ESCALATE, IDLE, SECOND),
    )
    assert Hand(tables).press("main", AT, 2 * SECOND) == [
        decision(Intent.ESCALATE, AT + 2 * SECOND)
    ]
    assert Hand(tables).press("main", AT, 9 * SECOND) == [decision(Intent.RECORD, AT + 3 * SECOND)]


def test_of_two_holds_with_one_outcome_the_first_decides() -> None:
    tables = table(
        Binding(Gesture.HOLD, Intent.ESCALATE, IDLE, SECOND),
        Binding(Gesture.HOLD, Intent.TOGGLE_SELF_VIEW, IDLE, 3 * SECOND),
    )
    assert Hand(tables).press("main", AT, 9 * SECOND) == [decision(Intent.ESCALATE, AT + SECOND)]


def test_a_press_that_means_nothing_is_nothing() -> None:
    only_hold = table(Binding(Gesture.HOLD, Intent.RECORD, ALL, SECOND))
    assert Hand(only_hold).press("main", AT, 100 * MS) == []
    assert Hand(only_hold).press("main", AT, 2 * SECOND) == [decision(Intent.RECORD, AT + SECOND)]
    nothing = table(Binding(Gesture.PRESS, Intent.STOP, ALL))
    assert Hand(nothing).press("main", AT, 100 * MS) == []
    assert Hand(table()).press("main", AT, 100 * MS) == []


def test_a_double_press_with_the_outcome_of_a_press_delays_nothing() -> None:
    tables = table(
        Binding(Gesture.PRESS, Intent.ESCALATE, IDLE),
        Binding(Gesture.DOUBLE_PRESS, Intent.TOGGLE_SELF_VIEW, IDLE),
    )
    hand = Hand(tables)
    assert hand.press("main", AT, 100 * MS) == [decision(Intent.ESCALATE, AT)]


def test_a_double_press_alone_needs_two() -> None:
    hand = Hand(table(Binding(Gesture.DOUBLE_PRESS, Intent.RECORD, IDLE)))
    assert hand.press("main", AT, 100 * MS) == []
    again = hand.now_us
    hand.press("main", again, 100 * MS, settle=False)
    second = again + 300 * MS
    assert hand.press("main", second, 100 * MS) == [decision(Intent.RECORD, second, again)]


def test_without_a_double_press_the_second_of_two_short_ones_adds_nothing() -> None:
    tables = table(
        Binding(Gesture.PRESS, Intent.MARK, RECORDING),
        Binding(Gesture.PRESS_HOLD, Intent.TOGGLE_MUTE, RECORDING, SECOND),
    )
    hand = Hand(tables, Stage.RECORDING)
    hand.press("main", AT, 100 * MS, settle=False)
    second = AT + 300 * MS
    released = second + 100 * MS
    assert hand.press("main", second, 100 * MS) == [
        decision(Intent.MARK, released, began=Stage.RECORDING)
    ]


def test_of_two_press_holds_the_release_chooses_the_shorter() -> None:
    tables = table(
        Binding(Gesture.PRESS_HOLD, Intent.TOGGLE_MUTE, RECORDING, SECOND),
        Binding(Gesture.PRESS_HOLD, Intent.STOP, RECORDING, 3 * SECOND),
    )
    for for_us, intent in ((2 * SECOND, Intent.TOGGLE_MUTE), (3 * SECOND, Intent.STOP)):
        hand = Hand(tables, Stage.RECORDING)
        hand.press("main", AT, 100 * MS, settle=False)
        second = AT + 300 * MS
        decided = second + for_us
        assert hand.press("main", second, for_us) == [
            decision(intent, decided, began=Stage.RECORDING)
        ]
    # A press alone means nothing there.
    assert Hand(tables, Stage.RECORDING).press("main", AT, 100 * MS) == []


@pytest.mark.parametrize(
    ("gesture", "hold_us"),
    [
        (Gesture.HOLD, 0),
        (Gesture.PRESS_HOLD, 0),
        (Gesture.PRESS, SECOND),
        (Gesture.DOUBLE_PRESS, 1),
    ],
)
def test_only_a_hold_has_a_length(gesture: Gesture, hold_us: int) -> None:
    with pytest.raises(ValueError, match="only a hold has a length"):
        Binding(gesture, Intent.RECORD, IDLE, hold_us)


def test_a_gesture_with_two_meanings_is_refused() -> None:
    with pytest.raises(ValueError, match="button main: press has two meanings in stage idle"):
        table(
            Binding(Gesture.PRESS, Intent.ESCALATE, IDLE),
            Binding(Gesture.PRESS, Intent.RECORD, ALL),
        )


def test_before_anything_is_reported_nothing_is_due() -> None:
    for tables in PRESETS:
        assert gestures.deadline(gestures.initial(tables), Stage.IDLE, tables) is None
