"""Who wears the camera: what begins a shift, what ends it, and what its wearer is reminded of."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from camerad.behaviour import shift
from camerad.behaviour.badge import PREFIX, badge, is_wearer, wearer_on
from camerad.behaviour.shift import (
    BadgeSeen,
    BeginShift,
    Effect,
    EndShift,
    Refusal,
    ShiftBegan,
    ShiftEndReason,
    ShiftKnown,
    ShiftLook,
    ShiftOver,
    ShiftRefused,
    ShiftRules,
    Source,
)
from camerad.behaviour.stages import Condition, Cue, CueKind, Stage
from camerad.behaviour.stages import State as Camera

SECOND = 1_000_000
HOUR = 3600 * SECOND
RULES = ShiftRules(longest_us=14 * HOUR, reminder_us=120 * SECOND, badge_us=60 * SECOND)
IDLE = Camera(Stage.IDLE, 0)
DOCKED = replace(IDLE, conditions=frozenset({Condition.DOCKED}))
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


@pytest.mark.parametrize("wearer", ["", " W", "W-", "-W", "W 1", "Wärter", "W\n", "x" * 33])
def test_what_is_no_id_begins_nothing(life: Life, wearer: str) -> None:
    assert life.does(BeginShift(0, wearer)) == [ShiftRefused(Refusal.NO_WEARER)]
    assert life.state.shift is None


# ---------------------------------------------------------------------------------------- restarts


STARTING = Camera(Stage.STARTING, 0)


# ------------------------------------------------------------------------------------------ badges


def test_somebody_elses_code_does_nothing(life: Life) -> None:
    life.does(ShiftLook(0))
    for text in ("W-0815", "https://example.org/", "camerad:wearer:", "CAMERAD:WEARER:W-1", ""):
        assert life.does(BadgeSeen(1, text)) == []
    assert life.state.shift is None
    assert life.state.looking


def test_it_is_not_looked_for_in_a_shift_nor_where_nobody_wants_it(life: Life) -> None:
    life.does(BeginShift(0, "W-1"), Camera(Stage.STARTING, 0))
    life.does(ShiftLook(1), IDLE)
    assert not life.state.looking
    other = Life(replace(RULES, badge_us=0))
    other.does(ShiftLook(0))
    assert not other.state.looking


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


@pytest.mark.parametrize("home", [False, True])
def test_a_cradle_in_a_car_ends_no_shift_before_the_time_that_the_office_gives_it(
    home: bool,
) -> None:
    life = Life(replace(RULES, dock_us=20 * 60 * SECOND))
    life.does(BeginShift(0, "W-1"))
    for drive in range(1, 4):
        begin_us = drive * HOUR
        assert life.does(ShiftLook(begin_us), DOCKED) == []
        assert life.due == begin_us + 20 * 60 * SECOND
        assert life.does(ShiftLook(begin_us + 19 * 60 * SECOND), DOCKED) == []
        assert life.does(ShiftLook(begin_us + 19 * 60 * SECOND + 1), IDLE) == []
    # At the end of the day: brought back, or not before the longest shift is over.
    life.does(ShiftLook(5 * HOUR), DOCKED if home else IDLE)
    assert life.due is not None
    assert life.due == (5 * HOUR + 20 * 60 * SECOND if home else 14 * HOUR)
    why = ShiftEndReason.DOCKED if home else ShiftEndReason.TIME
    assert life.does(ShiftLook(life.due)) == [ShiftOver(why), ENDED_CUE]
