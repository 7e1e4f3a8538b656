"""Reads the processor's temperature, the firmware's throttling, and the free memory.

- Temperature: ``temp`` of a thermal zone, thousandths of a degree Celsius
  (Documentation/ABI/testing/sysfs-class-thermal of the kernel).
- Throttling: ``get_throttled`` of Raspberry Pi's firmware driver, a number in hexadecimal whose
  bits say: 0 the supply's voltage is too low, 1 the processor's clock is capped, 2 it is throttled,
  3 the soft limit of temperature is reached; 16 to 19: the same has happened since the start
  (drivers/firmware/raspberrypi.c of Raspberry Pi's kernel; "get_throttled" in its documentation).
  It needs no right and no program beside. Other kernels do not have it.
- Memory: ``MemAvailable`` of ``/proc/meminfo``, KiB (proc_meminfo(5)).

Reading blocks as long as the firmware takes to answer: never on the event loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

UNDER_VOLTAGE: Final = 1 << 0
CAPPED: Final = 1 << 1
THROTTLED: Final = 1 << 2
MEMORY: Final = Path("/proc/meminfo")


class ThermalReading(msgspec.Struct, frozen=True):
    """celsius: None if it cannot be told; why: what was wrong with the zone, None where there is
    none. throttled, under_voltage: None where the firmware says nothing of it."""

    celsius: float | None
    why: str | None
    throttled: bool | None
    under_voltage: bool | None


def read_thermal(zone: Path, firmware: Path) -> ThermalReading:
    """Look at the thermal zone and at what the firmware says. Never raises."""
    celsius, why = _celsius(zone / "temp")
    bits = _bits(firmware)
    if bits is None:
        return ThermalReading(celsius, why, None, None)
    return ThermalReading(
        celsius, why, bool(bits & (CAPPED | THROTTLED)), bool(bits & UNDER_VOLTAGE)
    )


def available_bytes(path: Path = MEMORY) -> int | None:
    """Memory that programs can have without swapping, in bytes; None if the kernel does not say."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _celsius(path: Path) -> tuple[float | None, str | None]:
    try:
        celsius = int(path.read_text(encoding="ascii")) / 1000
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except OSError as error:
        return None, f"{path}: {error.strerror}"
    except ValueError:
        return None, f"{path}: shows no temperature"
    # Silicon works from -40 °C to 125 °C; a sensor that is not there shows 0 K or all ones.
    if not -40 <= celsius <= 150:
        return None, f"{path}: shows {celsius:g} °C, which cannot be"
    return celsius, None


def _bits(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return None
