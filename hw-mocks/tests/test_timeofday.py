"""The wall clock below a program, and the time service and RTC of its machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sim_support import Sim
from waiting import DEADLINE, in_time, until

from hw_mocks.bus import WORLD_VARIABLE, now_us
from hw_mocks.sim.timepiece import AHEAD, AHEAD_SECONDS, STEP, UNSET, Timepiece
from hw_mocks.timeofday import ROLE, TimeOfDay
from hw_mocks.world import WorldThread

HOUR_US = 3_600_000_000
NEAR = 5.0
"""Seconds that a busy machine may need between two readings; far less than any step here."""
READERS: dict[str, Callable[[], float]] = {
    "time_ns": lambda: time.time_ns() / 1e9,
    "time": lambda: float(time.time()),
    "clock_gettime_ns": lambda: time.clock_gettime_ns(time.CLOCK_REALTIME) / 1e9,
    "clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
}
PROGRAM = """
import sys, time
print("up", flush=True)
for line in sys.stdin:
    print(time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, flush=True)
"""

# ------------------------------------------------------------------------------------- wall clock


@pytest.fixture
def clock() -> Iterator[TimeOfDay]:
    made = TimeOfDay()
    made.install()
    yield made
    made.remove()


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("offset_us", [HOUR_US, -HOUR_US])
def test_every_reading_of_the_time_of_day_is_off(
    clock: TimeOfDay, name: str, offset_us: int
) -> None:
    before = READERS[name]()
    clock.set(offset_us)
    assert READERS[name]() - before == pytest.approx(offset_us / 1e6, abs=NEAR)
    clock.set(0)
    assert READERS[name]() == pytest.approx(before, abs=NEAR)


def test_a_program_s_clock_is_set_from_outside_and_stays_so_after_a_restart(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, WORLD_VARIABLE: str(tmp_path / "world")}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    with WorldThread(tmp_path / "world") as world:
        for run in range(2):
            with (
                subprocess.Popen(
                    [sys.executable, "-m", "hw_mocks.boot", "program"],
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                ) as program,
                in_time(program, "it has told its clock, and ended"),
            ):
                assert program.stdin and program.stdout
                assert program.stdout.readline() == "up\n"

                def ask(
                    write: Any = program.stdin, read: Any = program.stdout
                ) -> tuple[float, float]:
                    write.write("\n")
                    write.flush()
                    wall_us, boot_us = read.readline().split()
                    return int(wall_us) / 1e6 - time.time(), int(boot_us) / 1e6

                ahead, boot = ask()
                assert ahead == pytest.approx(3600 if run else 0, abs=NEAR)
                if not run:
                    start = len(world.reports)
                    world.tell(ROLE, {"wall_offset_us": HOUR_US}, keep="wall")
                    told = world.wait_for(lambda _, m: "stepped_us" in m, start=start)
                    assert (told["wall_offset_us"], told["stepped_us"]) == (HOUR_US, HOUR_US)
                    ahead, later = ask()
                    assert ahead == pytest.approx(3600, abs=NEAR)
                    assert later == pytest.approx(boot, abs=NEAR)
                program.stdin.close()
                assert program.wait(DEADLINE) == 0


# ---------------------------------------------------------------------------------------- machine


class Daemon:
    """Whoever reads the wall clock of a timepiece."""

    def __init__(self, *, there: bool = True) -> None:
        self.there = there
        self.walls: list[int] = []

    def set_wall(self, offset_us: int) -> bool:
        self.walls.append(offset_us)
        return self.there


def run(directory: Path, story: Callable[[Timepiece, Daemon], Awaitable[None]]) -> None:
    """Tell a story about a machine that was started before its daemon."""

    async def told() -> None:
        daemon = Daemon(there=False)
        made = Timepiece(directory, daemon.set_wall)
        made.start()
        daemon.there = True
        await story(made, daemon)
        made.stop()
        assert not made.synchronised.exists()

    asyncio.run(told())


def rtc_ahead(made: Timepiece) -> float:
    """Seconds that the RTC is ahead of the true time."""
    return int((made.rtc / "since_epoch").read_text()) - time.time()


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.002)


def test_an_unset_clock_keeps_its_wall_time_and_its_rtc_counts_from_1970(tmp_path: Path) -> None:
    async def story(made: Timepiece, daemon: Daemon) -> None:
        told = made.fault(UNSET, 0.02, None)
        assert told["wall_offset_us"] == 0
        assert not made.synchronised.exists()
        assert int((made.rtc / "since_epoch").read_text()) < NEAR
        await reached(lambda: len(daemon.walls) == 3)  # right at the start, as it was, right again
        assert rtc_ahead(made) == pytest.approx(0, abs=NEAR)

    run(tmp_path, story)


def test_an_rtc_that_is_ahead_takes_the_wall_clock_along(tmp_path: Path) -> None:
    async def story(made: Timepiece, daemon: Daemon) -> None:
        made.fault(AHEAD, 30, None)
        assert not made.synchronised.exists()
        assert rtc_ahead(made) == pytest.approx(AHEAD_SECONDS, abs=NEAR)
        assert daemon.walls[-1] == AHEAD_SECONDS * 1_000_000

    run(tmp_path, story)


def test_steps_add_up_and_the_time_service_has_no_part_in_them(tmp_path: Path) -> None:
    async def story(made: Timepiece, daemon: Daemon) -> None:
        touched = made.synchronised.stat().st_mtime_ns
        for seconds, offset in ((3600, 3600), (-600, 3000), (-9000, -6000)):
            told = made.fault(STEP, seconds, None)
            assert told == {"wall_offset_us": offset * 1_000_000}
            assert daemon.walls[-1] == offset * 1_000_000
        assert made.synchronised.stat().st_mtime_ns == touched
        assert rtc_ahead(made) == pytest.approx(0, abs=NEAR)

    run(tmp_path, story)


@pytest.mark.parametrize(("name", "seconds"), [(UNSET, 0.01), (AHEAD, 0.01), (STEP, 3600)])
def test_the_file_is_touched_when_the_clock_is_right_and_not_before(
    tmp_path: Path, name: str, seconds: float
) -> None:
    async def story(made: Timepiece, daemon: Daemon) -> None:
        os.utime(made.synchronised, ns=(1, 1))
        made.fault(name, seconds, 0.01)
        await reached(lambda: len(daemon.walls) == 3)
        assert daemon.walls[-1] == 0
        assert not made.synchronised.exists() or made.synchronised.stat().st_mtime_ns == 1
        made.wall_is_set()
        assert time.time() - made.synchronised.stat().st_mtime == pytest.approx(0, abs=NEAR)

    run(tmp_path, story)


def test_a_new_fault_is_not_ended_by_the_end_of_the_one_before(tmp_path: Path) -> None:
    async def story(made: Timepiece, daemon: Daemon) -> None:
        made.fault(UNSET, 0.01, None)
        until_us = made.fault(UNSET, 0.05, None)["until_us"]
        # At the start, at each fault, and once at the end of the second.
        await reached(lambda: len(daemon.walls) == 4)
        assert now_us() >= until_us

    run(tmp_path, story)


# -------------------------------------------------------------------------------------- simulator


def test_a_simulated_camera_has_its_clock_set_lost_and_set_again(tmp_path: Path) -> None:
    sim = Sim(tmp_path)
    try:
        sim.ready()
        derived = yaml.safe_load((sim.state_dir / "config" / "camerad.yaml").read_text())
        synchronised = Path(derived["clock"]["synchronised"])
        rtc = Path(derived["clock"]["rtc"]) / "since_epoch"
        assert synchronised.exists()
        assert int(rtc.read_text()) == pytest.approx(time.time(), abs=NEAR)
        status, told = sim.ask("POST", "/api/fault", {"name": "clock_unset", "seconds": 60})
        assert (status, told["name"], told["wall_offset_us"]) == (200, "clock_unset", 0)
        assert not synchronised.exists()
        status, _ = sim.ask("POST", "/api/fault", {"name": "clock_unset", "seconds": 0})
        assert status == 200
        until(synchronised.exists)
        step = {"name": "clock_step", "seconds": -86400, "lasts": 0.2}
        status, told = sim.ask("POST", "/api/fault", step)
        assert (status, told["wall_offset_us"]) == (200, -86_400_000_000)

        def steps() -> list[int]:
            reports = sim.ask("GET", "/api/reports")[1]
            return [report["stepped_us"] for report in reports if report.get("stepped_us")]

        until(lambda: steps() == [-86_400_000_000, 86_400_000_000])
        for wrong in ({"seconds": 1e12}, {"seconds": 1, "lasts": -1}):
            body = json.dumps({"name": "clock_step", **wrong}).encode()
            assert sim.ask("POST", "/api/fault", body)[0] == 400
        assert sim.stop() == 0
        assert not synchronised.exists()
    finally:
        sim.close()
