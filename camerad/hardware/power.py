"""Reads batteries and chargers, as any driver of the kernel shows them.

Below ``/sys/class/power_supply`` each supply has a directory with a file for each property
(Documentation/ABI/testing/sysfs-class-power of the kernel, and its ``power_supply_class.rst``).
Read here: ``type``, ``scope``, ``present``, ``online``, ``status``, ``capacity`` (percent), and
``energy_now``/``energy_full`` (µWh) or ``charge_now``/``charge_full`` (µAh) where a gauge has no
``capacity``. A supply with the scope "Device" is that of something else, such as a headset.

Reading asks the gauge over its bus, and blocks as long as that does: never on the event loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

BATTERY: Final = "Battery"
SUPPLIED: Final = frozenset({"Charging", "Full", "Not charging"})
"""States of a battery that something supplies, where no charger has a driver of its own."""


class PowerReading(msgspec.Struct, frozen=True):
    """battery: the name of one that is there, None without any. level: 0 to 1, None if its gauge
    says nothing that can be; why: then what it said. external: a charger supplies the camera."""

    battery: str | None
    level: float | None
    why: str | None
    external: bool


def read_power(root: Path) -> PowerReading:
    """Look at all supplies below `root`. Never raises: what a gauge does not tell is said in
    `PowerReading.why`."""
    try:
        supplies = sorted(root.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return PowerReading(None, None, None, external=False)
    except OSError as error:
        return PowerReading(None, None, f"{root}: {error.strerror}", external=False)
    chargers: list[bool] = []
    batteries: list[Path] = []
    for supply in supplies:
        if _text(supply / "scope") == "Device":
            continue
        if _text(supply / "type") == BATTERY:
            if _text(supply / "present") != "0":
                batteries.append(supply)
        elif (online := _number(supply / "online")) is not None:
            chargers.append(online > 0)
    if not batteries:
        return PowerReading(None, None, None, external=any(chargers))
    battery = batteries[0]
    external = any(chargers) if chargers else _text(battery / "status") in SUPPLIED
    level, why = _level(battery)
    return PowerReading(battery.name, level, why, external)


def _level(battery: Path) -> tuple[float | None, str | None]:
    """The level of a battery, or why it is not known."""
    capacity = battery / "capacity"
    try:
        return _plausible(int(capacity.read_text(encoding="ascii")) / 100, capacity)
    except FileNotFoundError:
        pass
    except OSError as error:
        return None, f"{capacity}: {error.strerror}"
    except ValueError:
        return None, f"{capacity}: shows no number"
    for kind in ("energy", "charge"):
        now, full = _number(battery / f"{kind}_now"), _number(battery / f"{kind}_full")
        if now is not None and full is not None and full > 0:
            return _plausible(now / full, battery / f"{kind}_now")
    return None, f"{battery}: shows neither capacity, energy nor charge"


def _plausible(level: float, path: Path) -> tuple[float | None, str | None]:
    # A battery that is worn may be charged beyond what its gauge takes for full.
    if not 0 <= level <= 1.25:
        return None, f"{path}: shows {level:.0%}, which cannot be"
    return min(level, 1.0), None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None  # drivers leave out what their chip does not tell


def _number(path: Path) -> int | None:
    text = _text(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
