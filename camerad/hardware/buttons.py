"""The officer's buttons: GPIO lines in, edges with a time stamp out.

gpiozero watches the lines and calls back on a thread of its own. On a busy machine that thread is
late, and a bounce that is seen late would look like a second press; so an edge bears the time at
which the pin library says that it happened, which with lgpio is the kernel's own stamp, and not the
time at which it is seen. What the edges mean is `camerad.behaviour.gestures`' affair, debouncing
included, so gpiozero's own debouncing stays off. `levels` reads the lines themselves, because an
interrupt can be missed in the middle of a bounce, and because a button may be held before the
daemon starts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final

import gpiozero
import msgspec
from gpiozero.exc import GPIOZeroError

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import HardwareError
from camerad.config import Settings
from camerad.hardware import pins

# Each library that gpiozero tries in vain would print two lines; what counts is said by `explain`.
warnings.simplefilter("ignore", gpiozero.exc.PinFactoryFallback)

OLDEST_SECONDS: Final = 5.0
"""An edge is never seen so late; a library that says so counts by another clock than its own
`ticks`, and the edge is taken to have happened just now."""
AT_ONCE_US: Final = 500
READINGS: Final = 5
"""How long the library's clock and ours may take to be read one after the other, and how often that
is tried: what comes between them is added to the age of an edge."""

EdgeHandler = Callable[[str, bool, int], None]
"""Called with (button, pressed, at_us) on a thread of the pin library; must not block or raise."""


class ButtonLine(msgspec.Struct, frozen=True):
    """Wiring of a button.

    gpio: BCM number; active_low: pressed pulls the line to ground, the pull-up is switched on.
    """

    button: str
    gpio: int
    active_low: bool = True


def button_lines(settings: Settings) -> tuple[ButtonLine, ...]:
    """Wiring of the buttons. Here, so that watching them imports no other part's hardware."""
    return tuple(
        ButtonLine(button.name, button.gpio, button.active_low) for button in settings.buttons
    )


def explain(gpio: int, purpose: str, error: Exception) -> HardwareError:
    """The one sentence for a line that cannot be opened."""
    if isinstance(error, gpiozero.exc.BadPinFactory):
        return HardwareError(pins.explain_missing_library())
    if isinstance(error, gpiozero.exc.GPIOPinInUse) or "busy" in str(error).lower():
        return HardwareError(
            f"GPIO {gpio} ({purpose}) is already in use: end the other program that drives it "
            f"(gpioinfo names it), or give {purpose} another GPIO in the configuration"
        )
    return HardwareError(
        f"GPIO {gpio} ({purpose}) cannot be opened: {error or type(error).__name__}; "
        "check that this machine has it and that the daemon's user is in the group gpio"
    )


class Buttons:
    """Every configured button.

    Raises HardwareError, and leaves no line open, if one of them cannot be opened.
    """

    def __init__(self, lines: tuple[ButtonLine, ...], on_edge: EdgeHandler, clock: Clock) -> None:
        self._on_edge = on_edge
        self._clock = clock
        self._devices: dict[str, Any] = {}
        pins.set_fifo_directory()
        for line in lines:
            try:
                device = gpiozero.DigitalInputDevice(line.gpio, pull_up=line.active_low)
            except (GPIOZeroError, OSError, ValueError) as error:
                self.close()
                raise explain(line.gpio, f"buttons.{line.button}.gpio", error) from error
            self._devices[line.button] = device
            device.when_activated = self._reporter(line.button, device, pressed=True)
            device.when_deactivated = self._reporter(line.button, device, pressed=False)

    def _reporter(self, button: str, device: Any, *, pressed: bool) -> Callable[[], None]:
        def report() -> None:
            for _ in range(READINGS):
                before_us = self._clock.now_us()
                # Since the edge: gpiozero has taken its time over before it calls back.
                since = device.active_time if pressed else device.inactive_time
                seen_us = self._clock.now_us()
                if seen_us - before_us <= AT_ONCE_US:
                    break
            late = since if since is not None and 0 <= since <= OLDEST_SECONDS else 0.0
            self._on_edge(button, pressed, seen_us - round(late * SECOND))

        return report

    def levels(self) -> dict[str, bool]:
        """Whether each button is pressed at this moment, read from its line."""
        return {name: bool(device.is_active) for name, device in self._devices.items()}

    def close(self) -> None:
        """Release every line; safe to call again."""
        for device in self._devices.values():
            device.close()
        self._devices.clear()
