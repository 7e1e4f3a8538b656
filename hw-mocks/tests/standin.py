"""Stands in for the daemon in the simulator's tests: buttons, lights, display and control socket.

    python -m standin run --config FILE

Each press of ``main`` goes one stage on; the rest is as simple as the tests allow. A file
``HW_MOCKS_STANDIN`` in the environment makes it misbehave: ``fail`` ends at once with exit code 69,
``deaf`` ignores SIGTERM, ``reboot:FILE`` ends once with exit code 80, until FILE is there.
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
from camerad.config import Settings, load

STAGES = ["idle", "self_view", "recording"]
WHITE = b"\xff\xff"


class StandIn:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stage = "idle"
        self.listeners: set[asyncio.Queue[str]] = set()
        self.loop = asyncio.get_running_loop()
        self.began = 0.0
        self.down = self.settling = False
        lights = settings.lights
        self.red = gpiozero.DigitalOutputDevice(lights.red.gpio, active_high=lights.red.active_high)
        self.green = gpiozero.DigitalOutputDevice(
            lights.green.gpio, active_high=lights.green.active_high, initial_value=True
        )
        self.amber = gpiozero.DigitalOutputDevice(lights.amber.gpio)
        self.buzzer = gpiozero.DigitalOutputDevice(settings.buzzer.gpio)
        self.vibration = gpiozero.DigitalOutputDevice(settings.vibration.gpio)
        self.buttons = [
            gpiozero.DigitalInputDevice(button.gpio, pull_up=button.active_low)
            for button in settings.buttons
        ]
        self.buttons[0].when_activated = self.edge
        self.buttons[0].when_deactivated = self.edge
        self.child = subprocess.Popen([sys.executable, "-m", "capture_standin", "camerad.capture"])

    def edge(self) -> None:
        # Called in the pins' thread.
        self.loop.call_soon_threadsafe(self.look)

    def look(self) -> None:
        """Follow the button's level, but not within 8 ms of its last change: that is bounce."""
        if self.settling or self.buttons[0].is_active == self.down:
            return
        self.down = not self.down
        self.settling = True
        self.loop.call_later(0.008, self.settled)
        if self.down:
            self.go_on()

    def settled(self) -> None:
        self.settling = False
        self.look()

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
            }
        return {
            "stage": self.stage,
            "ready": True,
            "conditions": ["clock_untrusted"],
            "display": self.stage != "idle",
            "muted": False,
            "shift": None,
            "looking_for_badge": False,
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
    print("the stand-in ended in order", flush=True)


if __name__ == "__main__":
    if os.environ.get("HW_MOCKS_STANDIN") == "fail":
        print("the stand-in cannot start", file=sys.stderr)
        sys.exit(69)
    marker = os.environ.get("HW_MOCKS_STANDIN", "").removeprefix("reboot:")
    if os.path.isabs(marker) and not os.path.exists(marker):
        Path(marker).touch()
        sys.exit(80)  # camerad.errors.EX_REBOOT
    asyncio.run(run(load(Path(sys.argv[3]))))
