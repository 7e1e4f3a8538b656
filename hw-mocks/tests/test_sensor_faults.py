"""The sensor's knobs, set in the process and by a world."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import DEADLINE, in_time, until

from hw_mocks.bus import now_us
from hw_mocks.pacing import boottime_ns
from hw_mocks.sensor import Fault, Platform, Sensor
from hw_mocks.world import WorldThread

HERE = Path(__file__).parent


def later(seconds: float) -> int:
    """Microseconds of CLOCK_BOOTTIME at this many seconds from now."""
    return boottime_ns() // 1000 + int(seconds * 1_000_000)


def test_the_environment_says_what_it_is() -> None:
    sensor = Sensor(
        {"HW_MOCKS_PLATFORM": "pisp", "HW_MOCKS_FOOTAGE": "/f", "HW_MOCKS_EPOCH_US": "1234"}
    )
    assert sensor.platform is Platform.PISP
    assert sensor.footage == Path("/f")
    assert sensor.epoch_ns == 1_234_000


def test_a_lasting_fault_holds_until_it_is_released() -> None:
    sensor = Sensor({})
    assert not sensor.holds(Fault.CAMERA_STALL)
    sensor.hold(Fault.CAMERA_STALL)
    assert sensor.holds(Fault.CAMERA_STALL)
    assert not sensor.holds(Fault.CAMERA_GONE)
    sensor.release(Fault.CAMERA_STALL)
    assert not sensor.holds(Fault.CAMERA_STALL)


def test_a_lasting_fault_ends_at_its_time() -> None:
    sensor = Sensor({})
    sensor.hold(Fault.CAMERA_STALL, later(0.1))
    assert sensor.holds(Fault.CAMERA_STALL)
    began = time.monotonic()
    sensor.wait_while(Fault.CAMERA_STALL)
    assert 0.05 < time.monotonic() - began < 5
    assert not sensor.holds(Fault.CAMERA_STALL)


def test_who_waits_is_let_go_by_a_release_or_a_new_time() -> None:
    sensor = Sensor({})
    ways: list[Callable[[], None]] = [
        lambda: sensor.release(Fault.CAMERA_STOP_HANG),
        lambda: sensor.hold(Fault.CAMERA_STOP_HANG, later(0)),
        sensor.reset,
    ]
    for let_go in ways:
        sensor.hold(Fault.CAMERA_STOP_HANG)
        waiting = threading.Thread(target=sensor.wait_while, args=(Fault.CAMERA_STOP_HANG,))
        waiting.start()
        # Meanwhile another one that began later is through: what it asks about does not hold.
        other = threading.Thread(target=sensor.wait_while, args=(Fault.CAMERA_GONE,))
        other.start()
        other.join(DEADLINE)
        assert not other.is_alive() and waiting.is_alive()
        let_go()
        waiting.join(DEADLINE)
        assert not waiting.is_alive()


def test_a_fault_hits_as_often_as_it_was_injected() -> None:
    sensor = Sensor({})
    sensor.inject(Fault.CAMERA_CANCEL, 2)
    sensor.inject(Fault.CAMERA_CANCEL)
    assert [sensor.take(Fault.CAMERA_CANCEL) for _ in range(5)] == [True] * 3 + [False] * 2
    assert not sensor.take(Fault.CAMERA_START_ERROR)


def test_a_world_can_do_all_of_it() -> None:
    sensor = Sensor({})
    sensor.obey({"fault": "camera_stall", "until_us": later(60)})
    sensor.obey({"fault": "camera_gone", "until_us": None})
    sensor.obey({"fault": "camera_cancel", "count": 2})
    sensor.obey({"fault": "camera_start_error"})
    sensor.obey({"news": "of no concern"})
    assert sensor.holds(Fault.CAMERA_STALL)
    assert sensor.holds(Fault.CAMERA_GONE)
    assert [sensor.take(Fault.CAMERA_CANCEL) for _ in range(3)] == [True, True, False]
    assert sensor.take(Fault.CAMERA_START_ERROR)
    sensor.obey({"fault": "camera_stall", "until_us": 0})
    assert not sensor.holds(Fault.CAMERA_STALL)
    with pytest.raises(ValueError, match="camera_on_fire"):
        sensor.obey({"fault": "camera_on_fire"})


PROGRAM = """
import sys
import libcamera
from hw_mocks.sensor import SENSOR, Fault
print(len(libcamera.CameraManager.singleton().cameras), flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
"""


def test_a_process_wakes_up_in_the_world_as_it_is_and_hears_what_comes() -> None:
    with tempfile.TemporaryDirectory() as folder, WorldThread(Path(folder) / "world") as world:
        world.tell(
            "sensor",
            {"fault": "camera_gone", "until_us": now_us() + 60_000_000},
            keep="camera_gone",
        )
        world.tell("sensor", {"fault": "camera_cancel", "count": 1}, keep="camera_cancel")
        with (
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env=os.environ
                | {"PYTHONPATH": str(HERE.parent), "HW_MOCKS_WORLD": f"{folder}/world"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as process,
            in_time(process, "it has told its world, and ended"),
        ):
            assert process.stdin is not None
            assert process.stdout is not None

            def ask(question: str) -> str:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(question + "\n")
                process.stdin.flush()
                return process.stdout.readline().strip()

            assert process.stdout.readline().strip() == "0"
            assert ask("SENSOR.take(Fault.CAMERA_CANCEL)") == "True"
            assert world.wait_for(lambda _, said: said.get("used") == "camera_cancel")
            world.tell("sensor", {"fault": "camera_gone", "until_us": 0})
            until(lambda: ask("SENSOR.holds(Fault.CAMERA_GONE)") == "False")
            assert ask("len(libcamera.CameraManager.singleton().cameras)") == "1"
            process.stdin.close()
            assert process.wait(DEADLINE) == 0


def test_a_hit_that_ends_its_process_is_told_all_the_same() -> None:
    """Otherwise the world would let the same fault hit the next process too."""
    with tempfile.TemporaryDirectory() as folder, WorldThread(Path(folder) / "world") as world:
        world.tell("sensor", {"fault": "camera_start_error", "count": 1}, keep="start")
        for _ in range(3):
            start = len(world.reports)
            ended = subprocess.run(
                [sys.executable, "-c", HIT_AND_GONE],
                env=os.environ
                | {"PYTHONPATH": str(HERE.parent), "HW_MOCKS_WORLD": f"{folder}/world"},
                timeout=DEADLINE,
                check=False,
            )
            assert ended.returncode == 5
            world.wait_for(lambda _, said: "goodbye" in said, start=start)
            said = [message for _, message in world.reports[start:] if "used" in message]
            assert said == [{"used": "camera_start_error"}]


HIT_AND_GONE = """
import os
import libcamera
from hw_mocks.sensor import SENSOR, Fault
libcamera.CameraManager.singleton()
os._exit(5 if SENSOR.take(Fault.CAMERA_START_ERROR) else 6)
"""
