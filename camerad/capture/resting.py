"""The sensor at rest: off while no picture is needed, to save the battery.

Only where the configuration wants it (``idle.camera: none``). The camera stays open and configured;
only its stream is stopped (libcamera ``Camera::stop``), some seconds after the last picture was
wanted, and started again with the command that wants one. Until the first frame after that the
process reports beats of its own, several times a second, so that the controller knows that it
lives. What that costs and what it saves: docs/power.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from camerad.base.clock import SECOND
from camerad.capture.pictures import BEAT_US

AFTER_US: Final = 5 * SECOND
"""It rests after so long without a need for pictures: a wearer who hides the display is likely to
show it again."""
TICK_SECONDS: Final = 0.1
"""How often `tick` is due."""


class Resting:
    """Starts and stops the stream. Used by the thread that takes the commands.

    start, stop: of the camera's stream, which runs at first. beat: reports that the process lives,
    given the present media time.
    """

    def __init__(
        self,
        start: Callable[[], None],
        stop: Callable[[], None],
        beat: Callable[[int], None],
        now_us: int,
    ) -> None:
        self._start = start
        self._stop = stop
        self._beat = beat
        self._wanted_us = now_us
        self._beat_us = 0
        self.resting = False
        """Whether the stream is stopped."""

    def want(self) -> None:
        """Have pictures from now on."""
        if self.resting:
            self.resting = False
            self._start()

    def tick(self, now_us: int, *, wanted: bool) -> None:
        """Time has passed. wanted: whether pictures are needed."""
        if wanted:
            self._wanted_us = now_us
        elif not self.resting and now_us - self._wanted_us >= AFTER_US:
            self._stop()
            self.resting = True
        if self.resting and now_us - self._beat_us >= BEAT_US:
            self._beat_us = now_us
            self._beat(now_us)
