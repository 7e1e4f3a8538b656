"""Checks the system around the camera: the clock, the time since boot, and how the service is
confined."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from camerad.base.clock import SECOND, ClockSource, Moment, SystemClock
from camerad.base.wall_clock import KnownTime, TimeKeeper
from camerad.config import Settings
from camerad.container.statements import rfc3339
from camerad.doctor.check_results import CheckResult, FindingId
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
    return CheckResult("clock", _CLOCKS[source], {"time": rfc3339(wall_us)})


def judge_uptime(boot_us: int) -> CheckResult:
    """boot_us: of CLOCK_BOOTTIME."""
    minutes = boot_us // (60 * SECOND)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    values = {
        "seconds": boot_us // SECOND,
        "days": days,
        "hours": hours,
        "minutes": minutes,
    }
    return CheckResult("uptime", FindingId.UPTIME, values)


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


class Analysis(msgspec.Struct, frozen=True):
    """Judge the report of systemd-analyze. installed: there is a unit. said: its last words, on
    either output."""

    installed: bool
    said: str = ""


def analyse_unit(files: Sequence[Path]) -> Analysis:
    """Have systemd-analyze judge the unit, as it is installed and without the service manager."""
    if not files:
        return Analysis(installed=False)
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
    except (OSError, subprocess.TimeoutExpired) as error:
        return Analysis(installed=True, said=str(error))
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return Analysis(installed=True, said=said[-1].strip() if said else "")


def judge_hardening(analysis: Analysis, missing: Sequence[str] = ()) -> CheckResult:
    """Whether the service is confined as the shipped one is, and has what it needs beside it."""
    if not analysis.installed:
        return CheckResult("hardening", FindingId.HARDENING_NO_UNIT, {"unit": UNIT})
    if missing:
        return CheckResult("hardening", FindingId.HARDENING_ALONE, {"missing": ", ".join(missing)})
    found = _OVERALL.search(analysis.said)
    if found is None:
        return CheckResult("hardening", FindingId.HARDENING_NO_TOOL, {"why": analysis.said})
    exposure = float(found[1])
    what = FindingId.HARDENING_OK if exposure <= MOST_EXPOSED else FindingId.HARDENING_WEAK
    values = {"exposure": exposure, "limit": MOST_EXPOSED, "unit": UNIT}
    return CheckResult("hardening", what, values)
