"""A front display that fails below the program that writes to it.

`install` replaces the functions of `os` through which a framebuffer is opened and written, for the
device that HW_MOCKS_PANEL names; with a fault they behave as the kernel's would:

- ``display_gone``: there is no such device (ENOENT); one that was open before has gone (ENODEV).
- ``display_error``: every write fails with EIO.
- ``display_slow``: every write takes half a second longer.
- ``display_hang``: a write does not come back as long as the fault holds. A process that hangs in
  a driver of the kernel cannot even be killed; this one can.

Faults come from the world (``{"fault", "until_us"}``). The display's process is a child of the
daemon, so it is prepared by `hw_mocks.children`.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from hw_mocks.bus import Message, WorldClient, now_us

PANEL_VARIABLE: Final = "HW_MOCKS_PANEL"
ROLE: Final = "panel"
GONE: Final = "display_gone"
ERROR: Final = "display_error"
SLOW: Final = "display_slow"
HANG: Final = "display_hang"
FAULTS: Final = (GONE, ERROR, SLOW, HANG)
SLOW_SECONDS: Final = 0.5


class Framebuffer:
    """The device file at `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._until: dict[str, int] = {}
        self._fds: set[int] = set()
        self._changed = threading.Condition()
        self._real_open: Callable[..., int] = os.open
        self._real_pwrite: Callable[..., int] = os.pwrite
        self._world: WorldClient | None = None

    def connect(self) -> None:
        """Take faults from the world that the environment names, if there is one."""
        self._world = WorldClient.from_environment(ROLE, self._hear)
        if self._world is not None:
            self._world.wait_ready()

    def fail(self, name: str, until_us: int) -> None:
        """Let a fault hold until then. Raises ValueError for a name that is none of a display."""
        if name not in FAULTS:
            raise ValueError(f"{name!r} is no fault of a display; there are {', '.join(FAULTS)}")
        with self._changed:
            self._until[name] = until_us
            self._changed.notify_all()

    def install(self) -> None:
        """Put the hooks in place."""
        os.open, os.pwrite = self._open, self._pwrite

    def remove(self) -> None:
        """Put everything back as it was, and part from the world."""
        os.open, os.pwrite = self._real_open, self._real_pwrite
        if self._world is not None:
            self._world.close()

    def _hear(self, message: Message) -> None:
        if message.get("fault") in FAULTS:
            self.fail(message["fault"], int(message["until_us"]))

    def _holds(self, name: str) -> bool:
        return self._until.get(name, 0) > now_us()

    def _open(self, path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if path != self._path:
            return self._real_open(path, flags, *args, **kwargs)
        if self._holds(GONE):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        fd = self._real_open(path, flags, *args, **kwargs)
        self._fds.add(fd)
        return fd

    def _pwrite(self, fd: int, data: Any, offset: int) -> int:
        if fd in self._fds and self._until:
            self._wait_for_driver()
            for name, number in ((GONE, errno.ENODEV), (ERROR, errno.EIO)):
                if self._holds(name):
                    raise OSError(number, os.strerror(number))
            if self._holds(SLOW):
                time.sleep(SLOW_SECONDS)
        return self._real_pwrite(fd, data, offset)

    def _wait_for_driver(self) -> None:
        with self._changed:
            while self._holds(HANG):
                self._changed.wait((self._until[HANG] - now_us()) / 1e6)


def install_from_environment() -> Framebuffer | None:
    """The display that HW_MOCKS_PANEL names, hooked in and connected; None if it names none."""
    path = os.environ.get(PANEL_VARIABLE)
    if not path:
        return None
    framebuffer = Framebuffer(path)
    framebuffer.connect()
    framebuffer.install()
    return framebuffer
