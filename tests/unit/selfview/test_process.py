"""The self-view process from outside, and its viewer on a clock of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camerad.base.clock import SECOND, ManualClock, SystemClock
from camerad.base.errors import ConfigError
from camerad.behaviour.scene import DARK, Mirror, RecordingScene, Scene, SoundScene, to_wire
from camerad.selfview.framebuffer import Framebuffer
from camerad.selfview.panel import Panel
from camerad.selfview.screen import Screen
from camerad.selfview.viewer import STALE_US, Viewer
from camerad.selfview.viewer_settings import ViewerSettings, parse
from camerad.stream.frame import Geometry, create
from camerad.stream.newest import Frame, FrameReader, FrameWriter
from tests.unit.selfview.texts import TEXTS
from tests.waiting import until

DEADLINE = 20.0
GEOMETRY = Geometry(32, 24, 64)
PANEL = Panel(320, 240, 640, 16)
MIRROR = to_wire(Mirror())
FRAME_US = SECOND // 30


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
    for name, text in (("virtual_size", "320,240"), ("bits_per_pixel", "16"), ("stride", "640")):
        (tmp_path / name).write_text(text)
    path = tmp_path / "fb0"
    path.touch()
    return path


def level(device: Path) -> int:
    """Green, 0 to 63, of a pixel in the upper part of the picture."""
    at = PANEL.stride * 30 + PANEL.width // 2
    low, high = device.read_bytes()[at : at + 2]
    return (high & 7) << 3 | low >> 5


class Bench:
    def __init__(self, device: Path, shared: Shared, fps: float = 30) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.viewer = Viewer(
            Framebuffer(str(device), PANEL),
            Screen(PANEL, mirror=True, texts=TEXTS["de"]),
            FrameReader(shared.fd),
            self.clock,
            fps,
        )


@pytest.fixture
def bench(device: Path, shared: Shared) -> Bench:
    return Bench(device, shared)


def test_each_new_frame_is_shown_once(bench: Bench, device: Path, shared: Shared) -> None:
    bench.viewer.show(Mirror())
    assert not bench.viewer.refresh()
    shared.put(235, bench.clock.now_us())
    assert bench.viewer.refresh()
    assert level(device) == 63
    assert not bench.viewer.refresh()


def test_it_is_the_newest_frame_that_is_shown(bench: Bench, device: Path, shared: Shared) -> None:
    bench.viewer.show(Mirror())
    for luma in (235, 235, 16):
        shared.put(luma, bench.clock.now_us())
    assert bench.viewer.refresh()
    assert level(device) == 0


def test_nothing_is_shown_that_is_not_wanted(bench: Bench, device: Path, shared: Shared) -> None:
    shared.put(235, bench.clock.now_us())
    assert not bench.viewer.refresh()
    assert not any(device.read_bytes())
    bench.viewer.show(Mirror())
    assert level(device) == 63
    bench.viewer.show(DARK)
    assert not any(device.read_bytes())
    assert bench.viewer.wait_us() is None


@pytest.mark.parametrize(
    "between", [DARK, Mirror(30.0), RecordingScene(100 * SECOND, SoundScene.ON)]
)
def test_what_was_newest_is_shown_at_once_in_another_scene(
    bench: Bench, device: Path, shared: Shared, between: Scene
) -> None:
    bench.viewer.show(Mirror())
    shared.put(235, bench.clock.now_us())
    bench.viewer.refresh()
    bench.viewer.show(between)
    bench.viewer.show(Mirror())
    assert level(device) == 63
    assert not bench.viewer.refresh()


def test_the_same_scene_again_is_written_again_and_keeps_its_picture(
    bench: Bench, device: Path, shared: Shared
) -> None:
    bench.viewer.show(Mirror())
    shared.put(235, bench.clock.now_us())
    bench.viewer.refresh()
    before = device.read_bytes()
    device.write_bytes(bytes(len(before)))  # something else wrote to it: a console
    bench.viewer.show(Mirror())
    assert device.read_bytes() == before


def test_a_picture_that_stands_still_goes_away(bench: Bench, device: Path, shared: Shared) -> None:
    bench.viewer.show(Mirror())
    shared.put(235, bench.clock.now_us())
    bench.viewer.refresh()
    bench.clock.advance(STALE_US)
    assert not bench.viewer.refresh()
    assert level(device) == 63
    bench.clock.advance(1)
    assert bench.viewer.refresh()
    assert level(device) == 0
    assert not bench.viewer.refresh()  # said once
    shared.put(235, bench.clock.now_us())
    assert bench.viewer.refresh()
    assert level(device) == 63


def test_a_picture_left_by_a_dead_camera_is_never_shown(
    bench: Bench, device: Path, shared: Shared
) -> None:
    shared.put(235, bench.clock.now_us())
    bench.clock.advance(STALE_US + 1)
    bench.viewer.show(Mirror())
    assert not bench.viewer.refresh()
    assert level(device) == 0


def test_the_running_time_goes_on_without_a_picture(
    bench: Bench, device: Path, shared: Shared
) -> None:
    bench.viewer.show(RecordingScene(bench.clock.now_us()))
    seen = {device.read_bytes()}
    for second in range(1, 4):
        wait_us = bench.viewer.wait_us()
        assert wait_us is not None
        bench.clock.advance(SECOND - 1)
        bench.viewer.refresh()
        before = device.read_bytes()
        bench.clock.advance(1)
        assert bench.viewer.refresh()
        assert device.read_bytes() != before
        seen.add(device.read_bytes())
        # Each second is another picture: 00:00 to 00:03; "Kein Bild" comes between two.
        assert len(seen) == second + 1


def test_that_there_is_no_picture_is_said_also_when_the_running_time_grows_a_digit(
    bench: Bench, device: Path, shared: Shared
) -> None:
    def lit() -> int:
        rows = np.frombuffer(device.read_bytes(), np.uint16).reshape(240, -1)
        return int((rows[:150] != 0).sum())  # the picture's place, above the running time

    bench.viewer.show(RecordingScene(bench.clock.now_us()))
    bench.clock.advance(3599 * SECOND)
    bench.viewer.refresh()
    said = lit()
    assert said, "no picture, and nothing says so"
    bench.clock.advance(SECOND)
    assert bench.viewer.refresh()
    assert lit() == said
    # A picture takes its place, and it does not come back by itself.
    shared.put(235, bench.clock.now_us())
    assert bench.viewer.refresh()
    assert level(device) == 63
    bench.clock.advance(SECOND)
    bench.viewer.refresh()
    assert level(device) == 63


SLOW, QUICK, BETWEEN = 400_000, 1_000, 300_000
"""Microseconds for a picture: more than a third of a second, less than a quarter, and neither."""


@pytest.mark.parametrize(
    ("took_us", "slow"),
    [
        ([SLOW] * 3, True),
        ([SLOW] * 2, False),
        ([SLOW] * 2 + [QUICK] + [SLOW] * 2, False),
        # It is slow until three in a row are quick.
        ([SLOW] * 3 + [QUICK] * 2, True),
        ([SLOW] * 3 + [QUICK] * 3, False),
        ([SLOW] * 3 + [QUICK] * 2 + [SLOW] + [QUICK] * 2, True),
        # One that takes about a third of a second is not now slow and now quick.
        ([SLOW] * 3 + [BETWEEN] * 9, True),
        ([SLOW] * 3 + [QUICK] * 3 + [BETWEEN] * 9, False),
    ],
)
def test_a_display_that_takes_long_again_and_again_is_slow(
    bench: Bench, shared: Shared, monkeypatch: pytest.MonkeyPatch, took_us: list[int], slow: bool
) -> None:
    bench.viewer.show(Mirror())
    show = Framebuffer.show
    for write_us in took_us:

        def taking(display: Framebuffer, pixels: Frame, write_us: int = write_us) -> None:
            bench.clock.advance(write_us)
            show(display, pixels)

        monkeypatch.setattr(Framebuffer, "show", taking)
        bench.clock.advance(FRAME_US)
        shared.put(235, bench.clock.now_us())
        assert bench.viewer.refresh()
    assert bench.viewer.slow is slow


def test_pictures_are_shown_at_the_wanted_rate_at_most(device: Path, shared: Shared) -> None:
    bench = Bench(device, shared, fps=15)
    bench.viewer.show(Mirror())
    shown = 0
    for _ in range(30):
        bench.clock.advance(FRAME_US)
        shared.put(235, bench.clock.now_us())
        shown += bench.viewer.refresh()
    assert shown == 15


def test_every_picture_of_an_uneven_sensor_is_shown(bench: Bench, shared: Shared) -> None:
    bench.viewer.show(Mirror())
    for number in range(30):
        # 27 and 40 ms in turn, around 33.
        bench.clock.advance(FRAME_US + (-6_000 if number % 2 else 6_000))
        shared.put(235, bench.clock.now_us())
        assert bench.viewer.refresh()


def test_a_picture_is_looked_for_when_it_is_due_and_not_all_the_time(
    bench: Bench, shared: Shared
) -> None:
    bench.viewer.show(Mirror())
    looks, late = 0, []
    exposed_us = bench.clock.now_us() + FRAME_US
    for _ in range(60):
        # The camera needs 9 ms from the exposure until the picture is there.
        there_us, put = exposed_us + 9_000, False
        while not (put and bench.viewer.refresh()):
            wait_us = bench.viewer.wait_us()
            assert wait_us is not None
            bench.clock.advance(max(1_000, wait_us // 1000 * 1000))
            looks += 1
            if not put and bench.clock.now_us() >= there_us:
                shared.put(235, exposed_us)
                put = True
        late.append(bench.clock.now_us() - there_us)
        exposed_us += FRAME_US
    # A look a millisecond, and a wake that is early by as much as pictures may drift.
    assert max(late[5:]) <= 2_000
    assert looks <= 60 * 4


class Child:
    def __init__(self, device: Path, frame_fd: int, **settings: Any) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(DEADLINE)
        known = {
            "device": str(device),
            "sysfs": str(device.parent),
            "mirror": True,
            "fps": 30,
            "texts": TEXTS["de"],
        }
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


def test_the_display_follows_the_camera_and_the_commands(device: Path, shared: Shared) -> None:
    clock = SystemClock()
    with running(device, shared.fd) as child:
        assert child.ask(show=to_wire(DARK)) == {"ok": True}
        shared.put(235, clock.now_us())
        assert not any(device.read_bytes())
        shared.put(235, clock.now_us())
        assert child.ask(show=MIRROR) == {"ok": True}

        def fed(luma: int, wanted: int) -> bool:
            shared.put(luma, clock.now_us())
            return level(device) == wanted

        until(lambda: fed(235, 63), DEADLINE, "a bright picture")
        until(lambda: fed(16, 0), DEADLINE, "a dark picture")
        until(lambda: fed(235, 63), DEADLINE, "a bright picture again")
        assert child.ask(show=to_wire(DARK)) == {"ok": True}
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
        return any(device.read_bytes()[:1600])  # the first row: there is no text

    with running(device, fd) as child:
        assert child.ask(show=to_wire(DARK)) == {"ok": True}
        threads = os.listdir(f"/proc/{child.process.pid}/task")
        assert child.ask(show=MIRROR) == {"ok": True}
        until(shown, DEADLINE, "a picture")
        assert os.listdir(f"/proc/{child.process.pid}/task") == threads
    os.close(fd)


@pytest.mark.parametrize("how", ["stop", "close"])
def test_it_leaves_a_dark_display(device: Path, shared: Shared, how: str) -> None:
    with running(device, shared.fd) as child:
        assert child.ask(show=MIRROR) == {"ok": True}

        def fed() -> bool:
            shared.put(235, SystemClock().now_us())
            return level(device) == 63

        until(fed, DEADLINE, "a bright picture")
        if how == "stop":
            child.control.sendall(b'{"stop":true}\n')
        else:
            child.control.shutdown(socket.SHUT_RDWR)
        assert child.end() == (0, "")
    assert not any(device.read_bytes())


CONTROLLER = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[2:], pass_fds=[int(fd) for fd in sys.argv[1].split(",")])
print(child.pid, flush=True)
time.sleep(600)
"""
"""A controller that never closes the socket, and can be killed."""

HANGING = """
import ctypes, os, sys, time
from camerad.selfview import __main__ as selfview
selfview.DISPLAY_HUNG_SECONDS, selfview.LAST_SECONDS = 600, 0.5
selfview.DISPLAY_START_SECONDS = 600
dark, mutex, libc, write = [], ctypes.create_string_buffer(64), ctypes.PyDLL(None), os.pwrite
def hang(fd, data, offset):
    if not any(data) and not os.path.exists("{0}"):
        dark.append(offset)
        if len(dark) > 1:  # it serves: to load everything may take long on a busy machine
            selfview.DISPLAY_HUNG_SECONDS = {1}
        return write(fd, data, offset)
    open("{0}", "w").close()
    while True:
        {2}  # a lock is had the first time, and never again
os.pwrite = hang
sys.exit(selfview.main())
"""
"""A self-view that hangs in the driver of its display from when it shows something, or a little
later: for what comes in between there is the last deadline."""


@contextlib.contextmanager
def orphaned(device: Path, frame_fd: int, *program: str) -> Iterator[socket.socket]:
    """A self-view; with the end of the block its controller is killed, and it is to end.

    Gives the controller's end of the socket, which stays open all the time: nothing but the kernel
    tells the self-view.
    """
    ours, theirs = socket.socketpair()
    settings = {"device": str(device), "sysfs": str(device.parent), "texts": TEXTS["de"]}
    fds = f"{frame_fd},{theirs.fileno()}"
    command = [sys.executable, *program, "--settings", json.dumps(settings)]
    command += ["--frame-fd", str(frame_fd), "--control-fd", str(theirs.fileno())]
    controller = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, fds, *command],
        pass_fds=(frame_fd, theirs.fileno()),
        stdout=subprocess.PIPE,
    )
    assert controller.stdout is not None
    pid = os.pidfd_open(int(controller.stdout.readline()))
    try:
        ours.settimeout(DEADLINE)
        yield ours
        controller.kill()
        controller.wait()
        ready, _, _ = select.select([pid], [], [], DEADLINE)
        assert ready, "the self-view outlives its controller"
    finally:
        controller.kill()
        controller.wait()
        controller.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pid, signal.SIGKILL)
        for end in (ours, theirs):
            end.close()
        os.close(pid)


def test_a_killed_controller_leaves_a_dark_display(device: Path, shared: Shared) -> None:
    with orphaned(device, shared.fd, "-m", "camerad.selfview") as control:
        control.sendall(json.dumps({"show": MIRROR}).encode() + b"\n")
        assert control.recv(100) == b'{"ok":true}\n'

        def fed() -> bool:
            shared.put(235, SystemClock().now_us())
            return level(device) == 63

        until(fed, DEADLINE, "a bright picture")
    assert len(device.read_bytes()) == PANEL.stride * PANEL.height
    assert not any(device.read_bytes())


@pytest.mark.parametrize(
    ("hung_seconds", "how"),
    # It says that it lives once a second, so three are never over while it does.
    [(600, "time.sleep(1)"), (3, "libc.pthread_mutex_lock(mutex)")],
)
def test_what_hangs_in_its_driver_does_not_outlive_its_controller(
    device: Path, shared: Shared, hung_seconds: float, how: str
) -> None:
    """Where a signal gets through, by the last deadline; and where the process cannot do anything
    at all any more, by that which always runs."""
    hung = device.parent / "hung"
    program = HANGING.format(hung, hung_seconds, how)
    with orphaned(device, shared.fd, "-c", program) as control:
        control.sendall(json.dumps({"show": to_wire(DARK)}).encode() + b"\n")
        assert control.recv(100) == b'{"ok":true}\n'
        control.sendall(json.dumps({"show": MIRROR}).encode() + b"\n")
        until(hung.exists, DEADLINE, "it hangs")


def test_it_is_dark_before_it_loads_what_takes_time(device: Path, shared: Shared) -> None:
    """What the last self-view left there, if that could not darken it, goes within that time."""
    device.write_bytes(b"\xff" * PANEL.stride * PANEL.height)
    code = (
        "import sys, os\n"
        "from camerad.selfview import __main__ as selfview\n"
        "assert not {'cv2', 'numpy'} & set(sys.modules), 'loaded before it is dark'\n"
        "sys.exit(selfview.main())\n"
    )
    with orphaned(device, shared.fd, "-c", code) as control:
        control.sendall(json.dumps({"show": to_wire(DARK)}).encode() + b"\n")
        assert control.recv(100) == b'{"ok":true}\n'
        assert not any(device.read_bytes())


LOADING = """
import pathlib, sys, time
from camerad.selfview import __main__ as selfview
class Library:
    def find_spec(self, name, path, target=None):
        if name == "camerad.selfview.viewer":
            pathlib.Path({0!r}).touch()
            try:
                time.sleep(600)
            except BaseException:
                raise ImportError("numpy._core.multiarray failed to import")
sys.meta_path.insert(0, Library())
sys.exit(selfview.main())
"""
"""A self-view whose library takes long to load, and calls whatever keeps it from that an error of
its own, as numpy does."""


def test_a_controller_that_is_killed_while_the_self_view_loads_is_no_error_of_a_library(
    device: Path, shared: Shared, capfd: pytest.CaptureFixture[str]
) -> None:
    loading = device.parent / "loading"
    with orphaned(device, shared.fd, "-c", LOADING.format(str(loading))):
        until(loading.exists, DEADLINE, "it loads")
    assert capfd.readouterr().err == ""
    assert not any(device.read_bytes())


def test_it_is_guarded_like_every_process(device: Path, shared: Shared) -> None:
    with running(device, shared.fd) as child:
        assert child.ask(show=to_wire(DARK)) == {"ok": True}
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child.process.send_signal(number)
        assert child.ask(show=to_wire(DARK)) == {"ok": True}
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
        assert child.ask(show=to_wire(DARK)) == {"ok": True}
        # No file of this process may grow any more, so the next picture cannot be written.
        device.write_bytes(b"")
        resource_limit = f"--fsize=0:0 --pid {child.process.pid}"
        subprocess.run(["prlimit", *resource_limit.split()], check=True)
        child.control.sendall(b'{"show":{"scene":"dark"}}\n')
        assert "fails: File too large" in child.answer()["error"]
        assert child.end()[0] == 69


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"show\n", "not JSON"),
        (b'{"show":1}\n', "unknown command"),
        (b'{"show":{"scene":"mirror","zoom":2}}\n', "nexpected keyword argument 'zoom'"),
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


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"fps":0}', '{"fps":"x"}', '{"device":3}', '{"texts":{"recording":"R"}}']
)
def test_settings_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


def test_settings_have_the_first_framebuffer_as_default() -> None:
    texts = TEXTS["en"]
    expected = ViewerSettings("/dev/fb0", "/sys/class/graphics/fb0", True, 30.0, texts)
    assert parse(json.dumps({"texts": texts})) == expected
