"""The self-view process: `python -m camerad.selfview --settings JSON --frame-fd M --control-fd N`.

Shows the scene that it is told (`camerad.behaviour.scene`): the newest low-resolution frame with
what is to be said about it, or a dark display. Nothing waits for it (P10).

Commands are JSON objects, one a line: {"show": SCENE}, {"stop": true}. Each is answered by {"ok":
true} once the display has done it, with "slow": true if it takes too long for that, or by {"error":
"..."}, after which the process ends; the controller starts it again. Exit status: 0 told to stop or
the controller is gone; 64 wrong arguments; 69 the display is missing or failed; 70 anything else.

Whatever becomes of the controller, no picture stays on the display. This process darkens it first
thing, before it loads what takes time, and last thing, when it is told to end or the kernel tells
it that the controller has died (`LAST_SECONDS`). What does not come back from a driver cannot do
that; it is ended by the kernel's alarm, which needs nothing of this process
(`DISPLAY_HUNG_SECONDS`, and `DISPLAY_START_SECONDS` while it loads, when the display is dark).
While it loads, the kernel ends it as soon as the controller has died.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
from types import FrameType
from typing import Final

from camerad.base import process
from camerad.base.errors import EX_SOFTWARE, EX_USAGE, CameradError, HardwareError
from camerad.behaviour.budget import DISPLAY_HUNG_SECONDS, DISPLAY_START_SECONDS
from camerad.selfview.framebuffer import Framebuffer, read_panel
from camerad.selfview.viewer_settings import ViewerSettings, parse

LAST_SECONDS: Final = 1.0
"""How long it may take to leave a dark display behind once the controller has died."""
_ORPHANED: Final = signal.SIGUSR1


class _Orphaned(BaseException):
    """The controller has died. No error: nothing that deals with those is to stop it."""


def _orphaned(_number: int, _frame: FrameType | None) -> None:
    signal.signal(_ORPHANED, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, LAST_SECONDS)
    raise _Orphaned


def _too_late(_number: int, _frame: FrameType | None) -> None:
    """Nothing is left to do."""


def _alive() -> None:
    """Put the alarm off. Nothing here catches it: it ends the process."""
    signal.setitimer(signal.ITIMER_REAL, DISPLAY_HUNG_SECONDS)


def _show(settings: ViewerSettings, frame_fd: int, control: socket.socket) -> None:
    """Show what is wanted until nothing is wanted any more. Raises CameradError."""
    _alive()
    panel = read_panel(settings.sysfs)
    display = Framebuffer(settings.device, panel)
    signal.setitimer(signal.ITIMER_REAL, DISPLAY_START_SECONDS)
    # It is dark, so there is nothing to be done last. Nor could it be: a library that is told of
    # something while it loads says that it could not be loaded.
    signal.signal(_ORPHANED, signal.SIG_DFL)
    from camerad.selfview import viewer  # noqa: PLC0415 - slow to import

    signal.signal(_ORPHANED, _orphaned)
    try:
        viewer.run(display, panel, settings, frame_fd=frame_fd, control=control, alive=_alive)
        # It is dark, and about to end. One that has just come would be told on standard error if it
        # found no function.
        signal.signal(_ORPHANED, _too_late)
    except _Orphaned:
        with contextlib.suppress(HardwareError):  # the controller is gone
            display.darken()


def main() -> int:
    """Run the process; returns the exit status."""
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="python -m camerad.selfview")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--frame-fd", required=True, type=int)
    parser.add_argument("--control-fd", required=True, type=int)
    arguments = parser.parse_args()
    # Only the controller ends it: signals of others are ignored.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(_ORPHANED, _orphaned)
    try:
        settings = parse(arguments.settings)
        control = socket.socket(fileno=arguments.control_fd)
        process.forbid_dumps()
        process.die_with_parent(parent, _ORPHANED)
        process.set_priority(process.DISPLAY_NICE)
        process.overwrite_freed_memory()
        process.share_one_heap()
    except (OSError, CameradError) as error:
        print(f"camerad.selfview: {error}", file=sys.stderr)  # noqa: T201
        return EX_USAGE
    except _Orphaned:
        return 0
    try:
        _show(settings, arguments.frame_fd, control)
    except _Orphaned:
        return 0
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
