"""What officers see and feel."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from camerad.behaviour import signals
from camerad.behaviour.signals import (
    ACKNOWLEDGE,
    BLINK,
    CUE_TABLE,
    HURRY,
    OFF,
    ON,
    REST,
    SEEK,
    TWICE,
    Indication,
    Pattern,
)
from camerad.behaviour.stages import REFUSES_START, Condition, CueKind, Stage, State


def look(
    stage: Stage, *conditions: Condition, ending: bool = False, wiping: bool = False
) -> Indication:
    return signals.look(State(stage, 0, frozenset(conditions), ending=ending, wiping=wiping))


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage.STARTING, Indication(OFF, OFF, BLINK)),
        (Stage.IDLE, Indication(ON, OFF, OFF)),
        (Stage.SELF_VIEW, Indication(ON, OFF, OFF)),
        (Stage.RECORDING, Indication(OFF, ON, OFF)),
        (Stage.STOPPING, Indication(OFF, ON, OFF)),
    ],
)
def test_a_healthy_camera_shows_its_stage(stage: Stage, expected: Indication) -> None:
    assert look(stage) == expected


@pytest.mark.parametrize("condition", [c for c in Condition if c in REFUSES_START])
@pytest.mark.parametrize("stage", Stage)
def test_amber_is_lit_wherever_a_press_would_be_refused(stage: Stage, condition: Condition) -> None:
    shown = look(stage, condition)
    assert shown.amber is (TWICE if condition is Condition.UNPROVISIONED else ON)
    assert shown.green is OFF


def test_a_camera_that_is_not_set_up_shows_that_whatever_else_is_the_matter() -> None:
    shown = look(Stage.IDLE, Condition.UNPROVISIONED, Condition.CAMERA_DOWN)
    assert shown == Indication(OFF, OFF, TWICE)
    assert TWICE not in {ON, BLINK, HURRY, REST, SEEK, ACKNOWLEDGE}


def test_p3_red_is_steady_exactly_while_footage_is_kept_whatever_is_the_matter() -> None:
    conditions = list(Condition)
    # Up to four at once, and all but up to four: all of the 2 ** 19 would take longer than every
    # other test of the signals together, and a light asks each condition by itself.
    few = [set(c) for n in range(5) for c in combinations(conditions, n)]
    subsets = few + [set(conditions) - one for one in few]
    for stage, subset, ending in product(Stage, subsets, (False, True)):
        red = look(stage, *subset, ending=ending).red
        assert red is (ON if stage in (Stage.RECORDING, Stage.STOPPING) else OFF)


@pytest.mark.parametrize(
    ("conditions", "green"),
    [
        ((Condition.BATTERY_LOW,), BLINK),
        ((Condition.BATTERY_UNKNOWN,), BLINK),
        ((Condition.STORAGE_LOW,), BLINK),
        ((Condition.CLOCK_UNTRUSTED,), BLINK),
        ((Condition.DISPLAY_DOWN,), BLINK),
        ((Condition.MICROPHONE_DOWN,), BLINK),
        ((Condition.LIGHT_DOWN,), BLINK),
        ((Condition.HOT,), BLINK),
        ((Condition.BATTERY_CRITICAL, Condition.BATTERY_LOW), HURRY),
        ((Condition.DOCKED,), REST),
        ((Condition.DOCKED, Condition.STORAGE_LOW), BLINK),
    ],
)
def test_green_asks_for_attention(conditions: tuple[Condition, ...], green: Pattern) -> None:
    assert look(Stage.IDLE, *conditions) == Indication(green, OFF, OFF)


def test_every_condition_shows_in_idle() -> None:
    for condition in Condition:
        assert look(Stage.IDLE, condition) != look(Stage.IDLE)


def test_p2_the_light_stays_that_of_self_view_until_wiped() -> None:
    assert look(Stage.SELF_VIEW, wiping=True) == look(Stage.SELF_VIEW)


def test_a_camera_on_its_way_out_is_amber_and_then_dark() -> None:
    assert look(Stage.STOPPING, ending=True) == Indication(OFF, ON, ON)
    assert look(Stage.SELF_VIEW, ending=True, wiping=True) == Indication(OFF, OFF, ON)
    assert look(Stage.IDLE, ending=True) == Indication(OFF, OFF, OFF)


@pytest.mark.parametrize(("looking", "acknowledging"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("stage", Stage)
def test_shifts_show_by_green_alone_and_only_where_it_is_lit(
    stage: Stage, looking: bool, acknowledging: bool
) -> None:
    for conditions in [(), *((condition,) for condition in Condition)]:
        plain = look(stage, *conditions)
        shown = signals.on_shift(plain, looking=looking, acknowledging=acknowledging)
        assert (shown.red, shown.amber) == (plain.red, plain.amber)
        assert (shown.green is OFF) is (plain.green is OFF)
        if plain.green is ON:
            assert shown.green is (ACKNOWLEDGE if acknowledging else SEEK)


def test_what_wants_attention_is_not_hidden_by_a_search_for_badges() -> None:
    plain = look(Stage.IDLE, Condition.STORAGE_LOW)
    assert signals.on_shift(plain, looking=True, acknowledging=False) == plain


def test_without_a_search_and_an_answer_the_lights_are_the_cameras_own() -> None:
    for stage in Stage:
        plain = look(stage)
        assert signals.on_shift(plain, looking=False, acknowledging=False) == plain


# ------------------------------------------------------------------------------------------ cues


def strokes(kind: CueKind) -> list[int]:
    """Milliseconds of each vibration."""
    return [ms for on, ms in signals.sounding(kind).vibration.steps if on]


def test_every_cue_has_a_sounding_that_ends() -> None:
    for kind in CueKind:
        sounding = signals.sounding(kind)
        assert sounding.vibration.steps
        assert not sounding.vibration.repeat
        assert not sounding.tone.repeat
        assert (sounding.hertz > 0) == bool(sounding.tone.steps)
        # An officer feels it out before the next one; the longest is under three seconds.
        assert sum(ms for _, ms in sounding.vibration.steps) < 3_000


def test_a_recording_starts_with_two_short_and_stops_with_one_long() -> None:
    assert strokes(CueKind.STARTED) == [signals.QUICK_MS] * 2
    assert signals.sounding(CueKind.STILL_RECORDING) == signals.sounding(CueKind.STARTED)
    assert strokes(CueKind.STOPPED) == [signals.LONG_MS]


def test_muted_is_still_recording_and_an_end_and_unmuted_adds_a_start() -> None:
    muted = strokes(CueKind.STILL_RECORDING) + strokes(CueKind.STOPPED)
    assert strokes(CueKind.MUTED) == muted
    assert strokes(CueKind.UNMUTED) == muted + strokes(CueKind.STARTED)


def test_storage_battery_and_clock_are_counted_out_as_officers_know_them() -> None:
    assert strokes(CueKind.STORAGE_LOW) == [signals.QUICK_MS] * 3
    assert strokes(CueKind.BATTERY_LOW) == [signals.QUICK_MS] * 4
    assert strokes(CueKind.CLOCK_UNTRUSTED) == [signals.QUICK_MS] * 5


def test_cues_differ_to_the_touch() -> None:
    # The reminder is the start again; a mark and self-view belong to different stages.
    same = [{CueKind.STARTED, CueKind.STILL_RECORDING}, {CueKind.MARKED, CueKind.SELF_VIEW_ON}]
    for one, other in combinations(CueKind, 2):
        assert (strokes(one) == strokes(other)) == ({one, other} in same), (one, other)


def test_self_view_makes_no_sound() -> None:
    for kind in (CueKind.SELF_VIEW_ON, CueKind.SELF_VIEW_OFF):
        assert signals.sounding(kind).tone == OFF


def test_the_tables_cover_everything() -> None:
    assert set(CUE_TABLE) == set(CueKind)
    assert set(signals.ATTENTION) | REFUSES_START == set(Condition)
