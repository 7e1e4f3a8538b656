"""Within how many seconds a camera tells of a fault, by its own constants.

Some it believes at once, others only after a while: a battery that seems empty for a moment is no
empty battery. Whoever trains with the page is told for how long to wait. The seconds hold on a
board that is not busy, from the moment at which a fault begins.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from camerad.base import wall_clock
from camerad.base.clock import SECOND
from camerad.behaviour import battery, budget
from camerad.behaviour.supervision import Budget
from camerad.capture import microphone
from camerad.config import Settings
from camerad.daemon import power_monitor, storage_monitor
from camerad.hardware import selfview_process

_BUDGET: Final = Budget()
_CONFIRM_SECONDS: Final = battery.CONFIRM_US / SECOND


def expectations(settings: Settings) -> dict[str, tuple[int, ...]]:
    """{fault: whole seconds, one for each thing that follows, in their order}, of those that are
    not told at once."""
    power, heat = power_monitor.POWER_SECONDS, power_monitor.LOOK_SECONDS
    # A level that falls so far at once is believed first, and then that it stays critical.
    low = power + _CONFIRM_SECONDS
    critical = low + _CONFIRM_SECONDS
    off = critical + power_monitor.POWER_OFF_US / SECOND
    down = _BUDGET.down_us / SECOND
    hears = microphone.RETRY_SECONDS + microphone.PATIENCE_US / SECOND
    # A display that shows nothing is asked less often.
    display = selfview_process.ASK_DARK_SECONDS + budget.DISPLAY_ANSWER_SECONDS
    found: dict[str, tuple[float, ...]] = {
        "camera_stall": (down,),
        "camera_gone": (down,),
        # The process that is started anew may deliver some pictures before its encoder hangs, too.
        "encoder_hang": (2 * down,),
        "microphone_gone": (hears,),
        "microphone_hangs": (hears,),
        "disk_full": (storage_monitor.WATCH_SECONDS,),
        "disk_readonly": (storage_monitor.WATCH_SECONDS,),
        "disk_error": (settings.ring.stall_seconds,),
        "display_gone": (display,),
        "display_error": (display,),
        "display_hang": (display,),
        "battery_low": (low,),
        "battery_critical": (low, critical, off),
        "battery_unknown": (low,),
        "docked": (power,),
        "hot": (heat,),
        "throttled": (heat,),
        "light_dead": (budget.BEAT_SECONDS,),
        "clock_unset": (wall_clock.LOOK_SECONDS,),
        "rtc_ahead": (wall_clock.LOOK_SECONDS,),
        "clock_step": (wall_clock.LOOK_SECONDS,),
    }
    return {name: tuple(map(ceil, seconds)) for name, seconds in found.items()}
