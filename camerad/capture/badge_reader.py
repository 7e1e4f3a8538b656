"""The badge's process: `python -m camerad.capture.badge_reader --frame-fd M --control-fd N`.

Looks at the newest low-resolution frame some times a second, with processor time that is otherwise
idle, and writes {"wearer": ID} for each look in which there is a badge, one JSON object a line. It
takes no commands: it ends when the other end of its socket closes, and it may be killed at any
time. It can write no file. Exit status: 0 the controller is gone; 64 wrong arguments; 70 anything
else.
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

from camerad.base import process
from camerad.base.clock import SystemClock
from camerad.base.errors import EX_SOFTWARE, EX_USAGE, CameradError

if TYPE_CHECKING:
    from camerad.capture.badge_detector import BadgeDetector

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

        from camerad.capture.badge_detector import BadgeDetector  # noqa: PLC0415
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
