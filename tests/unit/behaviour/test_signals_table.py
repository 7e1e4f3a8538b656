"""What officers see and feel."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from camerad.behaviour import scene as scenes
from camerad.behaviour import signals, stages
from camerad.behaviour.dock_progress import HandoverState
from camerad.behaviour.signals import (
    BLINK,
    CODES,
    CUE_TABLE,
    FLASH,
    OFF,
    ON,
    Detail,
    Indication,
    Pattern,
    Rhythm,
)
from camerad.behaviour.stages import REFUSES_START, Condition, Cue, CueKind, Intent, Stage, State
from camerad.selfview.viewer_settings import CAUSES
from tests.unit.selfview.texts import TEXTS

IDLE, RECORDING = State(Stage.IDLE, 0), State(Stage.RECORDING, 0)
MUTABLE = stages.Rules(frozenset(), 60_000_000, may_mute=True)


def look(
    stage: Stage,
    *conditions: Condition,
    ending: bool = False,
    wiping: bool = False,
    storing: bool = False,
) -> Indication:
    state = State(stage, 0, frozenset(conditions), ending=ending, wiping=wiping, storing=storing)
    return signals.indication(state)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage.STARTING, Indication(OFF, OFF, BLINK)),
        (Stage.IDLE, Indication(ON, OFF, OFF)),
        (Stage.SELF_VIEW, Indication(ON, OFF, OFF)),
        (Stage.RECORDING, Indication(OFF, ON, OFF)),
        (Stage.STOPPING, Indication(OFF, ON, OFF)),  # until its last footage is made
    ],
)
def test_a_healthy_camera_shows_its_stage(stage: Stage, expected: Indication) -> None:
    assert look(stage) == expected


def everything() -> list[Indication]:
    """What the lights show, in every stage, with up to two conditions, on its way out, in its dock
    and while a badge is looked for."""
    subsets = [set(some) for n in range(3) for some in combinations(Condition, n)]
    shown = [
        look(stage, *some, ending=ending)
        for stage, some, ending in product(Stage, subsets, (False, True))
    ]
    docked = [signals.in_dock(one, word) for one, word in product(set(shown), HandoverState)]
    looking = [signals.on_shift(one, looking=True) for one in {*shown, *docked}]
    return [*shown, *docked, *looking]


def test_there_are_six_states_of_lights_each_of_one_lamp() -> None:
    lamps = {
        (lamp, getattr(shown, lamp).steps)
        for shown in everything()
        for lamp in ("green", "red", "amber")
    }
    assert {lamp for lamp in lamps if lamp[1]} == {
        ("green", ON.steps),
        ("green", BLINK.steps),
        ("green", FLASH.steps),
        ("red", ON.steps),
        ("amber", ON.steps),
        ("amber", BLINK.steps),
    }


@pytest.mark.parametrize("condition", [c for c in Condition if c in REFUSES_START])
@pytest.mark.parametrize("stage", Stage)
def test_amber_is_steady_wherever_a_press_would_be_refused(
    stage: Stage, condition: Condition
) -> None:
    shown = look(stage, condition)
    assert shown.amber is ON
    assert shown.green is OFF


def test_p3_red_is_steady_exactly_while_footage_is_made_whatever_is_the_matter() -> None:
    conditions = list(Condition)
    # Up to four at once, and all but up to four: all of the 2 ** 20 would take longer than every
    # other test of the signals together, and a light asks each condition by itself.
    few = [set(c) for n in range(5) for c in combinations(conditions, n)]
    subsets = few + [set(conditions) - one for one in few]
    made = (Stage.RECORDING, Stage.STOPPING)
    for stage, subset, ending in product((*Stage, None), subsets, (False, True)):
        # None: stopping, on a card that takes its time.
        shown = look(stage or Stage.STOPPING, *subset, ending=ending, storing=stage is None)
        assert shown.red is (ON if stage in made else OFF)
        refused = ending or bool(subset & REFUSES_START)
        dark = ending and stage in (Stage.STARTING, Stage.IDLE)
        assert (shown.amber is ON) is (refused and not dark)


@pytest.mark.parametrize(
    ("conditions", "green"),
    [
        ((Condition.BATTERY_LOW,), BLINK),
        ((Condition.BATTERY_UNKNOWN,), BLINK),
        ((Condition.BATTERY_CRITICAL, Condition.BATTERY_LOW), BLINK),
        ((Condition.STORAGE_LOW,), BLINK),
        ((Condition.CLOCK_UNTRUSTED,), BLINK),
        ((Condition.CAMERA_COVERED,), BLINK),
        ((Condition.DISPLAY_DOWN,), BLINK),
        ((Condition.MICROPHONE_DOWN,), BLINK),
        ((Condition.LIGHT_DOWN,), BLINK),
        ((Condition.HOT,), BLINK),
        ((Condition.PROVISION_REFUSED,), BLINK),
        ((Condition.OFFICE_DISPUTED,), BLINK),
        ((Condition.DOCKED,), FLASH),
        ((Condition.DOCKED, Condition.STORAGE_LOW), BLINK),
    ],
)
def test_green_asks_for_attention(conditions: tuple[Condition, ...], green: Pattern) -> None:
    assert look(Stage.IDLE, *conditions) == Indication(green, OFF, OFF)


def test_every_condition_reaches_the_officer_by_light_and_all_but_three_by_rhythm() -> None:
    silent = set()
    for condition in Condition:
        assert look(Stage.IDLE, condition) != look(Stage.IDLE)
        _, effects = stages.step(IDLE, stages.Raised(0, condition), MUTABLE)
        if not any(isinstance(one, Cue) for one in effects):
            silent.add(condition)
    # Docking is seen, a refused file has a report beside it, and a dispute is the office's.
    assert silent == {Condition.DOCKED, Condition.PROVISION_REFUSED, Condition.OFFICE_DISPUTED}


@pytest.mark.parametrize("condition", sorted(set(Condition) - {Condition.DOCKED}, key=str))
def test_every_condition_but_the_dock_reaches_the_officer_in_words(condition: Condition) -> None:
    asked, _ = stages.step(with_(Stage.IDLE, condition), STATUS, MUTABLE)
    shown = scenes.scene(asked, scenes.SceneFacts())
    assert isinstance(shown, scenes.OfficerStatus)
    assert shown.cause is condition
    # What nobody feels shows by its light in every stage in which a light may say so.
    if condition not in stages.CUES:
        assert look(Stage.SELF_VIEW, condition).green is BLINK
    for texts in TEXTS.values():
        assert texts[CAUSES[condition]].strip()


def test_p2_the_light_stays_that_of_self_view_until_wiped() -> None:
    assert look(Stage.SELF_VIEW, wiping=True) == look(Stage.SELF_VIEW)


def test_a_camera_on_its_way_out_is_amber_and_then_dark() -> None:
    assert look(Stage.STOPPING, ending=True) == Indication(OFF, ON, ON)
    assert look(Stage.STOPPING, ending=True, storing=True) == Indication(OFF, OFF, ON)
    assert look(Stage.SELF_VIEW, ending=True, wiping=True) == Indication(OFF, OFF, ON)
    assert look(Stage.IDLE, ending=True) == Indication(OFF, OFF, OFF)


@pytest.mark.parametrize("stage", Stage)
def test_a_search_for_badges_shows_by_green_alone_and_only_where_it_is_steady(
    stage: Stage,
) -> None:
    for conditions in [(), *((condition,) for condition in Condition)]:
        plain = look(stage, *conditions)
        shown = signals.on_shift(plain, looking=True)
        assert (shown.red, shown.amber) == (plain.red, plain.amber)
        assert shown.green is (BLINK if plain.green is ON else plain.green)
        assert signals.on_shift(plain, looking=False) == plain


# --------------------------------------------------------------------------------------- rhythms


def neighbours(code: str) -> set[str]:
    """What becomes of a rhythm when its last stroke is lost or exchanged, or one is added."""
    return {code[:-1], code[:-1] + ("-" if code[-1] == "." else "."), code + ".", code + "-"}


def test_there_are_eight_rhythms_and_each_cue_has_one() -> None:
    assert len(Rhythm) == 8
    assert set(CUE_TABLE) == set(CueKind) == set(CODES)
    assert {told for told, _ in CUE_TABLE.values()} == set(Rhythm)


def test_a_recording_sounds_high_and_what_cannot_be_recorded_low() -> None:
    pitches: dict[Rhythm, set[int]] = {}
    for rhythm, hertz in [*CUE_TABLE.values(), *signals.WHILE_RECORDING.values()]:
        pitches.setdefault(rhythm, set()).add(hertz)
    assert pitches[Rhythm.RECORDS] == {signals.HIGH, 0}  # a reminder is for the hand alone
    assert pitches[Rhythm.LIGHT] == pitches[Rhythm.POWER_OFF] == {signals.LOW}
    assert pitches[Rhythm.SILENT] == {signals.MIDDLE}
    # The hand has ended it, or it cannot be.
    assert pitches[Rhythm.NO_RECORDING] == {signals.HIGH, signals.LOW}


def test_no_rhythm_becomes_another_one_by_its_last_stroke() -> None:
    single = {Rhythm.DONE, Rhythm.LEFT}  # five times as long: the one exception
    for one, other in combinations(Rhythm, 2):
        alike = other.value in neighbours(one.value) or one.value in neighbours(other.value)
        assert alike == ({one, other} == single), (one, other)
    assert signals.LONG_MS >= 5 * signals.QUICK_MS


def test_a_stroke_that_is_lost_never_turns_a_warning_into_a_recording() -> None:
    for one in set(Rhythm) - {Rhythm.RECORDS, Rhythm.SILENT}:
        code = one.value
        shorter = {code[:i] + code[i + 1 :] for i in range(len(code))}
        assert Rhythm.RECORDS.value not in shorter, one


def felt(kind: CueKind, state: State = IDLE, detail: Detail = Detail.BASIC) -> str:
    """The strokes of a cue."""
    steps = signals.sounding(kind, state, detail).vibration.steps
    return "".join("-" if ms == signals.LONG_MS else "." for on, ms in steps if on)


@pytest.mark.parametrize("detail", Detail)
def test_every_cue_has_a_sounding_that_ends(detail: Detail) -> None:
    for kind, state in product(CueKind, (IDLE, RECORDING)):
        sounding = signals.sounding(kind, state, detail)
        assert sounding.vibration.steps
        assert not sounding.vibration.repeat
        assert not sounding.tone.repeat
        assert (sounding.hertz > 0) == bool(sounding.tone.steps)
        # An officer feels it out before the next one.
        longest = 6_500 if kind in signals.TWICE else 4_000
        assert sum(ms for _, ms in sounding.vibration.steps) < longest


def test_a_recording_that_begins_feels_like_one_that_goes_on() -> None:
    begun, on = (signals.sounding(one, RECORDING, Detail.BASIC) for one in STARTS)
    assert begun.vibration == on.vibration
    assert on.tone == OFF  # and is not heard in every recording, twice a minute
    assert felt(CueKind.STARTED) == Rhythm.RECORDS.value
    assert felt(CueKind.STOPPED) == Rhythm.NO_RECORDING.value


ANSWERS_IN_A_RECORDING = {CueKind.MARKED, CueKind.ASKED, CueKind.UNMUTED, CueKind.REFUSED}


def test_whatever_a_hand_does_in_a_recording_is_answered_by_how_it_records() -> None:
    muted = State(Stage.RECORDING, 0, muted=True)
    down = with_(Stage.RECORDING, Condition.CAMERA_DOWN)
    for kind in ANSWERS_IN_A_RECORDING:
        assert signals.rhythm(kind, RECORDING) is Rhythm.RECORDS
        assert signals.rhythm(kind, muted) is Rhythm.SILENT
        assert signals.rhythm(kind, down) is Rhythm.NO_RECORDING
    # And nowhere else: not for the press that begins self-view, nor for its end.
    told = {kind for kind in CueKind if signals.rhythm(kind, IDLE) is Rhythm.RECORDS}
    assert told == {CueKind.STARTED, CueKind.STILL_RECORDING, *ANSWERS_IN_A_RECORDING} - {
        CueKind.REFUSED
    }
    view = (CueKind.SELF_VIEW_ON, CueKind.SELF_VIEW_OFF)
    assert [signals.rhythm(kind, IDLE) for kind in view] == [Rhythm.DONE, Rhythm.LEFT]


STARTS = (CueKind.STARTED, CueKind.STILL_RECORDING)


def test_an_end_that_no_hand_wanted_is_told_twice_with_a_rest_between() -> None:
    for kind in (CueKind.CUT_OFF, CueKind.RECORDING_FAILED):
        assert felt(kind) == Rhythm.NO_RECORDING.value * 2
        steps = signals.sounding(kind, IDLE, Detail.BASIC).vibration.steps
        assert (False, signals.BETWEEN_MS) in steps
    # Another recording runs by now: that is what it feels like, once.
    assert felt(CueKind.CUT_OFF, RECORDING) == Rhythm.RECORDS.value


def test_an_empty_battery_does_not_feel_like_a_low_one() -> None:
    assert felt(CueKind.BATTERY_CRITICAL) == Rhythm.POWER_OFF.value
    assert felt(CueKind.BATTERY_LOW) == Rhythm.LOOK.value


def test_with_all_codes_each_cause_has_its_own_as_officers_know_them() -> None:
    full = {kind: felt(kind, IDLE, Detail.FULL) for kind in CueKind}
    assert full == CODES
    assert (full[CueKind.STORAGE_LOW], full[CueKind.BATTERY_LOW]) == ("...", "....")
    assert full[CueKind.CLOCK_UNTRUSTED] == "....."
    # The reminder is the start again, and so is the answer to a hand; a recorder fails by its
    # storage.
    same = [
        {CueKind.STARTED, CueKind.STILL_RECORDING, CueKind.MARKED, CueKind.ASKED},
        {CueKind.STORAGE_FAILED, CueKind.RECORDING_FAILED},
    ]
    for one, other in combinations(CueKind, 2):
        alike = any({one, other} <= group for group in same)
        assert (full[one] == full[other]) == alike, (one, other)
    # What happens in a recording changes nothing of it.
    assert {kind: felt(kind, RECORDING, Detail.FULL) for kind in CueKind} == CODES


def test_self_view_makes_no_sound() -> None:
    for kind, detail in product((CueKind.SELF_VIEW_ON, CueKind.SELF_VIEW_OFF), Detail):
        assert signals.sounding(kind, IDLE, detail).tone == OFF


def test_the_tables_cover_every_condition() -> None:
    assert signals.ATTENTION | REFUSES_START | {Condition.DOCKED} == set(Condition)
    assert not signals.ATTENTION & REFUSES_START


# ------------------------------------------------------------------------------ what is told once


def told(state: State, event: stages.Event, detail: Detail = Detail.BASIC) -> list[str]:
    """The rhythms of one step, in their order."""
    after, effects = stages.step(state, event, MUTABLE)
    left = signals.told_once(effects, after, detail)
    assert [one for one in left if not isinstance(one, Cue)] == [
        one for one in effects if not isinstance(one, Cue)
    ]
    cues = [one.kind for one in left if isinstance(one, Cue)]
    if detail is Detail.FULL:
        return [CODES[kind] for kind in cues]
    return [signals.rhythm(kind, after).name for kind in cues]


def with_(stage: Stage, *conditions: Condition, muted: bool = False) -> State:
    return State(stage, 0, frozenset(conditions), muted=muted)


RECORD = stages.Intended(0, Intent.RECORD, 0, "button:main")
STATUS = stages.Intended(0, Intent.SHOW_STATUS, 0, "button:display")
MUTING = stages.Intended(0, Intent.TOGGLE_MUTE, 0, "button:display")
REMINDER = stages.Tick(MUTABLE.reminder_us)


@pytest.mark.parametrize(
    ("state", "event", "rhythms"),
    [
        (with_(Stage.IDLE, Condition.STORAGE_FULL, Condition.CAMERA_DOWN), RECORD, "NO_RECORDING"),
        (with_(Stage.IDLE, Condition.LIGHT_DOWN), RECORD, "RECORDS LIGHT"),
        (with_(Stage.IDLE, Condition.MICROPHONE_DOWN), RECORD, "RECORDS SILENT"),
        (with_(Stage.RECORDING), REMINDER, "RECORDS"),
        (with_(Stage.RECORDING, muted=True), REMINDER, "SILENT"),
        (with_(Stage.RECORDING, Condition.MICROPHONE_DOWN, muted=True), REMINDER, "SILENT"),
        (with_(Stage.RECORDING, Condition.MICROPHONE_DOWN), REMINDER, "SILENT"),
        (with_(Stage.RECORDING, Condition.CAMERA_DOWN), REMINDER, "NO_RECORDING"),
        (with_(Stage.RECORDING, Condition.CAMERA_DOWN, muted=True), REMINDER, "NO_RECORDING"),
        (
            with_(Stage.RECORDING, Condition.BATTERY_LOW, Condition.STORAGE_LOW),
            REMINDER,
            "RECORDS",
        ),
        (
            with_(Stage.RECORDING, Condition.BATTERY_CRITICAL, Condition.BATTERY_LOW),
            REMINDER,
            "RECORDS POWER_OFF",
        ),
        (RECORDING, stages.Raised(0, Condition.MICROPHONE_DOWN), "SILENT"),
        (IDLE, stages.Raised(0, Condition.MICROPHONE_DOWN), "LOOK"),
        (RECORDING, stages.Raised(0, Condition.LEDGER_FAILED), "LOOK"),
        (IDLE, stages.Raised(0, Condition.LEDGER_FAILED), "NO_RECORDING"),
        (RECORDING, stages.Raised(0, Condition.STORAGE_FULL), "NO_RECORDING"),
        (RECORDING, stages.Raised(0, Condition.CAMERA_DOWN), "NO_RECORDING"),
        (RECORDING, stages.Failed(0, "it is full"), "NO_RECORDING"),
        (IDLE, stages.CutOff(0), "NO_RECORDING"),
        (
            with_(Stage.IDLE, Condition.CAMERA_DOWN),
            stages.Cleared(0, Condition.CAMERA_DOWN),
            "DONE",
        ),
        (
            with_(Stage.RECORDING, Condition.CAMERA_DOWN),
            stages.Cleared(0, Condition.CAMERA_DOWN),
            "RECORDS",
        ),
        (
            with_(Stage.RECORDING, Condition.CAMERA_DOWN, muted=True),
            stages.Cleared(0, Condition.CAMERA_DOWN),
            "SILENT",
        ),
        (
            with_(Stage.RECORDING, Condition.CAMERA_DOWN, Condition.MICROPHONE_DOWN),
            stages.Cleared(0, Condition.CAMERA_DOWN),
            "SILENT",
        ),
        (RECORDING, MUTING, "SILENT"),
        (with_(Stage.RECORDING, muted=True), MUTING, "RECORDS"),
        (with_(Stage.RECORDING, Condition.MICROPHONE_DOWN, muted=True), MUTING, "SILENT"),
        (with_(Stage.RECORDING, Condition.MICROPHONE_DOWN), stages.CutOff(0), "SILENT"),
        # Nothing is recorded while no picture comes: that is worse than no sound.
        (with_(Stage.RECORDING, Condition.CAMERA_DOWN), MUTING, "NO_RECORDING"),
        (with_(Stage.RECORDING, Condition.CAMERA_DOWN, muted=True), MUTING, "NO_RECORDING"),
        (
            with_(Stage.RECORDING, Condition.CAMERA_DOWN, Condition.MICROPHONE_DOWN, muted=True),
            MUTING,
            "NO_RECORDING LOOK",
        ),
    ],
)
def test_in_one_moment_each_rhythm_is_told_once(
    state: State, event: stages.Event, rhythms: str
) -> None:
    assert told(state, event) == rhythms.split()


def test_whoever_may_not_mute_feels_that_it_records_as_it_did() -> None:
    rules = stages.Rules(frozenset(), 60_000_000)
    muting = stages.Intended(0, Intent.TOGGLE_MUTE, 0, "button:display")
    after, (cue,) = stages.step(RECORDING, muting, rules)
    assert isinstance(cue, Cue)
    assert signals.rhythm(cue.kind, after) is Rhythm.RECORDS
    assert felt(cue.kind, after, Detail.FULL) == "---"


def test_with_all_codes_every_cause_is_told() -> None:
    state = with_(Stage.IDLE, Condition.STORAGE_FULL, Condition.CAMERA_DOWN)
    assert told(state, RECORD, Detail.FULL) == ["---", "-.-", "...-"]
    state = with_(Stage.RECORDING, muted=True)
    assert told(state, REMINDER, Detail.FULL) == ["..", "..-"]


def test_a_shift_is_told_like_everything_that_is_done() -> None:
    assert felt(CueKind.SHIFT_BEGUN) == felt(CueKind.SHIFT_ENDED) == Rhythm.DONE.value
    assert felt(CueKind.NOT_READY) == felt(CueKind.REFUSED) == Rhythm.NO_RECORDING.value
