"""Cues of the motor: one cue after the other, a hand at once, and stillness between both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from camerad.base.clock import SECOND, ManualClock
from camerad.behaviour import signals
from camerad.behaviour.cue_queue import STILL_MS
from camerad.behaviour.signals import ANSWERS, BETWEEN_MS, LONG_MS, PAUSE_MS, QUICK_MS
from camerad.behaviour.stages import Condition, CueKind, Intent
from camerad.daemon.presentation import CuePlayer
from camerad.hardware.lights import Indicators, Output
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import idle_core

LAMPS = (Output("green", 22), Output("red", 23), Output("amber", 24))
MOTOR = Output("vibration", 25)
ANSWERED_US = 100_000
"""A press is answered within 0.1 s of its decision (P5)."""


class Motor:
    """A camera in idle, whose motor is felt in simulated time. changes: (microseconds, level)."""

    def __init__(self, pins: MockFactory, *outputs: Output) -> None:
        self.clock = ManualClock(SECOND)
        self.loop = VirtualLoop(self.clock)
        self.core = idle_core(self.clock)
        self.indicators = Indicators((*LAMPS, *outputs), lambda output, what: None)
        self.player = CuePlayer(self.core, lambda: self.indicators)
        self.changes: list[tuple[int, bool]] = []
        if outputs:
            self._pin = pins.pin(MOTOR.gpio)
            honest = type(self._pin)._set_state
            pins.pin(MOTOR.gpio)._set_state = self._noting(honest)

    def _noting(self, honest):  # type: ignore[no-untyped-def]
        def set_state(value: bool) -> None:
            before = self._pin.state
            honest(self._pin, value)
            if bool(value) != bool(before):
                self.changes.append((self.clock.now_us(), bool(value)))

        return set_state

    def at(self, milliseconds: float, *kinds: CueKind) -> None:
        """Have these told so long from now."""

        def tell() -> None:
            for kind in kinds:
                self.player.play(kind)

        self.loop.call_at(1 + milliseconds / 1000, tell)

    def run(self, seconds: float = 20) -> None:
        self.loop.call_at(1 + seconds, self.loop.stop)
        self.loop.run_forever()

    @property
    def strokes(self) -> str:
        """What is felt: . and -, + for a stroke that was cut short, and a space for each rest."""
        names = {QUICK_MS: ".", LONG_MS: "-"}
        found = ""
        ended_us = None
        for (on_us, on), (off_us, _) in zip(self.changes[::2], self.changes[1::2], strict=True):
            assert on
            if ended_us is not None and on_us - ended_us >= (PAUSE_MS + BETWEEN_MS) * 1000:
                found += " "
            found += names.get(round((off_us - on_us) / 1000), "+")
            ended_us = off_us
        return found

    def close(self) -> None:
        self.indicators.close()
        self.loop.close()


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = factory = MockFactory()
    yield factory
    factory.reset()
    gpiozero.Device.pin_factory = before


@pytest.fixture
def motor(pins: MockFactory) -> Iterator[Motor]:
    made = Motor(pins, MOTOR)
    yield made
    made.close()


def test_news_is_felt_one_after_the_other_with_a_rest_between(motor: Motor) -> None:
    motor.core.conditions.raise_(Condition.BATTERY_LOW)
    motor.core.conditions.raise_(Condition.STORAGE_FULL)
    motor.at(0, CueKind.CUT_OFF, CueKind.BATTERY_LOW, CueKind.STORAGE_FULL)
    motor.run()
    assert motor.strokes == "--- --- .-. ---"


def test_a_cue_is_told_as_it_is_true_when_it_begins(motor: Motor) -> None:
    motor.core.conditions.raise_(Condition.CAMERA_DOWN)
    motor.at(0, CueKind.CUT_OFF, CueKind.CAMERA_DOWN, CueKind.READY)
    motor.loop.call_at(1.1, motor.core.conditions.clear, Condition.CAMERA_DOWN)
    motor.run()
    # It cannot was over before its turn: only that it can again is left.
    assert motor.strokes == "--- --- ."


def test_that_it_can_record_is_not_felt_in_the_recording_that_cut_it_short(motor: Motor) -> None:
    motor.at(0, CueKind.READY)
    motor.loop.call_at(1.099, motor.core.dispatcher.intend, Intent.RECORD, "test")
    motor.at(100, CueKind.STARTED)
    motor.run()
    assert motor.strokes == "+...."


@pytest.mark.parametrize(("works", "strokes"), [(True, "...."), (False, ".... --..")])
def test_a_microphone_that_failed_last_time_is_told_at_a_start_only_if_it_still_does(
    motor: Motor, works: bool, strokes: str
) -> None:
    """Nobody knows in idle; from the command to the first sound it takes 0.3 s."""
    motor.core.conditions.raise_(Condition.MICROPHONE_DOWN)
    motor.loop.call_at(0.999, motor.core.dispatcher.intend, Intent.RECORD, "test")
    motor.at(0, CueKind.STARTED, CueKind.MICROPHONE_DOWN)
    if works:
        motor.loop.call_at(1.3, motor.core.conditions.clear, Condition.MICROPHONE_DOWN)
    motor.run()
    assert motor.strokes == strokes


def test_a_hand_that_answers_nothing_felt_just_then_waits_for_nothing(motor: Motor) -> None:
    motor.at(0, CueKind.SELF_VIEW_ON)
    motor.at(500, CueKind.SELF_VIEW_OFF)  # in the rest behind it
    motor.run()
    assert [at_us - SECOND for at_us, on in motor.changes if on] == [0, 500_000]


@pytest.mark.parametrize("recording", [False, True])
@pytest.mark.parametrize("answer", sorted(ANSWERS, key=str))
def test_p5_an_answer_begins_within_a_tenth_of_a_second_and_apart_from_what_it_cuts_short(
    motor: Motor, answer: CueKind, recording: bool
) -> None:
    """Whatever is told, and wherever in its rhythm the hand comes."""
    motor.core.conditions.raise_(Condition.LIGHT_DOWN)
    if recording:
        motor.loop.call_soon(motor.core.dispatcher.intend, Intent.RECORD, "test")
    each_ms = sum(ms for _, ms in signals.strokes("--..").steps) + BETWEEN_MS
    pressed_us = []
    began_ms = 100
    for told in (CueKind.CUT_OFF, CueKind.LIGHT_DOWN, CueKind.SHIFT_BEGUN):
        for later_ms in range(1, each_ms, 37):
            motor.at(began_ms, told)
            motor.at(began_ms + later_ms, answer)
            pressed_us.append(SECOND + 1000 * (began_ms + later_ms))
            began_ms += 15_000
    motor.run(began_ms / 1000)
    on_us = [at_us for at_us, on in motor.changes if on]
    off_us = [at_us for at_us, on in motor.changes if not on]
    assert len(pressed_us) > 100
    for at_us in pressed_us:
        begun_us = next(one for one in on_us if one >= at_us)
        assert begun_us - at_us <= ANSWERED_US
        ended_us = max((one for one in off_us if one <= begun_us), default=0)
        assert begun_us - ended_us >= 1000 * STILL_MS
        # In a pause of the rhythm it is still by then, and nobody waits twice.
        assert begun_us - max(ended_us + 1000 * STILL_MS, at_us) <= 2


def test_of_two_hands_in_a_row_the_second_is_answered_as_soon_as_the_first_would_have_been(
    motor: Motor,
) -> None:
    motor.at(0, CueKind.CUT_OFF)
    motor.at(300, CueKind.SELF_VIEW_ON)
    motor.at(340, CueKind.STARTED)
    motor.loop.call_at(1.339, motor.core.dispatcher.intend, Intent.RECORD, "test")
    motor.run()
    on_us = [at_us - SECOND for at_us, on in motor.changes if on]
    assert on_us[1] == (300 + STILL_MS) * 1000
    assert motor.strokes == "+...."


def test_a_board_without_a_motor_tells_nothing_and_goes_on(pins: MockFactory) -> None:
    motor = Motor(pins)
    motor.at(0, *CueKind)
    motor.run(1)
    motor.close()


def test_levels_come_in_turn(motor: Motor) -> None:
    motor.at(0, CueKind.CUT_OFF)
    motor.at(5, CueKind.SELF_VIEW_ON)
    motor.run()
    assert all(a != b for (_, a), (_, b) in itertools.pairwise(motor.changes))
