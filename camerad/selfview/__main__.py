"""The self-view process: `python -m camerad.selfview --settings JSON --frame-fd M --control-fd N`.

Shows the scene that it is told (`camerad.behaviour.scene`): the newest low-resolution frame with
what is to be said about it, or a dark display. Nothing waits for it (P10).

Commands are JSON objects, one a line: {"show": SCENE}, {"stop": true}. Each is answered by {"ok":
true} once the display has done it, with "slow": true if it takes too long for that, or by {"error":
"..."}, after which the process ends; the controller starts it again. Exit status: 0 told to stop or
the controller is gone; 64 wrong arguments; 69 the display is missing or failed; 70 anything else.
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cv2

from camerad import process
from camerad.behaviour.scene import DARK, from_wire
from camerad.clock import SystemClock
from camerad.errors import EX_SOFTWARE, EX_USAGE, CameradError, ConfigError, WireError
from camerad.selfview.display import Framebuffer, read_panel
from camerad.selfview.overlay import TEXTS
from camerad.selfview.screen import Screen
from camerad.selfview.viewer import Viewer
from camerad.stream.newest import FrameReader

MAX_LINE: Final = 4096


@dataclass(frozen=True, slots=True)
class SelfViewSettings:
    """The object of ``--settings``. device: file of the framebuffer. sysfs: directory that
    describes it. mirror: show people as a mirror does. fps: pictures per second at most. texts:
    what the display says, by the names of `camerad.config.wording.DisplayWording`."""

    device: str = "/dev/fb0"
    sysfs: str = "/sys/class/graphics/fb0"
    mirror: bool = True
    fps: float = 30.0
    texts: Mapping[str, str] = field(default_factory=dict)


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
    missing = sorted(TEXTS - set(settings.texts))
    if missing:
        raise ConfigError([f"--settings: texts: {', '.join(missing)} missing"])
    return settings


def serve(viewer: Viewer, control: socket.socket) -> None:
    """Carry out the commands until told to stop or the other end closes.

    Raises WireError on a line that is no command, and HardwareError if the display fails.
    """
    rest = b""
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    while True:
        wait_us = viewer.wait_us()
        # Whole milliseconds, rounded down: rather a look too early than a picture too late.
        if not waiting.poll(None if wait_us is None else max(1, wait_us // 1000)):
            viewer.refresh()
            continue
        data = control.recv(MAX_LINE)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > MAX_LINE:
            raise WireError(f"a command of more than {MAX_LINE} bytes")
        for line in lines:
            command = _command(line)
            if command == {"stop": True}:
                return
            try:
                viewer.show(from_wire(command["show"]))
            except (KeyError, TypeError, ValueError) as error:
                raise WireError(f"unknown command: {command} ({error})") from None
            control.sendall(b'{"ok":true,"slow":true}\n' if viewer.slow else b'{"ok":true}\n')
        viewer.refresh()


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
        screen = Screen(panel, settings.mirror, settings.texts)
        reader = FrameReader(arguments.frame_fd)
        viewer = Viewer(display, screen, reader, SystemClock(), settings.fps)
        with contextlib.suppress(ConnectionError):
            serve(viewer, control)
        viewer.show(DARK)
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
