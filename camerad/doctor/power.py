"""Checks battery and temperature, read as the daemon reads them (`camerad.hardware.power`,
`thermal`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from camerad.config import Settings
from camerad.daemon.power_monitor import RATES, NoRatesError, read_rates
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.hardware import power, thermal


def check_power(settings: Settings, check: str) -> CheckResult:
    """One of the two. Blocks as long as a gauge takes to answer."""
    if check == "battery":
        watch = settings.battery
        found = power.read_power(watch.power_supply)
        critical = watch.critical_percent / 100
        # The drain that this camera has shown is the daemon's to know; so much is always promised.
        low = critical + watch.low_minutes / 60 / watch.recording_hours
        rates = settings.device.state_dir / RATES
        return judge_battery(
            found, critical, low, watch.power_supply, rates if _measured(rates) else None
        )
    heat = thermal.read_thermal(settings.thermal.zone, settings.thermal.firmware)
    return judge_temperature(heat, settings.thermal.hot_celsius)


def _measured(rates: Path) -> bool:
    """Whether the camera has measured a battery in an earlier life."""
    try:
        return read_rates(str(rates)) != (None, None)
    except NoRatesError:
        return False  # what cannot be read says nothing of a battery


def judge_battery(
    found: power.PowerReading, critical: float, low: float, directory: Path, rates: Path | None
) -> CheckResult:
    """Judge the gauge. critical, low: levels, 0 to 1, at which the camera ends and warns. rates:
    the file that says that there was a battery, if there is one."""
    values: dict[str, Any] = {"directory": str(directory), "external": found.external}
    if found.why is not None:
        return CheckResult("battery", FindingId.BATTERY_SILENT, values | {"why": found.why})
    if found.level is None and rates is not None:
        return CheckResult("battery", FindingId.BATTERY_GONE, values | {"rates": str(rates)})
    if found.level is None:
        return CheckResult("battery", FindingId.BATTERY_NONE, values)
    values |= {"percent": round(found.level * 100)}
    if found.level <= critical and not found.external:
        return CheckResult("battery", FindingId.BATTERY_CRITICAL, values)
    what = FindingId.BATTERY_LOW if found.level < low else FindingId.BATTERY_OK
    return CheckResult("battery", what, values)


def judge_temperature(found: thermal.ThermalReading, hot: float) -> CheckResult:
    """Judge the thermometer and the firmware. hot: degrees Celsius from which the camera takes
    fewer pictures."""
    if found.under_voltage:
        return CheckResult("temperature", FindingId.TEMPERATURE_VOLTAGE)
    if found.celsius is None:
        why = found.why or "-"
        return CheckResult("temperature", FindingId.TEMPERATURE_NONE, {"why": why})
    values = {"celsius": round(found.celsius, 1), "limit": hot}
    if found.celsius >= hot or found.throttled:
        return CheckResult("temperature", FindingId.TEMPERATURE_HOT, values)
    return CheckResult("temperature", FindingId.TEMPERATURE_OK, values)
