"""The H.264 encoder of the vc4 boards, ``/dev/video11``: libx264 takes the VideoCore's place.

A V4L2 memory-to-memory device as the kernel's bcm2835-codec driver offers it: pictures are queued
as DMA buffers of the camera (the OUTPUT queue), packets come back in buffers of the driver that the
program has mapped (the CAPTURE queue), both done at their own time, which poll(2) tells. It refuses
what the driver and the kernel's videobuf2 refuse, with the same errors. What it cannot do, the
program never asks for: frames that span buffers, events, more than one plane.

`open_device` gives the open file. `Encoder.ioctl` answers the calls on it, and `Encoder.memory` is
what ``mmap`` on it maps; `hw_mocks.devhooks` leads both here. The faults are `hw_mocks.sensor`'s:
an error from dequeueing, a picture that comes back empty, and a hardware that completes nothing.

Structures and numbers are those of linux/videodev2.h, by picamera2's own module for them. Formats,
controls and their ranges: drivers/staging/vc04_services/bcm2835-codec in the Raspberry Pi kernel.
"""

from __future__ import annotations

import errno
import io
import mmap
import os
import threading
from collections import deque
from typing import Any, Final

import videodev2 as v4l2

from hw_mocks.queues import Buffer, Queue, Signal
from hw_mocks.sensor import SENSOR, Fault
from hw_mocks.x264 import X264, Coding

CARD: Final = b"bcm2835-codec-encode\0"
DRIVER: Final = b"bcm2835-codec\0"

STRIDE_ALIGNMENT: Final = 64
"""Of the rows of I420 that it takes, in bytes."""
PACKET_BYTES: Final = 512 << 10
"""Least size of a buffer for packets, up to 720p."""
MOST_BUFFERS: Final = 32
"""Of one queue: VIDEO_MAX_FRAME."""
PACKET_BYTES_LARGE: Final = 768 << 10
STOP_SECONDS: Final = 2.0
"""How long the driver waits at STREAMOFF for buffers that the hardware holds."""
KEY_LATENCY: Final = 2
"""Pictures from the request for a key frame to the key frame: 66 to 100 ms were measured on a Pi
Zero 2 W at 30 pictures per second."""

_PICTURES: Final = v4l2.V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE
_PACKETS: Final = v4l2.V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
_FORMATS: Final = {_PICTURES: v4l2.V4L2_PIX_FMT_YUV420, _PACKETS: v4l2.V4L2_PIX_FMT_H264}


# Control: least, greatest, step, default.
_CONTROLS: Final = {
    v4l2.V4L2_CID_MPEG_VIDEO_BITRATE: (25_000, 25_000_000, 25_000, 10_000_000),
    v4l2.V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER: (0, 1, 1, 0),
    v4l2.V4L2_CID_MPEG_VIDEO_H264_I_PERIOD: (0, 0x7FFF_FFFF, 1, 60),
    v4l2.V4L2_CID_MPEG_VIDEO_H264_MIN_QP: (0, 51, 1, 20),
    v4l2.V4L2_CID_MPEG_VIDEO_H264_MAX_QP: (0, 51, 1, 51),
    v4l2.V4L2_CID_MPEG_VIDEO_H264_LEVEL: (0, 15, 1, v4l2.V4L2_MPEG_VIDEO_H264_LEVEL_4_0),
    v4l2.V4L2_CID_MPEG_VIDEO_H264_PROFILE: (0, 4, 1, v4l2.V4L2_MPEG_VIDEO_H264_PROFILE_HIGH),
    v4l2.V4L2_CID_MPEG_VIDEO_B_FRAMES: (0, 0, 1, 0),
}


def _refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class DeviceFile(io.FileIO):
    """What ``open("/dev/video11", "rb+", buffering=0)`` returns."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder.descriptor(), "rb+")
        self.encoder = encoder

    def close(self) -> None:
        """Close it, and end what the hardware does for it."""
        if not self.closed:
            _OPEN.pop(self.fileno(), None)
            super().close()
            self.encoder.close()


_OPEN: Final[dict[int, DeviceFile]] = {}


def open_device() -> DeviceFile:
    """The device, opened once more; each open file is an encoder of its own."""
    file = DeviceFile(Encoder())
    _OPEN[file.fileno()] = file
    return file


def opened(file: Any) -> Encoder | None:
    """The encoder behind a descriptor or an open file; None if it is something else."""
    if not _OPEN:
        return None
    try:
        number = file if isinstance(file, int) else file.fileno()
    except (AttributeError, ValueError):
        return None
    found = _OPEN.get(number)
    return None if found is None else found.encoder


class Encoder:
    """What one open file can do. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._signal = Signal()
        self._signal.set(readable=False, writable=False)
        self._pictures = Queue(v4l2.V4L2_MEMORY_DMABUF)
        self._packets = Queue(v4l2.V4L2_MEMORY_MMAP)
        self._queues = {_PICTURES: self._pictures, _PACKETS: self._packets}
        self._controls = {control: facts[3] for control, facts in _CONTROLS.items()}
        self._number = 0
        """Pictures that were queued so far."""
        self._keys: deque[int] = deque()
        """Which of them are to be key frames."""
        self._memory: int | None = None
        self._hardware: threading.Thread | None = None
        self._ending = threading.Event()
        self._answers = {
            v4l2.VIDIOC_QUERYCAP & 0xFFFF_FFFF: self._querycap,
            v4l2.VIDIOC_S_CTRL & 0xFFFF_FFFF: self._s_ctrl,
            v4l2.VIDIOC_S_EXT_CTRLS & 0xFFFF_FFFF: self._s_ext_ctrls,
            v4l2.VIDIOC_S_FMT & 0xFFFF_FFFF: self._s_fmt,
            v4l2.VIDIOC_S_PARM & 0xFFFF_FFFF: lambda _: None,
            v4l2.VIDIOC_REQBUFS & 0xFFFF_FFFF: self._reqbufs,
            v4l2.VIDIOC_QUERYBUF & 0xFFFF_FFFF: self._querybuf,
            v4l2.VIDIOC_QBUF & 0xFFFF_FFFF: self._qbuf,
            v4l2.VIDIOC_DQBUF & 0xFFFF_FFFF: self._dqbuf,
            v4l2.VIDIOC_STREAMON & 0xFFFF_FFFF: self._streamon,
            v4l2.VIDIOC_STREAMOFF & 0xFFFF_FFFF: self._streamoff,
        }

    def descriptor(self) -> int:
        """A new descriptor that poll(2) answers for as the device's."""
        return self._signal.fileno()

    @property
    def memory(self) -> int:
        """Descriptor of the memory in which the buffers for packets lie, at their offsets.

        Raises OSError (EINVAL) if none were asked for.
        """
        if self._memory is None:
            raise _refuse(errno.EINVAL)
        return self._memory

    def ioctl(self, code: int, argument: Any) -> int:
        """Answer one call. Raises OSError as the kernel does: ENOTTY for what it does not know."""
        answer = self._answers.get(code)
        if answer is None:
            raise _refuse(errno.ENOTTY)
        answer(argument)
        return 0

    def close(self) -> None:
        """The file is closed: the hardware stops, and its buffers are gone."""
        self._stop()
        with self._changed:
            self._free()
            self._signal.close()

    # ------------------------------------------------------------------------------------ settings

    def _querycap(self, argument: Any) -> None:
        for name, value in (("driver", DRIVER), ("card", CARD)):
            getattr(argument, name)[: len(value)] = list(value)
        argument.capabilities = v4l2.V4L2_CAP_VIDEO_M2M_MPLANE | v4l2.V4L2_CAP_STREAMING

    def _s_ctrl(self, argument: Any) -> None:
        self._control(argument.id, argument.value)

    def _s_ext_ctrls(self, argument: Any) -> None:
        for number in range(argument.count):
            self._control(argument.controls[number].id, argument.controls[number].value)

    def _control(self, control: int, value: int) -> None:
        with self._changed:
            if control == v4l2.V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME:
                self._keys.append(self._number + KEY_LATENCY)
                return
            if control not in _CONTROLS:
                raise _refuse(errno.EINVAL)
            least, greatest, step, _ = _CONTROLS[control]
            value = min(max(value, least), greatest)
            self._controls[control] = least + round((value - least) / step) * step

    def _queue(self, kind: int) -> Queue:
        if kind not in self._queues:
            raise _refuse(errno.EINVAL)
        return self._queues[kind]

    def _s_fmt(self, argument: Any) -> None:
        with self._changed:
            queue = self._queue(argument.type)
            if queue.buffers:
                raise _refuse(errno.EBUSY)
            asked = argument.fmt.pix_mp
            plane = asked.plane_fmt[0]
            queue.width, queue.height = min(asked.width, 1920), min(asked.height, 1920)
            asked.width, asked.height = queue.width, queue.height
            asked.pixelformat, asked.num_planes = _FORMATS[argument.type], 1
            asked.field = v4l2.V4L2_FIELD_NONE
            if argument.type == _PICTURES:
                stride = max(plane.bytesperline, queue.width)
                queue.stride = -(-stride // STRIDE_ALIGNMENT) * STRIDE_ALIGNMENT
                queue.size = queue.stride * queue.height * 3 // 2
            else:
                large = queue.width * queue.height > 1280 * 720
                queue.stride = 0
                queue.size = max(plane.sizeimage, PACKET_BYTES_LARGE if large else PACKET_BYTES)
            plane.bytesperline, plane.sizeimage = queue.stride, queue.size

    # ------------------------------------------------------------------------------------- buffers

    def _reqbufs(self, argument: Any) -> None:
        with self._changed:
            queue = self._queue(argument.type)
            if argument.memory != queue.memory or not queue.size:
                raise _refuse(errno.EINVAL)
            if queue.streaming:
                raise _refuse(errno.EBUSY)
            argument.count = min(argument.count, MOST_BUFFERS)
            queue.buffers = [Buffer(index) for index in range(argument.count)]
            if argument.type == _PACKETS:
                self._free()
                if argument.count:
                    self._memory = os.memfd_create("simulated-encoder", os.MFD_CLOEXEC)
                    os.ftruncate(self._memory, argument.count * self._room)

    @property
    def _room(self) -> int:
        """From one buffer for packets to the next: whole pages."""
        return -(-self._packets.size // mmap.PAGESIZE) * mmap.PAGESIZE

    def _free(self) -> None:
        if self._memory is not None:
            os.close(self._memory)
            self._memory = None

    def _buffer(self, argument: Any) -> tuple[Queue, Buffer]:
        queue = self._queue(argument.type)
        if argument.memory != queue.memory or argument.index >= len(queue.buffers):
            raise _refuse(errno.EINVAL)
        return queue, queue.buffers[argument.index]

    def _querybuf(self, argument: Any) -> None:
        with self._changed:
            queue, buffer = self._buffer(argument)
            argument.m.planes[0].length = queue.size
            if queue is self._packets:
                argument.m.planes[0].m.mem_offset = buffer.index * self._room

    def _qbuf(self, argument: Any) -> None:
        with self._changed:
            queue, buffer = self._buffer(argument)
            if buffer.queued:
                raise _refuse(errno.EINVAL)
            if queue is self._pictures:
                plane = argument.m.planes[0]
                if (plane.length or os.fstat(plane.m.fd).st_size) < queue.size:
                    raise _refuse(errno.EINVAL)
                # The driver holds the DMA buffer, whatever becomes of the program's descriptor.
                buffer.fd = os.dup(plane.m.fd)
                buffer.seconds = argument.timestamp.tv_sec
                buffer.microseconds = argument.timestamp.tv_usec
                buffer.used = self._number
                self._number += 1
            buffer.flags = 0
            buffer.queued = True
            queue.waiting.append(buffer)
            self._changed.notify_all()

    def _dqbuf(self, argument: Any) -> None:
        with self._changed:
            queue = self._queue(argument.type)
            if argument.memory != queue.memory or not queue.streaming:
                raise _refuse(errno.EINVAL)
            self._changed.wait_for(lambda: queue.done or not queue.streaming)
            if not queue.streaming:
                raise _refuse(errno.EINVAL)
            if queue is self._packets and SENSOR.take(Fault.ENCODER_ERROR):
                raise _refuse(errno.EIO)
            buffer = queue.done.popleft()
            buffer.queued = False
            argument.index, argument.flags = buffer.index, buffer.flags
            argument.timestamp.tv_sec = buffer.seconds
            argument.timestamp.tv_usec = buffer.microseconds
            argument.m.planes[0].length = queue.size
            argument.m.planes[0].bytesused = buffer.used
            self._tell()

    def _tell(self) -> None:
        self._signal.set(readable=bool(self._packets.done), writable=bool(self._pictures.done))

    # ----------------------------------------------------------------------------------- streaming

    def _streamon(self, argument: Any) -> None:
        with self._changed:
            queue = self._queue(argument.value)
            if not queue.buffers:
                raise _refuse(errno.EINVAL)
            queue.streaming = True
            if all(queue.streaming for queue in self._queues.values()):
                self._ending = threading.Event()
                self._hardware = threading.Thread(
                    target=self._run, args=(self._ending,), name="videocore", daemon=True
                )
                self._hardware.start()

    def _streamoff(self, argument: Any) -> None:
        queue = self._queue(argument.value)
        self._stop()
        with self._changed:
            queue.put_back()
            self._tell()
            self._changed.notify_all()

    def _stop(self) -> None:
        """End the hardware's work; wait for what it holds, but not for ever."""
        with self._changed:
            hardware, self._hardware = self._hardware, None
            self._ending.set()
            self._changed.notify_all()
        if hardware is not None:
            hardware.join(STOP_SECONDS)

    def _run(self, ending: threading.Event) -> None:
        """The hardware: takes a picture and a buffer for its packet, encodes, gives both back."""
        controls = self._controls
        coding = Coding(
            self._pictures.width,
            self._pictures.height,
            self._pictures.stride,
            bitrate=controls[v4l2.V4L2_CID_MPEG_VIDEO_BITRATE],
            period=controls[v4l2.V4L2_CID_MPEG_VIDEO_H264_I_PERIOD],
            least_qp=controls[v4l2.V4L2_CID_MPEG_VIDEO_H264_MIN_QP],
            repeat=bool(controls[v4l2.V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER]),
        )
        pictures, packets = self._pictures.waiting, self._packets.waiting
        with X264(coding) as x264, mmap.mmap(self.memory, 0) as memory:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: ending.is_set() or (pictures and packets))
                    if ending.is_set():
                        return
                    picture, packet = pictures.popleft(), packets.popleft()
                    number = picture.used
                    key = False
                    while self._keys and self._keys[0] <= number:
                        self._keys.popleft()
                        key = True
                SENSOR.wait_while(Fault.ENCODER_HANG)
                packet.flags, packet.used = v4l2.V4L2_BUF_FLAG_ERROR, 0
                if not SENSOR.take(Fault.ENCODER_EMPTY):
                    at = packet.index * self._room
                    with memoryview(memory)[at : at + self._packets.size] as place:
                        packet.used, is_key = x264.encode(picture.fd, key, place)
                    packet.flags = v4l2.V4L2_BUF_FLAG_KEYFRAME if is_key else 0
                packet.seconds, packet.microseconds = picture.seconds, picture.microseconds
                with self._changed:
                    os.close(picture.fd)
                    if ending.is_set():
                        return
                    self._pictures.done.append(picture)
                    self._packets.done.append(packet)
                    self._tell()
                    self._changed.notify_all()
