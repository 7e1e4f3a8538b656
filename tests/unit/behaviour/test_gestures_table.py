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
    GestureTick,
    LevelsRead,
)
from camerad.behaviour.stages import Intent, Stage
from tests.unit.behaviour.hand import MS, SECOND, Hand

AT = 5 * SECOND
PRESETS = [DEFAULT_TWO_BUTTONS, DEFAULT_ONE_BUTTON]
BY_PRESET = pytest.mark.parametrize("tables", PRESETS, ids=["two-buttons", "one-button"])
LIKE_IDLE = pytest.mark.parametrize("stage", [Stage.STARTING, Stage.IDLE, Stage.STOPPING])


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
@LIKE_IDLE
def test_in_idle_the_release_makes_it_a_press(
    tables: tuple[ButtonTable, ...], stage: Stage
) -> None:
    hand = Hand(tables, stage)
    released = AT + 200 * MS
    assert hand.press("main", AT, 200 * MS) == [decision(Intent.ESCALATE, released, began=stage)]


@BY_PRESET
@LIKE_IDLE
def test_in_idle_a_hold_records_after_one_second_to_the_microsecond(
    tables: tuple[ButtonTable, ...], stage: Stage
) -> None:
    hand = Hand(tables, stage)
    assert hand.press("main", AT, 5 * SECOND) == [decision(Intent.RECORD, AT + SECOND, began=stage)]


@BY_PRESET
@pytest.mark.parametrize("for_us", [30 * MS, 1_500 * MS, 60 * SECOND])
def test_in_self_view_the_first_edge_records_because_nothing_else_is_left(
    tables: tuple[ButtonTable, ...], for_us: int
) -> None:
    hand = Hand(tables, Stage.SELF_VIEW)
    assert hand.press("main", AT, for_us) == [decision(Intent.ESCALATE, AT, began=Stage.SELF_VIEW)]


def test_while_recording_a_press_is_a_mark_dated_by_its_edge() -> None:
    hand = Hand(stage=Stage.RECORDING)
    # 1.5 s is not a hold here: nothing is bound to less than two seconds.
    for for_us in (100 * MS, 1_500 * MS):
        at_us = hand.now_us + SECOND
        assert hand.press("main", at_us, for_us) == [
            decision(Intent.ESCALATE, at_us + for_us, at_us, began=Stage.RECORDING)
        ]


ASKED = decision(Intent.ASK, AT + 2 * SECOND, began=Stage.RECORDING)
"""What a hold of two seconds in a recording comes to: the hand feels that it records."""


def held_and_pressed(
    hand: Hand, held_us: int, still_us: int, brief_us: int, *more: tuple[int, int]
) -> list[DecidedGesture]:
    """A hold at AT, a pause and a press; more: pauses and presses behind it."""
    hand.press("main", AT, held_us, settle=False)
    at_us = AT + held_us
    for pause_us, press_us in ((still_us, brief_us), *more):
        hand.press("main", at_us + pause_us, press_us, settle=False)
        at_us += pause_us + press_us
    hand.wait_until(at_us + 10 * SECOND)
    return hand.decisions


@BY_PRESET
def test_while_recording_a_hold_a_pause_and_a_press_stop(tables: tuple[ButtonTable, ...]) -> None:
    told = held_and_pressed(Hand(tables, Stage.RECORDING), 2_400 * MS, 500 * MS, 150 * MS)
    # And no other press within 0.4 s of it.
    stop = decision(Intent.STOP, AT + 3_450 * MS, began=Stage.RECORDING)
    assert told == [ASKED, stop]


@BY_PRESET
@pytest.mark.parametrize("for_us", [2_200 * MS, 3 * SECOND, 60 * SECOND])
def test_the_weight_of_a_body_does_not_stop(tables: tuple[ButtonTable, ...], for_us: int) -> None:
    hand = Hand(tables, Stage.RECORDING)
    assert hand.press("main", AT, for_us) == [ASKED]
    # Whatever comes later is a press like any other.
    at_us = hand.now_us + SECOND
    assert [one.intent for one in hand.press("main", at_us, 100 * MS)] == [Intent.ESCALATE]


@BY_PRESET
@pytest.mark.parametrize(
    ("held_us", "still_us", "brief_us"),
    [
        (1_900 * MS, 500 * MS, 150 * MS),  # let go before it was felt
        (3_100 * MS, 500 * MS, 150 * MS),  # not let go when it was felt
        (2_400 * MS, 150 * MS, 150 * MS),  # a contact that trembles
        (2_400 * MS, 2_700 * MS, 150 * MS),  # too late
        (2_400 * MS, 500 * MS, 800 * MS),  # too long
    ],
)
def test_what_is_no_answer_is_a_press_like_any_other(
    tables: tuple[ButtonTable, ...], held_us: int, still_us: int, brief_us: int
) -> None:
    told = held_and_pressed(Hand(tables, Stage.RECORDING), held_us, still_us, brief_us)
    assert told[-1].intent is Intent.ESCALATE
    assert Intent.STOP not in [one.intent for one in told]


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


@BY_PRESET
def test_a_hold_that_follows_another_contact_asks_and_offers_no_end(
    tables: tuple[ButtonTable, ...],
) -> None:
    hand = Hand(tables, Stage.RECORDING)
    hand.press("main", AT - SECOND, 50 * MS, settle=False)
    told = held_and_pressed(hand, 2_400 * MS, 500 * MS, 150 * MS)
    assert [one.intent for one in told] == [Intent.ESCALATE, Intent.ASK, Intent.ESCALATE]


@BY_PRESET
def test_of_several_presses_none_is_an_answer(tables: tuple[ButtonTable, ...]) -> None:
    hand = Hand(tables, Stage.RECORDING)
    told = held_and_pressed(hand, 2_400 * MS, 500 * MS, 150 * MS, (300 * MS, 150 * MS))
    means = Intent.TOGGLE_SELF_VIEW if tables is DEFAULT_ONE_BUTTON else Intent.ESCALATE
    assert [one.intent for one in told] == [Intent.ASK, means]


@BY_PRESET
def test_a_press_after_the_recording_is_over_is_no_answer(tables: tuple[ButtonTable, ...]) -> None:
    hand = Hand(tables, Stage.RECORDING)
    hand.press("main", AT, 2_400 * MS, settle=False)
    hand.stage = Stage.IDLE
    again = AT + 3 * SECOND
    assert hand.press("main", again, 150 * MS)[-1] == decision(
        Intent.ESCALATE, again + 150 * MS, again
    )


def test_an_answer_that_bounces_is_one() -> None:
    hand = Hand(stage=Stage.RECORDING)
    bounces = (400, 19 * MS)
    hand.press("main", AT, 2_400 * MS, bounces, settle=False)
    hand.press("main", AT + 2_900 * MS, 150 * MS, bounces)
    assert [one.intent for one in hand.decisions] == [Intent.ASK, Intent.STOP]


def test_in_self_view_the_display_button_has_no_hold_and_acts_at_its_first_edge() -> None:
    hand = Hand(stage=Stage.SELF_VIEW)
    assert hand.press("display", AT, SECOND) == [
        decision(Intent.TOGGLE_SELF_VIEW, AT, button="display", began=Stage.SELF_VIEW)
    ]


@pytest.mark.parametrize("stage", [Stage.STARTING, Stage.IDLE])
def test_the_display_button_held_for_a_second_shows_the_status(stage: Stage) -> None:
    hand = Hand(stage=stage)
    shown = decision(Intent.SHOW_STATUS, AT + SECOND, button="display", began=stage)
    assert hand.press("display", AT, 5 * SECOND) == [shown]
    again = hand.now_us + SECOND
    released = again + 999 * MS
    assert hand.press("display", again, 999 * MS) == [
        decision(Intent.TOGGLE_SELF_VIEW, released, again, "display", began=stage)
    ]


def test_who_would_read_the_display_while_a_recording_is_closed_opens_no_self_view() -> None:
    hand = Hand(stage=Stage.STOPPING)
    assert hand.press("display", AT, SECOND) == []
    again = hand.now_us + SECOND
    released = again + 999 * MS
    assert hand.press("display", again, 999 * MS) == [
        decision(Intent.TOGGLE_SELF_VIEW, released, again, "display", began=Stage.STOPPING)
    ]


def test_one_button_switches_the_display_by_a_double_press_while_recording() -> None:
    hand = Hand(DEFAULT_ONE_BUTTON, Stage.RECORDING)
    second = AT + 450 * MS  # 350 ms after the release of the first
    hand.press("main", AT, 100 * MS, settle=False)
    released = second + 100 * MS
    assert hand.press("main", second, 100 * MS) == [
        decision(Intent.TOGGLE_SELF_VIEW, released, began=Stage.RECORDING)
    ]


@pytest.mark.parametrize("for_us", [SECOND, 5 * SECOND])
def test_the_display_button_held_for_a_second_in_a_recording_does_nothing(for_us: int) -> None:
    hand = Hand(stage=Stage.RECORDING)
    assert hand.press("display", AT, for_us) == []
    # And the next press means what it always does, once no second one has come in time.
    again = hand.now_us + SECOND
    known = again + 100 * MS + 400 * MS
    assert hand.press("display", again, 100 * MS) == [
        decision(Intent.TOGGLE_SELF_VIEW, known, again, "display", began=Stage.RECORDING)
    ]


@pytest.mark.parametrize(
    ("tables", "button"), [(DEFAULT_TWO_BUTTONS, "display"), (DEFAULT_ONE_BUTTON, "main")]
)
def test_a_press_and_a_hold_switch_the_sound_while_recording(
    tables: tuple[ButtonTable, ...], button: str
) -> None:
    hand = Hand(tables, Stage.RECORDING)
    second = AT + 450 * MS
    hand.press(button, AT, 100 * MS, settle=False)
    held = second + SECOND  # and not the stop of a hold of two seconds
    assert hand.press(button, second, 5 * SECOND) == [
        decision(Intent.TOGGLE_MUTE, held, button=button, began=Stage.RECORDING)
    ]


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


def test_two_quick_presses_from_idle_record_on_any_camera() -> None:
    for tables in PRESETS:
        hand = Hand(tables)
        hand.press("main", AT, 100 * MS, settle=False)
        assert [d.intent for d in hand.decisions] == [Intent.ESCALATE]
        hand.stage = Stage.SELF_VIEW
        second = AT + 200 * MS
        assert hand.press("main", second, 100 * MS) == [
            decision(Intent.ESCALATE, second, second, began=Stage.SELF_VIEW)
        ]


def test_one_button_marks_when_no_second_press_follows_in_time() -> None:
    hand = Hand(DEFAULT_ONE_BUTTON, Stage.RECORDING)
    late = AT + 100 * MS + 400 * MS
    assert hand.press("main", AT, 100 * MS) == [
        decision(Intent.ESCALATE, late, began=Stage.RECORDING)
    ]
    # Two presses just too far apart are two marks.
    hand = Hand(DEFAULT_ONE_BUTTON, Stage.RECORDING)
    hand.press("main", AT, 100 * MS, settle=False)
    hand.press("main", late, 100 * MS)
    assert [d.edge_us for d in hand.decisions] == [AT, late]


def test_one_button_never_leaves_self_view_by_a_gesture() -> None:
    intents = {
        binding.intent
        for binding in DEFAULT_ONE_BUTTON[0].bindings
        if Stage.SELF_VIEW in binding.stages
    }
    assert intents == {Intent.ESCALATE, Intent.RECORD}


# ---------------------------------------------------------------------------- one hold, one intent


def test_the_hold_that_started_a_recording_cannot_stop_it() -> None:
    hand = Hand()
    hand.edges("main", (AT, True))
    hand.wait_until(AT + SECOND)
    assert hand.decisions == [decision(Intent.RECORD, AT + SECOND)]
    hand.stage = Stage.RECORDING
    hand.wait_until(AT + 60 * SECOND)
    hand.edges("main", (AT + 61 * SECOND, False))
    assert len(hand.decisions) == 1


def test_a_stage_that_changes_under_the_finger_does_not_make_a_stop_of_a_start() -> None:
    hand = Hand()
    hand.edges("main", (AT, True))
    hand.stage = Stage.RECORDING  # a program has started a recording meanwhile
    hand.wait_until(AT + 10 * SECOND)
    assert [d.intent for d in hand.decisions] == [Intent.RECORD]


def test_two_buttons_do_not_disturb_each_other() -> None:
    hand = Hand()
    hand.edges("main", (AT, True))
    hand.edges("display", (AT + MS, True), (AT + 300 * MS, False))
    hand.wait_until(AT + 2 * SECOND)
    assert hand.decisions == [
        decision(Intent.TOGGLE_SELF_VIEW, AT + 300 * MS, AT + MS, "display"),
        decision(Intent.RECORD, AT + SECOND),
    ]


# ---------------------------------------------------------------------------------------- bounce


def test_bounce_neither_delays_nor_multiplies_a_press() -> None:
    hand = Hand(stage=Stage.SELF_VIEW)
    bounces = (400, 900, 3 * MS, 12 * MS)
    assert hand.press("main", AT, 200 * MS, bounces) == [
        decision(Intent.ESCALATE, AT, began=Stage.SELF_VIEW)
    ]
    hand = Hand()
    released = AT + 200 * MS
    assert hand.press("main", AT, 200 * MS, bounces) == [decision(Intent.ESCALATE, released)]


def test_bounce_does_not_break_a_hold() -> None:
    hand = Hand(stage=Stage.RECORDING)
    bounces = (400, 19 * MS)
    held = hand.press("main", AT, 2_500 * MS, bounces)
    assert held == [ASKED]


def test_a_tap_shorter_than_the_bounce_is_a_press() -> None:
    hand = Hand()
    settled = AT + 20 * MS  # only then is it known that the contact stays open
    assert hand.press("main", AT, 5 * MS) == [decision(Intent.ESCALATE, settled)]


def test_a_press_within_the_bounce_of_the_release_before_is_not_lost() -> None:
    hand = Hand(stage=Stage.SELF_VIEW)
    hand.edges("main", (AT, True), (AT + 100 * MS, False))
    again, settled = AT + 110 * MS, AT + 120 * MS
    hand.edges("main", (again, True))
    assert len(hand.decisions) == 1
    hand.wait_until(AT + SECOND)
    assert hand.decisions[1] == decision(Intent.ESCALATE, settled, again, began=Stage.SELF_VIEW)


# ----------------------------------------------------------------------------- levels and lateness


def test_a_button_that_is_held_at_the_start_counts() -> None:
    hand = Hand(stage=Stage.STARTING)
    hand.take(Edge("display", False, AT))
    hand.take(Edge("main", True, AT))
    hand.wait_until(AT + 2 * SECOND)
    assert hand.decisions == [decision(Intent.RECORD, AT + SECOND, began=Stage.STARTING)]


def test_reporting_a_level_again_changes_nothing() -> None:
    hand = Hand()
    hand.edges("main", *((AT + ms * MS, True) for ms in range(0, 900, 50)))
    before = hand.state
    hand.edges("main", (AT + 950 * MS, True))
    assert hand.state == before
    hand.wait_until(AT + SECOND)
    assert hand.decisions == [decision(Intent.RECORD, AT + SECOND)]


def test_a_missed_edge_shows_at_the_next_look_at_the_level() -> None:
    hand = Hand(stage=Stage.SELF_VIEW)
    hand.edges("main", (AT, True))
    # The release was missed; the level tells, and the next press counts.
    hand.edges("main", (AT + SECOND, False), (AT + 2 * SECOND, True))
    assert [d.edge_us for d in hand.decisions] == [AT, AT + 2 * SECOND]


@pytest.mark.parametrize("button", ["main", "display"])
def test_half_a_bounce_is_no_press_and_no_release_while_the_other_half_is_on_its_way(
    button: str,
) -> None:
    """Edges come one by one, on a thread that may be held up between two of them."""
    hand = Hand()
    released = AT + 200 * MS
    for began, level in ((AT, True), (released, False)):
        hand.take(Edge(button, level, began))
        hand.take(Edge(button, not level, began + 400))
        # The debounce time is over, the next edge not here; the line reads what it has led to.
        seen = began + 100 * MS
        levels = tuple((name, level and name == button) for name in ("main", "display"))
        hand.take(LevelsRead(levels, seen))
        hand.take(GestureTick(seen))
        hand.take(Edge(button, level, began + 900))
    hand.wait_until(AT + 10 * SECOND)
    # One press in idle, and in particular no second one, which in self-view would record.
    assert [(one.button, one.decided_us) for one in hand.decisions] == [(button, released)]


def test_a_press_that_switches_the_self_view_off_does_not_switch_it_on_again() -> None:
    """Decided by its first edge, in self-view; what bounces after that is no press in idle."""
    hand = Hand(stage=Stage.SELF_VIEW)
    for began, level in ((AT, True), (AT + 100 * MS, False)):
        hand.take(Edge("display", level, began))
        hand.stage = Stage.IDLE
        hand.take(Edge("display", not level, began + 2 * MS))
        hand.take(LevelsRead((("main", False), ("display", level)), began + 30 * MS))
        hand.take(Edge("display", level, began + 4 * MS))
    hand.wait_until(AT + 10 * SECOND)
    assert [one.edge_us for one in hand.decisions] == [AT]


def told_when_it_was_over(hand: Hand) -> None:
    """A press of 100 ms: half a bounce of its beginning is told at once, all the rest after a look
    at the line at 110 ms."""
    hand.take(Edge("main", True, AT))
    hand.take(Edge("main", False, AT + MS))
    hand.take(LevelsRead((("main", False),), AT + 110 * MS))
    for ms, level in ((3, True), (100, False), (102, True), (104, False)):
        hand.take(Edge("main", level, AT + ms * MS))


@BY_PRESET
def test_a_press_that_is_told_when_it_is_over_is_one(tables: tuple[ButtonTable, ...]) -> None:
    hand = Hand(tables)
    told_when_it_was_over(hand)
    hand.stage = Stage.SELF_VIEW
    hand.wait_until(AT + 10 * SECOND)
    # All that was known at the look: it was released when the debounce time was over.
    assert hand.decisions == [decision(Intent.ESCALATE, AT + 20 * MS)]


def test_a_press_that_is_told_when_it_is_over_may_be_the_first_of_two() -> None:
    hand = Hand(DEFAULT_ONE_BUTTON, Stage.RECORDING)
    told_when_it_was_over(hand)
    hand.edges("main", (AT + 450 * MS, True), (AT + 550 * MS, False))
    # The second one came within 400 ms of the true release.
    assert [one.intent for one in hand.decisions] == [Intent.TOGGLE_SELF_VIEW]


def test_what_the_line_reads_when_the_bounce_is_over_is_a_press_if_it_is_down() -> None:
    hand = Hand(stage=Stage.SELF_VIEW)
    hand.edges("main", (AT, True), (AT + 100 * MS, False), (AT + 110 * MS, True))
    hand.take(Edge("main", True, AT + 125 * MS, looked=True))
    # Of the press that began within 20 ms of the release it is known at their end.
    assert hand.decisions[1] == decision(
        Intent.ESCALATE, AT + 120 * MS, AT + 110 * MS, began=Stage.SELF_VIEW
    )


def test_a_late_loop_dates_a_decision_by_when_it_was_due() -> None:
    hand = Hand(lag_us=300 * MS)
    assert hand.press("main", AT, 5 * SECOND) == [decision(Intent.RECORD, AT + SECOND)]


def test_a_release_that_arrives_after_the_hold_was_due_is_a_hold() -> None:
    hand = Hand(stage=Stage.RECORDING)
    hand.take(Edge("main", True, AT))
    # Nobody ticked: the edge itself brings the time along.
    hand.take(Edge("main", False, AT + 2 * SECOND))
    assert hand.decisions == [ASKED]


def test_an_edge_that_is_older_than_the_last_tick_still_counts() -> None:
    hand = Hand(stage=Stage.SELF_VIEW)
    hand.take(GestureTick(AT))
    assert hand.take(Edge("main", True, AT - MS)) == (
        decision(Intent.ESCALATE, AT - MS, AT - MS, began=Stage.SELF_VIEW),
    )


def test_what_follows_a_decision_is_judged_by_the_stage_it_leads_to() -> None:
    hand = Hand(DEFAULT_ONE_BUTTON, Stage.RECORDING)
    hand.press("main", AT, 100 * MS, settle=False)
    # The loop was held up: the press became a mark at AT + 500 ms, and the next edge is here.
    again = AT + SECOND
    assert hand.take(Edge("main", True, again)) == (
        decision(Intent.ESCALATE, AT + 500 * MS, began=Stage.RECORDING),
    )
    assert hand.due_us == again, "the edge waits, and a Tick is due at once"
    hand.stage = Stage.SELF_VIEW
    assert hand.take(GestureTick(again + MS)) == (
        decision(Intent.ESCALATE, again, again, began=Stage.SELF_VIEW),
    )


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


def test_a_long_press_is_no_first_half_of_a_double_press() -> None:
    hand = Hand(DEFAULT_ONE_BUTTON, Stage.RECORDING)
    assert hand.press("main", AT, 3_100 * MS, settle=False) == [ASKED]
    assert hand.due_us is None


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
