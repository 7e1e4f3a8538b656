"""One GPIO line whose every change is witnessed; see `hw_mocks.pins`."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gpiozero.exc import PinPWMFixedValue, PinSetInput
from gpiozero.pins.mock import MockPin

from hw_mocks.bus import Message, now_us

STATES_LIMIT: Final = 100
"""Of gpiozero's own history, which has no end: a light may blink for hours."""


@dataclass(frozen=True, slots=True)
class Change:
    """`gpio` was at `level` (0 to 1) from `at_us` on; `output` if the daemon drove it."""

    gpio: int
    level: float
    at_us: int
    output: bool
    hertz: float | None = None

    def message(self) -> Message:
        """What is reported to the world."""
        level = int(self.level) if self.level in (0, 1) else self.level
        report: Message = {
            "pin": self.gpio,
            "level": level,
            "at_us": self.at_us,
            "output": self.output,
        }
        if self.hertz is not None:
            report["hertz"] = self.hertz
        return report


class Witness(Protocol):
    """What a pin needs of its factory."""

    def note(self, change: Change) -> None:
        """Take down a change."""

    def watched(self, gpio: int) -> None:
        """Called when a program begins to wait for the pin's edges."""

    def closed(self, gpio: int) -> bool:
        """Whether the contact at the pin is closed."""

    def shorted(self, gpio: int) -> bool:
        """Whether the line is shorted to ground."""


class SimulatedPin(MockPin):  # type: ignore[misc]
    """One GPIO line; `states` is gpiozero's history, `SimulatedFactory.history` the timed one."""

    states: deque[Any]

    def __init__(self, factory: Witness, info: Any) -> None:
        # Before the base class looks at the pull, because that already drives the line.
        self._simulated = factory
        self._hertz: float | None = None
        self._silent = False
        self._driven: float = False
        self._line = threading.RLock()
        super().__init__(factory, info)

    def clear_states(self) -> None:
        """As gpiozero's; only the newest states are kept."""
        super().clear_states()
        self.states = deque(self.states, STATES_LIMIT)

    def output_with_state(self, state: float) -> None:
        """Become an output at `state` without a glitch in between, as a GPIO chip does."""
        with self._line:
            self._silent = True
            try:
                super().output_with_state(state)
            finally:
                self._silent = False
        self._witness()

    def _set_function(self, value: str) -> None:
        with self._line:
            quiet, self._silent = self._silent, True
            before = self._function, bool(self._get_state())
            try:
                super()._set_function(value)
            finally:
                self._silent = quiet
            self._hertz = None
            if not quiet and (self._function, self._state) != before:
                self._witness()

    def _set_pull(self, value: str) -> None:
        # The base class drives the line to its pull; a closed contact is stronger.
        with self._line:
            quiet, self._silent = self._silent, True
            before = bool(self._get_state())
            try:
                super()._set_pull(value)
                self._state = self.level_of(self._simulated.closed(self.gpio_number))
            finally:
                self._silent = quiet
        if self._state != before and not quiet:
            self._witness()

    def _enable_event_detect(self) -> None:
        super()._enable_event_detect()
        self._simulated.watched(self.gpio_number)

    def _get_state(self) -> Any:
        # What a line reads is what its contact does now, however late its edges are reported: to
        # look in the middle of a bounce that is over would be to see a press that never was.
        if self._function == "input":
            return self.level_of(self._simulated.closed(self.gpio_number))
        return False if self._simulated.shorted(self.gpio_number) else super()._get_state()

    @property
    def gpio_number(self) -> int:
        """The number of the line (BCM numbering)."""
        return int(self._number)

    def level_of(self, closed: bool) -> bool:
        """What the line reads while its contact is closed or open.

        A floating line has its pull-up on the board, as a button's usually is.
        """
        return closed if self._pull == "down" else not closed

    def swing(self, closed: bool, at_us: int) -> None:
        """Let the line follow its contact, which swung at `at_us`; an output is stronger.

        The daemon's handler, if there is one, has been called when this returns. However late that
        is, it gets the time of the swing: metal does not wait for a busy machine, and a kernel
        stamps edges as they come.
        """
        with self._line:
            if self._function != "input":
                return
            level = self.level_of(closed)
            changed = self._change_state(level, at_us)
        if changed and self._edges in ("both", "rising" if level else "falling"):
            with self._when_changed_lock:
                handler = self._get_when_changed()
            if handler is not None:
                handler(self._factory.ticks() - (now_us() - at_us) / 1_000_000, level)

    def settle(self) -> None:
        """Let an output whose line was just shorted, or no longer is, be what it is."""
        with self._line:
            if self._function == "output":
                self._change_state(self._driven)

    def _change_state(self, value: float, at_us: int | None = None) -> bool:
        with self._line:
            if self._function == "output":
                self._driven = value
                if self._simulated.shorted(self.gpio_number):
                    value = False
            at_us = now_us() if at_us is None else at_us
            changed = bool(super()._change_state(value))
            if changed and not self._silent:
                self._witness(at_us)
        return changed

    def _set_state(self, value: float) -> None:
        if self._hertz is None:
            super()._set_state(value)
        elif self._function == "input":
            raise PinSetInput(f"cannot set state of pin {self!r}")
        else:
            self._change_state(float(value))

    def _get_frequency(self) -> float | None:
        return self._hertz

    def _set_frequency(self, value: float | None) -> None:
        if value and self._function != "output":
            raise PinPWMFixedValue(f"cannot start PWM on pin {self!r}")
        changed = (value or None) != self._hertz
        self._hertz = value or None
        if changed and self._function == "output":
            if self._hertz is None:
                self._change_state(False)
            self._witness()

    def _witness(self, at_us: int | None = None) -> None:
        output = self._function == "output"
        self._simulated.note(
            Change(
                self.gpio_number,
                float(self._state),
                now_us() if at_us is None else at_us,
                output,
                self._hertz if output else None,
            )
        )
