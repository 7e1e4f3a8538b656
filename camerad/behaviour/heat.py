"""Lowers the number of pictures per second as the camera gets hot.

Pure: a `HeatReading` comes in, `step` gives the next `Heat`.

A Raspberry Pi lowers the clock of its processor from 80 °C on and, from 85 °C on, that of the part
that encodes too, on every model (Raspberry Pi documentation, "Frequency management and thermal
control"; the Zero 2 W is no exception there, and the 3 Model B+ slows down a little from 60 °C on).
A processor that was slowed down leaves out pictures here and there. So camerad takes fewer of them
before that, evenly, which is less work and less heat: two thirds from `Limits.hot_celsius` on, half
of them `APART_CELSIUS` above it, and at the latest from `LATEST_CELSIUS` on. If the firmware lowers
the clock all the same, for heat or because the supply's voltage falls, it is half of them at once.

The rate rises one step at a time, after `HOLD_US` at `COOLER_CELSIUS` below the step's threshold,
so that it does not change to and fro. The condition "too hot" ends before, as soon as it is
`COOLER_CELSIUS` below the first threshold.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND

SHARES: Final = (1.0, 2 / 3, 1 / 2)
"""Shares of the configured pictures per second, by step."""
LAST: Final = len(SHARES) - 1
APART_CELSIUS: Final = 5.0
LATEST_CELSIUS: Final = 78.0
"""From here on half of them are taken at the latest, wherever the first threshold is: one or two
readings before the firmware acts."""
COOLER_CELSIUS: Final = 5.0
HOLD_US: Final = 60 * SECOND
LEAST_FPS: Final = 5
"""Never fewer pictures per second, unless fewer are configured: their distance stays far below the
half second that a recording calls a gap."""


class Cause(StrEnum):
    """Why there are fewer pictures; as signed in a recording."""

    HEAT = "heat"
    THROTTLED = "throttled"
    """The firmware has lowered the clock of the processor."""
    COOLED = "cooled"
    """The rate has been raised again."""


class HeatReading(msgspec.Struct, frozen=True):
    """celsius: temperature of the processor; None: unknown. throttled: whether the firmware has
    lowered the processor's clock; None: unknown."""

    at_us: int
    celsius: float | None
    throttled: bool | None = None


class Heat(msgspec.Struct, frozen=True):
    """step: index into `SHARES`. cause: of the last change. hot: it is too hot. held_us: when the
    step was last needed. lowered: why each step that holds was taken, the first one first."""

    step: int = 0
    cause: Cause = Cause.COOLED
    hot: bool = False
    held_us: int = 0
    lowered: tuple[Cause, ...] = ()

    @property
    def lasting(self) -> Cause:
        """Why there are fewer pictures than configured; COOLED where there are not."""
        return self.lowered[-1] if self.lowered else Cause.COOLED


def step(heat: Heat, reading: HeatReading, hot_celsius: float) -> Heat:
    """The state after a reading. hot_celsius: where the first step begins.

    An unknown value changes nothing.
    """
    at_us = reading.at_us
    throttled = bool(reading.throttled)
    if reading.celsius is None and reading.throttled is None:
        return replace(heat, held_us=at_us)
    hot = _steps(reading.celsius, hot_celsius, COOLER_CELSIUS if heat.hot else 0.0) > 0
    called = _steps(reading.celsius, hot_celsius)
    wanted = LAST if throttled else called
    if wanted > heat.step:
        cause = Cause.HEAT if called == wanted else Cause.THROTTLED
        lowered = heat.lowered + (cause,) * (wanted - heat.step)
        return Heat(wanted, cause, hot=hot, held_us=at_us, lowered=lowered)
    if throttled or _steps(reading.celsius, hot_celsius, COOLER_CELSIUS) >= heat.step:
        return replace(heat, hot=hot, held_us=at_us)
    if at_us - heat.held_us < HOLD_US:
        return replace(heat, hot=hot)
    return Heat(heat.step - 1, Cause.COOLED, hot=hot, held_us=at_us, lowered=heat.lowered[:-1])


def fps(heat: Heat, nominal: int) -> int:
    """Pictures per second, where `nominal` are configured."""
    return max(round(nominal * SHARES[heat.step]), min(nominal, LEAST_FPS))


def _steps(celsius: float | None, hot_celsius: float, cooler: float = 0.0) -> int:
    """How many thresholds, each so much lower, are reached."""
    if celsius is None:
        return 0
    thresholds = (hot_celsius, min(hot_celsius + APART_CELSIUS, LATEST_CELSIUS))
    return sum(celsius >= threshold - cooler for threshold in thresholds)
