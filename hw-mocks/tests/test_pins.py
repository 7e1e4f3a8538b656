"""The pin factory, through gpiozero as a daemon uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import Button, DigitalInputDevice, DigitalOutputDevice, PWMOutputDevice
from gpiozero.exc import (
    GPIOPinInUse,
    PinFixedPull,
    PinInvalidPin,
    PinPWMFixedValue,
    PinSetInput,
)
from waiting import DEADLINE, until

from hw_mocks.bus import now_us
from hw_mocks.pin import STATES_LIMIT
from hw_mocks.pins import HISTORY_LIMIT, SimulatedFactory
from hw_mocks.world import WorldThread


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedFactory]:
    monkeypatch.delenv("HW_MOCKS_WORLD", raising=False)
    made = SimulatedFactory()
    yield made
    made.close()


def outputs(factory: SimulatedFactory, gpio: int) -> list[float]:
    return [c.level for c in factory.history if c.gpio == gpio and c.output]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WorldThread]:
    """What every factory made from now on is connected with."""
    with WorldThread(tmp_path / "world") as made:
        monkeypatch.setenv("HW_MOCKS_WORLD", str(tmp_path / "world"))
        yield made


def test_a_press_is_seen_with_its_bounce_and_its_length(factory: SimulatedFactory) -> None:
    edges: list[tuple[bool, int]] = []
    button = DigitalInputDevice(17, pull_up=True, pin_factory=factory)
    button.when_activated = down = lambda: edges.append((True, now_us()))
    button.when_deactivated = up = lambda: edges.append((False, now_us()))
    press = factory.press(17, 0.05)
    assert press.wait(DEADLINE)
    del down, up
    assert press.down_us is not None
    assert press.up_us is not None
    # The thread may be late, but a press is never shorter than it should be.
    assert 50_000 <= press.up_us - press.down_us < 150_000
    assert len(press.edges) >= 6  # make and break, each with at least one pair of bounces
    assert [closed for closed, _ in edges] == [edge.closed for edge in press.edges]
    seen = [c for c in factory.history if c.gpio == 17 and c.at_us >= press.asked_us]
    assert [c.at_us for c in seen] == [edge.at_us for edge in press.edges]
    assert [bool(c.level) for c in seen] == [not edge.closed for edge in press.edges]
    button.close()


def test_a_handler_that_dawdles_sees_the_edges_late_but_with_their_times(
    factory: SimulatedFactory,
) -> None:
    """A contact bounces for at most 5 ms, however busy the machine is."""
    made: list[float] = []
    button = DigitalInputDevice(17, pull_up=True, pin_factory=factory)

    def down() -> None:
        since = button.active_time
        assert since is not None
        made.append(factory.ticks() - since)
        asked_us = now_us()
        until(lambda: now_us() > asked_us + 30_000)  # longer than any bounce

    button.when_activated = down
    press = factory.press(17, 0.5)
    assert press.wait(DEADLINE)
    making = [edge.at_us for edge in press.edges if edge.at_us < press.asked_us + 250_000]
    assert len(making) >= 3
    assert making[-1] - making[0] <= 5_000
    stamps = [at for at in made if at < made[0] + 0.25]
    assert stamps[-1] - stamps[0] < 0.006
    button.close()


@pytest.mark.parametrize(("pull_up", "pressed"), [(True, 0), (False, 1)])
def test_a_press_pulls_against_the_pins_pull(
    factory: SimulatedFactory, pull_up: bool, pressed: int
) -> None:
    with Button(5, pull_up=pull_up, pin_factory=factory) as button:
        assert not button.is_pressed
        factory.hold(5, bounce=False)
        until(lambda: button.is_pressed)
        assert button.pin.state == pressed
        factory.release(5)
        until(lambda: not button.is_pressed)


def test_what_is_let_go_has_been_held_for_as_long_as_is_said(factory: SimulatedFactory) -> None:
    with Button(5, pin_factory=factory) as button:

        def edges() -> list[int]:
            return [change.at_us for change in factory.history if change.gpio == 5]

        assert edges() == []
        factory.hold(5, bounce=False)
        factory.release(5, 0.1)
        until(lambda: len(edges()) == 2)
        down, up = edges()
        assert up - down == 100_000
        # Later than that it cannot be undone.
        factory.hold(5, bounce=False)
        until(lambda: button.is_pressed)
        factory.release(5, 0.000001)
        until(lambda: not button.is_pressed)


def test_every_change_of_an_output_is_witnessed_with_its_time(factory: SimulatedFactory) -> None:
    before = now_us()
    with DigitalOutputDevice(23, pin_factory=factory) as light:
        light.on()
        light.on()
        light.off()
    changes = [c for c in factory.history if c.gpio == 23]
    # Opened dark, on, off; then given up, which makes it an input again.
    assert outputs(factory, 23) == [0, 1, 0]
    assert [c.output for c in changes] == [True, True, True, False]
    times = [c.at_us for c in changes]
    assert before <= times[0] <= times[1] <= times[2] <= now_us()


def test_pwm_is_witnessed_with_its_frequency(factory: SimulatedFactory) -> None:
    with PWMOutputDevice(18, frequency=880, pin_factory=factory) as buzzer:
        buzzer.value = 0.5
        newest = factory.history[-1]
        assert (newest.level, newest.hertz) == (0.5, 880)
        assert newest.message()["hertz"] == 880
    assert not factory.history[-1].output


def test_mistakes_raise_what_gpiozero_raises(factory: SimulatedFactory) -> None:
    with DigitalOutputDevice(4, pin_factory=factory):
        with pytest.raises(GPIOPinInUse):
            DigitalOutputDevice(4, pin_factory=factory)
        with pytest.raises(PinFixedPull):
            factory.pin(4).pull = "up"
    with pytest.raises(PinInvalidPin):
        factory.pin(99)
    with pytest.raises(PinSetInput):
        factory.pin(4).state = True
    with pytest.raises(PinPWMFixedValue):
        factory.pin(4).frequency = 100
    with pytest.raises(PinFixedPull):
        factory.pin(2).pull = "down"  # GPIO2 has a resistor on the board


def test_a_pin_of_another_program_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HW_MOCKS_BUSY_GPIO", "22, 23")
    made = SimulatedFactory()
    with pytest.raises(GPIOPinInUse, match="GPIO22"):
        DigitalOutputDevice(22, pin_factory=made)
    with DigitalOutputDevice(24, pin_factory=made):
        pass
    made.close()


def test_a_press_whose_button_sticks_has_no_end(factory: SimulatedFactory) -> None:
    press = factory.press(17, 0.1)
    until(lambda: factory.closed(17))
    factory.stick(17, now_us() + 60_000_000)
    assert press.wait(DEADLINE)
    assert press.down_us is not None
    assert press.up_us is None


def test_the_world_presses_and_hears_of_it(world: WorldThread) -> None:
    made = SimulatedFactory()
    assert world.wait_connected("pins")["pid"] == os.getpid()
    light = DigitalOutputDevice(23, pin_factory=made)
    button = Button(17, pin_factory=made)
    button.when_pressed = light.on
    world.tell("pins", {"press": {"gpio": 17, "seconds": 0.02, "bounce": True, "id": "a"}})
    answer = world.wait_for(lambda _, m: m.get("pressed") == "a")
    assert answer["up_us"] - answer["down_us"] >= 20_000
    lit = world.wait_for(lambda _, m: m.get("pin") == 23 and m["level"] == 1)
    # Measured inside the process: from the edge to the light, without the bus.
    assert 0 <= lit["at_us"] - answer["down_us"] < 50_000
    light.close()
    button.close()
    made.close()
    given_up = world.wait_for(lambda _, m: m.get("pin") == 23 and not m["output"])
    assert given_up["at_us"] >= lit["at_us"]


def test_a_button_held_in_the_world_reads_as_pressed_at_the_first_look(world: WorldThread) -> None:
    world.tell("pins", {"hold": {"gpio": 17, "down": True, "id": 1}}, keep="hold 17")
    made = SimulatedFactory()
    with DigitalInputDevice(17, pull_up=True, pin_factory=made) as button:
        assert button.is_active
        world.tell("pins", {"hold": {"gpio": 17, "down": False, "id": 2}})
        answer = world.wait_for(lambda _, m: m.get("held") == 2)
        assert answer["at_us"] is not None
        until(lambda: not button.is_active)
        # Nothing to let go any more: answered at once, with no edge.
        world.tell("pins", {"hold": {"gpio": 17, "down": False, "id": 3}})
        assert world.wait_for(lambda _, m: m.get("held") == 3)["at_us"] is None
    made.close()


def test_a_press_that_began_before_the_program_lasts_for_the_rest_of_its_time(
    world: WorldThread,
) -> None:
    began_us = now_us()
    press = {"gpio": 17, "seconds": 1.0, "bounce": True, "id": 1}
    world.tell("pins", {"press": press, "until_us": began_us + 1_000_000}, keep="press 1")
    made = SimulatedFactory()
    with DigitalInputDevice(17, pull_up=True, pin_factory=made) as button:
        assert button.is_active
        answer = world.wait_for(lambda _, m: m.get("pressed") == 1)
        assert answer["down_us"] is None
        assert 1_000_000 <= answer["up_us"] - began_us < 2_000_000
        until(lambda: not button.is_active)
    made.close()


def test_faults_of_buttons_come_from_the_world(world: WorldThread) -> None:
    made = SimulatedFactory()
    with Button(17, pin_factory=made) as button:
        end_us = now_us() + 100_000
        world.tell("pins", {"fault": "button_stuck", "gpio": 17, "until_us": end_us})
        until(lambda: button.is_pressed)
        # A contact bounces for 5 ms at most when it opens; then it rests.
        until(lambda: now_us() >= end_us + 50_000 and not button.is_pressed)
        worn = {"fault": "button_bounce", "gpio": 17, "until_us": now_us() + 9_000_000}
        world.tell("pins", worn)
        world.tell("pins", {"press": {"gpio": 17, "seconds": 0.05, "id": "b"}})
        answer = world.wait_for(lambda _, m: m.get("pressed") == "b")
        assert len(answer["edges"]) >= 34
    made.close()


def test_a_line_that_is_shorted_stays_low_and_comes_back_when_the_short_is_gone(
    world: WorldThread,
) -> None:
    made = SimulatedFactory()
    with DigitalOutputDevice(22, pin_factory=made) as light:
        light.on()
        world.tell("pins", {"fault": "light_dead", "gpio": 22, "until_us": now_us() + 10**9})
        until(lambda: light.value == 0)
        light.on()
        assert light.value == 0
        # Whoever looks at the light sees it go out, once.
        assert outputs(made, 22) == [0, 1, 0]
        with DigitalOutputDevice(23, pin_factory=made) as other:
            other.on()
            assert other.value == 1
        world.tell("pins", {"fault": "light_dead", "gpio": 22, "until_us": 0})
        until(lambda: light.value == 1)
        # Nobody had to drive it again, and whoever looks sees it come back.
        until(lambda: outputs(made, 22) == [0, 1, 0, 1])
        # A short that ends by itself is no other.
        until_us = now_us() + 50_000
        world.tell("pins", {"fault": "light_dead", "gpio": 22, "until_us": until_us})
        until(lambda: outputs(made, 22) == [0, 1, 0, 1, 0, 1])
        assert made.history[-1].at_us >= until_us
        # Switched off meanwhile, it stays off.
        world.tell("pins", {"fault": "light_dead", "gpio": 22, "until_us": now_us() + 10**9})
        until(lambda: light.value == 0)
        light.off()
        world.tell("pins", {"fault": "light_dead", "gpio": 22, "until_us": 0})
        until(lambda: not made.shorted(22))
        assert light.value == 0
    made.close()


def test_hours_of_light_and_presses_leave_no_more_than_the_newest(
    factory: SimulatedFactory,
) -> None:
    """What a soak measures is the daemon's memory, and not that of who watches it."""
    light = DigitalOutputDevice(23, pin_factory=factory)
    for _ in range(2 * HISTORY_LIMIT):
        light.toggle()
    assert len(light.pin.states) == STATES_LIMIT
    assert len(factory.history) == HISTORY_LIMIT
    assert factory.history[-1].level == light.value
    assert factory.press(17, 0.01).wait(DEADLINE)
    # Edges are remembered only for whoever waits for them.
    assert not factory._log[17]


def test_the_world_hears_from_when_on_edges_reach_the_program(world: WorldThread) -> None:
    factory = SimulatedFactory()
    try:
        before_us = now_us()
        button = DigitalInputDevice(17, pull_up=True, pin_factory=factory)
        button.when_activated = lambda: None
        report = world.wait_for(lambda _, message: message.get("watched") == 17, 5.0)
        assert before_us <= report["at_us"] <= now_us()
    finally:
        factory.close()
