"""A small application of libcamera for tests, without picamera2."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from waiting import DEADLINE

import libcamera
from hw_mocks import barcode
from libcamera import controls


class Frame(NamedTuple):
    """One completed request: what its status, buffers and metadata say."""

    status: libcamera.Request.Status
    frame_status: libcamera.FrameMetadata.Status
    sequence: int
    at_ns: int
    number: int | None
    main: NDArray[np.uint8]


class App:
    """Runs the camera with `buffers` requests and gives each back to it when it is complete.

    With `recycle` off, completed requests are kept; `give_back` returns them.
    """

    def __init__(self, size: tuple[int, int] = (640, 480), buffers: int = 8) -> None:
        self.manager = libcamera.CameraManager.singleton()
        self.camera = self.manager.cameras[0]
        self.camera.acquire()
        self.recycle = True
        self.kept: list[libcamera.Request] = []
        self.next_controls: dict[libcamera.ControlId, object] = {}
        viewfinder = libcamera.StreamRole.Viewfinder
        self.configuration = self.camera.generate_configuration([viewfinder])
        self.configuration.at(0).pixel_format = libcamera.PixelFormat("YUV420")
        self.configuration.at(0).size = libcamera.Size(*size)
        self.configuration.at(0).buffer_count = buffers
        assert self.configuration.validate() is libcamera.CameraConfiguration.Status.Valid
        self.camera.configure(self.configuration)
        stream = self.configuration.at(0).stream
        assert stream is not None
        self.stream = stream
        self.allocator = libcamera.FrameBufferAllocator(self.camera)
        self.allocator.allocate(stream)
        self.requests = []
        for buffer in self.allocator.buffers(stream):
            request = self.camera.create_request()
            request.add_buffer(stream, buffer)
            self.requests.append(request)

    def start(self, rate: float = 30) -> None:
        """Start the camera at this many frames a second and queue every request."""
        duration = int(1_000_000 / rate)
        self.camera.start({controls.FrameDurationLimits: (duration, duration)})
        for request in self.requests:
            request.reuse()
            self.camera.queue_request(request)

    def give_back(self) -> None:
        """Queue the requests that were kept."""
        while self.kept:
            self._queue(self.kept.pop(0))

    def ready(self, timeout: float) -> list[Frame]:
        """The frames that come within `timeout` seconds, as soon as there are any."""
        if not select.select([self.manager.event_fd], [], [], timeout)[0]:
            return []
        found = []
        for request in self.manager.get_ready_requests():
            found.append(self._frame(request))
            if self.recycle:
                self._queue(request)
            else:
                self.kept.append(request)
        return found

    def frames(self, count: int, timeout: float = DEADLINE) -> list[Frame]:
        """The next `count` frames or more. Raises TimeoutError if they do not come."""
        found: list[Frame] = []
        deadline = time.monotonic() + timeout
        while len(found) < count:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError(f"{len(found)} of {count} frames within {timeout} s")
            found += self.ready(left)
        return found

    def stop(self) -> list[Frame]:
        """Stop the camera; returns what comes back."""
        self.recycle = False
        self.camera.stop()
        found = self.ready(0)
        self.recycle = True
        self.kept.clear()
        return found

    def close(self) -> None:
        """Stop and release the camera."""
        self.stop()
        self.camera.release()

    def _queue(self, request: libcamera.Request) -> None:
        request.reuse()
        for control, value in self.next_controls.items():
            request.set_control(control, value)
        self.next_controls = {}
        self.camera.queue_request(request)

    def _frame(self, request: libcamera.Request) -> Frame:
        buffer = request.buffers[self.stream]
        metadata = buffer.metadata
        configuration = self.configuration.at(0)
        size = os.fstat(buffer.planes[0].fd).st_size
        picture = np.frombuffer(os.pread(buffer.planes[0].fd, size, 0), np.uint8)
        height, stride = configuration.size.height, configuration.stride
        main = picture.reshape(height * 3 // 2, stride)
        return Frame(
            request.status,
            metadata.status,
            metadata.sequence,
            request.metadata.get(controls.SensorTimestamp, 0),
            barcode.read(main[:height]),
            main,
        )


@contextmanager
def running(
    size: tuple[int, int] = (640, 480), buffers: int = 8, rate: float = 30
) -> Iterator[App]:
    """An app whose camera runs."""
    app = App(size, buffers)
    try:
        app.start(rate)
        yield app
    finally:
        app.close()
