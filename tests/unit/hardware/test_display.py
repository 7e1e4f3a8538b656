"""The controller's end of the self-view process, against a process that misbehaves as told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from camerad.behaviour.scene import DARK, Mirror, RecordingScene, Scene, to_wire
from camerad.hardware import frame_process, selfview_process
from camerad.hardware.selfview_process import NoDisplay, SelfViewProcess
from tests.waiting import reached

SCRIPT = """
import json, os, socket, sys, time
control = socket.socket(fileno=int(sys.argv[sys.argv.index("--control-fd") + 1]))
mode = json.loads(sys.argv[sys.argv.index("--settings") + 1])["mode"]
if mode == "dies":
    os._exit(3)
if mode == "late":
    # Longer than one that serves may take for an answer.
    time.sleep(3)
for line in control.makefile("rb"):
    if mode == "hangs":
        time.sleep(600)
    if nonsense := {"nonsense": b"%%%", "number": b"7", "deep": b"[" * 4000}.get(mode):
        control.sendall(nonsense + b"\\n")
        continue
    with open(os.environ["HEARD"], "ab") as heard:
        heard.write(line)
    answer = {"error": "no panel"} if mode == "fails" else {"ok": True}
    if mode == "slow":
        answer["slow"] = b"mirror" in line
    control.sendall(json.dumps(answer).encode() + b"\\n")
"""


@pytest.fixture
def frame_fd() -> int:
    return os.memfd_create("frames")


def play(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    frame_fd: int,
    mode: str,
    scene: Callable[[SelfViewProcess, list[str | None]], Awaitable[None]],
    *,
    asks: float = 3600.0,
) -> None:
    """asks: seconds after which what shows nothing new is asked whether it lives."""
    script = tmp_path / "selfview"
    script.write_text(f"#!{sys.executable}\n{SCRIPT}")
    script.chmod(0o755)
    monkeypatch.setattr(frame_process, "sys", type("Sys", (), {"executable": str(script)}))
    monkeypatch.setattr(selfview_process, "ASK_SECONDS", asks)
    monkeypatch.setattr(selfview_process, "ASK_DARK_SECONDS", asks)
    monkeypatch.setattr(selfview_process, "DISPLAY_START_SECONDS", 1.0 if mode == "hangs" else 10.0)
    monkeypatch.setattr(selfview_process, "RETRY_SECONDS", (0.01,))
    monkeypatch.setenv("HEARD", str(tmp_path / "heard"))

    async def run() -> None:
        states: list[str | None] = []
        view = SelfViewProcess({"mode": mode}, frame_fd, states.append)
        view.start()
        try:
            async with asyncio.timeout(20):
                await scene(view, states)
        finally:
            await view.close()
            os.close(frame_fd)
        assert view.pid is None

    asyncio.run(run())


def test_the_process_is_told_and_its_answer_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int
) -> None:
    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        await reached(lambda: states == [None])
        for scene in (Mirror(30.0), Mirror(30.0), RecordingScene(7), DARK):
            view.show(scene)
        heard = tmp_path / "heard"
        await reached(lambda: heard.read_text().count("\n") == 4)  # the same twice is told once
        assert heard.read_text().splitlines() == [
            '{"show": {"scene": "dark"}}',
            '{"show": {"scene": "mirror", "pre_event_seconds": 30.0}}',
            '{"show": {"scene": "recording", "since_us": 7, "sound": "none"}}',
            '{"show": {"scene": "dark"}}',
        ]
        assert states == [None]  # told once, not with every answer

    play(tmp_path, monkeypatch, frame_fd, "works", scene)


def test_a_killed_process_is_started_again_and_told_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int
) -> None:
    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        await reached(lambda: states == [None])
        view.show(Mirror())
        first = view.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await reached(lambda: len(states) == 3)
        assert states == [None, "the self-view process ended", None]
        assert view.pid not in (None, first)
        last = (tmp_path / "heard").read_text().splitlines()[-1]
        assert last == '{"show": {"scene": "mirror", "pre_event_seconds": 0.0}}'

    play(tmp_path, monkeypatch, frame_fd, "works", scene)


def test_something_else_to_show_ends_the_pause_before_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int
) -> None:
    heard = tmp_path / "heard"

    async def shows(view: SelfViewProcess, word: str) -> None:
        await reached(lambda: view.fault is None and heard.exists() and word in heard.read_text())

    async def dies(view: SelfViewProcess) -> None:
        assert view.pid is not None
        os.kill(view.pid, signal.SIGKILL)
        await reached(lambda: view.fault == "the self-view process ended")
        heard.unlink()

    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        # What a process left on the display stands there until the next one starts.
        monkeypatch.setattr(selfview_process, "RETRY_SECONDS", (3600.0,))
        await shows(view, "dark")
        for number in range(2):
            await dies(view)
            view.show(RecordingScene(number - 1) if number else DARK)  # the same ends no pause
            view.show(RecordingScene(number))
            await shows(view, "recording")
            assert heard.read_text().startswith(
                json.dumps({"show": to_wire(RecordingScene(number))})
            )
        # It may not have come to what was to be shown before it died.
        view.show(Mirror())
        await dies(view)
        await shows(view, "mirror")

    play(tmp_path, monkeypatch, frame_fd, "works", scene)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("dies", "process ended"),
        ("hangs", "has not answered for"),
        ("fails", "no panel"),
        ("nonsense", "talks nonsense"),
        ("number", "talks nonsense"),
        ("deep", "talks nonsense"),
    ],
)
def test_whatever_it_does_it_is_news_and_show_returns_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int, mode: str, says: str
) -> None:
    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        for _ in range(100):
            view.show(Mirror())
            view.show(DARK)
        await reached(lambda: bool(states))
        assert says in str(states[0])

    play(tmp_path, monkeypatch, frame_fd, mode, scene)


def test_a_process_that_cannot_be_started_is_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int
) -> None:
    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        (tmp_path / "selfview").unlink()
        await reached(lambda: bool(states))
        assert "cannot be started" in str(states[0])

    play(tmp_path, monkeypatch, frame_fd, "works", scene)


def test_a_process_that_loads_slowly_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int
) -> None:
    """On a small board; and what was wanted meanwhile has its time from then on."""

    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        await reached(lambda: view.pid is not None)
        first = view.pid
        view.show(Mirror())
        view.show(DARK)
        heard = tmp_path / "heard"
        await reached(lambda: heard.exists() and heard.read_text().count("\n") >= 3)
        await reached(lambda: bool(states))
        assert (states, view.pid) == ([None], first)

    play(tmp_path, monkeypatch, frame_fd, "late", scene, asks=0.1)


def test_a_slow_display_is_news_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int
) -> None:
    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        await reached(lambda: states == [None])
        pid = view.pid
        view.show(Mirror())
        await reached(lambda: states == [None, selfview_process.SLOW])
        view.show(DARK)
        await reached(lambda: states == [None, selfview_process.SLOW, None])
        assert view.pid == pid

    play(tmp_path, monkeypatch, frame_fd, "slow", scene)


@pytest.mark.parametrize("scene_shown", [Mirror(), DARK])
def test_a_process_that_hangs_is_noticed_without_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame_fd: int, scene_shown: Scene
) -> None:
    async def scene(view: SelfViewProcess, states: list[str | None]) -> None:
        view.show(scene_shown)
        await reached(lambda: states == [None])
        heard = tmp_path / "heard"
        await reached(lambda: heard.read_text().count("\n") >= 3)  # it is asked again and again
        hung = view.pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        await reached(lambda: len(states) == 3)
        assert states == [None, "the display has not answered for 2 s", None]
        assert view.pid != hung

    play(tmp_path, monkeypatch, frame_fd, "works", scene, asks=0.1)


def test_without_a_display_nothing_can_be_wrong_with_it() -> None:
    view = NoDisplay()
    view.start()
    view.show(Mirror())
    asyncio.run(view.close())
