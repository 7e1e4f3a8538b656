"""Estimates the battery's level and the recording time left, and derives its conditions.

Pure: a `GaugeReading` comes in with its time; `step` gives the next `Battery`.

Theory of operation
-------------------
The decisive figure is not the level but the time left for a recording. That depends on the camera:
its battery ages, and display, light and cold add to the load. So the *drain*, the level lost in an
hour, is measured: one `Meter` adds up the loss while the camera recorded, another the loss while it
did not. A meter concludes after `LEARN` of the level has gone. A drain that rises is adopted at
once, and so is one that falls by half. Until the first one, `Limits.first_drain` applies. The
larger of both meters applies, with a fifth added (`MARGIN`): a gauge has steps of one percent, and
a battery falls faster at its end.

- *Low*: less than `Limits.low_minutes` are left until critical; over when a quarter more is.
- *Critical*: the level has been at or below `Limits.critical` for `CONFIRM_US`, and no charger
  holds it. The daemon then ends in order.
- *Losing*: a charger is there, and the level has fallen by `LOST` from where it was highest with
  it: a worn contact, or a port that gives less than a recording takes. Over when it has risen by
  `RISEN` from where it was lowest. The camera is in its dock all the same.
- *Unknown*: there is a battery, and its gauge has given no possible value for `CONFIRM_US`, or
  contradictory values for `NONSENSE_US`. The wearer is told and nothing else follows: a gauge that
  fails is no empty battery.

A level that jumps, up or down, by more than `JUMP` is adopted after it has stayed there for
`CONFIRM_US`: a bus that was disturbed shows nonsense for a moment. Until then the level before
applies. Such a moment neither counts towards critical nor restarts its time, so a gauge that is
right more often than not still reports an empty battery.

Where no battery was ever seen, there is no condition. If one was seen and is seen no more, the
gauge has failed: a camera that runs on its battery cannot lose it, but a driver can lose its chip.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND

CONFIRM_US: Final = 30 * SECOND
"""How long a reading must hold before it is adopted: many readings of the daemon."""
NONSENSE_US: Final = 2 * CONFIRM_US
"""A gauge whose readings agree neither with the adopted level nor with each other for so long
counts as failed. One that only jumped is adopted before."""
JUMP: Final = 0.05
"""No battery loses or gains so much between two readings, not even ten seconds apart: that would be
18 times its level in an hour, and cells of cameras give three."""
LEARN: Final = 0.05
"""A meter concludes after so much of the level: five steps of a gauge, so that one step more or
less is the fifth that `MARGIN` is for."""
MARGIN: Final = 1.2
GAUGE_STEP: Final = 0.01
"""A gauge of whole percents may show the next level in a moment."""
RECOVERED: Final = 1.25
"""Low is over when so many times the minutes are left at which it began."""
RISEN: Final = 0.02
"""Critical is over when the level has risen by so much, which a resting battery does not."""
LOST: Final = 0.02
"""Loss of level that a charger may not allow: two steps of a gauge, since one is none."""
APART_US: Final = 120 * SECOND
"""Readings further apart than this are not compared: the load in between is unknown."""
ROUNDING: Final = 1e-9
"""Two percents are two hundredths, whatever rounding errors a difference of floats has."""
LEAST_DRAIN: Final = 0.02
MOST_DRAIN: Final = 4.0
"""Bounds of a drain that can be: a level lasts for two days at most, and a quarter of an hour at
least."""


class Limits(msgspec.Struct, frozen=True):
    """low_minutes: of recording, until critical, below which the battery counts as low. critical:
    the level, 0 to 1, at which the camera ends in order. first_drain: level per hour of recording,
    until one was measured."""

    low_minutes: float
    critical: float
    first_drain: float


class GaugeReading(msgspec.Struct, frozen=True):
    """One reading of the gauge at `at_us`.

    level: 0 to 1; None: no possible value. external: a charger supplies the camera. recording:
    whether the camera is keeping footage. shown: whether a battery shows at all.
    """

    at_us: int
    level: float | None
    external: bool
    recording: bool
    shown: bool = True


class Meter(msgspec.Struct, frozen=True):
    """Measures a drain. rate: level per hour, None before the first conclusion. fell, lasted_us:
    loss and time since then."""

    rate: float | None = None
    fell: float = 0.0
    lasted_us: int = 0

    def add(self, fell: float, lasted_us: int) -> Meter:
        """Add a loss of level over a time."""
        fell, lasted_us = max(0.0, self.fell + fell), self.lasted_us + lasted_us
        if fell < LEARN:
            return replace(self, fell=fell, lasted_us=lasted_us)
        rate = fell * 3600 * SECOND / lasted_us
        if self.rate is not None and rate < self.rate:
            rate = (rate + self.rate) / 2
        return Meter(min(max(rate, LEAST_DRAIN), MOST_DRAIN))


class Battery(msgspec.Struct, frozen=True):
    """The estimate of the battery.

    present: one was seen, in this run or an earlier one. level: 0 to 1, as adopted; None without a
    gauge that works. minutes: of recording until critical; None where unknown. docked: a charger
    supplies the camera. losing: the level falls although docked. recording, standby: the drain
    while the camera records, and while it does not. The other fields are the memory of `step`: time
    and load of the last reading; since when the gauge fails, the level has jumped (and its new
    value) or was critical; and the reference level of the charger.
    """

    present: bool = False
    level: float | None = None
    minutes: float | None = None
    docked: bool = False
    losing: bool = False
    low: bool = False
    critical: bool = False
    unknown: bool = False
    recording: Meter = Meter()
    standby: Meter = Meter()
    at_us: int = 0
    recorded: bool = False
    failing_us: int | None = None
    jumped_us: int | None = None
    jumped: float = 0.0
    flat_us: int | None = None
    held: float | None = None

    def drain(self, limits: Limits) -> float:
        """The drain to calculate with, level per hour of recording."""
        recording = limits.first_drain if self.recording.rate is None else self.recording.rate
        return MARGIN * max(recording, self.standby.rate or 0.0)


def step(battery: Battery, reading: GaugeReading, limits: Limits) -> Battery:
    """The estimate after a reading."""
    battery = replace(battery, present=battery.present or reading.shown, docked=reading.external)
    if not battery.present:
        return battery
    if not reading.external:
        battery = replace(battery, losing=False, held=None)
    elif not battery.losing:
        battery = replace(battery, critical=False, flat_us=None)
    if reading.level is None:
        return _failing(battery, reading)
    if battery.level is not None and abs(reading.level - battery.level) > JUMP:
        since_us = battery.jumped_us
        if since_us is None or abs(reading.level - battery.jumped) > JUMP:
            since_us = reading.at_us  # a jump to another value than before
        if reading.at_us - since_us < CONFIRM_US:
            return replace(
                battery,
                jumped_us=since_us,
                jumped=reading.level,
                failing_us=None,
                unknown=reading.at_us - battery.at_us >= NONSENSE_US,
            )
    battery = _learn(battery, reading, reading.level)
    if battery.docked:
        battery = _charging(battery, reading.level)
    return _judge(battery, reading.level, limits)


def _failing(battery: Battery, reading: GaugeReading) -> Battery:
    """The gauge fails: a low battery stays low, and none becomes low."""
    since_us = reading.at_us if battery.failing_us is None else battery.failing_us
    unknown = reading.at_us - since_us >= CONFIRM_US
    return replace(
        battery,
        level=None if unknown else battery.level,
        minutes=None if unknown else battery.minutes,
        unknown=unknown,
        failing_us=since_us,
        flat_us=None if unknown else battery.flat_us,
    )


def _learn(battery: Battery, reading: GaugeReading, level: float) -> Battery:
    """Adopt the reading, and add the loss since the last one to its meter if the load is known."""
    recording, standby = battery.recording, battery.standby
    lasted_us = reading.at_us - battery.at_us
    believed = battery.jumped_us is None and battery.failing_us is None
    flat_us = battery.flat_us
    if flat_us is not None and not believed:
        flat_us += lasted_us
    if (
        battery.level is not None
        and believed
        and not reading.external
        and lasted_us <= APART_US
        and battery.recorded is reading.recording
    ):
        fell = battery.level - level
        if reading.recording:
            recording = recording.add(fell, lasted_us)
        else:
            standby = standby.add(fell, lasted_us)
    return replace(
        battery,
        level=level,
        recording=recording,
        standby=standby,
        at_us=reading.at_us,
        recorded=reading.recording,
        unknown=False,
        failing_us=None,
        jumped_us=None,
        flat_us=flat_us,
    )


def _charging(battery: Battery, level: float) -> Battery:
    """Whether the charger holds the level."""
    held = level if battery.held is None else battery.held
    losing = battery.losing
    if losing and level >= held + RISEN - ROUNDING:
        losing, held = False, level
    elif not losing and level <= held - LOST + ROUNDING:
        losing, held = True, level
    return replace(battery, losing=losing, held=(min if losing else max)(held, level))


def _judge(battery: Battery, level: float, limits: Limits) -> Battery:
    left = max(0.0, level - limits.critical - GAUGE_STEP)
    minutes = left / battery.drain(limits) * 60
    enough = limits.low_minutes * (RECOVERED if battery.low else 1.0)
    flat_us, critical = battery.flat_us, battery.critical
    held = battery.docked and not battery.losing
    if held or level > limits.critical + (RISEN if critical else 0.0):
        flat_us, critical = None, False
    elif flat_us is None:
        flat_us = battery.at_us
    elif battery.at_us - flat_us >= CONFIRM_US:
        critical = True
    return replace(
        battery, minutes=minutes, low=minutes < enough, critical=critical, flat_us=flat_us
    )
