"""Lights, vibration and buzzer: what is steady is on at once, what plays plays once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.exc import PinFixedPull
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hw_mocks.pins import SimulatedFactory

from camerad.base.errors import HardwareError
from camerad.behaviour import signals
from camerad.behaviour.signals import OFF, ON, Indication, Pattern, Sounding
from camerad.behaviour.stages import CueKind, Stage, State
from camerad.hardware.lights import Indicators, Output
from tests.waiting import reached

OUTPUTS = (
    Output("green", 22),
    Output("red", 23),
    Output("amber", 24),
    Output("vibration", 25),
    Output("buzzer", 18),
)
PASSIVE = (*OUTPUTS[:4], Output("buzzer", 18, pitched=True))
BLINK = Pattern(((True, 5), (False, 5)), repeat=True)
TWICE = Pattern(((True, 2), (False, 2), (True, 2)), repeat=False)
ONCE = Pattern(((True, 3),), repeat=False)


def felt(kind: CueKind) -> Sounding:
    """A cue of a camera in idle."""
    return signals.sounding(kind, State(Stage.IDLE, 0), signals.Detail.BASIC)


def no_fault(output: str, what: str | None) -> None:
    raise AssertionError(f"{output}: {what}")


def never() -> None:
    raise AssertionError("its end is told")


def rises(pins: MockFactory, gpio: int) -> int:
    """How often the output went on since it was set up."""
    states = [change.state for change in pins.pin(gpio).states]
    return sum(not a and b for a, b in itertools.pairwise(states))


def test_a_steady_light_has_changed_when_show_returns(pins: MockFactory) -> None:
    async def scene() -> None:
        lights = Indicators(OUTPUTS, no_fault)
        lights.show(Indication(green=OFF, red=ON, amber=OFF))
        assert [pins.pin(gpio).state for gpio in (22, 23, 24)] == [0, 1, 0]
        lights.show(Indication(green=ON, red=OFF, amber=OFF))
        assert [pins.pin(gpio).state for gpio in (22, 23, 24)] == [1, 0, 0]
        lights.close()

    asyncio.run(scene())


def test_a_light_that_is_on_at_0_v_is_driven_low(pins: MockFactory) -> None:
    async def scene() -> None:
        lights = Indicators(
            (Output("red", 23, active_high=False), Output("green", 22), Output("amber", 24)),
            no_fault,
        )
        assert pins.pin(23).state == 1
        lights.show(Indication(green=OFF, red=ON, amber=OFF))
        assert pins.pin(23).state == 0
        lights.close()

    asyncio.run(scene())


def test_a_blink_goes_on_and_asking_for_it_again_does_not_begin_it_anew(
    pins: MockFactory,
) -> None:
    async def scene() -> None:
        lights = Indicators(OUTPUTS, no_fault)
        look = Indication(green=BLINK, red=OFF, amber=OFF)
        lights.show(look)
        await reached(lambda: rises(pins, 22) >= 3)
        level, count = pins.pin(22).state, rises(pins, 22)
        lights.show(look)
        assert (pins.pin(22).state, rises(pins, 22)) == (level, count)
        lights.show(Indication(green=OFF, red=OFF, amber=OFF))
        assert pins.pin(22).state == 0
        lights.close()

    asyncio.run(scene())


def test_a_sounding_is_over_when_the_longer_of_its_parts_is(pins: MockFactory) -> None:
    async def scene() -> None:
        lights = Indicators(OUTPUTS, no_fault)
        for sounding in (
            Sounding(vibration=TWICE, tone=ONCE, hertz=2000),
            Sounding(vibration=OFF, tone=ONCE, hertz=2000),
        ):
            over = asyncio.Event()
            assert lights.sound(sounding, over.set)
            await asyncio.wait_for(over.wait(), 5)
            assert (pins.pin(25).state, pins.pin(18).state) == (0, 0)
        assert (rises(pins, 25), rises(pins, 18)) == (2, 2)
        lights.close()

    asyncio.run(scene())


def test_what_is_cut_short_is_off_at_once_and_its_end_is_not_told(pins: MockFactory) -> None:
    slow = Pattern(((True, 30), (False, 30), (True, 30)), repeat=False)
    ends: list[str] = []

    async def scene() -> None:
        lights = Indicators(OUTPUTS, no_fault)
        lights.sound(Sounding(vibration=slow, tone=slow, hertz=500), lambda: ends.append("first"))
        assert (pins.pin(25).state, pins.pin(18).state) == (1, 1)
        lights.sound(Sounding(vibration=ONCE, tone=OFF, hertz=0), lambda: ends.append("second"))
        assert (rises(pins, 25), pins.pin(25).state, pins.pin(18).state) == (2, 1, 0)
        await reached(lambda: ends == ["second"])
        lights.sound(Sounding(vibration=slow, tone=slow, hertz=500), lambda: ends.append("third"))
        assert lights.hush() == 0
        assert (pins.pin(25).state, pins.pin(18).state) == (0, 0)
        await asyncio.sleep(0.15)
        assert lights.hush() >= 0.15
        assert ends == ["second"]
        assert rises(pins, 25) == 3
        lights.close()

    asyncio.run(scene())


def test_a_board_without_vibration_and_buzzer_plays_nothing(pins: MockFactory) -> None:
    async def scene() -> None:
        lights = Indicators(OUTPUTS[:3], no_fault)
        assert not lights.sound(Sounding(vibration=ONCE, tone=ONCE, hertz=2000), never)
        lights.close()

    asyncio.run(scene())


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedFactory]:
    monkeypatch.delenv("HW_MOCKS_WORLD", raising=False)
    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = factory = SimulatedFactory()
    yield factory
    factory.close()
    gpiozero.Device.pin_factory = before


def test_the_pitch_of_each_cue_arrives_at_the_pin_of_a_passive_buzzer(
    simulated: SimulatedFactory,
) -> None:
    async def scene() -> None:
        lights = Indicators(PASSIVE, no_fault)
        for kind in CueKind:
            since = len(simulated.history)
            lights.sound(felt(kind), never)  # at once, whatever still plays
            heard = {
                (change.level, change.hertz)
                for change in list(simulated.history)[since:]
                if change.gpio == 18 and change.level
            }
            hertz = signals.CUE_TABLE[kind][1]
            # Half the time on: the loudest that a bare piezo gives at its pitch.
            assert heard == ({(0.5, hertz)} if hertz else set()), kind
        lights.close()

    asyncio.run(scene())


def test_a_tone_ends_when_its_rhythm_does(simulated: SimulatedFactory) -> None:
    async def scene() -> None:
        lights = Indicators(PASSIVE, no_fault)
        lights.sound(Sounding(vibration=OFF, tone=TWICE, hertz=2400), lambda: None)

        def levels() -> list[float]:
            return [c.level for c in simulated.history if c.gpio == 18 and c.hertz == 2400]

        await reached(lambda: levels().count(0.5) == 2 and levels()[-1] == 0)
        lights.close()

    asyncio.run(scene())


def test_a_passive_buzzer_that_is_on_at_0_v_is_low_half_the_time_and_high_at_rest() -> None:
    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = pins = MockFactory(pin_class=MockPWMPin)

    async def scene() -> None:
        buzzer = Output("buzzer", 18, active_high=False, pitched=True)
        lights = Indicators((*OUTPUTS[:4], buzzer), no_fault)
        assert pins.pin(18).state == 1
        lights.sound(Sounding(vibration=OFF, tone=ONCE, hertz=500), lambda: None)
        assert (pins.pin(18).state, pins.pin(18).frequency) == (0.5, 500)
        await reached(lambda: pins.pin(18).state == 1)
        lights.close()

    asyncio.run(scene())
    pins.reset()
    gpiozero.Device.pin_factory = before


def test_without_pulse_width_modulation_a_tone_is_on_and_off_and_the_log_says_so(
    pins: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        lights = Indicators(PASSIVE, no_fault)
        lights.sound(Sounding(vibration=OFF, tone=ONCE, hertz=2400), lambda: None)
        assert pins.pin(18).state == 1
        await reached(lambda: pins.pin(18).state == 0)
        lights.close()

    asyncio.run(scene())
    assert "buzzer: no pulse-width modulation on GPIO 18 with this pin factory" in caplog.text


class LibraryError(Exception):
    """As lgpio's: neither gpiozero's nor the system's."""


@pytest.mark.parametrize("error", [PinFixedPull, OSError, LibraryError])
def test_a_light_that_cannot_be_driven_is_reported_and_tried_again(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    async def scene() -> None:
        faults: list[tuple[str, str | None]] = []
        lights = Indicators(OUTPUTS, lambda *fault: faults.append(fault))

        def refuse(*_: object) -> None:
            raise error("the line is gone")

        red = Indication(green=OFF, red=ON, amber=OFF)
        with monkeypatch.context() as broken:
            broken.setattr(type(pins.pin(23)), "_set_state", refuse)
            lights.show(red)
            lights.show(red)
            assert faults.count(("red", "the line is gone")) == 1  # said once
            assert lights.lights_faulty
        lights.show(red)
        assert pins.pin(23).state == 1
        assert not lights.lights_faulty
        assert ("red", None) in faults
        lights.close()

    asyncio.run(scene())


@pytest.mark.parametrize("name", ["green", "red", "amber", "vibration", "buzzer"])
def test_a_line_that_cannot_be_released_leaves_no_other_on(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def scene() -> None:
        faults: list[tuple[str, str | None]] = []
        lights = Indicators(OUTPUTS, lambda *fault: faults.append(fault))
        lights.show(Indication(green=ON, red=ON, amber=ON))

        def refuse() -> None:
            raise LibraryError("another program has the line")

        monkeypatch.setattr(lights._players[name]._device, "close", refuse)
        lights.close()
        assert [pins.pin(one.gpio).state for one in OUTPUTS[:3]] == [0, 0, 0]
        assert faults == [(name, "another program has the line")]

    asyncio.run(scene())


def test_a_line_that_does_not_follow_is_found_by_switching_it(simulated: SimulatedFactory) -> None:
    async def scene() -> None:
        lights = Indicators(PASSIVE, no_fault)
        simulated.short(22, 2**60)
        assert not lights.switch("green", on=True)
        assert lights.switch("green", on=False)  # it is low, as it should be
        for name in ("red", "amber", "vibration", "buzzer"):
            assert lights.switch(name, on=True)
            assert lights.switch(name, on=False)
        lights.close()

    asyncio.run(scene())


def test_a_light_that_goes_out_by_itself_is_a_fault_until_it_is_seen_to_burn_again(
    simulated: SimulatedFactory,
) -> None:
    faults: list[tuple[str, bool]] = []

    async def scene() -> None:
        lights = Indicators(OUTPUTS, lambda output, what: faults.append((output, what is not None)))
        red, dark = (
            Indication(green=OFF, red=ON, amber=OFF),
            Indication(green=OFF, red=OFF, amber=OFF),
        )
        lights.show(red)
        lights.check_lines()
        assert faults == []
        simulated.short(23, 2**60)
        lights.check_lines()
        lights.check_lines()
        assert faults == [("red", True)]  # said once
        assert lights.lights_faulty
        # Off, a shorted light is as it should be: that says nothing about it.
        lights.show(dark)
        lights.check_lines()
        lights.show(red)
        assert lights.faulty == ("red",)
        simulated.short(23, 0)
        lights.check_lines()
        assert faults == [("red", True), ("red", False)]
        assert not lights.lights_faulty
        lights.close()

    asyncio.run(scene())


def test_a_line_that_cannot_be_read_is_a_fault(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[tuple[str, str | None]] = []

    def refuse(pin: object) -> bool:
        raise OSError("the line is gone")

    async def scene() -> None:
        lights = Indicators(OUTPUTS, lambda output, what: faults.append((output, what)))
        with monkeypatch.context() as broken:
            broken.setattr(type(pins.pin(23)), "_get_state", refuse)
            lights.check_lines()
        assert ("red", "the line is gone") in faults
        lights.check_lines()
        assert ("red", None) in faults
        lights.close()

    asyncio.run(scene())


def test_an_output_in_use_is_one_sentence_and_leaves_no_line_open(pins: MockFactory) -> None:
    with pytest.raises(HardwareError, match=r"GPIO 22 \(amber\.gpio\) is already in use"):
        Indicators((Output("green", 22), Output("amber", 22)), no_fault)
    assert not any(pins._reservations.values())
