"""Unplugs and plugs the USB camera under the capture process, in the emulated machine.

python -m tests.usb.plugging: the pictures of a process are watched. When none comes any more
it is killed, as the daemon does, and another is started; without a camera, and with it again.
"""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.usb.machine import PLUG, PULL
from tests.usb.taking import say
from tests.waiting import until

VIDEO: Final = Path("/dev/video0")

PICTURES: Final = 10
SILENCE_SECONDS: Final = 20.0
"""Two hundred times as long as a picture takes."""


def plug() -> None:
    """Have the camera plugged in; its driver has it when this returns."""
    say(PLUG)
    until(VIDEO.exists, what="there is a camera", seconds=SILENCE_SECONDS)


def pull() -> None:
    """Have it pulled out."""
    say(PULL)
    until(lambda: not VIDEO.exists(), what="there is no camera", seconds=SILENCE_SECONDS)


def taking(*arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.usb.taking", *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, bufsize=0)


def main() -> None:
    """Play it."""
    plug()
    first = taking()
    assert first.stdout is not None
    seen = 0
    while seen < PICTURES:
        line = first.stdout.readline()
        assert line, "the process has ended"
        seen += line.startswith("picture")
        say("first:", line.rstrip())
    pull()
    while select.select([first.stdout], [], [], SILENCE_SECONDS)[0]:
        line = first.stdout.readline()
        if not line:
            break
    say("first:", "ended" if first.poll() is not None else "silent")
    first.kill()
    for name in ("without", "again"):
        if name == "again":
            plug()
        said, _ = taking(PICTURES).communicate()
        for line in said.splitlines():
            say(f"{name}:", line)


if __name__ == "__main__":
    main()
