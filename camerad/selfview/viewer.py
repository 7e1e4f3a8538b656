"""Carries pictures from the shared memory to the display: always the newest, never a queue.

When to look for a picture is learned: the sensor's pictures come at even distances, so the viewer
sleeps until just before the next one is due and then looks every millisecond until it is there. It
takes three wakes a picture that way, and a picture waits for hardly more than one millisecond.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Callable
from typing import Any, Final

import cv2

from camerad.base.clock import SECOND, Clock, SystemClock
from camerad.base.errors import WireError
from camerad.behaviour.scene import DARK, Scene, from_wire
from camerad.selfview.framebuffer import Framebuffer
from camerad.selfview.panel import Panel
from camerad.selfview.screen import Screen
from camerad.selfview.viewer_settings import ViewerSettings
from camerad.stream.newest import FrameReader

STALE_US: Final = 1_000_000
"""A frame older than this is not shown: a picture that stands still would pass for a live one."""
LOOK_US: Final = 1_000
"""How often a picture that is due is looked for,"""
EAGER_US: Final = 12_000
"""for so long after it was due; after that"""
PATIENT_US: Final = 4_000
"""how often."""
DRIFT_US: Final = 500
"""How much later a picture may come each time without being looked for too early."""
SLOW_US: Final = 333_000
"""A write that takes longer makes a poor mirror,"""
SLOW_WRITES: Final = 3
"""and so many in a row are no accident of a busy machine."""
QUICK_US: Final = 250_000
"""So many that take less show that it is over; a display between the two stays what it was, or it
would be reported failed and mended again and again."""
SOONER: Final = 0.75
"""A picture may come by this share of a period after the one before: sensors are not that even."""


class Viewer:
    """Shows on `display` what `screen` makes of scenes and of `reader`'s pictures.

    fps: pictures per second at most. Raises HardwareError where the display fails.
    """

    def __init__(
        self, display: Framebuffer, screen: Screen, reader: FrameReader, clock: Clock, fps: float
    ) -> None:
        self._display = display
        self._screen = screen
        self._reader = reader
        self._clock = clock
        self._period_us = round(SECOND / fps)
        self._number = 0
        self._pts_us: int | None = None
        self._age_us = 0
        self._live = False
        self._asked_us = 0
        self._slow = False
        self._contrary_writes = 0

    @property
    def slow(self) -> bool:
        """Whether the display takes too long for a picture."""
        return self._slow

    def _write(self) -> None:
        began_us = self._clock.now_us()
        self._display.show(self._screen.pixels)
        took_us = self._clock.now_us() - began_us
        contrary = took_us < QUICK_US if self._slow else took_us > SLOW_US
        self._contrary_writes = self._contrary_writes + 1 if contrary else 0
        if self._contrary_writes >= SLOW_WRITES:
            self._slow, self._contrary_writes = not self._slow, 0

    def show(self, scene: Scene) -> None:
        """Show this from now on. The same scene again changes nothing but is written again, so
        that a display that no longer takes anything is found out."""
        now_us = self._clock.now_us()
        if scene != self._screen.scene:
            self._screen.show(scene, now_us)
            # What was newest while it was dark is shown at once.
            self._number, self._pts_us = 0, None
            self._live, self._asked_us = True, now_us
            if self._screen.has_picture:
                self._take(now_us)
        self._write()

    def refresh(self) -> bool:
        """Show what is new: the newest picture, another second, or that no picture comes; whether
        there was anything."""
        now_us = self._clock.now_us()
        changed = self._screen.tick(now_us)
        if self._screen.has_picture:
            changed = self._take(now_us) or self._look_whether_live(now_us) or changed
        if changed:
            self._write()
        return changed

    def _take(self, now_us: int) -> bool:
        """Paint the newest picture if it is a new and a fresh one, and one is due."""
        reader = self._reader
        if reader.number == self._number:
            return False
        pts_us, least_us = reader.newest_us, round(self._period_us * SOONER)
        if self._pts_us is not None and 0 <= pts_us - self._pts_us < least_us:
            return False
        if now_us - pts_us > STALE_US or reader.geometry is None:
            self._number = reader.number
            return False
        geometry = reader.geometry
        found = reader.use(lambda frame: self._screen.paint(frame, geometry))
        if found is None:
            return False
        self._number, self._pts_us = found
        self._age_us = min(now_us - self._pts_us, self._age_us + DRIFT_US)
        self._live = True
        return True

    def _look_whether_live(self, now_us: int) -> bool:
        """Take a picture that stands still away; whether there was one."""
        seen_us = self._asked_us if self._pts_us is None else self._pts_us
        if not self._live or now_us - seen_us <= STALE_US:
            return False
        self._live = False
        self._screen.remove_picture()
        return True

    def wait_us(self) -> int | None:
        """How long to sleep before the next `refresh`, microseconds; None: until a command."""
        now_us = self._clock.now_us()
        tick_us = self._screen.next_tick_us(now_us)
        until_tick = None if tick_us is None else max(0, tick_us - now_us)
        if not self._screen.has_picture:
            return until_tick
        due_us = self._asked_us
        if self._pts_us is not None:
            due_us = self._pts_us + self._period_us + self._age_us
        late_us = now_us - due_us
        wait_us = -late_us if late_us < 0 else LOOK_US if late_us < EAGER_US else PATIENT_US
        return max(LOOK_US, wait_us if until_tick is None else min(wait_us, until_tick))


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
