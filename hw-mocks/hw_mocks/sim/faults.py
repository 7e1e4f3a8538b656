"""Every fault that can be scripted, by name: one table for the board, the page and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOCK: Final = "dock"
"""The role of what happens between a dock and its office, which not every simulator has."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """`role`: which mock carries it out; "" for the board itself.

    `counts`: it happens so many times, and not for so many seconds. `what`: for people.
    `of_encoder`: it happens to the hardware encoder, which not every board has and not every
    configuration uses.
    """

    name: str
    role: str
    what: str
    counts: bool = False
    on_button: bool = False
    on_light: bool = False
    of_encoder: bool = False

    @property
    def group(self) -> str:
        """What it happens to: "camera", "card", "button", "light", "clock", "power", "process",
        or the mock's role."""
        if self.on_light:
            return "light"
        return _GROUPS.get(self.role) or self.role

    @property
    def lasts(self) -> bool:
        """Whether it has an end that can be waited for, or brought about."""
        return bool(self.role) and not self.counts


_GROUPS: Final = {
    "sensor": "camera",
    "disk": "card",
    "pins": "button",
    "clock": "clock",
    "": "process",
    "gauges": "power",
    DOCK: "power",
}

_KINDS: Final = (
    FaultKind("camera_stall", "sensor", "the sensor delivers no frame"),
    FaultKind("camera_cancel", "sensor", "frames are cancelled", counts=True),
    FaultKind("camera_gone", "sensor", "the camera is unplugged"),
    FaultKind("camera_start_error", "sensor", "the camera does not start", counts=True),
    FaultKind("camera_stop_hang", "sensor", "the camera does not come back from its stop"),
    FaultKind("camera_dark", "sensor", "something covers the lens"),
    FaultKind(
        "encoder_error",
        "sensor",
        "the hardware encoder fails once",
        counts=True,
        of_encoder=True,
    ),
    FaultKind(
        "encoder_empty",
        "sensor",
        "the hardware encoder gives empty packets",
        counts=True,
        of_encoder=True,
    ),
    FaultKind("encoder_hang", "sensor", "the hardware encoder completes nothing", of_encoder=True),
    FaultKind("microphone_gone", "microphone", "the microphone is unplugged"),
    FaultKind("microphone_hangs", "microphone", "the microphone does not answer"),
    FaultKind("microphone_silent", "microphone", "the microphone gives nothing but zeros"),
    FaultKind("capture_kill", "", "the capture process is killed"),
    FaultKind("daemon_killed", "", "the daemon is killed, and started again"),
    FaultKind("disk_full", "disk", "the card is full"),
    FaultKind("disk_readonly", "disk", "the card can only be read"),
    FaultKind("disk_error", "disk", "the card answers every write with an I/O error"),
    FaultKind("disk_slow", "disk", "each sync takes three seconds"),
    FaultKind("disk_lies", "disk", "the card says that it has synced, and has not"),
    FaultKind("display_gone", "panel", "the front display is unplugged"),
    FaultKind("display_error", "panel", "the front display answers every write with an I/O error"),
    FaultKind("display_slow", "panel", "the front display takes half a second for each picture"),
    FaultKind("display_hang", "panel", "the front display hangs in its driver"),
    FaultKind("display_crash", "", "the process of the front display crashes"),
    FaultKind("display_kill", "", "the process of the front display is killed"),
    FaultKind("battery_low", "gauges", "the battery is low"),
    FaultKind("battery_critical", "gauges", "the battery is nearly empty"),
    FaultKind("battery_unknown", "gauges", "the battery's gauge fails"),
    FaultKind("docked", "gauges", "the camera is in its dock"),
    FaultKind("network_gone", DOCK, "the dock's network is gone"),
    FaultKind("hot", "gauges", "the camera is hot"),
    FaultKind("throttled", "gauges", "the firmware slows the processor down"),
    FaultKind("button_stuck", "pins", "a button is stuck", on_button=True),
    FaultKind("button_bounce", "pins", "a worn button bounces long", on_button=True),
    FaultKind("light_dead", "pins", "a light's line is shorted to ground", on_light=True),
    FaultKind("clock_unset", "clock", "nobody has set the clock since the start"),
    FaultKind("clock_step", "clock", "the wall clock jumps"),
    FaultKind("rtc_ahead", "clock", "the battery-backed clock is two years ahead"),
)

FAULTS: Final = {kind.name: kind for kind in _KINDS}
