"""Stands in for the daemon in the simulator's tests: buttons, lights, display and control socket.

    python -m standin run --config FILE

Each press of ``main`` goes one stage on; the rest is as simple as the tests allow. A file
``HW_MOCKS_STANDIN`` in the environment makes it misbehave: ``fail`` ends at once with exit code 69,
``deaf`` ignores SIGTERM, ``reboot:FILE`` ends once with exit code 80, until FILE is there, ``late``
gets round to an edge 60 ms after it has happened, and ``empty:FILE`` has the machine switched off
when it ends, once, until FILE is there.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gpiozero
from aiohttp import web
from camerad.base.clock import SystemClock
from camerad.config import Settings, load
from camerad.hardware.buttons import ButtonLine, Buttons

STAGES = ["idle", "self_view", "recording"]
WHITE = b"\xff\xff"
BOUNCE_US = 8_000
LATE_SECONDS = 0.06


class Debounced:
    """A button by its edges. What counts is when they happened, and not when somebody gets round to
    them: by then a short press is over."""

    def __init__(self) -> None:
        self.level = self.down = False
        self.changed_us = -BOUNCE_US

    def edge(self, closed: bool, at_us: int) -> bool:
        """Take the next edge; whether the button was pressed with it, or before."""
        pressed = False
        if self.settled(at_us) and self.level != self.down:
            # It came to rest elsewhere than it had set out for.
            pressed = self.change(self.level, self.changed_us + BOUNCE_US)
        self.level = closed
        if self.settled(at_us) and closed != self.down:
            pressed = self.change(closed, at_us) or pressed
        return pressed

    def settled(self, at_us: int) -> bool:
        return at_us - self.changed_us >= BOUNCE_US

    def change(self, closed: bool, at_us: int) -> bool:
        self.down, self.changed_us = closed, at_us
        return closed


class StandIn:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stage = "idle"
        self.listeners: set[asyncio.Queue[str]] = set()
        self.loop = asyncio.get_running_loop()
        self.began = 0.0
        self.main = Debounced()
        self.late = os.environ.get("HW_MOCKS_STANDIN") == "late"
        lights = settings.lights
        self.red = gpiozero.DigitalOutputDevice(lights.red.gpio, active_high=lights.red.active_high)
        self.green = gpiozero.DigitalOutputDevice(
            lights.green.gpio, active_high=lights.green.active_high, initial_value=True
        )
        self.amber = gpiozero.DigitalOutputDevice(lights.amber.gpio)
        self.buzzer = gpiozero.DigitalOutputDevice(settings.buzzer.gpio)
        self.vibration = gpiozero.DigitalOutputDevice(settings.vibration.gpio)
        lines = [ButtonLine(one.name, one.gpio, one.active_low) for one in settings.buttons]
        self.buttons = Buttons(tuple(lines), self.edge, SystemClock())
        self.child = subprocess.Popen([sys.executable, "-m", "capture_standin", "camerad.capture"])

    def edge(self, button: str, closed: bool, at_us: int) -> None:
        # Called in the pins' thread.
        if button == "main":
            self.loop.call_soon_threadsafe(self.look, closed, at_us)

    def look(self, closed: bool, at_us: int) -> None:
        if self.late:
            self.loop.call_later(LATE_SECONDS, self.follow, closed, at_us)
        else:
            self.follow(closed, at_us)

    def follow(self, closed: bool, at_us: int) -> None:
        if self.main.edge(closed, at_us):
            self.go_on()

    def go_on(self) -> None:
        self.stage = STAGES[(STAGES.index(self.stage) + 1) % 3]
        self.red.value = self.stage == "recording"
        self.green.value = self.stage != "recording"
        self.vibration.value = self.buzzer.value = self.stage == "recording"
        self.began = time.monotonic()
        view = self.settings.self_view
        width, height = (view.sysfs / "virtual_size").read_text().split(",")
        pixels = WHITE if self.stage != "idle" else b"\0\0"
        view.device.write_bytes(pixels * (int(width) * int(height)))
        for queue in self.listeners:
            queue.put_nowait(json.dumps(self.status()))

    def status(self) -> dict[str, Any]:
        recording = None
        if self.stage == "recording":
            seconds = time.monotonic() - self.began
            recording = {
                "id": "r1",
                "since_us": round(self.began * 1_000_000),
                "seconds": seconds,
                "pre_event_seconds": 1.5,
                "trigger": "button:main",
                "marks": 0,
            }
        return {
            "stage": self.stage,
            "ready": True,
            "conditions": ["clock_untrusted"],
            "display": self.stage != "idle",
            "muted": False,
            "shift": None,
            "looking_for_badge": False,
            "handover": None,
            "cut_off": False,
            "awaits_answer": None,
            "microphone": "on" if recording else "off",
            "recording": recording,
            "pre_event_seconds": 1.5,
            "recordings_dir": str(self.settings.device.state_dir / "recordings"),
            "version": "0",
            "image": None,
            "policy": self.settings.policy.name,
        }

    async def get_status(self, _: web.Request) -> web.Response:
        return web.json_response(self.status())

    async def get_recordings(self, _: web.Request) -> web.Response:
        gap = {"from_us": 1, "to_us": 2, "frames": 3, "reason": "stall"}
        recording = {
            "id": "r1",
            "path": str(self.settings.device.state_dir / "recordings" / "r1.tar"),
            "started": "2026-01-01T00:00:00Z",
            "seconds": 12.5,
            "pre_event_seconds": 1.5,
            "frames": 375,
            "gaps": [gap],
            "sound": True,
            "sound_gaps": [gap],
            "marks": [2.5],
            "continues": None,
            "state": "closed",
            "bytes": 7_000_000,
            "reason": "stop",
        }
        return web.json_response([recording])

    async def get_events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.listeners.add(queue)
        await response.prepare(request)
        await response.write(f"data: {json.dumps(self.status())}\n\n".encode())
        while True:
            await response.write(f"data: {await queue.get()}\n\n".encode())


async def run(settings: Settings) -> None:
    standin = StandIn(settings)
    app = web.Application()
    app.router.add_get("/status", standin.get_status)
    app.router.add_get("/recordings", standin.get_recordings)
    app.router.add_get("/events", standin.get_events)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(settings.device.runtime_dir / "control.sock")).start()
    print("the stand-in is up", flush=True)
    ended = asyncio.Event()
    if os.environ.get("HW_MOCKS_STANDIN") == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await runner.cleanup()
    standin.child.kill()
    empty = Path(os.environ.get("HW_MOCKS_STANDIN", "").removeprefix("empty:"))
    if empty.is_absolute() and not empty.exists():
        empty.touch()
        (settings.device.runtime_dir / "power-off").write_text("the battery is at 2 %\n")
    print("the stand-in ended in order", flush=True)


if __name__ == "__main__":
    if os.environ.get("HW_MOCKS_STANDIN") == "fail":
        print("the stand-in cannot start", file=sys.stderr)
        sys.exit(69)
    marker = os.environ.get("HW_MOCKS_STANDIN", "").removeprefix("reboot:")
    if os.path.isabs(marker) and not os.path.exists(marker):
        Path(marker).touch()
        sys.exit(80)  # camerad.base.errors.EX_REBOOT
    asyncio.run(run(load(Path(sys.argv[3]))))
