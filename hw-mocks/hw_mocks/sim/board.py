"""The board around the daemon: fingers, lights, faults.

It knows the wiring from the daemon's own configuration, presses buttons through the world, and
believes of lights, sound and vibration only what the pins report: a light is on because its pin is
driven, not because the daemon says so. A pin that nobody drives leaves its light dark.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from camerad.config import Settings

from hw_mocks.bus import Message, now_us
from hw_mocks.lateness import told
from hw_mocks.sim import gauges
from hw_mocks.sim.board_power import BoardPower
from hw_mocks.sim.faults import DOCK, FAULTS
from hw_mocks.sim.process import find
from hw_mocks.sim.timepiece import STEP, Timepiece
from hw_mocks.timeofday import FOLLOWER
from hw_mocks.timeofday import ROLE as CLOCK
from hw_mocks.world import World

EDGES_KEPT: Final = 5000
ANSWER_SECONDS: Final = 2.0
HOLD_SECONDS: Final = 0.2
LIGHTS: Final = ("red", "green", "amber")
_KILLS: Final = {
    "capture_kill": ("capture", signal.SIGKILL),
    "display_kill": ("selfview", signal.SIGKILL),
    "display_crash": ("selfview", signal.SIGSEGV),
}
"""Faults that end a child of the daemon: which, and by what signal."""
RESTART_SECONDS: Final = 0.1
"""How long after its end a daemon that was killed is started again."""
# Without a number of seconds: as long as the example in the interface's description.
FAULT_SECONDS: Final = 3.0
STEP_SECONDS: Final = 3600.0
"""A clock that jumps without a number of seconds jumps by an hour, as where summer time goes wrong.
"""


class NotNow(Exception):
    """Error raised when a request is right but cannot be carried out at present."""


class DockSwitch(Protocol):
    """A dock that has an office behind it."""

    def docked(self, inside: bool) -> None:
        """The camera was put in, or taken out."""

    def cut(self, seconds: float, bytes_left: int) -> None:
        """Its network goes when so many bytes more have gone to the office, for so long."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Where an output lies."""

    gpio: int
    active_high: bool


@dataclass(frozen=True, slots=True)
class Wiring:
    """Buttons and outputs by name; buttons are in the configuration's order."""

    buttons: dict[str, int]
    outputs: dict[str, Wire]
    low_when_pressed: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Wiring:
        """The wiring that a configuration describes."""
        outputs = {
            "red": settings.lights.red,
            "green": settings.lights.green,
            "amber": settings.lights.amber,
            "vibration": settings.vibration,
            "sound": settings.buzzer,
        }
        return cls(
            {button.name: button.gpio for button in settings.buttons},
            {name: Wire(output.gpio, output.active_high) for name, output in outputs.items()},
            frozenset(button.name for button in settings.buttons if button.active_low),
        )

    def name(self, gpio: int) -> str:
        """What lies at a GPIO; ``GPIO5`` for nothing."""
        wires = {number: name for name, number in self.buttons.items()}
        wires.update({wire.gpio: name for name, wire in self.outputs.items()})
        return wires.get(gpio, f"GPIO{gpio}")

    def on(self, name: str, level: float) -> bool:
        """Whether at this level an output lights, sounds or shakes, or a button is pressed."""
        if name in self.outputs:
            return (level > 0) == self.outputs[name].active_high
        return (level > 0) != (name in self.low_when_pressed)


class Board:
    """`on_change` is called on the loop after every change of an output.

    `daemon_pid` says under which process the capture process is to be found; None if it is not
    running. `power` kills it and starts it again, and starts a board that is off when the charger
    comes. `clock` is a directory for the files of the machine's clocks, and `files` one for those
    of its battery and temperature. `dock`: None if no office is behind it.
    """

    def __init__(
        self,
        wiring: Wiring,
        world: Path,
        clock: Path,
        daemon_pid: Callable[[], int | None],
        on_change: Callable[[], None],
        *,
        files: Path,
        power: BoardPower,
        dock: DockSwitch | None = None,
    ) -> None:
        self.wiring = wiring
        self.edges: deque[Message] = deque(maxlen=EDGES_KEPT)
        """Every change of a pin, oldest first: {"name", "pin", "level", "at_us", "output", "on"}.

        on: whether that lights, sounds or shakes or, of a button, that it is pressed.
        """
        self.edges_seen = 0
        """How many changes there were, those included that are no longer kept."""
        self.reports: deque[tuple[str, Message]] = deque(maxlen=EDGES_KEPT)
        """What the other mocks reported: (role, message), oldest first."""
        self.world = World(world, self._hear)
        self.timepiece = Timepiece(clock, self._set_wall)
        self.gauges = gauges.Gauges(files, self._docked)
        self._dock = dock
        self._power = power
        self._daemon_pid = daemon_pid
        self._on_change = on_change
        self._outputs: dict[int, float] = {}
        self._asked: dict[str, asyncio.Future[Message]] = {}
        self._hands: dict[str, set[str]] = {}
        self._lasting: dict[str, int] = {}
        self._number = 0

    @property
    def off(self) -> bool:
        """Whether it has halted, since its battery is empty, and waits for its charger."""
        return self._power.off

    def on(self, name: str) -> bool:
        """Whether an output is driven so that it lights, sounds or shakes."""
        level = self._outputs.get(self.wiring.outputs[name].gpio)
        return level is not None and self.wiring.on(name, level)

    def outputs(self) -> dict[str, Any]:
        """The part of the state that is read off the pins."""
        return {
            "lights": {name: self.on(name) for name in LIGHTS},
            "sound": self.on("sound"),
            "vibration": self.on("vibration"),
        }

    async def press(self, button: str, seconds: float) -> dict[str, Any]:
        """Press a button for so long; returns when it is released and its contact at rest.

        A finger stays where it is: a daemon that starts meanwhile finds the button pressed. Raises
        KeyError for an unknown button and NotNow if nobody watched the pins when it was released.
        """
        gpio = self.wiring.buttons[button]
        name, answer = self._question()
        order: Message = {"gpio": gpio, "seconds": seconds, "bounce": True, "id": name}
        until_us = now_us() + round(seconds * 1_000_000)
        keep = f"press {name}"
        self._hand(button, keep, there=True)
        try:
            self.world.tell("pins", {"press": order, "until_us": until_us}, keep=keep)
            await asyncio.wait({answer}, timeout=seconds)
            watched = self.world.connected("pins") > 0
            told = await self._answer(name, answer, ANSWER_SECONDS if watched else 0)
            self.world.forget("pins", keep)
        finally:
            self._hand(button, keep, there=False)
        if told is None:
            raise NotNow("the daemon had not opened its buttons, or had ended")
        times = {key: told[key] for key in ("down_us", "up_us", "edges")}
        return {"button": button, "seconds": seconds, **times}

    async def hold(
        self, button: str, down: bool, seconds: float | None = None, hand: str = ""
    ) -> dict[str, Any]:
        """Hold a button down, or let it go; returns when its contact has come to rest.

        seconds: for how long it was held, when it is let go: its contact opens when they are over,
        or at once if they are already, unless another hand is on it. It may be held before the
        daemon looks. hand: whose it is. Raises KeyError for an unknown button.
        """
        gpio = self.wiring.buttons[button]
        name, answer = self._question()
        length: Message = {} if seconds is None else {"seconds": seconds}
        order: Message = {"hold": {"gpio": gpio, "down": down, "id": name, "hand": hand, **length}}
        keep = f"hold {gpio} {hand}"
        self._hand(button, keep, there=down)
        reached = self.world.tell("pins", order, keep=keep if down else None)
        if not down:
            self.world.forget("pins", keep)
        patience = HOLD_SECONDS + (seconds or 0.0)
        told = await self._answer(name, answer, patience if reached else 0)
        return {"button": button, "down": down, "at_us": told["at_us"] if told else None}

    def hands(self) -> dict[str, int]:
        """How many are on each button just now, of those that are on any: fingers and presses."""
        return {button: len(hands) for button, hands in self._hands.items() if hands}

    def _hand(self, button: str, hand: str, *, there: bool) -> None:
        hands = self._hands.setdefault(button, set())
        if there:
            hands.add(hand)
        else:
            hands.discard(hand)
        self._on_change()

    def fault(
        self, name: str, seconds: float | None = None, more: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Let a fault begin; returns what was done.

        `more`: ``button`` (for faults of a button; the first one unless told), ``light`` (for
        light_dead; green unless told), ``count`` (for
        faults that happen so many times; 1), ``delay`` (for disk_slow: seconds per sync; 3),
        ``bytes_left`` (for disk_full and network_gone; 0), ``ask`` (for daemon_killed: whether it
        is asked to end, as `systemctl restart` does), ``lasts`` (for clock_step, whose
        `seconds` say by how much the clock jumps, either way, an hour unless told: seconds after
        which it is set right; never). A fault of the clock ends with a synchronisation. Raises
        KeyError for an unknown name or button, NotNow if there is nothing that it could happen to.
        """
        kind, more = FAULTS[name], more or {}
        if name in _KILLS:
            return {"name": name, "killed": self._kill_child(*_KILLS[name])}
        if name == "daemon_killed":
            at_us = now_us()
            length = RESTART_SECONDS if seconds is None else seconds
            killed = self._power.kill(length, ask=more.get("ask") is True)
            if killed is None:
                raise NotNow("no daemon is running")
            return {"name": name, "killed": killed, "at_us": at_us}
        if kind.role == CLOCK:
            length = STEP_SECONDS if name == STEP else FAULT_SECONDS
            length = length if seconds is None else seconds
            done = self.timepiece.fault(name, length, more.get("lasts"))
            # One synchronisation ends them all.
            self._lasting = {
                other: at_us
                for other, at_us in self._lasting.items()
                if FAULTS[other.split()[0]].role != CLOCK
            }
            self._last(name, done.get("until_us"))
            return {"name": name, **done}
        if name in gauges.FAULTS:
            done = self.gauges.fault(name, FAULT_SECONDS if seconds is None else seconds)
            self._last(name, done["until_us"])
            return {"name": name, **done}
        if kind.role == DOCK:
            if self._dock is None:
                raise NotNow("there is no office behind this dock: start bodycam-sim with --office")
            length = FAULT_SECONDS if seconds is None else seconds
            self._dock.cut(length, int(more.get("bytes_left", 0)))
            until_us = now_us() + round(length * 1_000_000)
            self._last(name, until_us)
            return {"name": name, "until_us": until_us}
        message: Message = {"fault": name}
        keep = name
        if kind.counts:
            message["count"] = int(more.get("count", 1))
        else:
            length = FAULT_SECONDS if seconds is None else seconds
            message["until_us"] = now_us() + round(length * 1_000_000)
        if kind.on_button:
            button = more.get("button", next(iter(self.wiring.buttons)))
            message["gpio"] = self.wiring.buttons[button]
            keep = f"{name} {message['gpio']}"
        if kind.on_light:
            light = str(more.get("light", LIGHTS[1]))
            message["gpio"] = self.wiring.outputs[light].gpio
            keep = f"{name} {message['gpio']}"
        if name == "disk_slow":
            message["seconds"] = float(more.get("delay", FAULT_SECONDS))
        if name == "disk_full":
            message["bytes_left"] = int(more.get("bytes_left", 0))
        self.world.tell(kind.role, message, keep=keep)
        button_name = f" {button}" if kind.on_button else ""
        self._last(name + button_name, message.get("until_us"))
        return {"name": name, **{key: message[key] for key in message if key != "fault"}}

    def lasting(self) -> dict[str, int]:
        """The faults that last, and the media time in microseconds at which each ends.

        By name; that of a button's fault is followed by a space and the button's.
        """
        now = now_us()
        self._lasting = {name: at_us for name, at_us in self._lasting.items() if at_us > now}
        return dict(self._lasting)

    def _docked(self, inside: bool) -> None:
        """The charger supplies the board, or no longer. One that it starts has charged before."""
        if self._dock is not None:
            self._dock.docked(inside)
        if self._power.supply(inside):
            for name in gauges.EMPTY:
                self._lasting.pop(name, None)
                self.gauges.heal(name)

    def _last(self, name: str, until_us: int | None) -> None:
        if until_us is not None:
            self._lasting[name] = until_us

    def _set_wall(self, offset_us: int) -> bool:
        self.world.tell(FOLLOWER, {"wall_offset_us": offset_us}, keep="wall")
        return self.world.tell(CLOCK, {"wall_offset_us": offset_us}, keep="wall") > 0

    def _kill_child(self, module: str, number: signal.Signals) -> int:
        daemon = self._daemon_pid()
        child = find(daemon, f"camerad.{module}") if daemon is not None else None
        if child is None:
            raise NotNow(f"no {module} process is running")
        os.kill(child, number)
        return child

    def _question(self) -> tuple[str, asyncio.Future[Message]]:
        self._number += 1
        name = str(self._number)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[name] = future
        return name, future

    async def _answer(
        self, name: str, future: asyncio.Future[Message], timeout: float
    ) -> Message | None:
        try:
            return await asyncio.wait_for(future, timeout)
        except TimeoutError:
            return None
        finally:
            self._asked.pop(name, None)

    def _hear(self, role: str, message: Message) -> None:
        if role == CLOCK and (message.get("wall_offset_us") == 0 or "goodbye" in message):
            self.timepiece.wall_is_set()
        if role != "pins":
            self.reports.append((role, message))
            if "missed" in message:
                print(f"bodycam-sim: {told(message['missed'])}", file=sys.stderr, flush=True)
        elif "pin" in message:
            self._pin(message)
        elif "goodbye" in message:
            # The kernel takes the lines of a process that has ended back as inputs.
            self._outputs.clear()
            self._on_change()
        else:
            name = message.get("pressed", message.get("held"))
            asked = self._asked.get(str(name))
            if asked is not None and not asked.done():
                asked.set_result(message)

    def _pin(self, message: Message) -> None:
        gpio = message["pin"]
        name = self.wiring.name(gpio)
        # An output that is given up drives nothing.
        driven = message["output"] or name in self.wiring.buttons
        on = driven and self.wiring.on(name, message["level"])
        self.edges.append({"name": name, **message, "on": on})
        self.edges_seen += 1
        if message["output"]:
            self._outputs[gpio] = message["level"]
        else:
            self._outputs.pop(gpio, None)
        self._on_change()
