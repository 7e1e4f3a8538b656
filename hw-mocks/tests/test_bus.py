"""The world and its clients."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from late_world import late_world
from waiting import until

from hw_mocks.bus import QUEUE_LIMIT, WORLD_VARIABLE, Message, WorldClient, now_us
from hw_mocks.disk import Disk
from hw_mocks.framebuffer import Framebuffer
from hw_mocks.pins import SimulatedFactory
from hw_mocks.sensor import Fault, Sensor
from hw_mocks.timeofday import TimeOfDay
from hw_mocks.world import WorldThread


class Heard:
    """Messages as a mock hears them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.messages.append(message)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorldThread]:
    with WorldThread(tmp_path / "world") as world:
        yield world


def client(world_path: Path, role: str = "sensor") -> tuple[WorldClient, Heard]:
    heard = Heard()
    made = WorldClient(str(world_path), role, heard)
    assert made.wait_ready(5)
    return made, heard


def test_reports_arrive_in_order_and_whole(world: WorldThread, tmp_path: Path) -> None:
    made, _ = client(tmp_path / "world")
    # More than a socket buffer holds, so that sends are cut in the middle of lines.
    for number in range(2000):
        assert made.send({"number": number, "padding": "x" * 500})
    world.wait_for(lambda _, m: m.get("number") == 1999)
    numbers = [m["number"] for _, m in world.reports if "number" in m]
    assert numbers == list(range(2000))
    made.close()


def test_after_a_flush_the_kernel_has_every_report(world: WorldThread, tmp_path: Path) -> None:
    made, _ = client(tmp_path / "world")
    for number in range(100):
        made.send({"number": number})
    assert made.flush(5)
    assert not made._queue
    world.wait_for(lambda _, m: m.get("number") == 99)
    made.close()


def test_the_world_tells_only_the_role_that_is_meant(world: WorldThread, tmp_path: Path) -> None:
    sensor, at_sensor = client(tmp_path / "world", "sensor")
    pins, at_pins = client(tmp_path / "world", "pins")
    assert world.tell("pins", {"press": 1}) == 1
    assert world.tell("disk", {"fault": "disk_full"}) == 0
    until(lambda: at_pins.messages == [{"press": 1}])
    assert at_sensor.messages == []
    sensor.close()
    pins.close()


def test_what_still_holds_is_told_before_ready_to_whoever_connects_later(
    world: WorldThread, tmp_path: Path
) -> None:
    still = {"fault": "camera_gone", "until_us": now_us() + 60_000_000}
    over = {"fault": "camera_stall", "until_us": now_us() - 1}
    world.tell("sensor", still, keep="camera_gone")
    world.tell("sensor", over, keep="camera_stall")
    world.tell("sensor", {"fault": "passing"})
    made, heard = client(tmp_path / "world")
    # Nothing is waited for here: wait_ready promises that it has been heard already.
    assert heard.messages == [still]
    made.close()


def test_every_mock_waits_for_a_world_that_is_late_with_what_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, until_us = tmp_path / "world", now_us() + 60_000_000
    monkeypatch.setenv(WORLD_VARIABLE, str(path))
    sensor = Sensor({WORLD_VARIABLE: str(path)})
    disk, display, clock = Disk(tmp_path), Framebuffer(str(tmp_path / "fb0")), TimeOfDay()
    with (
        late_world(
            path,
            sensor={"fault": "camera_gone", "until_us": until_us},
            disk={"fault": "disk_full", "until_us": until_us},
            panel={"fault": "display_gone", "until_us": until_us},
            clock={"wall_offset_us": 4711},
            pins={"hold": {"gpio": 17, "down": True, "id": "1"}},
        ) as world,
        ThreadPoolExecutor(5) as threads,
    ):
        mocks = (sensor.connect, disk.connect, display.connect, clock.connect, SimulatedFactory)
        joining = [threads.submit(join) for join in mocks]
        until(lambda: len(world.joined) == len(mocks))
        # Longer than it takes on a machine that is not busy; it is given up after ten seconds.
        late = time.monotonic() + 1.5
        until(lambda: time.monotonic() > late)
        assert not any(one.done() for one in joining)
        world.go_on()
        *_, factory = [one.result(20) for one in joining]
        assert sensor.holds(Fault.CAMERA_GONE)
        assert disk.holds("disk_full")
        assert display._holds("display_gone")
        assert clock.offset_us == 4711
        until(lambda: factory.closed(17))
        factory.close()
    until(lambda: not any(one.name.startswith("world-") for one in threading.enumerate()))


def test_who_is_told_nothing_in_time_goes_on_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with late_world(tmp_path / "world", sensor={}):
        made = WorldClient(str(tmp_path / "world"), "sensor", Heard())
        assert not made.wait_ready(0.01)
        made.close()
    assert "did not say within 0.01 s what holds" in caplog.text


def test_a_count_that_was_used_up_is_not_told_again(world: WorldThread, tmp_path: Path) -> None:
    fault = {"fault": "camera_start_error", "count": 2}
    world.tell("sensor", fault, keep="camera_start_error")
    first, heard = client(tmp_path / "world")
    first.send({"used": "camera_start_error"})
    first.close()
    world.wait_for(lambda _, m: "goodbye" in m)
    second, at_second = client(tmp_path / "world")
    assert heard.messages == [fault]
    assert at_second.messages == [{**fault, "count": 1}]  # one of two was used
    second.send({"used": "camera_start_error"})
    second.close()
    world.wait_for(lambda _, m: "goodbye" in m, start=len(world.reports) - 1)
    third, at_third = client(tmp_path / "world")
    assert at_third.messages == []
    third.close()


def test_a_world_that_does_not_read_never_blocks_its_client(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(tmp_path / "world"))
        deaf.listen(1)
        made = WorldClient(str(tmp_path / "world"), "sensor", Heard())
        sent = 0
        # The kernel's buffer, one block on its way, then the queue: after that reports are dropped.
        while made.send({"padding": "x" * 10_000}):
            sent += 1
            assert sent < 100 * QUEUE_LIMIT
        assert sent >= QUEUE_LIMIT - 1  # the greeting may stand in the queue too
        assert not made.flush(0.01)
        began = time.monotonic()
        made.close()
        assert time.monotonic() - began < 2  # half a second for what is queued, and the thread


def test_a_message_that_a_mock_cannot_take_does_not_end_the_talk(
    world: WorldThread, tmp_path: Path
) -> None:
    heard: list[Message] = []

    def picky(message: Message) -> None:
        if message.get("bad"):
            raise ValueError("not that one")
        heard.append(message)

    made = WorldClient(str(tmp_path / "world"), "sensor", picky)
    assert made.wait_ready(5)
    world.tell("sensor", {"bad": True})
    world.tell("sensor", {"good": True})
    until(lambda: heard == [{"good": True}])
    made.close()


def test_lines_that_are_no_messages_do_not_harm_the_world(
    world: WorldThread, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as rude:
        rude.connect(str(tmp_path / "world"))
        rude.sendall(b'nonsense\n[1]\n{"report": "before any greeting"}\n{"hello": 5}\n')
        rude.sendall(b'{"hello": "rude"}\n')
        world.wait_connected("rude")
    assert [role for role, _ in world.reports][:1] == ["rude"]
    made, _ = client(tmp_path / "world")
    made.close()
