"""The capture process from outside: the real picamera2 on the simulated libcamera."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("hw_mocks", reason="no simulated camera")

from hw_mocks.world import WorldThread
from open_files import open_files

from camerad.stream import frame, wire
from camerad.stream.newest import FrameReader
from tests.unit.capture.child import DEADLINE, SETTINGS, Child, now_us, running
from tests.waiting import until

FRAME_US = 33_333


@pytest.fixture(scope="module")
def shared() -> Iterator[Child]:
    """One process for the tests that leave it as they found it."""
    with running() as child:
        child.hello()
        yield child


@pytest.fixture
def armed(shared: Child) -> Iterator[Child]:
    shared.packets.clear()
    shared.arm(1)
    yield shared
    shared.tell("disarm")
    shared.carried_out()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorldThread]:
    with WorldThread(tmp_path / "world") as thread:
        yield thread


def of_world(world: WorldThread, tmp_path: Path) -> dict[str, str]:
    return {"HW_MOCKS_WORLD": str(tmp_path / "world")}


def test_hello_says_what_was_opened(shared: Child) -> None:
    hello = shared.hello()
    assert hello == {
        "camera": "imx219",
        "platform": "vc4",
        "encoder": "software",
        "encoder_because": "there is no /dev/video11",
        "codec": "libx264",
        "format": "YUV420",
        "width": 640,
        "height": 360,
        "stride": 640,
        "fps": 30,
        "lores_width": 160,
        "lores_height": 96,
        "lores_stride": 192,
        "sound": None,
    }


def test_hello_is_the_first_word(shared: Child) -> None:
    assert shared.messages[0][0] is wire.MessageKind.HELLO


def test_frames_are_counted_while_nothing_is_encoded(shared: Child) -> None:
    shared.packets.clear()
    shared.beats(4)
    first, last = shared.of(wire.MessageKind.BEAT)[-4], shared.of(wire.MessageKind.BEAT)[-1]
    # Three times 250 ms; the nearest frame after that is the eighth.
    assert last["frame"] - first["frame"] == 24
    assert last["delivered"] - first["delivered"] == 24
    assert abs((last["pts_us"] - first["pts_us"]) - 24 * FRAME_US) < FRAME_US
    assert shared.packets == []


def test_footage_begins_with_a_key_frame_no_older_than_a_frame_time(shared: Child) -> None:
    for epoch in range(10, 15):
        asked_us = now_us()
        shared.arm(epoch)
        first = shared.under(epoch)[0]
        assert first.header.key
        assert first.header.pts_us >= asked_us - FRAME_US
        # The next frame, and one more that a busy machine may cost.
        assert first.arrived_us - asked_us < 500_000
        shared.tell("disarm")
    shared.beats(2)


def test_packets_follow_the_sensor_frame_by_frame(armed: Child) -> None:
    armed.until(lambda: len(armed.packets) >= 60, "two seconds")
    packets = armed.packets[:60]
    numbers = [packet.header.frame for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + 60))
    steps = [b.header.pts_us - a.header.pts_us for a, b in itertools.pairwise(packets)]
    assert all(FRAME_US - 2 <= step <= FRAME_US + 2 for step in steps)
    keys = [packet.header.frame - numbers[0] for packet in packets if packet.header.key]
    assert keys == [0, 30]
    assert armed.of(wire.MessageKind.GAP) == []


def test_fewer_pictures_per_second_are_no_gap_and_keep_the_key_frames_in_time(armed: Child) -> None:
    armed.until(lambda: len(armed.packets) >= 15, "half a second")
    before = len(armed.packets)
    armed.tell("rate", fps=15)
    armed.until(lambda: len(armed.packets) >= before + 45, "three seconds")
    slow = armed.packets[before:]
    numbers = [packet.header.frame for packet in slow]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    steps = [b.header.pts_us - a.header.pts_us for a, b in itertools.pairwise(slow)]
    # Requests that are queued already have the old rate: six, and those until it is told.
    first = next(at for at, step in enumerate(steps) if step > 3 * FRAME_US // 2) + 1
    assert first < 16
    assert all(abs(step - 2 * FRAME_US) <= 4 for step in steps[first:])
    keys = [packet.header.pts_us for packet in slow[first:] if packet.header.key]
    assert len(keys) >= 2
    assert all(abs(b - a - 1_000_000) <= FRAME_US for a, b in itertools.pairwise(keys))
    armed.tell("rate", fps=30)
    before = len(armed.packets)
    armed.until(lambda: len(armed.packets) >= before + 30, "a second")
    last = [packet.header.pts_us for packet in armed.packets[-10:]]
    assert all(abs(b - a - FRAME_US) <= 2 for a, b in itertools.pairwise(last))
    assert armed.of(wire.MessageKind.GAP) == []


def camera_buffers(pid: int) -> Iterator[bytes]:
    """What is in the DMA buffers of a process, which are memfds here."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in lines:
            if "memfd:" in line and "newest-frame" not in line:
                first, end = (int(part, 16) for part in line.split()[0].split("-"))
                memory.seek(first)
                yield memory.read(end - first)


def test_a_sensor_that_rests_is_off_in_idle_lives_on_and_wakes_for_whoever_wants_a_picture() -> (
    None
):
    with running(rests=True) as child:
        child.hello()
        child.tell("rate", fps=15)
        child.beats(2)
        assert any(any(buffer) for buffer in camera_buffers(child.pid))

        def resting() -> bool:
            last = child.of(wire.MessageKind.BEAT)[-2:]
            return len(last) == 2 and last[0]["frame"] == last[1]["frame"]

        child.until(resting, "it rests")
        before = child.of(wire.MessageKind.BEAT)[-1]
        child.beats(4)
        # It delivers nothing, and says several times a second that it lives.
        after = child.of(wire.MessageKind.BEAT)[-1]
        assert after["delivered"] == before["delivered"]
        assert after["pts_us"] - before["pts_us"] >= 3 * 250_000
        # Six buffers of each of the two streams, and no frame comes that would overwrite them.
        buffers = list(camera_buffers(child.pid))
        assert len(buffers) >= 12
        assert not any(any(buffer) for buffer in buffers)
        asked_us = now_us()
        child.arm(1, packets=20)
        first = child.under(1)[0]
        assert first.header.key
        assert first.header.pts_us >= asked_us - FRAME_US
        # The rate that it was told is not forgotten, and the pause is no gap.
        steps = [b.header.pts_us - a.header.pts_us for a, b in itertools.pairwise(child.under(1))]
        assert all(abs(step - 2 * FRAME_US) <= 4 for step in steps[8:])
        assert child.of(wire.MessageKind.GAP) == []


def test_a_key_frame_comes_on_demand(armed: Child) -> None:
    armed.until(lambda: len(armed.packets) >= 5, "some packets")
    before = len(armed.packets)
    armed.tell("key_frame")
    armed.until(lambda: any(p.header.key for p in armed.packets[before:]), "a key frame")
    # Far less than the second after which one would come by itself.
    assert any(packet.header.key for packet in armed.packets[before : before + 15])


def test_arming_again_restarts_the_encoder_under_the_new_epoch(armed: Child) -> None:
    armed.arm(2, packets=3)
    armed.arm(3, packets=3)
    epochs = [packet.header.epoch for packet in armed.packets]
    assert epochs == sorted(epochs)
    for epoch in (2, 3):
        assert [p.header.key for p in armed.under(epoch)[:3]] == [True, False, False]


def test_nothing_is_encoded_after_disarm(armed: Child) -> None:
    armed.tell("disarm")
    armed.carried_out()
    armed.beats(1)
    count, encoded = len(armed.packets), armed.of(wire.MessageKind.BEAT)[-1]["encoded"]
    armed.beats(2)
    assert len(armed.packets) == count
    assert armed.of(wire.MessageKind.BEAT)[-1]["encoded"] == encoded


def test_the_newest_frame_is_shared_only_while_it_is_wanted(shared: Child) -> None:
    reader = FrameReader(shared.frame_fd)
    assert reader.newest() is None or reader.newest()[1] == 0  # type: ignore[index]
    known, asked_us = reader.number, now_us()
    shared.tell("view", on=True)
    until(lambda: reader.number > known)
    newest = reader.newest()
    assert newest is not None
    assert reader.geometry == frame.Geometry(160, 96, 192)
    number, pts_us, picture = newest
    assert asked_us - 1_000_000 < pts_us <= now_us()
    assert len(set(picture[:96, :160].ravel().tolist())) > 20
    shared.tell("view", on=False)
    until(lambda: reader.newest_us == 0)
    assert reader.number >= number
    black = reader.newest()
    assert black is not None
    assert set(black[2].ravel().tolist()) == {16, 128}
    later = reader.number
    shared.beats(1)
    assert reader.number == later


def test_it_opens_nothing_for_writing_but_its_devices(tmp_path: Path) -> None:
    with running({"TMPDIR": str(tmp_path)}) as child:
        child.hello()
        child.arm(1, packets=10)
        child.tell("view", on=True)
        child.beats(1)
        devices = ("socket:", "pipe:", "anon_inode:", "/memfd:", "/dev/")
        written = [name for name, writable in open_files(child.pid) if writable]
        assert [name for name in written if not name.startswith(devices)] == []
        assert list(tmp_path.iterdir()) == []


def test_it_can_be_neither_dumped_nor_read_by_its_own_user(shared: Child) -> None:
    assert os.stat(f"/proc/{shared.pid}/mem").st_uid == 0
    limits = Path(f"/proc/{shared.pid}/limits").read_text()
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]


def test_signals_meant_for_the_whole_service_are_left_to_the_controller(shared: Child) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        shared.process.send_signal(number)
    shared.beats(2)
    assert shared.process.poll() is None


def test_it_stops_when_told_and_says_nothing_on_stderr() -> None:
    with running() as child:
        child.hello()
        child.arm(1, packets=3)
        child.tell("stop")
        assert child.end() == (0, "")


def test_it_ends_when_the_controller_closes_the_socket() -> None:
    with running() as child:
        child.hello()
        child.near.shutdown(socket.SHUT_RDWR)
        assert child.end() == (0, "")


def test_it_dies_with_the_process_that_started_it() -> None:
    """The socket stays open, so it is the kernel's signal that ends it."""
    near, theirs = socket.socketpair()
    frame_fd = frame.create(1 << 20)
    command = [
        *(sys.executable, "-m", "camerad.capture", "--settings", json.dumps(SETTINGS)),
        *("--socket-fd", str(theirs.fileno()), "--frame-fd", str(frame_fd)),
    ]
    fds = (theirs.fileno(), frame_fd)
    start = (
        "import subprocess, sys, json\n"
        "command, fds = json.loads(sys.argv[1])\n"
        "child = subprocess.Popen(command, pass_fds=fds)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, json.dumps([command, fds])],
        pass_fds=fds,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        gone = os.pidfd_open(pid)
        near.settimeout(DEADLINE)
        # The hello: from here on it is guarded for certain.
        assert wire.unpack(near.recv(wire.HEADER.size)).kind is wire.MessageKind.HELLO
        parent.kill()
        ended, _, _ = select.select([gone], [], [], DEADLINE)
        assert ended, "the capture process outlived its parent"
    for fd in (gone, frame_fd):
        os.close(fd)
    near.close()
    theirs.close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"command":"zoom"}\n', "unknown command"),
        (b'{"command":"arm","epoch":"one"}\n', "unknown command"),
        (b"arm\n", "not JSON"),
        (b'{"arm":1}\n', "without a name"),
        (b"x" * 5000, "more than 4096 bytes"),
    ],
)
def test_nonsense_from_the_controller_ends_it_with_a_reason(line: bytes, words: str) -> None:
    with running() as child:
        child.hello()
        child.near.sendall(line)
        status, errors = child.end()
        assert status == 70
        assert words in errors
        assert errors.count("\n") == 1
        assert words in child.of(wire.MessageKind.ERROR)[0]["message"]


def refused(child: Child) -> str:
    """What it says when it cannot start: one line, the same on stderr and on the wire."""
    status, errors = child.end()
    assert status == 69
    assert errors.startswith("camerad.capture: ")
    assert errors.count("\n") == 1
    [(kind, body)] = child.messages
    assert kind is wire.MessageKind.ERROR
    assert errors == f"camerad.capture: {body['message']}\n"
    return str(body["message"])


def test_a_missing_camera_is_said_in_one_line(tmp_path: Path, world: WorldThread) -> None:
    world.tell("sensor", {"fault": "camera_gone", "until_us": now_us() + 60_000_000}, keep="gone")
    with running(of_world(world, tmp_path)) as child:
        assert "no camera found" in refused(child)


@pytest.mark.parametrize(
    "fault", ["camera_start_error", "camera_configure_error", "camera_acquire_error"]
)
def test_a_camera_that_cannot_be_started_is_said_in_one_line(
    tmp_path: Path, world: WorldThread, fault: str
) -> None:
    world.tell("sensor", {"fault": fault, "count": 1}, keep="fault")
    with running(of_world(world, tmp_path)) as child:
        assert refused(child).startswith("the camera cannot be ")


def test_too_little_shared_memory_is_said_in_one_line() -> None:
    with running(frame_bytes=10_000) as child:
        assert "do not fit" in refused(child)


def test_wrong_settings_are_all_named() -> None:
    with running(width=3, fps=0) as child:
        status, errors = child.end()
        assert status == 64
        assert "width: 3 is odd" in errors
        assert "fps: 0 is not positive" in errors
        assert "Traceback" not in errors


def test_a_cancelled_request_is_a_gap(tmp_path: Path, world: WorldThread) -> None:
    with running(of_world(world, tmp_path)) as child:
        child.hello()
        world.wait_connected("sensor")
        child.arm(1, packets=10)
        world.tell("sensor", {"fault": "camera_cancel", "count": 1})
        child.until(lambda: bool(child.of(wire.MessageKind.GAP)), "a gap")
        gap = child.of(wire.MessageKind.GAP)[0]
        assert gap["reason"] == "not delivered by the camera"
        assert gap["frames"] == 1
        child.until(lambda: child.packets[-1].header.pts_us > gap["to_us"], "the next packet")
        times = [packet.header.pts_us for packet in child.packets]
        before = times.index(gap["from_us"])
        assert times[before + 1] == gap["to_us"]
        numbers = [packet.header.frame for packet in child.packets[before : before + 2]]
        assert numbers[1] - numbers[0] == 2


def test_a_stalled_sensor_is_silent_and_then_a_gap(tmp_path: Path, world: WorldThread) -> None:
    with running(of_world(world, tmp_path)) as child:
        child.hello()
        world.wait_connected("sensor")
        child.arm(1, packets=10)
        until_us = now_us() + 1_500_000
        world.tell("sensor", {"fault": "camera_stall", "until_us": until_us}, keep="stall")
        child.until(lambda: bool(child.of(wire.MessageKind.GAP)), "a gap")
        gap = child.of(wire.MessageKind.GAP)[0]
        assert gap["to_us"] >= until_us - FRAME_US
        assert gap["frames"] == round((gap["to_us"] - gap["from_us"]) / FRAME_US) - 1
        times = [body["pts_us"] for body in child.of(wire.MessageKind.BEAT)]
        silent_from_us = until_us - 1_500_000 + FRAME_US * 3
        assert not [at for at in times if silent_from_us < at < gap["to_us"] - 1]


def test_a_camera_that_hangs_in_stop_can_be_killed(tmp_path: Path, world: WorldThread) -> None:
    hang = {"fault": "camera_stop_hang", "until_us": now_us() + 60_000_000}
    world.tell("sensor", hang, keep="hang")  # to whoever connects, long before it runs
    with running(of_world(world, tmp_path)) as child:
        child.hello()
        child.beats(1)
        child.tell("stop")
        with pytest.raises(subprocess.TimeoutExpired):
            child.process.wait(1.0)
        child.process.kill()
        assert child.end()[0] == -signal.SIGKILL


def test_an_error_in_a_callback_ends_it_with_a_reason(tmp_path: Path) -> None:
    """picamera2's event loop would die of it without a word."""
    (tmp_path / "sitecustomize.py").write_text(
        "from camerad.capture.pictures import Pictures\n"
        "delivered = Pictures.delivered\n"
        "def failing(self, frame, *rest):\n"
        "    if frame == 20:\n"
        "        raise ZeroDivisionError('a mistake\\nin two lines')\n"
        "    return delivered(self, frame, *rest)\n"
        "Pictures.delivered = failing\n"
    )
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    with running({"PYTHONPATH": path}) as child:
        status, errors = child.end()
        assert status == 70
        assert errors == "camerad.capture: ZeroDivisionError: a mistake in two lines\n"
        assert child.of(wire.MessageKind.ERROR) == [
            {"message": "ZeroDivisionError: a mistake in two lines"}
        ]


def test_it_works_the_same_on_a_board_without_a_hardware_encoder() -> None:
    with running({"HW_MOCKS_PLATFORM": "pisp"}) as child:
        hello = child.hello()
        assert hello["platform"] == "pisp"
        assert hello["encoder_because"] == "this board has no hardware encoder"
        # Rows are padded to 128 bytes on this platform.
        assert (hello["lores_width"], hello["lores_stride"]) == (160, 256)
        child.arm(1, packets=40)
        child.tell("view", on=True)
        reader = FrameReader(child.frame_fd)
        until(lambda: reader.newest() is not None)
        assert reader.geometry == frame.Geometry(160, 96, 256)
        child.tell("stop")
        assert child.end() == (0, "")


def test_the_camera_is_there_within_a_second_of_the_start() -> None:
    """Bounded loosely, as other work may be running; `make bench` measures it."""
    with running() as child:
        child.hello()
        assert time.monotonic() - child.started < 5.0
