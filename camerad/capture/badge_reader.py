"""The badge's process: `python -m camerad.capture.badge_reader --frame-fd M --control-fd N`.

A badge is a QR code (ISO/IEC 18004) with the id of a wearer; the content of other codes is private
and leaves no trace. The process looks at the newest low-resolution frame some times a second, with
processor time that is otherwise idle, and writes {"wearer": ID} for each look in which there is a
badge, one JSON object a line. It takes no commands: it ends when the other end of its socket
closes, and it may be killed at any time. It can write no file. Exit status: 0 the controller is
gone; 64 wrong arguments; 70 anything else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

import cv2

from camerad.base import process
from camerad.base.clock import SECOND, Clock, SystemClock
from camerad.base.errors import EX_SOFTWARE, EX_USAGE, CameradError
from camerad.behaviour.badge import wearer_on
from camerad.stream.newest import Frame, FrameReader

STALE_US: Final = SECOND
"""An older frame is not looked at: it shows what was, and not who is there."""
LARGER: Final = 2
"""Pictures are looked at twice as large: OpenCV then reads every code of three pixels a module,
turned in any way, where it reads four of five without. That costs 1.7 times the time."""


class BadgeDetector:
    """Looks at the newest frame of `reader`, and keeps none."""

    def __init__(self, reader: FrameReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._detector = cv2.QRCodeDetector()
        self._number = 0

    def wearer(self) -> str | None:
        """The wearer whose badge is in the newest frame; None if there is no badge in it, or if it
        is not new."""
        if self._reader.number == self._number:
            return None
        found = self._reader.newest()
        if found is None:
            return None
        self._number, pts_us, frame = found
        try:
            if self._clock.now_us() - pts_us > STALE_US or self._reader.geometry is None:
                return None
            geometry = self._reader.geometry
            return self.read(frame[: geometry.height, : geometry.width])
        finally:
            frame[:] = 0

    def read(self, luma: Frame) -> str | None:
        """The wearer whose badge is in a picture, uint8 (height, width); None if there is none."""
        larger = cv2.resize(luma, None, fx=LARGER, fy=LARGER, interpolation=cv2.INTER_CUBIC)
        try:
            text, _, _ = self._detector.detectAndDecode(larger)
        except cv2.error:
            return None  # what looked like a code was none: a matter of the picture
        finally:
            larger[:] = 0
        return wearer_on(text)


if TYPE_CHECKING:
    from camerad.capture.badge_reader import BadgeDetector

LOOK_MS: Final = 400
"""Between two looks. Who holds a badge up holds it for a second at least."""
NICE: Final = 19
MEMORY_BYTES: Final = 2 * 1024**3
"""Of address space, most of it libraries: a picture that makes the reader run wild ends it."""


def serve(look: BadgeDetector, control: socket.socket) -> None:
    """Look until the other end closes."""
    waiting = select.poll()
    waiting.register(control, select.POLLIN | select.POLLHUP)
    while not waiting.poll(LOOK_MS):
        wearer = look.wearer()
        if wearer is not None:
            control.sendall(json.dumps({"wearer": wearer}).encode() + b"\n")


def main() -> int:
    """Run the process; returns the exit status."""
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="python -m camerad.capture.badge_reader")
    parser.add_argument("--frame-fd", required=True, type=int)
    parser.add_argument("--control-fd", required=True, type=int)
    arguments = parser.parse_args()
    try:
        control = socket.socket(fileno=arguments.control_fd)
        process.forbid_dumps()
        process.die_with_parent(parent)
        process.set_priority(NICE)
        process.overwrite_freed_memory()
        process.share_one_heap()
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (OSError, CameradError) as error:
        print(f"camerad.capture.badge_reader: {error}", file=sys.stderr)  # noqa: T201
        return EX_USAGE
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        # Slow to import, and the camera goes before it only by now.
        import cv2  # noqa: PLC0415

        from camerad.capture.badge_reader import BadgeDetector  # noqa: PLC0415
        from camerad.stream.newest import FrameReader  # noqa: PLC0415

        cv2.setNumThreads(1)
        serve(BadgeDetector(FrameReader(arguments.frame_fd), SystemClock()), control)
    except ConnectionError:
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in one line
        print(f"camerad.capture.badge_reader: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return EX_SOFTWARE
    return 0


if __name__ == "__main__":
    sys.exit(main())
