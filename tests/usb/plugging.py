"""Unplugs and plugs the USB camera under the capture process, in the emulated machine.

python -m tests.usb.plugging IMAGES: the pictures of a process are watched. When none comes any more
it is killed, as the daemon does, and another is started; without a camera, and with it again.
"""

from __future__ import annotations

import select
import subprocess
import sys
from typing import Final

from tests.usb.taking import say

PICTURES: Final = 10
SILENCE_SECONDS: Final = 20.0
"""Two hundred times as long as a picture takes."""


def taking(*arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.usb.taking", *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, bufsize=0)


def main() -> None:
    """Play it."""
    plug = [sys.executable, "-m", "hw_mocks.usbcamera", sys.argv[1]]
    camera = subprocess.Popen(plug)
    subprocess.run(["udevadm", "settle"], check=True)
    first = taking()
    assert first.stdout is not None
    seen = 0
    while seen < PICTURES:
        line = first.stdout.readline()
        assert line, "the process has ended"
        seen += line.startswith("picture")
        say("first:", line.rstrip())
    camera.kill()
    camera.wait()
    while select.select([first.stdout], [], [], SILENCE_SECONDS)[0]:
        line = first.stdout.readline()
        if not line:
            break
    say("first:", "ended" if first.poll() is not None else "silent")
    first.kill()
    for name in ("without", "again"):
        if name == "again":
            camera = subprocess.Popen(plug)
            subprocess.run(["udevadm", "settle"], check=True)
        said, _ = taking(PICTURES).communicate()
        for line in said.splitlines():
            say(f"{name}:", line)
    camera.kill()


if __name__ == "__main__":
    main()
