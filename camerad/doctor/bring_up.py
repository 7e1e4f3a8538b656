"""Measures a recorded minute, and checks what a power cut leaves of the recording.

The second half of ``camerad doctor --bring-up FILE``, for the first hour with a new board. The
minute is the daemon's: the doctor starts it, a person starts a recording as an officer would, and
the doctor looks on. Then the person cuts the power. Until then FILE holds, durably and twice a
second, how much of the recording was safe; the same command goes on from there after the board has
started again. What is safe by the daemon's word has to be there then (P6).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from camerad.base import durable_files, typed_json
from camerad.base.clock import SystemClock
from camerad.base.errors import CameradError
from camerad.behaviour.stages import Stage
from camerad.config import Settings
from camerad.control.client import request
from camerad.doctor import system_checks
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.prompts import Person
from camerad.hardware import thermal

READY_SECONDS: Final = 90.0
"""What the slowest board may take until a press would record."""
PERSON_SECONDS: Final = 120.0
"""What a person may take to read what to press, and to press it."""
MINUTE_SECONDS: Final = 60.0
CLOSING_SECONDS: Final = 60.0
"""What the repair of the recording may take after the start."""
_LOOK_SECONDS: Final = 0.5
MOST_LOST_PERCENT: Final = 0.1
MOST_BUSY_PERCENT: Final = 85
"""With less of the processor free, a press or a slow card has pictures lost."""
STAT: Final = Path("/proc/stat")


class MinuteSample(NamedTuple):
    """One look. busy, all: the processors' time since the start, in ticks of all cores; available:
    memory that programs can have, bytes; lost: share of pictures, 0 to 1; red_ms: from the edge of
    the newest press that started a recording to the red light."""

    busy: int
    all: int
    heat: thermal.ThermalReading
    available: int | None
    rate: float | None
    lost: float | None
    red_ms: float | None


class BringUp(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """FILE until the power was cut. boot: id of that start of the machine. recording: id; seconds:
    of it that were safe. results: until then."""

    version: int = 1
    boot: str
    recording: str
    seconds: float
    results: list[CheckResult]


def save(path: str, begun: BringUp) -> None:
    """Put it into `path`, durably. Raises StorageError."""
    durable_files.publish(path, msgspec.json.encode(begun) + b"\n")


def resume(path: str) -> BringUp | None:
    """What `path` holds; None if there is no such file. Raises ValueError if it holds something
    else."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    return typed_json.decode(content, BringUp)


class CameraDaemon:
    """The camera's own daemon, at `socket`: asked, and started where none runs."""

    def __init__(self, settings: Settings, socket: str) -> None:
        self._settings = settings
        self._socket = socket
        self._started: subprocess.Popen[bytes] | None = None

    async def ask(self, target: str, method: str = "GET") -> Any:
        """Its answer; None if it gives none."""
        try:
            return (await asyncio.to_thread(request, self._socket, method, target))[1]
        except CameradError:
            return None

    def start(self) -> None:
        """Start it: the service where it is installed."""
        if system_checks.unit_files():
            command = ["systemctl", "start", system_checks.UNIT]
            subprocess.run(command, check=False)  # noqa: S603 - a tool found as in a shell
        else:
            self._started = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-m", "camerad", "run", "--config", str(self._settings.path)],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    async def wait(self, seconds: float, wanted: Callable[[dict[str, Any]], bool]) -> Any:
        """Its status as soon as it is as wanted; None if it is not in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            status = await self.ask("/status")
            if status is not None and wanted(status):
                return status
            await asyncio.sleep(_LOOK_SECONDS)
        return None

    async def close(self) -> None:
        """End it if it was started here and is no service."""
        if self._started is not None:
            self._started.terminate()
            await asyncio.to_thread(self._started.wait)


async def record(
    daemon: CameraDaemon, settings: Settings, person: Person
) -> tuple[CheckResult, str]:
    """The measured minute, and the id of the recording, which still runs; "" without one."""
    if await daemon.ask("/status") is None:
        daemon.start()
    if await daemon.wait(READY_SECONDS, lambda status: bool(status["ready"])) is None:
        return FindingId.MINUTE_NOT_READY.found(), ""
    person.ask_to_record()
    status = await daemon.wait(PERSON_SECONDS, _records)
    if status is None:
        return FindingId.MINUTE_NONE.found(), ""
    samples = []
    end = asyncio.get_running_loop().time() + MINUTE_SECONDS
    while asyncio.get_running_loop().time() < end:
        samples.append(look(settings, await daemon.ask("/health") or {}))
        await asyncio.sleep(1)
    return judge_minute(samples), status["recording"]["id"]


def _records(status: dict[str, Any]) -> bool:
    return status["stage"] == Stage.RECORDING.value and bool(status["recording"])


def look(settings: Settings, health: Mapping[str, Any]) -> MinuteSample:
    """Look at the machine once. health: the daemon's, empty if it did not answer."""
    ticks = [int(word) for word in STAT.read_text(encoding="ascii").split("\n")[0].split()[1:9]]
    camera = health.get("camera", {})
    return MinuteSample(
        busy=sum(ticks) - ticks[3] - ticks[4],  # idle and waiting for the card (proc_stat(5))
        all=sum(ticks),
        heat=thermal.read_thermal(settings.thermal.zone, settings.thermal.firmware),
        available=thermal.available_bytes(),
        rate=camera.get("rate"),
        lost=camera.get("lost"),
        red_ms=health.get("press_to_red_ms"),
    )


def judge_minute(samples: Sequence[MinuteSample]) -> CheckResult:
    """Judge the minute."""
    first, last = samples[0], samples[-1]
    rates = [one.rate for one in samples if one.rate is not None]
    lost = [one.lost for one in samples if one.lost is not None]
    heats = [one.heat.celsius for one in samples if one.heat.celsius is not None]
    memory = [one.available for one in samples if one.available is not None]
    if not rates or not lost:
        return FindingId.MINUTE_NONE.found()
    percent = round(sum(lost) / len(lost) * 100, 2)
    cpu = round((last.busy - first.busy) / max(1, last.all - first.all) * 100)
    limited = any(one.heat.throttled or one.heat.under_voltage for one in samples)
    values = {
        "rate": round(sum(rates) / len(rates), 2),
        "lost": percent,
        "cpu": cpu,
        "cores": os.cpu_count() or 1,
        "celsius": round(max(heats), 1) if heats else "-",
        "memory": min(memory) // 2**20 if memory else "-",
        "red_ms": "-" if last.red_ms is None else last.red_ms,
        "limited": limited,
    }
    strained = limited or percent > MOST_LOST_PERCENT or cpu > MOST_BUSY_PERCENT
    return (FindingId.MINUTE_STRAINED if strained else FindingId.MINUTE_OK).found(**values)


async def await_cut(
    daemon: CameraDaemon, path: str, results: Sequence[CheckResult], recording: str, person: Person
) -> CheckResult:
    """Have the power cut, and note until then what is safe. Returns only if the person does not
    want it."""
    boot = SystemClock().boot_id
    begun = BringUp(boot=boot, recording=recording, seconds=0.0, results=list(results))
    save(path, begun)
    person.ask_to_cut_power()
    while not person.goes_on():
        status = await daemon.ask("/status")
        if status is not None and _records(status) and status["recording"]["id"] == recording:
            begun.seconds = status["recording"]["seconds"]
            save(path, begun)
        await asyncio.sleep(_LOOK_SECONDS)
    await daemon.ask("/intents/stop", "POST")
    return FindingId.DRILL_NONE.found()


async def judge_cut(daemon: CameraDaemon, begun: BringUp) -> CheckResult:
    """What is left of the recording, once the daemon has repaired it."""
    if await daemon.ask("/status") is None:
        daemon.start()
    values = {"seconds": round(begun.seconds, 1), "kept": 0.0, "gaps": 0}
    end = asyncio.get_running_loop().time() + READY_SECONDS + CLOSING_SECONDS
    while asyncio.get_running_loop().time() < end:
        for one in await daemon.ask("/recordings") or ():
            if one["id"] == begun.recording and one["final"] is not None:
                values |= {"kept": round(one["seconds"], 1), "gaps": len(one["gaps"])}
                safe = one["seconds"] >= begun.seconds
                return (FindingId.DRILL_OK if safe else FindingId.DRILL_LOST).found(**values)
        await asyncio.sleep(_LOOK_SECONDS)
    return FindingId.DRILL_LOST.found(**values)
