"""The board's battery, charger and temperature, as the kernel shows them.

`Gauges` makes what ``battery.power_supply``, ``thermal.zone`` and ``thermal.firmware`` of the
configuration point at (Documentation/ABI/testing/sysfs-class-power and sysfs-class-thermal of the
kernel; drivers/firmware/raspberrypi.c of Raspberry Pi's)::

    DIR/sys/class/power_supply/BAT0/{type,present,status,capacity,voltage_now}
    DIR/sys/class/power_supply/usb/{type,online}
    DIR/sys/class/thermal/thermal_zone0/{type,temp}
    DIR/sys/devices/platform/soc/soc:firmware/get_throttled

A battery starts well charged, and its level stays. What can be brought about, each for a while:

- ``battery_low``, ``battery_critical``: the level is 6 % or 2 %. A daemon that does not believe in
  a battery which is empty, or full again, from one moment to the next waits until it stays so.
- ``battery_unknown``: whoever reads the level gets an I/O error, as from a gauge whose bus fails.
- ``docked``: the charger supplies the board. Nobody wants to wait until it has charged: a board
  that the charger starts has a battery that is well charged (`hw_mocks.sim.board_power`).
- ``hot``: the processor is at 78 °C. ``throttled``: the firmware has slowed it down.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hw_mocks.bus import now_us

FAILING: Final = "/proc/self/mem"
"""What this leads to is an EIO for everybody who reads from its beginning (proc_pid_mem(5)): there
is no memory at the address 0."""
LEVEL: Final = "87"
LOW: Final = "battery_low"
CRITICAL: Final = "battery_critical"
UNKNOWN: Final = "battery_unknown"
DOCKED: Final = "docked"
HOT: Final = "hot"
THROTTLED: Final = "throttled"
FAULTS: Final = (LOW, CRITICAL, UNKNOWN, DOCKED, HOT, THROTTLED)
_LEVELS: Final = {LOW: "6", CRITICAL: "2"}
EMPTY: Final = tuple(_LEVELS)
"""Faults that a battery which has been charged has no longer."""


class Gauges:
    """`root` is the board's directory; the files are made, all well. on_dock: told whether the
    charger supplies the board, each time that this changes. Raises OSError if the files cannot be
    made."""

    def __init__(self, root: Path, on_dock: Callable[[bool], None] = lambda _: None) -> None:
        sysfs = root / "sys"
        self.power_supply: Final = sysfs / "class" / "power_supply"
        self.zone: Final = sysfs / "class" / "thermal" / "thermal_zone0"
        self.firmware: Final = sysfs / "devices/platform/soc/soc:firmware/get_throttled"
        self._holding: dict[str, asyncio.TimerHandle] = {}
        self._on_dock = on_dock
        self._docked = False
        battery = self.power_supply / "BAT0"
        for path, text in (
            (battery / "type", "Battery"),
            (battery / "present", "1"),
            (battery / "voltage_now", "3950000"),
            (self.power_supply / "usb" / "type", "USB"),
            (self.zone / "type", "cpu-thermal"),
        ):
            _show(path, text)
        self.show()

    def show(self, *faults: str) -> None:
        """Have the files say that exactly these hold. Raises ValueError for one that is none."""
        strange = set(faults).difference(FAULTS)
        if strange:
            raise ValueError(f"{strange} is no fault of a gauge; there are {', '.join(FAULTS)}")
        battery = self.power_supply / "BAT0"
        docked = DOCKED in faults
        _show(self.power_supply / "usb" / "online", "1" if docked else "0")
        _show(battery / "status", "Charging" if docked else "Discharging")
        levels = [_LEVELS[fault] for fault in (CRITICAL, LOW) if fault in faults]
        if UNKNOWN in faults:
            _lead(battery / "capacity", FAILING)
        else:
            _show(battery / "capacity", levels[0] if levels else LEVEL)
        _show(self.zone / "temp", "78000" if HOT in faults else "48250")
        # What has happened since the start (the upper half) stays; nobody needs it here.
        _show(self.firmware, "6" if THROTTLED in faults else "0")
        if docked != self._docked:
            self._docked = docked
            self._on_dock(docked)

    def fault(self, name: str, seconds: float) -> dict[str, Any]:
        """Let one hold for so long, on the running loop; returns what was done."""
        before = self._holding.pop(name, None)
        if before is not None:
            before.cancel()
        later = asyncio.get_running_loop().call_later(seconds, self.heal, name)
        self._holding[name] = later
        self.show(*self._holding)
        return {"until_us": now_us() + round(seconds * 1_000_000)}

    def stop(self) -> None:
        """Nothing is healed any more."""
        for timer in self._holding.values():
            timer.cancel()

    def heal(self, name: str) -> None:
        """End one, if it holds."""
        timer = self._holding.pop(name, None)
        if timer is not None:
            timer.cancel()
            self.show(*self._holding)


def _show(path: Path, text: str) -> None:
    # Never half a number: whoever reads sees the one before or this one.
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(f"{text}\n", encoding="ascii")
    os.replace(beside, path)


def _lead(path: Path, target: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    os.replace(beside, path)
