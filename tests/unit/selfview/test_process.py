"""The self-view process from outside, and its viewer on a clock of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camerad.clock import SECOND, ManualClock, SystemClock
from camerad.errors import ConfigError
from camerad.selfview.__main__ import STALE_US, SelfViewSettings, Viewer, parse
from camerad.selfview.display import Framebuffer
from camerad.selfview.picture import Painter, Panel
from camerad.stream.frame import Geometry, create
from camerad.stream.newest import Frame, FrameReader, FrameWriter

DEADLINE = 20.0
GEOMETRY = Geometry(32, 24, 64)
PANEL = Panel(32, 24, 64, 16)
BYTES = PANEL.stride * PANEL.height


def picture(luma: int) -> Frame:
    frame = np.full(GEOMETRY.shape, 128, np.uint8)
    frame[: GEOMETRY.height] = luma
    return frame


class Shared:
    """The memfd with the newest frame, and the writer that the capture process would be."""

    def __init__(self) -> None:
        self.fd = create(1 << 16)
        self.writer = FrameWriter(self.fd, GEOMETRY)

    def put(self, luma: int, pts_us: int) -> None:
        self.writer.put(picture(luma), pts_us)


@pytest.fixture
def shared() -> Iterator[Shared]:
    memory = Shared()
    yield memory
    os.close(memory.fd)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    for name, text in (("virtual_size", "32,24"), ("bits_per_pixel", "16"), ("stride", "64")):
        (tmp_path / name).write_text(text)
    path = tmp_path / "fb0"
    path.touch()
    return path


def level(device: Path) -> int:
    """Green, 0 to 63, of the pixel in the middle."""
    low, high = device.read_bytes()[BYTES // 2 : BYTES // 2 + 2]
    return (high & 7) << 3 | low >> 5


class Bench:
    def __init__(self, device: Path, shared: Shared) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.viewer = Viewer(
            Framebuffer(str(device), PANEL),
            Painter(PANEL, mirror=True),
            FrameReader(shared.fd),
            self.clock,
        )


@pytest.fixture
def bench(device: Path, shared: Shared) -> Bench:
    return Bench(device, shared)


def test_each_new_frame_is_shown_once(bench: Bench, device: Path, shared: Shared) -> None:
    bench.viewer.show(True)
    assert not bench.viewer.refresh()
    shared.put(235, bench.clock.now_us())
    assert bench.viewer.refresh()
    assert level(device) == 63
    assert not bench.viewer.refresh()


def test_it_is_the_newest_frame_that_is_shown(bench: Bench, device: Path, shared: Shared) -> None:
    bench.viewer.show(True)
    for luma in (235, 235, 16):
        shared.put(luma, bench.clock.now_us())
    assert bench.viewer.refresh()
    assert level(device) == 0


def test_nothing_is_shown_that_is_not_wanted(bench: Bench, device: Path, shared: Shared) -> None:
    shared.put(235, bench.clock.now_us())
    assert not bench.viewer.refresh()
    assert not any(device.read_bytes())
    bench.viewer.show(True)
    assert bench.viewer.refresh()
    bench.viewer.show(False)
    assert not any(device.read_bytes())


def test_what_was_newest_while_it_was_dark_is_shown_at_once(
    bench: Bench, device: Path, shared: Shared
) -> None:
    bench.viewer.show(True)
    shared.put(235, bench.clock.now_us())
    bench.viewer.refresh()
    bench.viewer.show(False)
    bench.viewer.show(True)
    assert bench.viewer.refresh()
    assert level(device) == 63


def test_a_picture_that_stands_still_goes_dark(bench: Bench, device: Path, shared: Shared) -> None:
    bench.viewer.show(True)
    shared.put(235, bench.clock.now_us())
    bench.viewer.refresh()
    bench.clock.advance(STALE_US)
    bench.viewer.refresh()
    assert level(device) == 63
    bench.clock.advance(1)
    bench.viewer.refresh()
    assert not any(device.read_bytes())
    shared.put(235, bench.clock.now_us())
    assert bench.viewer.refresh()
    assert level(device) == 63


def test_a_picture_left_by_a_dead_camera_is_never_shown(
    bench: Bench, device: Path, shared: Shared
) -> None:
    shared.put(235, bench.clock.now_us())
    bench.clock.advance(STALE_US + 1)
    bench.viewer.show(True)
    assert not bench.viewer.refresh()
    assert not any(device.read_bytes())


class Child:
    def __init__(self, device: Path, frame_fd: int, **settings: Any) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(DEADLINE)
        known = {"device": str(device), "sysfs": str(device.parent), "mirror": True, "fps": 30}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "camerad.selfview"),
                *("--settings", json.dumps(known | settings)),
                *("--frame-fd", str(frame_fd), "--control-fd", str(theirs.fileno())),
            ],
            pass_fds=(frame_fd, theirs.fileno()),
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        self.answers = self.control.makefile()

    def ask(self, **command: Any) -> dict[str, Any]:
        self.control.sendall(json.dumps(command).encode() + b"\n")
        return self.answer()

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.answers.readline())
        return answer

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, errors


@contextlib.contextmanager
def running(device: Path, frame_fd: int, **settings: Any) -> Iterator[Child]:
    child = Child(device, frame_fd, **settings)
    try:
        yield child
    finally:
        child.process.kill()
        child.process.wait()
        assert child.process.stderr is not None
        child.process.stderr.close()
        child.answers.close()
        child.control.close()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def test_the_display_follows_the_camera_and_the_commands(device: Path, shared: Shared) -> None:
    clock = SystemClock()
    with running(device, shared.fd) as child:
        assert child.ask(show=False) == {"ok": True}
        shared.put(235, clock.now_us())
        assert not any(device.read_bytes())
        shared.put(235, clock.now_us())
        assert child.ask(show=True) == {"ok": True}

        def fed(luma: int, wanted: int) -> bool:
            shared.put(luma, clock.now_us())
            return level(device) == wanted

        until(lambda: fed(235, 63), "a bright picture")
        until(lambda: fed(16, 0), "a dark picture")
        until(lambda: fed(235, 63), "a bright picture again")
        assert child.ask(show=False) == {"ok": True}
        assert not any(device.read_bytes())
        child.control.sendall(b'{"stop":true}\n')
        assert child.end() == (0, "")


def test_it_paints_with_one_thread(device: Path) -> None:
    # So large that OpenCV would share it out on a machine with several processors.
    geometry = Geometry(640, 480, 640)
    (device.parent / "virtual_size").write_text("800,600\n")
    (device.parent / "stride").write_text("1600\n")
    fd = create(geometry.total_bytes)
    writer = FrameWriter(fd, geometry)

    def shown() -> bool:
        writer.put(np.full(geometry.shape, 128, np.uint8), SystemClock().now_us())
        return any(device.read_bytes())

    with running(device, fd) as child:
        assert child.ask(show=False) == {"ok": True}
        threads = os.listdir(f"/proc/{child.process.pid}/task")
        assert child.ask(show=True) == {"ok": True}
        until(shown, "a picture")
        assert os.listdir(f"/proc/{child.process.pid}/task") == threads
    os.close(fd)


@pytest.mark.parametrize("how", ["stop", "close"])
def test_it_leaves_a_dark_display(device: Path, shared: Shared, how: str) -> None:
    with running(device, shared.fd) as child:
        assert child.ask(show=True) == {"ok": True}

        def fed() -> bool:
            shared.put(235, SystemClock().now_us())
            return level(device) == 63

        until(fed, "a bright picture")
        if how == "stop":
            child.control.sendall(b'{"stop":true}\n')
        else:
            child.control.shutdown(socket.SHUT_RDWR)
        assert child.end() == (0, "")
    assert not any(device.read_bytes())


def test_it_is_guarded_like_every_process(device: Path, shared: Shared) -> None:
    with running(device, shared.fd) as child:
        assert child.ask(show=False) == {"ok": True}
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child.process.send_signal(number)
        assert child.ask(show=False) == {"ok": True}
        assert os.stat(f"/proc/{child.process.pid}/mem").st_uid == 0


def test_a_missing_display_is_said_in_one_line(device: Path, shared: Shared) -> None:
    device.unlink()
    with running(device, shared.fd) as child:
        assert "cannot be opened" in child.answer()["error"]
        status, errors = child.end()
        assert status == 69
        assert errors.count("\n") == 1
        assert errors.startswith("camerad.selfview: the display ")


def test_a_display_that_fails_later_is_said_too(device: Path, shared: Shared) -> None:
    with running(device, shared.fd) as child:
        assert child.ask(show=False) == {"ok": True}
        # No file of this process may grow any more, so the next picture cannot be written.
        device.write_bytes(b"")
        resource_limit = f"--fsize=0:0 --pid {child.process.pid}"
        subprocess.run(["prlimit", *resource_limit.split()], check=True)
        child.control.sendall(b'{"show":false}\n')
        assert "fails: File too large" in child.answer()["error"]
        assert child.end()[0] == 69


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"show\n", "not JSON"),
        (b'{"show":1}\n', "unknown command"),
        (b"[]\n", "unknown command"),
        (b"x" * 5000, "more than 4096 bytes"),
    ],
)
def test_nonsense_from_the_controller_ends_it_with_a_reason(
    device: Path, shared: Shared, line: bytes, words: str
) -> None:
    with running(device, shared.fd) as child:
        child.control.sendall(line)
        assert words in child.answer()["error"]
        assert child.end()[0] == 70


def test_wrong_settings_are_said_in_one_line(device: Path, shared: Shared) -> None:
    with running(device, shared.fd, brightness=3) as child:
        status, errors = child.end()
        assert status == 64
        assert "brightness" in errors
        assert errors.count("\n") == 1


@pytest.mark.parametrize("text", ["", "[1]", '{"fps":0}', '{"fps":"x"}', '{"device":3}'])
def test_settings_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


def test_settings_have_the_first_framebuffer_as_default() -> None:
    assert parse("{}") == SelfViewSettings("/dev/fb0", "/sys/class/graphics/fb0", True, 30.0)
