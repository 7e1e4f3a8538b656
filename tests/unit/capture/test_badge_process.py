"""The process that looks for badges, run by the daemon's own end of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from camerad.base.clock import SystemClock
from camerad.behaviour.badge import badge
from camerad.hardware import badges, frame_process
from camerad.hardware.badges import BadgeProcess
from camerad.stream.frame import create
from camerad.stream.newest import FrameWriter
from tests.unit.capture.badge_drawing import code, scene
from tests.unit.capture.test_badge_reading import GEOMETRY, frame

DEADLINE = 30.0


class Bench:
    def __init__(self) -> None:
        self.fd = create(1 << 20)
        self.writer = FrameWriter(self.fd, GEOMETRY)
        self.seen: list[str] = []
        self.reader = BadgeProcess(self.fd, self.seen.append)

    def plays(self, scene: Callable[[Bench], Awaitable[None]]) -> None:
        async def run() -> None:
            async with asyncio.timeout(DEADLINE):
                await scene(self)
            self.reader.look(False)
            async with asyncio.timeout(DEADLINE):
                while self.reader.pid is not None:
                    await asyncio.sleep(0.01)
            await self.reader.close()

        asyncio.run(run())

    async def shows(self, text: str | None, until: Callable[[], object]) -> None:
        """A camera that sees this, 20 pictures a second, until that is so."""
        luma = scene() if text is None else code(text)
        while not until():
            self.writer.put(frame(luma), SystemClock().now_us())
            await asyncio.sleep(0.05)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    os.close(made.fd)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_a_badge_before_the_camera_is_told_and_the_process_is_harmless(bench: Bench) -> None:
    async def scene(one: Bench) -> None:
        one.reader.look(True)
        one.reader.look(True)  # said again, it changes nothing
        await one.shows(badge("W-0815"), lambda: one.seen)
        assert one.seen[0] == "W-0815"
        pid = one.reader.pid
        assert pid is not None
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
        limits = Path(f"/proc/{pid}/limits").read_text()
        (no_files,) = (line for line in limits.splitlines() if line.startswith("Max file size"))
        assert no_files.split()[3:5] == ["0", "0"]
        # Non-dumpable: what is in /proc of it belongs to root (proc(5)).
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        one.reader.look(False)
        while one.reader._ending:
            await asyncio.sleep(0.01)
        # Nothing runs that could see a badge, and nobody who would start it again.
        assert gone(pid)
        assert one.reader.pid is None

    bench.plays(scene)


def test_a_killed_process_is_started_again_and_one_that_hangs_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(badges, "AGAIN_SECONDS", 0.05)

    async def scene(one: Bench) -> None:
        one.reader.look(True)
        await one.shows(None, lambda: one.reader.pid)
        first = one.reader.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await one.shows(badge("W-1"), lambda: one.seen)
        second = one.reader.pid
        assert second not in (None, first)
        assert second is not None
        os.kill(second, signal.SIGSTOP)
        one.reader.look(False)
        while not gone(second):
            await asyncio.sleep(0.01)

    bench.plays(scene)
    assert "no badge can be read: its process ended with -9" in caplog.text


@pytest.mark.parametrize("line", [b"%%%", b"7", b"{}", b"[" * 4000, b"x" * 70_000])
def test_whatever_it_says_it_ends_nothing_but_itself(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    line: bytes,
) -> None:
    """It decodes what strangers hold before the camera."""
    script = tmp_path / "reader"
    script.write_text(
        f"#!{sys.executable}\nimport socket, sys\n"
        'control = socket.socket(fileno=int(sys.argv[sys.argv.index("--control-fd") + 1]))\n'
        f"control.sendall({line!r} + b'\\n')\ncontrol.recv(1)\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(frame_process, "sys", type("Sys", (), {"executable": str(script)}))

    async def scene(one: Bench) -> None:
        one.reader.look(True)
        while "talks nonsense" not in caplog.text:
            await asyncio.sleep(0.01)

    bench.plays(scene)
    assert not bench.seen


def test_the_exit_status_of_a_process_that_ended_by_itself_is_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """To kill what has ended would take its exit status from asyncio, now and then."""
    killed: list[int] = []
    monkeypatch.setattr(asyncio.subprocess.Process, "kill", lambda one: killed.append(one.pid))

    async def scene(one: Bench) -> None:
        one.reader.look(True)
        await one.shows(None, lambda: one.reader.pid)
        pid = one.reader.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while not gone(pid):
            await asyncio.sleep(0.01)
        while "no badge" not in caplog.text:
            await asyncio.sleep(0.01)
        monkeypatch.undo()

    bench.plays(scene)
    assert "no badge can be read: its process ended with -9" in caplog.text
    assert not killed


def test_the_camera_goes_before_it_while_it_loads() -> None:
    """What takes a processor for half a second is imported when it has made way."""
    asked = "import sys, camerad.capture.badge_reader; print({'cv2', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_process_that_cannot_be_started_is_said_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(badges, "AGAIN_SECONDS", 0.0)
    tries: list[int] = []

    async def fails(*_: object, **__: object) -> None:
        tries.append(1)
        raise OSError("no memory")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", fails)

    async def scene(one: Bench) -> None:
        one.reader.look(True)
        while len(tries) < 5:
            await asyncio.sleep(0)

    bench.plays(scene)
    assert caplog.text.count("it cannot be started: no memory") == 1
