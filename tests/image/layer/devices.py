"""Opens what there is of devices, and says so in the service's own directory: devices.json.

Runs as camerad.service itself does, with all that its unit forbids. A device that could be opened
is also asked what it is, or is used; whoever reads the result compares that.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import subprocess
from collections.abc import Iterable

# Requests of ioctl(2) and the bytes that they take: linux/videodev2.h, linux/gpio.h, linux/fb.h.
VIDIOC_QUERYCAP = (0x80685600, 104)
GPIO_GET_CHIPINFO = (0x8044B401, 68)
FBIOGET_FSCREENINFO = (0x4602, 80)

ALLOWED = {
    "/dev/video*": VIDIOC_QUERYCAP,
    "/dev/gpiochip*": GPIO_GET_CHIPINFO,
    "/dev/fb*": FBIOGET_FSCREENINFO,
    "/dev/snd/pcm*": None,
}
OTHERS = (
    *("/dev/vd*", "/dev/watchdog*", "/dev/mem", "/dev/kmsg", "/dev/ttyAMA*", "/dev/tty0"),
    *("/dev/dri/*", "/dev/input/event*", "/dev/mapper/root", "/dev/hwrng", "/dev/port"),
    # Every user may open these, but for the unit.
    *("/dev/fuse", "/dev/net/tun"),
)


def asked(path: str, request: tuple[int, int] | None) -> str:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if request is None:
            return "opened"
        answer = bytearray(request[1])
        fcntl.ioctl(descriptor, request[0], answer)
        return answer.split(b"\0")[0].decode(errors="replace")
    finally:
        os.close(descriptor)


def tried(pattern: str, request: tuple[int, int] | None) -> dict[str, str]:
    found = {}
    for path in sorted(glob.glob(pattern)):
        try:
            found[path] = asked(path, request)
        except OSError as error:
            found[path] = f"error: {os.strerror(error.errno or 0)}"
    return found


def picture() -> int:
    """How many bytes of a picture the first camera gives (read(2) of a V4L2 device)."""
    for path in sorted(glob.glob("/dev/video*")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            return len(os.read(descriptor, 1 << 24))
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return 0


def sound() -> int:
    """How many bytes a second of the sound card's is."""
    words = ["arecord", "-q", "-D", "hw:Loopback,1", "-f", "S16_LE", "-r", "8000", "-d", "1"]
    done = subprocess.run([*words, "-t", "raw"], capture_output=True, check=False, timeout=60)
    return len(done.stdout)


def together(parts: Iterable[dict[str, str]]) -> dict[str, str]:
    return {path: said for part in parts for path, said in part.items()}


def main() -> None:
    found = {
        "opened": together(tried(pattern, request) for pattern, request in ALLOWED.items()),
        "refused": together(tried(pattern, None) for pattern in OTHERS),
        "picture": picture(),
        "sound": sound(),
        "uid": os.getuid(),
    }
    path = os.path.join(os.environ["RUNTIME_DIRECTORY"], "devices.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
