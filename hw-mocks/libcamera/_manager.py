"""The camera manager, through which cameras are found and completed requests come back."""

from __future__ import annotations

import os
import threading
from typing import ClassVar, Final

from hw_mocks.sensor import SENSOR, Fault

from ._buffers import Request
from ._camera import Camera

_CAMERA_ID: Final = "/base/soc/i2c0mux/i2c@1/imx219@10"


class CameraManager:
    """Lists the cameras and hands out the requests that they have completed.

    There is one for the life of the process. `event_fd` is an eventfd that is readable while there
    are completed requests; it belongs to the manager.
    """

    version: ClassVar[str] = "v0.4.0+simulated"
    _only: ClassVar[CameraManager | None] = None
    _only_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        SENSOR.connect()
        self._event_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._done: list[Request] = []
        self._camera = Camera(_CAMERA_ID, self._complete)

    @staticmethod
    def singleton() -> CameraManager:
        """The manager of this process."""
        with CameraManager._only_lock:
            if CameraManager._only is None:
                CameraManager._only = CameraManager()
            return CameraManager._only

    @property
    def event_fd(self) -> int:
        """Readable while there are completed requests."""
        return self._event_fd

    @property
    def cameras(self) -> list[Camera]:
        """Every camera of the system."""
        return [] if SENSOR.holds(Fault.CAMERA_GONE) else [self._camera]

    def get(self, name: str) -> Camera | None:
        """The camera of this id; None if there is none."""
        return next((camera for camera in self.cameras if camera.id == name), None)

    def get_ready_requests(self) -> list[Request]:
        """The requests that were completed or cancelled since the last call, oldest first."""
        try:
            os.eventfd_read(self._event_fd)
        except BlockingIOError:
            return []
        with self._lock:
            done, self._done = self._done, []
        return done

    def _complete(self, request: Request) -> None:
        with self._lock:
            self._done.append(request)
        os.eventfd_write(self._event_fd, 1)


def log_set_level(category: str, level: str) -> None:
    """Set from which level on a category logs. The simulated camera does not log."""
    if not (isinstance(category, str) and isinstance(level, str)):
        raise TypeError("incompatible function arguments: log_set_level(str, str)")
