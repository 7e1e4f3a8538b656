"""Who wears the camera: what begins a shift, what ends it, and what its wearer is reminded of."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from camerad.behaviour import shift
from camerad.behaviour.badge import PREFIX, badge, is_wearer, wearer_on
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.shift import (
    BadgeSeen,
    BeginShift,
    Effect,
    EndShift,
    Refusal,
    Shift,
    ShiftBegan,
    ShiftEndReason,
    ShiftKnown,
    ShiftLook,
    ShiftOver,
    ShiftRefused,
    ShiftRules,
    Source,
)
from camerad.behaviour.stages import REFUSES_START, Condition, Cue, CueKind, Intent, Stage
from camerad.behaviour.stages import State as Camera

SECOND = 1_000_000
HOUR = 3600 * SECOND
RULES = ShiftRules(longest_us=14 * HOUR, reminder_us=120 * SECOND, badge_us=60 * SECOND)
IDLE = Camera(Stage.IDLE, 0)
DOCKED = replace(IDLE, conditions=frozenset({Condition.DOCKED}))
RECORDING = Camera(Stage.RECORDING, 0)
BEGUN, ENDED_CUE = Cue(CueKind.SHIFT_BEGUN), Cue(CueKind.SHIFT_ENDED)


class Life:
    """A shift's state, and what is done with it."""

    def __init__(self, rules: ShiftRules = RULES) -> None:
        self.rules = rules
        self.state = shift.ShiftState()
        self.camera = IDLE
        self.effects: list[Effect] = []

    def does(self, event: shift.Event, camera: Camera | None = None) -> list[Effect]:
        """The effects of an event, with the camera in this state from now on."""
        self.camera = camera or self.camera
        self.state, effects = shift.step(self.state, event, self.camera, self.rules)
        self.effects += effects
        return list(effects)

    @property
    def due(self) -> int | None:
        return shift.deadline(self.state, self.camera, self.rules)


@pytest.fixture
def life() -> Life:
    return Life()


# ------------------------------------------------------------------------------------ begin, end


def test_a_program_begins_a_shift_and_ends_it(life: Life) -> None:
    began = Shift("W-0815", 5, Source.CONTROL)
    assert life.does(BeginShift(5, "W-0815")) == [ShiftBegan(began), BEGUN]
    assert life.state.shift == began
    assert life.does(EndShift(9)) == [ShiftOver(ShiftEndReason.ENDED), ENDED_CUE]
    assert life.state.shift is None


def test_whoever_begins_relieves_whoever_was_there(life: Life) -> None:
    life.does(BeginShift(0, "W-1"))
    effects = life.does(BeginShift(7, "W-2"))
    assert effects == [
        ShiftOver(ShiftEndReason.RELIEVED),
        ShiftBegan(Shift("W-2", 7, Source.CONTROL)),
        BEGUN,
    ]


@pytest.mark.parametrize("wearer", ["", " W", "W-", "-W", "W 1", "Wärter", "W\n", "x" * 33])
def test_what_is_no_id_begins_nothing(life: Life, wearer: str) -> None:
    assert life.does(BeginShift(0, wearer)) == [ShiftRefused(Refusal.NO_WEARER)]
    assert life.state.shift is None


def test_there_has_to_be_a_shift_to_end(life: Life) -> None:
    assert life.does(EndShift(0)) == [ShiftRefused(Refusal.NO_SHIFT)]


@pytest.mark.parametrize("stage", [Stage.RECORDING, Stage.STOPPING])
def test_a_recording_keeps_its_wearer(life: Life, stage: Stage) -> None:
    life.does(BeginShift(0, "W-1"))
    keeping = Camera(stage, 0)
    assert life.does(BeginShift(1, "W-2"), keeping) == [ShiftRefused(Refusal.RECORDING)]
    assert life.does(EndShift(2)) == [ShiftRefused(Refusal.RECORDING)]
    assert life.does(ShiftLook(20 * HOUR)) == []
    assert life.state.shift == Shift("W-1", 0, Source.CONTROL)
    assert life.due is None
    # What would have ended it ends it now.
    assert life.does(ShiftLook(20 * HOUR + 1), IDLE) == [ShiftOver(ShiftEndReason.TIME), ENDED_CUE]


# --------------------------------------------------------------------------------------- by itself


def test_a_shift_ends_when_its_time_is_over_and_not_before(life: Life) -> None:
    life.does(BeginShift(0, "W-1"))
    assert life.due == 14 * HOUR
    assert life.does(ShiftLook(14 * HOUR - 1)) == []
    assert life.does(ShiftLook(14 * HOUR)) == [ShiftOver(ShiftEndReason.TIME), ENDED_CUE]


def test_docking_ends_a_shift_and_one_that_begins_in_the_dock_goes_on(life: Life) -> None:
    life.does(BeginShift(0, "W-1"))
    assert life.does(ShiftLook(1), DOCKED) == [ShiftOver(ShiftEndReason.DOCKED), ENDED_CUE]
    life.does(BeginShift(2, "W-2"))  # a kiosk hands the camera out
    assert life.does(ShiftLook(3)) == []
    assert life.does(ShiftLook(4), IDLE) == []
    assert life.state.shift == Shift("W-2", 2, Source.CONTROL)


def test_a_dock_in_a_recording_counts_when_it_is_closed_unless_it_was_left(life: Life) -> None:
    docked = replace(RECORDING, conditions=frozenset({Condition.DOCKED}))
    life.does(BeginShift(0, "W-1"))
    assert life.does(ShiftLook(1), docked) == []
    assert life.does(ShiftLook(2), RECORDING) == []
    assert life.does(ShiftLook(3), IDLE) == []
    life.does(ShiftLook(4), docked)
    assert life.does(ShiftLook(5), DOCKED) == [ShiftOver(ShiftEndReason.DOCKED), ENDED_CUE]


# ---------------------------------------------------------------------------------------- restarts


def test_a_shift_outlives_a_restart(life: Life) -> None:
    assert life.does(ShiftKnown(HOUR, "W-1", Source.BADGE, -2 * HOUR)) == []
    assert life.state.shift == Shift("W-1", -2 * HOUR, Source.BADGE)
    assert life.due == 12 * HOUR
    assert not life.state.looking


def test_one_that_has_lasted_too_long_meanwhile_is_over(life: Life) -> None:
    assert life.does(ShiftKnown(HOUR, "W-1", Source.BADGE, -13 * HOUR)) == [
        ShiftOver(ShiftEndReason.TIME),
        ENDED_CUE,
    ]


def test_one_of_an_unknown_age_is_over(life: Life) -> None:
    assert life.does(ShiftKnown(HOUR, "W-1", Source.BADGE, None)) == [
        ShiftOver(ShiftEndReason.UNKNOWN_TIME)
    ]
    assert life.state.shift is None


STARTING = Camera(Stage.STARTING, 0)
TO_GO_ON = replace(STARTING, remembered=Intent.RECORD, remembered_source=CONTINUED)
"""A recording that was cut off waits for the camera."""


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_recording_that_goes_on_keeps_a_wearer_whose_time_is_over(
    life: Life, goes_on: bool
) -> None:
    known = ShiftKnown(HOUR, "W-1", Source.BADGE, -13 * HOUR, goes_on=True)
    assert life.does(known, STARTING) == []
    assert life.does(ShiftLook(HOUR + 1), TO_GO_ON) == []
    assert life.due == HOUR + RULES.reminder_us, "it ends by no timer"
    assert life.does(EndShift(HOUR + 2)) == [ShiftRefused(Refusal.RECORDING)]
    assert life.state.shift == Shift("W-1", -13 * HOUR, Source.BADGE)
    if goes_on:
        assert life.does(ShiftLook(HOUR + 3), RECORDING) == []
    over = [ShiftOver(ShiftEndReason.TIME), ENDED_CUE]
    assert life.does(ShiftLook(HOUR + 4), IDLE) == over


@pytest.mark.parametrize(
    ("source", "due"), [(Source.BADGE, None), (Source.CONTROL, ShiftEndReason.DOCKED)]
)
@pytest.mark.parametrize("undocked", [True, False])
def test_a_dock_in_a_recording_counts_over_a_restart(
    life: Life, source: Source, due: ShiftEndReason | None, undocked: bool
) -> None:
    """Whoever takes it out while it records goes on wearing it."""
    docked = replace(TO_GO_ON, conditions=frozenset({Condition.DOCKED}))
    life.does(ShiftLook(HOUR), replace(STARTING, conditions=docked.conditions))
    life.does(ShiftKnown(HOUR + 1, "W-1", source, 0, due=due, goes_on=True))
    assert life.does(ShiftLook(HOUR + 2), docked) == []
    if undocked:
        assert life.does(ShiftLook(HOUR + 3), TO_GO_ON) == []
    assert life.does(ShiftLook(HOUR + 4), RECORDING if undocked else docked) == []
    over = [ShiftOver(ShiftEndReason.DOCKED), ENDED_CUE]
    assert life.does(ShiftLook(HOUR + 5), IDLE if undocked else DOCKED) == (
        [] if undocked else over
    )


def test_what_had_ended_a_shift_but_for_a_recording_ends_it_if_none_goes_on(life: Life) -> None:
    docked = ShiftEndReason.DOCKED
    known = ShiftKnown(HOUR, "W-1", Source.CONTROL, 0, due=docked)
    assert life.does(known) == [ShiftOver(docked)]
    assert life.state.shift is None


@pytest.mark.parametrize("docked_first", [True, False])
def test_a_camera_that_starts_in_its_dock_has_no_wearer_any_more(
    life: Life, docked_first: bool
) -> None:
    """Whichever is known first, the dock or the ledger."""
    said = life.does(ShiftLook(1), DOCKED) if docked_first else []
    said += life.does(
        ShiftKnown(2, "W-1", Source.BADGE, -2 * HOUR), DOCKED if docked_first else IDLE
    )
    said += life.does(ShiftLook(3), DOCKED)
    assert ShiftOver(ShiftEndReason.DOCKED) in said
    assert life.state.shift is None
    life.does(ShiftLook(4), IDLE)
    assert life.state.looking


@pytest.mark.parametrize(("source", "began_us"), [(Source.CONTROL, -HOUR), (Source.BADGE, HOUR)])
def test_a_camera_that_was_docked_before_its_ledger_was_open_has_no_wearer(
    life: Life, source: Source, began_us: int
) -> None:
    """And was taken out of the dock again before; or its card hung as it was docked."""
    life.does(ShiftLook(2 * HOUR), DOCKED)
    life.does(ShiftLook(2 * HOUR + 1), IDLE)
    said = life.does(ShiftKnown(2 * HOUR + 2, "W-1", source, began_us), IDLE)
    assert said == [ShiftOver(ShiftEndReason.DOCKED)]
    assert life.state.shift is None
    assert life.state.looking


def test_who_stopped_and_docked_wears_it_no_more_though_the_file_is_closed_late(
    life: Life,
) -> None:
    life.does(BeginShift(1, "W-1"))
    stopping = Camera(Stage.STOPPING, 2, frozenset({Condition.DOCKED}))
    assert life.does(ShiftLook(3), stopping) == []
    life.does(ShiftLook(4), Camera(Stage.STOPPING, 2))
    assert life.does(ShiftLook(5), IDLE) == [ShiftOver(ShiftEndReason.DOCKED), ENDED_CUE]


def test_a_shift_that_was_given_in_the_dock_outlives_a_restart_of_the_daemon(life: Life) -> None:
    life.does(ShiftLook(1), DOCKED)
    assert life.does(ShiftKnown(HOUR, "W-1", Source.CONTROL, HOUR // 2), DOCKED) == []
    assert life.state.shift == Shift("W-1", HOUR // 2, Source.CONTROL)


def test_what_the_ledger_knows_late_is_older_than_a_shift_that_runs(life: Life) -> None:
    life.does(BeginShift(5, "W-2"))
    assert life.does(ShiftKnown(6, "W-1", Source.BADGE, 1)) == []
    assert life.state.shift == Shift("W-2", 5, Source.CONTROL)


# ------------------------------------------------------------------------------------------ badges


def test_a_badge_begins_a_shift_while_it_is_looked_for(life: Life) -> None:
    life.does(ShiftLook(0))
    assert life.state.looking
    began = Shift("W-0815", 3, Source.BADGE)
    assert life.does(BadgeSeen(3, "camerad:wearer:W-0815")) == [ShiftBegan(began), BEGUN]
    assert not life.state.looking


def test_somebody_elses_code_does_nothing(life: Life) -> None:
    life.does(ShiftLook(0))
    for text in ("W-0815", "https://example.org/", "camerad:wearer:", "CAMERAD:WEARER:W-1", ""):
        assert life.does(BadgeSeen(1, text)) == []
    assert life.state.shift is None
    assert life.state.looking


def test_a_badge_counts_only_while_one_is_looked_for(life: Life) -> None:
    life.does(ShiftLook(0), Camera(Stage.STARTING, 0))
    assert life.does(BadgeSeen(1, badge("W-1"))) == []
    life.does(ShiftLook(2), IDLE)
    life.does(ShiftLook(2 + RULES.badge_us))
    assert life.does(BadgeSeen(3 + RULES.badge_us, badge("W-1"))) == []


def test_it_is_looked_for_from_the_first_idle_on_for_a_minute(life: Life) -> None:
    life.does(ShiftLook(0), Camera(Stage.STARTING, 0))
    assert not life.state.looking
    life.does(ShiftLook(10 * SECOND), IDLE)
    assert life.state.looking
    assert life.due == 70 * SECOND
    life.does(ShiftLook(70 * SECOND - 1))
    assert life.state.looking
    life.does(ShiftLook(70 * SECOND))
    assert not life.state.looking
    life.does(ShiftLook(80 * SECOND))
    assert not life.state.looking


@pytest.mark.parametrize("stage", [one for one in Stage if one is not Stage.IDLE])
def test_whatever_leaves_idle_ends_it_for_good(life: Life, stage: Stage) -> None:
    life.does(ShiftLook(0))
    life.does(ShiftLook(1), Camera(stage, 1))
    assert not life.state.looking
    life.does(ShiftLook(2), IDLE)
    assert not life.state.looking


def test_a_press_ends_it_whatever_comes_of_the_press(life: Life) -> None:
    life.does(ShiftLook(0))
    assert life.state.looking
    life.does(ShiftLook(1, pressed=True))
    assert not life.state.looking
    assert life.does(BadgeSeen(2, badge("W-1"))) == []
    # One from before it began has nothing to do with it.
    life.does(ShiftLook(3), DOCKED)
    life.does(ShiftLook(4, pressed=True), IDLE)
    assert life.state.looking


def test_each_undocking_begins_it_anew(life: Life) -> None:
    life.does(ShiftLook(0), DOCKED)
    assert not life.state.looking
    for at in (1, 100):
        life.does(ShiftLook(at * SECOND), IDLE)
        assert life.state.looking
        life.does(ShiftLook(at * SECOND + 1), DOCKED)
        assert not life.state.looking


def test_it_is_not_looked_for_in_a_shift_nor_where_nobody_wants_it(life: Life) -> None:
    life.does(BeginShift(0, "W-1"), Camera(Stage.STARTING, 0))
    life.does(ShiftLook(1), IDLE)
    assert not life.state.looking
    other = Life(replace(RULES, badge_us=0))
    other.does(ShiftLook(0))
    assert not other.state.looking


def test_a_program_is_faster_than_a_badge(life: Life) -> None:
    life.does(ShiftLook(0))
    life.does(BeginShift(1, "W-1"))
    assert not life.state.looking


# --------------------------------------------------------------------------------------- reminders

FULL = replace(IDLE, conditions=frozenset({Condition.STORAGE_FULL}))
REMINDER = [Cue(CueKind.NOT_READY), Cue(CueKind.STORAGE_FULL)]


def test_whoever_wears_a_camera_that_cannot_record_is_told_every_two_minutes(life: Life) -> None:
    life.does(BeginShift(0, "W-1"))
    assert life.does(ShiftLook(10 * SECOND), FULL) == []  # the condition's own cue was just now
    assert life.does(ShiftLook(130 * SECOND - 1)) == []
    assert life.does(ShiftLook(130 * SECOND)) == REMINDER
    assert life.due == 250 * SECOND
    # Those that were missed are one, and shift no later one.
    assert life.does(ShiftLook(500 * SECOND)) == REMINDER
    assert life.due == 610 * SECOND
    assert life.does(ShiftLook(600 * SECOND), IDLE) == []
    assert life.does(ShiftLook(900 * SECOND)) == []


def test_a_camera_that_does_not_come_up_is_not_ready_either(life: Life) -> None:
    life.does(BeginShift(0, "W-1"), Camera(Stage.STARTING, 0))
    assert life.does(ShiftLook(120 * SECOND)) == [Cue(CueKind.NOT_READY)]


def test_three_causes_with_one_cue_are_told_once(life: Life) -> None:
    life.does(BeginShift(0, "W-1"), replace(IDLE, conditions=REFUSES_START))
    cues = [effect.kind for effect in life.does(ShiftLook(120 * SECOND)) if isinstance(effect, Cue)]
    assert cues[0] is CueKind.NOT_READY
    assert len(cues) == len(set(cues))


@pytest.mark.parametrize(
    "camera",
    [
        replace(FULL, conditions=frozenset({Condition.STORAGE_FULL, Condition.DOCKED})),
        replace(RECORDING, conditions=frozenset({Condition.CAMERA_DOWN})),
        replace(FULL, ending=True),
        replace(IDLE, conditions=frozenset({Condition.STORAGE_LOW})),
    ],
)
def test_nobody_is_reminded_in_the_dock_in_a_recording_at_the_end_or_without_need(
    life: Life, camera: Camera
) -> None:
    life.does(ShiftLook(0), camera)
    life.does(BeginShift(1, "W-1"))
    assert not [one for one in life.does(ShiftLook(600 * SECOND)) if one == Cue(CueKind.NOT_READY)]


def test_without_a_shift_nobody_is_reminded(life: Life) -> None:
    life.does(ShiftLook(0), FULL)
    assert life.does(ShiftLook(600 * SECOND)) == []


# ----------------------------------------------------------------------------------------- always


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["look", "begin", "end", "seen", "known", "unknown"]),
            st.integers(0, 3 * HOUR),
            st.sampled_from(
                [
                    replace(Camera(stage, 0), conditions=frozenset(conditions))
                    for stage, conditions in product(
                        Stage, [(), (Condition.DOCKED,), (Condition.STORAGE_FULL,)]
                    )
                ]
            ),
        ),
        max_size=40,
    )
)
def test_whatever_happens_the_ledger_tells_of_one_shift_after_the_other(
    steps: list[tuple[str, int, Camera]],
) -> None:
    life, at_us, open_shift = Life(), 0, False
    for what, passed_us, camera in steps:
        at_us += passed_us
        before = life.state.shift
        event: shift.Event = {
            "look": ShiftLook(at_us),
            "begin": BeginShift(at_us, "W-1"),
            "end": EndShift(at_us),
            "seen": BadgeSeen(at_us, badge("W-2")),
            "known": ShiftKnown(at_us, "W-3", Source.BADGE, at_us - 5),
            "unknown": ShiftKnown(at_us, "W-3", Source.BADGE, None),
        }[what]
        for effect in life.does(event, camera):
            if isinstance(effect, ShiftBegan):
                assert not open_shift
                open_shift = True
            elif isinstance(effect, ShiftOver) and effect.why is not ShiftEndReason.UNKNOWN_TIME:
                assert open_shift or what == "known"
                open_shift = False
        if what == "known" and life.state.shift is not None:
            open_shift = True  # it is in the ledger from before
        assert open_shift is (life.state.shift is not None)
        if camera.keeping and what != "known":
            assert life.state.shift == before
        if life.state.looking:
            assert camera.stage is Stage.IDLE
            assert life.state.shift is None
        due = life.due
        assert due is None or due > at_us


@pytest.mark.parametrize(
    "times", [(0, 1, 0), (1, 0, 0), (1, 1, -1)], ids=["longest", "reminder", "badge"]
)
def test_rules_that_are_no_times_are_refused(times: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not all of these are times"):
        ShiftRules(*times)


# ---------------------------------------------------------------------------------- what badges say


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?", fullmatch=True))
def test_every_badge_can_be_read_back(wearer: str) -> None:
    assert wearer_on(badge(wearer)) == wearer


@given(st.text())
def test_no_other_text_is_a_badge(text: str) -> None:
    wearer = wearer_on(text)
    assert wearer is None or text == f"camerad:wearer:{wearer}"
    assert wearer_on(PREFIX + text) in (None, text)
    assert (wearer_on(PREFIX + text) == text) is is_wearer(text)


def test_no_badge_is_made_for_what_is_no_id() -> None:
    with pytest.raises(ValueError, match="'W 1' is no wearer's id"):
        badge("W 1")
