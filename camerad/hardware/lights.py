"""Drives the lights, the vibration motor and the buzzer.

A steady light is switched within the call that asks for it: the red light is on before anything
is recorded. Blinking, vibration and tones are stepped by timers of the event loop, so that a
pattern costs nothing between its steps and ends with the daemon. The pitch of a tone is that of a
pulse-width modulation with half its time on, which the pin factory generates.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import gpiozero

from camerad.base.errors import HardwareError
from camerad.behaviour.signals import OFF, ON, Indication, Pattern, Sounding
from camerad.hardware import pins
from camerad.hardware.output_lines import Output, open_line

FaultHandler = Callable[[str, str | None], None]
"""Called with (output, what is wrong) when an output cannot be driven, and with None for it once
it can be again; only when that changes."""

TRIAL_HERTZ: Final = 1600
"""Pitch of a buzzer under test."""


class _Player:
    """Steps one output through patterns."""

    def __init__(self, output: Output, line: Any, on_fault: FaultHandler) -> None:
        self._device = line
        self._name = output.name
        self._hertz = 0
        self._pitched = isinstance(self._device, gpiozero.PWMOutputDevice)
        self._on_fault = on_fault
        self._pattern: Pattern = OFF
        self._on = False
        self._off_s = -math.inf
        self._faulty_state: bool | None = None
        """Whether the line was driven on or off when it did not follow; None: it follows."""
        self._timer: asyncio.TimerHandle | None = None
        self._done: Callable[[], None] | None = None
        self.faulty = False

    def play(
        self, pattern: Pattern, done: Callable[[], None] | None = None, *, hertz: int = 0
    ) -> None:
        """Begin `pattern` at once; one that plays already, and without a fault, just goes on.

        hertz: pitch, for an output that has one.
        """
        if pattern == self._pattern and pattern.repeat and done is None and not self.faulty:
            return
        self._cancel()
        self._pattern, self._done, self._hertz = pattern, done, hertz
        self._step(0)

    def _step(self, index: int) -> None:
        self._timer = None
        steps = self._pattern.steps
        if index >= len(steps):
            if self._pattern.repeat and steps:
                index = 0
            else:
                self._switch(on=False)
                self._pattern = OFF
                if (done := self._done) is not None:
                    self._done = None
                    done()
                return
        on, milliseconds = steps[index]
        self._switch(on=on)
        if self._pattern.repeat and len(steps) == 1:
            return  # steady
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(milliseconds / 1000, self._step, index + 1)

    @property
    def still_seconds(self) -> float:
        """How long it has been off; 0 while it is on."""
        return 0.0 if self._on else asyncio.get_running_loop().time() - self._off_s

    def _switch(self, *, on: bool) -> None:
        if self._on and not on:
            self._off_s = asyncio.get_running_loop().time()
        self._drive(on=on)

    def _drive(self, *, on: bool) -> None:
        self._on = on
        try:
            if on and self._pitched:
                self._device.frequency = self._hertz
                self._device.value = 0.5
            elif on:
                self._device.on()
            else:
                self._device.off()
        except Exception as error:  # noqa: BLE001 - lgpio and its like raise errors of their own
            self._tell(str(error) or type(error).__name__)
        else:
            if self._faulty_state is None:
                self._tell(None)

    def check_line(self) -> None:
        """See whether the line is as it was driven last.

        A fault clears only in the state (on or off) in which it showed. A light that is shorted to
        ground is dark while it is off, as it should be; that does not mend it.
        """
        fault = None
        try:
            if not self.reads(on=self._on):
                fault = (
                    f"it stays {'off' if self._on else 'on'}: look for a short circuit on its "
                    "line, or for another program that drives it"
                )
        except Exception as error:  # noqa: BLE001 - lgpio and its like raise errors of their own
            fault = str(error) or type(error).__name__
        if fault is not None:
            self._faulty_state = self._on
            self._tell(fault)
        elif self._faulty_state is self._on:
            self._faulty_state = None
            self._tell(None)

    def _tell(self, fault: str | None) -> None:
        """Say so once when a fault comes, and when it goes."""
        if self.faulty != (fault is not None):
            self.faulty = fault is not None
            self._on_fault(self._name, fault)

    def reads(self, *, on: bool) -> bool:
        """Whether the line is on, or off, as it is read back."""
        return self._pitched or bool(self._device.value) is on

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Switch it off and release its line; if that fails, the others are switched off still."""
        self._cancel()
        self._drive(on=False)
        try:
            self._device.close()
        except Exception as error:  # noqa: BLE001 - lgpio and its like raise errors of their own
            self._tell(str(error) or type(error).__name__)


class Indicators:
    """Lights, vibration and buzzer together.

    `outputs` names green, red, amber, and optionally vibration and buzzer. early: their lines, as
    far as they are open already. Raises HardwareError, and leaves no line open, if one of them
    cannot be opened. Used from the event loop only.
    """

    LIGHTS: Final = ("green", "red", "amber")

    def __init__(
        self,
        outputs: tuple[Output, ...],
        on_fault: FaultHandler,
        early: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._players: dict[str, _Player] = {}
        self._sounding = 0
        self._done: Callable[[], None] | None = None
        pins.set_fifo_directory()
        for output in outputs:
            try:
                line = early.get(output.name) or open_line(output)
                self._players[output.name] = _Player(output, line, on_fault)
            except HardwareError:
                self.close()
                raise

    def show(self, lights: Indication) -> None:
        """Switch the lights. A steady light has changed when this returns."""
        # Red first: it must never be later than what it announces.
        self._players["red"].play(lights.red)
        self._players["green"].play(lights.green)
        self._players["amber"].play(lights.amber)

    def check_lines(self) -> None:
        """See whether the lights' lines are as they were driven; to be called now and then.

        A line that is shorted takes every switch without a word.
        """
        for name in self.LIGHTS:
            self._players[name].check_line()

    @property
    def faulty(self) -> tuple[str, ...]:
        """The outputs that did not take their last switch, or do not read as it."""
        return tuple(name for name, player in self._players.items() if player.faulty)

    @property
    def lights_faulty(self) -> bool:
        """Whether a light did not take its last switch, or does not read as it."""
        return any(self._players[name].faulty for name in self.LIGHTS)

    def switch(self, name: str, *, on: bool) -> bool:
        """Switch one output for a test of its wiring; whether its line is then as it is driven.

        A line that is shorted, or driven by something else as well, is not. One that sounds at a
        pitch is not read: it is never the same for long. Raises KeyError for no such output.
        """
        player = self._players[name]
        player.play(ON if on else OFF, hertz=TRIAL_HERTZ)
        return not player.faulty and player.reads(on=on)

    def sound(self, sounding: Sounding, done: Callable[[], None]) -> bool:
        """Play a vibration and a tone once, from now on; what still plays is cut short.

        done: called when both are over, and not if they are cut short. Returns whether there is
        anything to play it on; if not, `done` is not called.
        """
        self.hush()
        parts = [
            (self._players[name], pattern)
            for name, pattern in (("vibration", sounding.vibration), ("buzzer", sounding.tone))
            if name in self._players and pattern.steps
        ]
        self._sounding, self._done = len(parts), done
        for player, pattern in parts:
            player.play(pattern, self._part_done, hertz=sounding.hertz)
        return bool(parts)

    def hush(self) -> float:
        """Cut short what plays: motor and buzzer are off when this returns. Returns for how many
        seconds both have been off already."""
        self._done = None
        players = [self._players[n] for n in ("vibration", "buzzer") if n in self._players]
        still_seconds = min((player.still_seconds for player in players), default=math.inf)
        for player in players:
            player.play(OFF)
        return still_seconds

    def _part_done(self) -> None:
        self._sounding -= 1
        if self._sounding == 0 and self._done is not None:
            done, self._done = self._done, None
            done()

    def close(self) -> None:
        """Switch everything off and release the lines; safe to call again."""
        self._done = None
        for player in self._players.values():
            player.close()
        self._players.clear()
