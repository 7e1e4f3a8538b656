"""Frame buffers, requests, and the allocator of buffers."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hw_mocks.sensor import SENSOR, Fault

from ._controls import ControlId, checked
from ._enumeration import Enumeration
from ._errors import failed

if TYPE_CHECKING:
    from ._camera import Camera
    from ._configuration import Stream

_NO_OFFSET = 0xFFFFFFFF


class _SharedFD:
    """A descriptor of its own for the same file, closed with this object, as libcamera's SharedFD.

    Raises OSError for a bad descriptor; the real library ends the process.
    """

    def __init__(self, fd: int) -> None:
        self.fd = os.dup(fd) if fd >= 0 else -1

    def __del__(self) -> None:
        if self.fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self.fd)


class FrameMetadata:
    """What is known of the picture in a buffer.

    sequence: the sensor's frame number since the camera started; it jumps where frames were lost.
    timestamp: nanoseconds of CLOCK_BOOTTIME at which the frame was exposed.
    """

    class Status(Enumeration):
        """Whether the picture is good; Cancelled: there is none."""

        Success = 0
        Error = 1
        Cancelled = 2

    class Plane:
        """bytes_used: bytes of the plane that hold picture."""

        def __init__(self) -> None:
            self.bytes_used = 0

    def __init__(self, planes: int) -> None:
        self._status, self._sequence, self._timestamp = self.Status.Success, 0, 0
        self._planes = [self.Plane() for _ in range(planes)]

    @property
    def status(self) -> Status:
        """Whether the picture is good."""
        return self._status

    @property
    def sequence(self) -> int:
        """The sensor's frame number."""
        return self._sequence

    @property
    def timestamp(self) -> int:
        """Nanoseconds of CLOCK_BOOTTIME."""
        return self._timestamp

    @property
    def planes(self) -> list[Plane]:
        """One for each plane of the buffer."""
        return self._planes

    def _set(self, status: Status, sequence: int, timestamp: int) -> None:
        self._status, self._sequence, self._timestamp = status, sequence, timestamp


class FrameBuffer:
    """Memory for one picture of one stream. Its planes lie in one piece of memory, in order."""

    class Plane:
        """A part of a buffer: `length` bytes from `offset` of the memory behind `fd`.

        The descriptor that is set is duplicated; reading gives the duplicate's number.
        """

        def __init__(self, fd: int = -1, offset: int = _NO_OFFSET, length: int = 0, /) -> None:
            self._shared = _SharedFD(fd)
            self.offset = offset
            self.length = length

        @property
        def fd(self) -> int:
            """The descriptor of the memory, -1 where none is set."""
            return self._shared.fd

        @fd.setter
        def fd(self, fd: int) -> None:
            self._shared = _SharedFD(fd)

    def __init__(self, planes: list[Plane], cookie: int = 0) -> None:
        self._planes = list(planes)
        self.cookie = cookie
        self._metadata = FrameMetadata(len(self._planes))
        self._mapped: NDArray[np.uint8] | None = None

    @property
    def planes(self) -> list[Plane]:
        """The parts of the buffer."""
        return self._planes

    @property
    def metadata(self) -> FrameMetadata:
        """What is known of the picture that is in it."""
        return self._metadata

    def _hardware_view(self) -> NDArray[np.uint8]:
        """All bytes of the buffer, through a mapping of the hardware's own."""
        if self._mapped is None:
            size = max(plane.offset + plane.length for plane in self._planes)
            self._mapped = np.frombuffer(mmap.mmap(self._planes[0].fd, size), np.uint8)
        return self._mapped

    def _complete(self, status: FrameMetadata.Status, sequence: int, timestamp: int) -> None:
        self._metadata._set(status, sequence, timestamp)
        for part, plane in zip(self._metadata.planes, self._planes, strict=True):
            part.bytes_used = plane.length if status is FrameMetadata.Status.Success else 0


class Request:
    """Asks for one frame: a buffer for each stream, and the controls to be changed for it."""

    class Status(Enumeration):
        """How far a request is."""

        Pending = 0
        Complete = 1
        Cancelled = 2

    class Reuse(Enumeration):
        """What of a request is kept when it is used again."""

        Default = 0
        ReuseBuffers = 1

    def __init__(self, camera: Camera, cookie: int) -> None:
        self._camera = camera
        self._cookie = cookie
        self._sequence = 0
        self._status = self.Status.Pending
        self._buffers: dict[Stream, FrameBuffer] = {}
        self._pending = 0
        self._queued = False
        self._controls: dict[ControlId, Any] = {}
        self._metadata: dict[ControlId, Any] = {}

    @property
    def cookie(self) -> int:
        """What the application gave to know the request by."""
        return self._cookie

    @property
    def sequence(self) -> int:
        """Which request it is, counted from 0 as they are queued after a start."""
        return self._sequence

    @property
    def status(self) -> Status:
        """How far the request is."""
        return self._status

    @property
    def buffers(self) -> dict[Stream, FrameBuffer]:
        """The buffer for each stream."""
        return dict(self._buffers)

    @property
    def metadata(self) -> dict[ControlId, Any]:
        """What the camera says of the frame, once the request is complete."""
        return dict(self._metadata)

    @property
    def has_pending_buffers(self) -> bool:
        """Whether a buffer has yet to be filled."""
        return self._pending > 0

    def add_buffer(self, stream: Stream | None, buffer: FrameBuffer) -> None:
        """Give the buffer for one stream. Raises RuntimeError if there is none, or it has one."""
        if stream is None:
            failed("add buffer", errno.EINVAL)
        if stream in self._buffers:
            failed("add buffer", errno.EEXIST)
        self._buffers[stream] = buffer
        self._pending += 1

    def set_control(self, control: ControlId, value: Any) -> None:
        """Ask for a control to be changed. Raises RuntimeError for a value of the wrong type."""
        self._controls[control] = checked(control, value)

    def reuse(self) -> None:
        """Make the request ready to be queued again, with the same buffers."""
        if self._queued:
            SENSOR.violations.append("Request.reuse() of a request that is still queued")
        self._controls = {}
        self._metadata = {}
        self._status = self.Status.Pending
        self._sequence = 0
        self._pending = len(self._buffers)

    def _finish(
        self,
        status: Status,
        frame_status: FrameMetadata.Status,
        sequence: int = 0,
        timestamp: int = 0,
    ) -> None:
        """Complete the request and each of its buffers."""
        for buffer in self._buffers.values():
            buffer._complete(frame_status, sequence, timestamp)
        self._status = status
        self._pending = 0
        self._queued = False

    def __str__(self) -> str:
        letter = self._status.name[0] if self._status is not self.Status.Cancelled else "X"
        counts = f"{self._pending}/{len(self._buffers)}"
        return f"Request({self._sequence}:{letter}:{counts}:{self._cookie})"


class FrameBufferAllocator:
    """Allocates buffers for the streams of a configured camera."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._buffers: dict[Stream, list[FrameBuffer]] = {}

    @property
    def allocated(self) -> bool:
        """Whether any buffers are there."""
        return bool(self._buffers)

    def allocate(self, stream: Stream) -> int:
        """Allocate the stream's buffers and return how many they are.

        Raises RuntimeError if the stream has buffers already or is not configured, or there is no
        memory.
        """
        if stream in self._buffers:
            failed("allocate buffers", errno.EBUSY)
        if SENSOR.take(Fault.ALLOC_ERROR):
            failed("allocate buffers", errno.ENOMEM)
        self._buffers[stream] = self._camera._export_buffers(stream)
        return len(self._buffers[stream])

    def buffers(self, stream: Stream) -> list[FrameBuffer]:
        """The buffers of a stream."""
        return list(self._buffers.get(stream, ()))


def allocated(planes: list[int]) -> FrameBuffer:
    """A buffer with planes of so many bytes, one after the other."""
    fd = os.memfd_create("simulated-buffer", os.MFD_CLOEXEC)
    try:
        os.ftruncate(fd, sum(planes))
        offsets = accumulate(planes, initial=0)
        return FrameBuffer(
            [FrameBuffer.Plane(fd, *at) for at in zip(offsets, planes, strict=False)]
        )
    finally:
        os.close(fd)
