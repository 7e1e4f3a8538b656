"""The self-view process: `python -m camerad.selfview --settings JSON --frame-fd M --control-fd N`.

Shows the newest low-resolution frame while it is told to, and a dark display otherwise. It knows
nothing of stages or recordings, and nothing waits for it (P10).

Commands are JSON objects, one a line: {"show": true}, {"show": false}, {"stop": true}. Each is
answered by {"ok": true} once the display has done it, or by {"error": "..."}, after which the
process ends; the controller starts it again. Exit status: 0 told to stop or the controller is gone;
64 wrong arguments; 69 the display is missing or failed; 70 anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any, Final

import cv2

from camerad import process
from camerad.clock import Clock, SystemClock
from camerad.errors import EX_SOFTWARE, EX_USAGE, CameradError, ConfigError, WireError
from camerad.selfview.display import Framebuffer, read_panel
from camerad.selfview.picture import Painter
from camerad.stream.newest import FrameReader

STALE_US: Final = 1_000_000
"""A frame older than this is not shown: a picture that stands still would pass for a live one."""
POLL_SECONDS: Final = 0.004
"""How often a frame that is due is looked for."""
MAX_LINE: Final = 4096


@dataclass(frozen=True, slots=True)
class SelfViewSettings:
    """The object of ``--settings``. device: file of the framebuffer. sysfs: directory that
    describes it. mirror: show people as a mirror does. fps: pictures per second at most."""

    device: str = "/dev/fb0"
    sysfs: str = "/sys/class/graphics/fb0"
    mirror: bool = True
    fps: float = 30.0


def parse(text: str) -> SelfViewSettings:
    """The settings in a JSON object. Raises ConfigError."""
    try:
        given = json.loads(text)
        settings = SelfViewSettings(**given)
    except (ValueError, TypeError) as error:
        raise ConfigError([f"--settings: {error}"]) from None
    if not isinstance(settings.device, str) or not isinstance(settings.sysfs, str):
        raise ConfigError(["--settings: device and sysfs are paths"])
    if not isinstance(settings.fps, int | float) or settings.fps <= 0:
        raise ConfigError([f"--settings: fps: {settings.fps!r} is not a positive number"])
    return settings


class Viewer:
    """Carries frames from `reader` to the display when they are wanted."""

    def __init__(
        self, display: Framebuffer, painter: Painter, reader: FrameReader, clock: Clock
    ) -> None:
        self._display = display
        self._painter = painter
        self._reader = reader
        self._clock = clock
        self._wanted = False
        self._dark = True
        self._number = 0
        self._shown_us = 0

    @property
    def wanted(self) -> bool:
        """Whether a picture is to be shown."""
        return self._wanted

    def show(self, on: bool) -> None:
        """Show frames from now on, or go dark."""
        self._wanted = on
        self._number = 0
        if not on:
            self._darken()

    def refresh(self) -> bool:
        """Show the newest frame if it is a new one; tells whether it did. Raises HardwareError."""
        if not self._wanted:
            return False
        number = self._reader.number
        newest = self._reader.newest() if number != self._number else None
        if newest is None:
            if not self._dark and self._clock.now_us() - self._shown_us > STALE_US:
                self._darken()
            return False
        self._number, pts_us, frame = newest
        geometry = self._reader.geometry
        if geometry is None or self._clock.now_us() - pts_us > STALE_US:
            return False
        self._shown_us = pts_us
        self._dark = False
        self._display.show(self._painter.paint(frame, geometry))
        return True

    def _darken(self) -> None:
        self._painter.forget()
        self._display.darken()
        self._dark = True


def serve(viewer: Viewer, control: socket.socket, fps: float, clock: Clock) -> None:
    """Carry out the commands until told to stop or the other end closes.

    Raises WireError on a line that is no command, and HardwareError if the display fails.
    """
    rest = b""
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    due_us = 0
    while True:
        wait: float | None = None
        if viewer.wanted:
            now_us = clock.now_us()
            if now_us >= due_us and viewer.refresh():
                due_us = now_us + round(1_000_000 / fps)
            wait = 1000 * max(POLL_SECONDS, (due_us - clock.now_us()) / 1_000_000)
        if not waiting.poll(wait):
            continue
        data = control.recv(MAX_LINE)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > MAX_LINE:
            raise WireError(f"a command of more than {MAX_LINE} bytes")
        for line in lines:
            match _command(line):
                case {"show": bool(on)}:
                    viewer.show(on)
                    due_us = 0
                case {"stop": True}:
                    return
                case other:
                    raise WireError(f"unknown command: {other}")
            control.sendall(b'{"ok":true}\n')


def _command(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise WireError(f"a command that is not JSON: {line[:80]!r}") from None


def main() -> int:
    """Run the process; returns the exit status."""
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="python -m camerad.selfview")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--frame-fd", required=True, type=int)
    parser.add_argument("--control-fd", required=True, type=int)
    arguments = parser.parse_args()
    try:
        settings = parse(arguments.settings)
        control = socket.socket(fileno=arguments.control_fd)
        process.forbid_dumps()
        process.die_with_parent(parent)
        process.set_priority(process.DISPLAY_NICE)
        process.overwrite_freed_memory()
    except (OSError, CameradError) as error:
        print(f"camerad.selfview: {error}", file=sys.stderr)  # noqa: T201
        return EX_USAGE
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # A picture is so small that to share it out among threads takes longer than to paint it.
    cv2.setNumThreads(1)
    try:
        panel = read_panel(settings.sysfs)
        display = Framebuffer(settings.device, panel)
        painter = Painter(panel, settings.mirror)
        clock = SystemClock()
        viewer = Viewer(display, painter, FrameReader(arguments.frame_fd), clock)
        with contextlib.suppress(ConnectionError):
            serve(viewer, control, settings.fps, clock)
        viewer.show(False)
    except Exception as error:  # noqa: BLE001 - whatever it is, the controller is told
        text = str(error) if isinstance(error, CameradError) else f"{type(error).__name__}: {error}"
        text = " ".join(text.split())
        print(f"camerad.selfview: {text}", file=sys.stderr)  # noqa: T201
        with contextlib.suppress(OSError):
            control.sendall(json.dumps({"error": text}).encode() + b"\n")
        return error.exit_code if isinstance(error, CameradError) else EX_SOFTWARE
    return 0


if __name__ == "__main__":
    sys.exit(main())
