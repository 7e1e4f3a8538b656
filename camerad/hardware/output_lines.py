"""Opens the lines of lights, vibration motor and buzzer.

A line that the daemon before drove may have kept its level when that one was killed: a lamp shines
on. To open it puts it out, so that comes before everything that is slow to import.
"""

from __future__ import annotations

from typing import Any

import gpiozero
import msgspec
from gpiozero.exc import GPIOZeroError, PinPWMUnsupported

from camerad.base.message_ids import Log, MessageId
from camerad.hardware.buttons import explain

log = Log(__name__)


class Output(msgspec.Struct, frozen=True):
    """Wiring of an output; gpio: BCM number, active_high: on means 3.3 V. pitched: it sounds at the
    frequency at which it is switched on and off, and not at all when it is just on."""

    name: str
    gpio: int
    active_high: bool = True
    pitched: bool = False


def open_line(output: Output) -> Any:
    """The line of an output, off when this returns. Raises HardwareError."""
    try:
        return _open(output)
    except (GPIOZeroError, OSError, ValueError) as error:
        raise explain(output.gpio, f"{output.name}.gpio", error) from error


def _open(output: Output) -> Any:
    if output.pitched:
        try:
            return gpiozero.PWMOutputDevice(output.gpio, active_high=output.active_high)
        except PinPWMUnsupported:
            log.warning(
                MessageId.LIGHT,
                "%s: no pulse-width modulation on GPIO %d with this pin factory, so no pitch: use "
                "lgpio, or an active buzzer with buzzer.kind: active",
                output.name,
                output.gpio,
            )
    return gpiozero.DigitalOutputDevice(
        output.gpio, active_high=output.active_high, initial_value=False
    )
