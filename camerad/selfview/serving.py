"""Shows the controller's scenes until the controller ends it or is gone.

The protocol is told in `camerad.selfview.__main__`.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Callable
from typing import Any, Final

import cv2

from camerad.base.clock import SystemClock
from camerad.base.errors import WireError
from camerad.behaviour.scene import DARK, from_wire
from camerad.selfview.framebuffer import Framebuffer
from camerad.selfview.panel import Panel
from camerad.selfview.screen import Screen
from camerad.selfview.viewer import Viewer
from camerad.selfview.viewer_settings import ViewerSettings
from camerad.stream.newest import FrameReader

MAX_LINE: Final = 4096
ALIVE_MS: Final = 1_000
"""How often this process says that it lives, at least, milliseconds."""


def run(
    display: Framebuffer,
    panel: Panel,
    settings: ViewerSettings,
    *,
    frame_fd: int,
    control: socket.socket,
    alive: Callable[[], None],
) -> None:
    """Serve the controller, and leave the display dark. alive: see `serve`.

    Raises WireError on what is no command, and HardwareError if the display fails.
    """
    # A picture is so small that to share it out among threads takes longer than to paint it.
    cv2.setNumThreads(1)
    alive()
    screen = Screen(panel, settings.mirror, settings.texts)
    viewer = Viewer(display, screen, FrameReader(frame_fd), SystemClock(), settings.fps)
    with contextlib.suppress(ConnectionError):
        serve(viewer, control, alive)
    viewer.show(DARK)


def serve(viewer: Viewer, control: socket.socket, alive: Callable[[], None]) -> None:
    """Carry out the commands until told to stop or the other end closes.

    alive: called every second at least, unless the display does not come back from a picture.
    Raises WireError on a line that is no command, and HardwareError if the display fails.
    """
    rest = b""
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    while True:
        alive()
        wait_us = viewer.wait_us()
        # Whole milliseconds, rounded down: rather a look too early than a picture too late.
        wait_ms = ALIVE_MS if wait_us is None else min(max(1, wait_us // 1000), ALIVE_MS)
        if not waiting.poll(wait_ms):
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
