"""Checks the system around the camera: configuration, power, clock, and how the service is
confined.

Battery and temperature are read as the daemon reads them (`camerad.hardware.power`, `thermal`).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from camerad.base.clock import SECOND, ClockSource, Moment, SystemClock
from camerad.base.errors import ConfigError
from camerad.base.wall_clock import KnownTime, TimeKeeper
from camerad.config import Settings, load
from camerad.container.encryption import RecipientError, Sealer
from camerad.container.statements import rfc3339
from camerad.daemon.power_monitor import RATES, read_rates
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.hardware import power, thermal
from camerad.ledger.ledger_state import LedgerState
from camerad.store.identity import KEY_NAME

UNIT: Final = "camerad.service"
UNIT_DIRECTORIES: Final = (
    Path("/etc/systemd/system"),
    Path("/run/systemd/system"),
    Path("/usr/local/lib/systemd/system"),
    Path("/usr/lib/systemd/system"),
)
"""Where units of the system are looked for, first one first (systemd.unit(5))."""
COMPANIONS: Final = (
    "camerad-power-off.path",
    "camerad-power-off.service",
    "camerad-reboot.service",
)
"""Without these the daemon's word to switch off or to reboot has no effect; paths are enabled."""
MOST_EXPOSED: Final = 1.0
"""What the shipped unit has at most, by ``systemd-analyze security``, of 10."""
_ANALYSIS_SECONDS: Final = 20.0
_OVERALL: Final = re.compile(r"Overall exposure level for \S+: ([0-9]+\.[0-9]+)")
_CREDENTIAL: Final = re.compile(
    r"^\s*(?:LoadCredential|LoadCredentialEncrypted)=\s*identity\.pem(?::(\S+))?\s*$", re.MULTILINE
)
CREDENTIAL_STORES: Final = tuple(
    Path(place) / f"credstore{kind}"
    for place in ("/etc", "/run", "/usr/local/lib", "/usr/lib")
    for kind in ("", ".encrypted")
)
"""Where the service manager looks for a credential without a path (systemd.exec(5))."""

# ----------------------------------------------------------------------------------- configuration


def check_configuration(path: Path) -> tuple[Settings | None, CheckResult]:
    """The settings in the file at `path`, None if they are not in order; and what is to be said."""
    try:
        settings = load(path)
    except ConfigError as error:
        values = {"file": str(path), "mistakes": "\n".join(error.mistakes)}
        return None, FindingId.CONFIGURATION_WRONG.found(**values)
    values = {"file": str(path), "policy": settings.policy.name}
    return settings, FindingId.CONFIGURATION_OK.found(**values)


def check_recipients(settings: Settings) -> CheckResult:
    """Whether recordings can be sealed to a recipient."""
    file = str(settings.path)
    if not settings.recipients:
        return FindingId.RECIPIENTS_NONE.found(file=file)
    try:
        Sealer(settings.recipients)
    except RecipientError as error:
        return FindingId.RECIPIENTS_WRONG.found(file=file, why=str(error))
    return FindingId.RECIPIENTS_OK.found(count=len(settings.recipients))


# ------------------------------------------------------------------------- battery and temperature


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
    except ValueError:
        return False  # what cannot be read says nothing of a battery


def judge_battery(
    found: power.PowerReading, critical: float, low: float, directory: Path, rates: Path | None
) -> CheckResult:
    """Judge the gauge. critical, low: levels, 0 to 1, at which the camera ends and warns. rates:
    the file that says that there was a battery, if there is one."""
    values: dict[str, Any] = {"directory": str(directory), "external": found.external}
    if found.why is not None:
        return FindingId.BATTERY_SILENT.found(**values, why=found.why)
    if found.level is None and rates is not None:
        return FindingId.BATTERY_GONE.found(**values, rates=str(rates))
    if found.level is None:
        return FindingId.BATTERY_NONE.found(**values)
    values |= {"percent": round(found.level * 100)}
    if found.level <= critical and not found.external:
        return FindingId.BATTERY_CRITICAL.found(**values)
    what = FindingId.BATTERY_LOW if found.level < low else FindingId.BATTERY_OK
    return what.found(**values)


def judge_temperature(found: thermal.ThermalReading, hot: float) -> CheckResult:
    """Judge the thermometer and the firmware. hot: degrees Celsius from which the camera takes
    fewer pictures."""
    if found.under_voltage:
        return FindingId.TEMPERATURE_VOLTAGE.found()
    if found.celsius is None:
        why = found.why or "-"
        return FindingId.TEMPERATURE_NONE.found(why=why)
    values = {"celsius": round(found.celsius, 1), "limit": hot}
    if found.celsius >= hot or found.throttled:
        return FindingId.TEMPERATURE_HOT.found(**values)
    return FindingId.TEMPERATURE_OK.found(**values)


# -------------------------------------------------------------------------------------- clock


def read_clock(settings: Settings, ledger: LedgerState | None) -> Moment:
    """Judge the machine's clock. ledger: what it knows of right time."""
    known = KnownTime()
    if ledger is not None:
        right = ledger.timeline.synchronised
        here = ledger.timeline.synchronised_in(SystemClock().boot_id)
        known = KnownTime(None if right is None else right.wall_us, here)
    keeper = TimeKeeper(settings.clock.synchronised, settings.clock.rtc, known)
    return keeper.look().moment


_CLOCKS: Final = {
    ClockSource.SYNCHRONISED: FindingId.CLOCK_SYNCHRONISED,
    ClockSource.RTC: FindingId.CLOCK_RTC,
    ClockSource.UNKNOWN: FindingId.CLOCK_UNKNOWN,
}


def judge_clock(source: ClockSource, wall_us: int) -> CheckResult:
    """Whether date and time can be trusted."""
    return _CLOCKS[source].found(time=rfc3339(wall_us))


def judge_uptime(boot_us: int) -> CheckResult:
    """boot_us: of CLOCK_BOOTTIME."""
    minutes = boot_us // (60 * SECOND)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    values = {
        "seconds": boot_us // SECOND,
        "days": days,
        "count": days,
        "hours": hours,
        "minutes": minutes,
    }
    return FindingId.UPTIME.found("uptime", **values)


# ------------------------------------------------------------------------------------ service


def unit_files(directories: Sequence[Path] = UNIT_DIRECTORIES) -> list[Path]:
    """The file of the camera's unit that counts, and its drop-ins; none if it is not installed."""
    units = [directory / UNIT for directory in directories if (directory / UNIT).is_file()]
    return [units[0], *_drop_ins(directories)] if units else []


def missing_companions(directories: Sequence[Path] = UNIT_DIRECTORIES) -> tuple[str, ...]:
    """Which units are not installed, or not enabled, that the camera's needs beside it."""
    return tuple(name for name in COMPANIONS if not _works(name, directories))


def _works(name: str, directories: Sequence[Path]) -> bool:
    if not any((directory / name).is_file() for directory in directories):
        return False
    wanted = any(any(directory.glob(f"*.wants/{name}")) for directory in directories)
    return wanted or not name.endswith(".path")


def _drop_ins(directories: Sequence[Path]) -> Iterator[Path]:
    for directory in directories:
        yield from sorted((directory / f"{UNIT}.d").glob("*.conf"))


def brings_key(files: Sequence[Path], stores: Sequence[Path] = CREDENTIAL_STORES) -> bool:
    """Whether the service manager brings the device's key: the unit takes one, and it is there."""
    paths: list[Path] = []
    for file in files:
        for found in _CREDENTIAL.finditer(file.read_text(encoding="utf-8", errors="replace")):
            paths += [Path(found[1])] if found[1] else [store / KEY_NAME for store in stores]
    return any(map(_may_be_there, paths))


def _may_be_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True


def check_hardening(files: Sequence[Path], missing: Sequence[str] = ()) -> CheckResult:
    """Whether the service is confined as the shipped one is, and has what it needs beside it.

    systemd-analyze judges the unit as it is installed, without the service manager. files: of the
    unit. missing: of its companions.
    """
    if not files:
        return FindingId.HARDENING_NO_UNIT.found(unit=UNIT)
    if missing:
        return FindingId.HARDENING_ALONE.found(missing=", ".join(missing))
    # By its name, so that drop-ins count; from the environment it takes no other place for units.
    command = ("systemd-analyze", "--no-pager", "--offline=true", "security", UNIT)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SYSTEMD_")}
    try:
        done = subprocess.run(  # noqa: S603 - a tool found on the path as in a shell
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_ANALYSIS_SECONDS,
            env=environment | {"LC_ALL": "C.UTF-8"},
        )
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        said = lines[-1].strip() if lines else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    found = _OVERALL.search(said)
    if found is None:
        return FindingId.HARDENING_NO_TOOL.found(why=said)
    exposure = float(found[1])
    what = FindingId.HARDENING_OK if exposure <= MOST_EXPOSED else FindingId.HARDENING_WEAK
    values = {"exposure": exposure, "limit": MOST_EXPOSED, "unit": UNIT}
    return what.found(**values)


def check_service() -> CheckResult:
    """The same of the installed unit."""
    return check_hardening(unit_files(), missing_companions())
