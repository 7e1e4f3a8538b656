"""The two encoders, with camerad's times, key frames and bookkeeping.

Software (libx264 through libav): a fresh one for every `arm`, gone with everything it holds at
`disarm`. Hardware (the V4L2 encoder of a vc4 board through picamera2's H264Encoder): starting and
stopping it again and again is known to hang the driver, so it runs as long as the camera does and
its packets are let through or not.

picamera2 calls the hardware's from its event loop, which dies silently of an exception and then
hangs in stop(); so it raises nothing into it, an exception goes to `Wiring.fail`.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any, Final

import av
import msgspec
import videodev2
from av.codec.context import ThreadType
from av.video.frame import PictureType
from picamera2.encoders.h264_encoder import H264Encoder

from camerad.base.errors import CaptureError
from camerad.capture.capture_settings import CaptureSettings
from camerad.capture.pictures import Picture, Pictures
from camerad.capture.send_queue import overwrite

HARDWARE_DEVICE: Final = "/dev/video11"
"""Path of a vc4 board's H.264 encoder."""
HARDWARE_CODEC: Final = "bcm2835-codec"
HARDWARE_FORMAT: Final = "YUV420"
"""picamera2's name of the only format that camerad gives to it."""
NO_AUTOMATIC_KEYS: Final = 1 << 30
"""A period of key frames, in frames, that never ends; x264's own value for infinity."""


class KeySchedule:
    """When a key frame is due: every `interval_us` of media time, and on request.

    A frame counts as on time if it is at most half of `frame_us` early, so that the nearest frame
    is taken and groups keep their length although the sensor's time jitters.
    """

    def __init__(self, interval_us: int, frame_us: int) -> None:
        self._after_us = interval_us - frame_us // 2
        self._next_us = 0
        self._requested = False

    def request(self) -> None:
        """Make the next frame a key frame; may be called from any thread."""
        self._requested = True

    def take(self, pts_us: int) -> bool:
        """Whether the frame at `pts_us` is to be a key frame; it then counts as one."""
        if not self._requested and pts_us < self._next_us:
            return False
        self._requested = False
        self._next_us = pts_us + self._after_us
        return True


class Wiring(msgspec.Struct):
    """An encoder's interface to the process around it.

    picture: the frame that is encoded now; None: it is not to be. image: the same as a frame of
    libav. stamp: writes into it what is to be seen, before it is encoded. opening: in its context
    an encoder in software is opened.
    """

    pictures: Pictures
    keys: KeySchedule
    picture: Callable[[], Picture | None]
    image: Callable[[], Any]
    stamp: Callable[[Picture], None]
    fail: Callable[[BaseException], None]
    opening: Callable[[], AbstractContextManager[object]]


class SoftwareEncoder:
    """libx264, with a bound on the rate; a window of T seconds never holds more than
    T + 0.5 seconds of `max_bitrate`.

    pixels: libav's name of the format that it is given. Opened on construction, so that a refusal
    is raised then and the first frame need not wait. `close` gives back all the memory in which it
    held pictures and packets.
    """

    def __init__(self, settings: CaptureSettings, wiring: Wiring, pixels: str) -> None:
        self._wiring = wiring
        self._first_us: int | None = None
        codec = av.CodecContext.create("h264", "w")
        codec.width, codec.height, codec.pix_fmt = settings.width, settings.height, pixels
        codec.framerate = Fraction(settings.fps)
        codec.time_base = Fraction(1, 1_000_000)
        codec.bit_rate = settings.bitrate
        codec.gop_size = NO_AUTOMATIC_KEYS
        codec.thread_count = settings.encoder_threads
        codec.thread_type = ThreadType.FRAME
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "deblock": "1",
            "maxrate": str(settings.max_bitrate),
            "bufsize": str(settings.max_bitrate // 2),
            "bf": "0",
        }
        with wiring.opening():
            codec.open()
        self._codec: Any = codec
        wiring.pictures.started()
        wiring.keys.request()

    def encode_picture(self) -> None:
        """Encode the present picture, unless it is older than what is wanted."""
        wiring = self._wiring
        picture = wiring.picture()
        if picture is None or picture.pts_us < wiring.pictures.not_before_us:
            return
        wiring.stamp(picture)
        frame = wiring.image()
        if self._first_us is None:
            self._first_us = picture.pts_us
        frame.pts = picture.pts_us - self._first_us
        wiring.pictures.fed(frame.pts, picture)
        frame.pict_type = PictureType.I if wiring.keys.take(picture.pts_us) else PictureType.NONE
        for packet in self._codec.encode(frame):
            if packet.dts != packet.pts:
                raise CaptureError("the encoder reorders pictures")
            wiring.pictures.encoded(memoryview(packet), packet.is_keyframe, packet.pts)

    def close(self) -> None:
        """libav frees the encoder, and x264 its pictures, with the last reference."""
        self._codec = None


class Emptied:
    """A buffer that the driver shares with this process; what is read from it is overwritten there.

    The driver fills its buffers in turn and each from the beginning: without this, the end of a
    large packet would stay until another one as large comes to lie there. Stands in for the mmap in
    picamera2's list, of which it uses the methods below. memory: writable; anything else is an
    error, since nothing could be overwritten.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._view = memoryview(memory)
        if self._view.readonly:
            raise CaptureError("the hardware encoder's buffers cannot be overwritten")

    def read(self, size: int) -> bytearray:
        """The first `size` bytes, which are zero afterwards."""
        with self._view[:size] as packet:
            taken = bytearray(packet)
            overwrite(packet)
        return taken

    def seek(self, position: int) -> None:
        """Reading always begins at the beginning."""

    def wipe(self) -> None:
        """Overwrite all of it."""
        overwrite(self._view)

    def close(self) -> None:
        """Give the buffer back to the driver."""
        self._view.release()
        self._memory.close()


class HardwareEncoder(H264Encoder):  # type: ignore[misc] # picamera2 has no types
    """The V4L2 encoder of a vc4 board. Its rate is bounded by its own rate control only.

    Where its packets are in this process, and for how long: in the driver's buffer until they are
    read, and from then on in one copy, which the outbox overwrites when it is sent, and this class
    when it is not.
    """

    vd: Any
    firsttimestamp: int | None
    bufs: dict[int, tuple[Any, int]]

    def __init__(self, settings: CaptureSettings, wiring: Wiring) -> None:
        super().__init__(
            bitrate=settings.bitrate, iperiod=NO_AUTOMATIC_KEYS, framerate=settings.fps
        )
        self._wiring = wiring

    def _start(self) -> None:
        self._wiring.pictures.started()
        super()._start()
        # picamera2 maps them for reading only. Nothing has been fed yet, so the thread that reads
        # them has nothing to read.
        for index, (memory, size) in self.bufs.items():
            memory.close()
            self.bufs[index] = (Emptied(self._mapped(index, size)), size)

    def _mapped(self, index: int, size: int) -> mmap.mmap:
        """A buffer for packets, mapped for reading and writing. Raises OSError."""
        planes = (videodev2.v4l2_plane * videodev2.VIDEO_MAX_PLANES)()
        buffer = videodev2.v4l2_buffer()
        buffer.type = videodev2.V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
        buffer.memory = videodev2.V4L2_MEMORY_MMAP
        buffer.index, buffer.length, buffer.m.planes = index, 1, planes
        fcntl.ioctl(self.vd, videodev2.VIDIOC_QUERYBUF, buffer)
        return mmap.mmap(self.vd.fileno(), size, offset=planes[0].m.mem_offset)

    def wipe(self) -> None:
        """Overwrite the buffers in which the driver leaves its packets, read or not.

        The hardware may still be at work on pictures from before and leave them there afterwards;
        they are read, and overwritten, when it is done.
        """
        for buffer, _ in self.bufs.values():
            buffer.wipe()

    def encode(self, stream: Any, request: Any) -> None:
        """Called by picamera2's event loop with every frame; never raises."""
        try:
            super().encode(stream, request)
        except Exception as error:  # noqa: BLE001 - picamera2's event loop would die of it
            self._fail(error)

    def _encode(self, stream: Any, request: Any) -> None:
        picture = self._wiring.picture()
        if picture is None:
            return
        # Armed or not: the first packet that is let through may be of a picture from just before.
        self._wiring.stamp(picture)
        if self._wiring.keys.take(picture.pts_us):
            self.force_key_frame()
        super()._encode(stream, request)

    def _timestamp(self, request: Any) -> int:  # noqa: ARG002 - picamera2's signature
        picture = self._wiring.picture()
        if picture is None:
            raise CaptureError("a frame without a time reached the encoder")
        if self.firsttimestamp is None:
            self.firsttimestamp = picture.pts_us
        timestamp_us: int = picture.pts_us - self.firsttimestamp
        self._wiring.pictures.fed(timestamp_us, picture)
        return timestamp_us

    def thread_poll(self, buf_available: Any) -> None:
        """The thread that takes the packets from the driver; never dies silently."""
        try:
            super().thread_poll(buf_available)
        except Exception as error:  # noqa: BLE001 - it would be lost
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """The kernel's word alone does not say who refused what."""
        if isinstance(error, OSError) and not isinstance(error, CaptureError):
            error = CaptureError(f"the hardware encoder failed: {error.strerror or error}")
        self._wiring.fail(error)

    def outputframe(
        self,
        frame: bytearray,
        keyframe: bool = True,
        timestamp: int | None = None,
        packet: Any = None,  # noqa: ARG002 - picamera2's signature
        audio: bool = False,  # noqa: ARG002
    ) -> None:
        """Called by picamera2 with every packet, as `Emptied.read` gave it."""
        if timestamp is None:
            raise CaptureError("the encoder gives a packet without a time")
        body = memoryview(frame)
        if not self._wiring.pictures.encoded(body, keyframe, timestamp):
            overwrite(body)


def choose(wanted: str, on_vc4: bool) -> tuple[bool, str]:
    """Whether to take the hardware encoder, and why, in words.

    wanted: "auto", "software" or "hardware". on_vc4: whether the board has picamera2's vc4
    platform; other boards have no hardware encoder for H.264. What is at the encoder's place is
    asked who it is.
    """
    if wanted == "software":
        return False, "configured"
    if not on_vc4:
        return False, "this board has no hardware encoder"
    if not os.path.exists(HARDWARE_DEVICE):
        return False, f"there is no {HARDWARE_DEVICE}"
    try:
        driver = _driver_of(HARDWARE_DEVICE)
    except OSError as error:
        return False, f"{HARDWARE_DEVICE} cannot be opened: {error.strerror}"
    if driver != HARDWARE_CODEC:
        return False, f"{HARDWARE_DEVICE} is no encoder but belongs to {driver}"
    return True, "configured" if wanted == "hardware" else "found"


def _driver_of(device: str) -> str:
    """The driver of a video device (VIDIOC_QUERYCAP). Raises OSError."""
    with open(device, "rb+", buffering=0) as opened:
        found = videodev2.v4l2_capability()
        fcntl.ioctl(opened, videodev2.VIDIOC_QUERYCAP, found)
        return str(videodev2.arr_to_str(found.driver))


def codec_name(hardware: bool) -> str:
    """The encoder's own name, such as "libx264"."""
    return HARDWARE_CODEC if hardware else str(av.Codec("h264", "w").name)
