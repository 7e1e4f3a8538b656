"""Opens the camera, and gives each of its pictures to the encoder and to the self-view.

A camera of the board delivers two streams. The encoder takes the first as it lies in the camera's
buffer, in I420 or NV12; the second is the self-view's. A USB camera delivers one stream, in MJPEG
or YUYV: libav decodes or converts each picture that is needed, once, and scales the self-view's
from it, in the thread that picamera2 calls. Converted colours are in limited range, and those of
ITU-R BT.709 from 1280 x 720 pixels on, else of BT.601: as picamera2 has them of a board's camera,
and as players take them, since the film declares none.

Formats have the names of picamera2, which are libcamera's (libcamera/formats.yaml) for YUV. Units:
pixels, bytes.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import mmap
import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

import av
import numpy as np
from libcamera import StreamRole
from picamera2 import MappedArray, Picamera2, dma_heap
from picamera2.allocators import DmaAllocator, LibcameraAllocator

from camerad.base.errors import CaptureError
from camerad.capture.capture_settings import CaptureSettings
from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame

BUFFERS: Final = 6
"""Buffers of each stream: picamera2's own number for video. A USB camera has four."""
_ENCODED_AS: Final = {"YUV420": "yuv420p", "NV12": "nv12"}
"""Formats that the encoder takes as they are, and libav's names of them."""
_CONVERTED: Final = ("MJPEG", "YUYV")
"""Formats that are converted, the better one first: by USB 2, YUYV has few pictures per second."""
_DAMAGED: Final = (av.error.InvalidDataError, av.error.PatchWelcomeError)
"""What libav says of a damaged picture; the second if its header now tells of what no one uses."""
_USB: Final = re.compile(r"-[0-9a-f]{4}:[0-9a-f]{4}$")
"""libcamera's id of a USB camera ends with its vendor and product (uvcvideo.cpp, `generateId`)."""
_ON_BOARD: Final = "/base/"
"""That of a camera on the board begins with the root of the device tree."""


class PictureSource(Protocol):
    """The pictures of an open camera.

    format: of the main stream. pixels: libav's name of what `image` gives. small: of the
    self-view's pictures, which are I420. All methods but `forget` are called from the thread that
    picamera2 calls, `take` first with each request.
    """

    format: str
    pixels: str
    small: Geometry

    def take(self, request: Any) -> None:
        """A request has come; what was made of the one before is let go."""
        ...

    def whole(self) -> bool:
        """Whether there is a picture in the request; False if it was damaged on its way. Raises
        CaptureError if a second of pictures, one after the other, was damaged."""
        ...

    def image(self) -> Any:
        """The picture as a frame of libav."""
        ...

    def view(self) -> Frame:
        """The small picture, `small.shape`."""
        ...

    def luma(self) -> contextlib.AbstractContextManager[Frame]:
        """The luma plane of what `image` gives, (rows, stride), to be written into."""
        ...

    def forget(self) -> None:
        """Keep no picture in this process; called while no picture is wanted."""
        ...

    def close(self) -> None:
        """Let go of the camera's buffers, after its last picture."""
        ...


class TwoStreams:
    """A camera whose hardware scales: no picture for the encoder is copied."""

    def __init__(self, picam2: Any, settings: CaptureSettings) -> None:
        self._picam2 = picam2
        self._width = settings.width
        configured = picam2.stream_configuration("lores")
        self.format = str(picam2.stream_configuration("main")["format"])
        self.pixels = _ENCODED_AS[self.format]
        width, height = configured["size"]
        planar = self.pixels == "yuv420p"
        self.small = Geometry(width, height, configured["stride"] if planar else width)
        self._streams = picam2.stream_map
        self._views: dict[Any, Frame] = {}
        self._images: dict[Any, Any] = {}
        self._request: Any = None

    def take(self, request: Any) -> None:
        self._request = request

    def whole(self) -> bool:
        return True

    def image(self) -> Any:
        buffer = self._buffer("main")
        image = self._images.get(buffer)
        if image is None:
            view = self._mapped("main")
            image = av.VideoFrame.from_numpy_buffer(view, self.pixels, width=self._width)
            self._images[buffer] = image
        return image

    def view(self) -> Frame:
        mapped = self._mapped("lores")
        if self.pixels == "yuv420p":
            return mapped
        frame = av.VideoFrame.from_numpy_buffer(mapped, self.pixels, width=self.small.width)
        return _planar(frame)

    @contextlib.contextmanager
    def luma(self) -> Iterator[Frame]:
        with writing(self._buffer("main")):
            yield self._mapped("main")

    def forget(self) -> None:
        """The camera's own buffers stay: see `camerad.capture.camera`."""

    def close(self) -> None:
        self._images.clear()
        self._views.clear()

    def _buffer(self, stream: str) -> Any:
        return self._request.request.buffers[self._streams[stream]]

    def _mapped(self, stream: str) -> Frame:
        """The buffer of a stream as an array, without a copy. Made once per buffer.

        picamera2 has told the kernel that the processor reads the buffer for as long as the request
        is out, so that need not be done again.
        """
        buffer = self._buffer(stream)
        view = self._views.get(buffer)
        if view is None:
            with MappedArray(self._request, stream, write=False) as mapped:
                view = np.asarray(mapped.array)
            self._views[buffer] = view
        return view


class OneStream:
    """A camera whose pictures are converted, each at most once and only if it is needed."""

    pixels = "yuv420p"

    def __init__(self, picam2: Any, settings: CaptureSettings) -> None:
        configured = picam2.stream_configuration("main")
        self.format = str(configured["format"])
        self.small = Geometry(settings.lores_width, settings.lores_height, settings.lores_width)
        self._size = (settings.width, settings.height)
        large = settings.width >= 1280 and settings.height >= 720
        self._colours = "ITU709" if large else "ITU601"
        self._stride = int(configured["stride"])
        self._stream = picam2.stream_map["main"]
        self._decoder: Any = None
        self._request: Any = None
        self._image: Any = None
        self._most_damaged = max(2, round(settings.fps))
        self._damaged = 0

    def take(self, request: Any) -> None:
        self._request, self._image = request, None

    def whole(self) -> bool:
        try:
            self.image()
        except _DAMAGED as error:
            self._damaged += 1
            if self._damaged >= self._most_damaged:
                raise CaptureError(
                    f"every picture of the camera is damaged ({error}): try another cable, "
                    "another socket, or another camera"
                ) from error
            return False
        self._damaged = 0
        return True

    def image(self) -> Any:
        """Raises one of `_DAMAGED` if the picture is damaged."""
        if self._image is None:
            used = self._request.request.buffers[self._stream].metadata.planes[0].bytes_used
            with MappedArray(self._request, "main", reshape=False, write=False) as mapped:
                decoded = self._decoded(mapped.array[:used])
            self._image = decoded.reformat(
                *self._size,
                self.pixels,
                src_colorspace="ITU601",
                dst_colorspace=self._colours,
                src_color_range="JPEG" if self.format == "MJPEG" else "MPEG",
                dst_color_range="MPEG",
            )
        return self._image

    def _decoded(self, content: Any) -> Any:
        if self.format == "YUYV":
            rows = self._size[1]
            if len(content) < rows * self._stride:
                raise _damaged("a part of it is missing")
            frame = av.VideoFrame(*self._size, "yuyv422")
            plane = frame.planes[0]
            packed = content[: rows * self._stride].reshape(rows, self._stride)
            target = _bytes_of(plane).reshape(rows, plane.line_size)
            target[:, : 2 * self._size[0]] = packed[:, : 2 * self._size[0]]
            return frame
        if self._decoder is None:
            self._decoder = av.CodecContext.create("mjpeg", "r")
            self._decoder.thread_count = 1
            # By itself libav fills in what a picture that was cut short or garbled lacks.
            self._decoder.options = {"err_detect": "explode"}
        # An empty packet would be the end of all pictures to libav.
        frames = self._decoder.decode(av.Packet(content)) if len(content) else []
        if not frames:
            raise _damaged("no picture in it")
        return frames[0]

    def view(self) -> Frame:
        return _planar(self.image(), self.small.width, self.small.height)

    @contextlib.contextmanager
    def luma(self) -> Iterator[Frame]:
        plane = self.image().planes[0]
        yield _bytes_of(plane).reshape(plane.height, plane.line_size)

    def forget(self) -> None:
        # The decoder keeps the memory of its pictures for the next ones.
        self._decoder = self._request = self._image = None

    def close(self) -> None:
        self.forget()


def _damaged(why: str) -> Exception:
    error: Exception = av.error.InvalidDataError(0, why)
    return error


def _bytes_of(plane: Any) -> Frame:
    return np.frombuffer(plane, np.uint8)


def _planar(frame: Any, width: int | None = None, height: int | None = None) -> Frame:
    """A copy as I420, scaled if a size is given: (height * 3 // 2, width)."""
    small: Frame = frame.reformat(width, height, "yuv420p").to_ndarray()
    return small


class _DriversBuffers(LibcameraAllocator):  # type: ignore[misc] # picamera2 has no types
    """Buffers of the camera's driver, for a machine without a DMA heap. Each is mapped once, as
    those of picamera2's `DmaAllocator` are."""

    def __init__(self) -> None:
        super().__init__(None)
        self.sync = DmaAllocator.DmaSync
        self.mapped_buffers: dict[Any, mmap.mmap] = {}

    def allocate(self, libcamera_config: Any, use_case: Any) -> None:
        super().allocate(libcamera_config, use_case)
        for stream in libcamera_config:
            for buffer in self.buffers(stream.stream):
                size = sum(plane.length for plane in buffer.planes)
                self.mapped_buffers[buffer] = mmap.mmap(buffer.planes[0].fd, size)


def open_camera(settings: CaptureSettings) -> tuple[Any, PictureSource]:
    """picamera2 with the camera opened and configured, not started. Raises CaptureError."""
    try:
        found = _found(settings.source)
        heap = found["Id"].startswith(_ON_BOARD) and not _USB.search(found["Id"])
        buffers = None if heap else _DriversBuffers()
        picam2 = Picamera2(found["Num"], allocator=buffers)
        if buffers is not None:
            buffers.camera = picam2.camera
        format_, streams = _choice(picam2)
        small = {"size": (settings.lores_width, settings.lores_height), "format": format_}
        picam2.configure(
            picam2.create_video_configuration(
                main={"size": (settings.width, settings.height), "format": format_},
                lores=small if streams == 2 else None,
                raw=None,
                buffer_count=BUFFERS,
                controls={"FrameRate": settings.fps} if has_rate(picam2) else {},
                # No caller captures single frames, so picamera2 need not hold one back for that.
                queue=False,
                display=None,
            )
        )
    except CaptureError:
        raise
    except Exception as error:
        raise CaptureError(f"the camera cannot be opened: {error}") from error
    wanted = {"main": (settings.width, settings.height)}
    if streams == 2:
        wanted["lores"] = (settings.lores_width, settings.lores_height)
    for stream, (width, height) in wanted.items():
        got = picam2.stream_configuration(stream)
        if tuple(got["size"]) != (width, height) or got["format"] != format_:
            raise CaptureError(
                f"the camera has no {stream} stream of {width}x{height} in {format_}; "
                f"the nearest is {got['size'][0]}x{got['size'][1]} in {got['format']}"
            )
    source = TwoStreams if streams == 2 else OneStream
    return picam2, source(picam2, settings)


def has_rate(picam2: Any) -> bool:
    """Whether the camera takes a rate; libcamera sets none of a USB camera."""
    return "FrameDurationLimits" in picam2.camera_controls


def close_camera(picam2: Any) -> None:
    """Close it. May never return: the camera stack is known to hang here."""
    if isinstance(picam2.allocator, _DriversBuffers):
        # picamera2's own method opens a DMA heap for the next camera, and there need be none.
        atexit.unregister(picam2.close)
        picam2.camera.release()
    else:
        picam2.close()


def _found(wanted: str) -> Any:
    """What picamera2 says of the camera to open. Raises CaptureError."""
    usb: dict[bool, list[Any]] = {True: [], False: []}
    for found in Picamera2.global_camera_info():
        usb[_USB.search(found["Id"]) is not None].append(found)
    fitting = {"usb": usb[True], "board": usb[False], "auto": usb[False] + usb[True]}[wanted]
    if fitting:
        return fitting[0]
    if wanted == "usb":
        raise CaptureError("no USB camera found: is it plugged in?")
    by_usb = "" if wanted == "board" else ", or its USB plug in"
    raise CaptureError(
        f"no camera found: is its ribbon cable seated and its overlay loaded{by_usb}?"
    )


def _choice(picam2: Any) -> tuple[str, int]:
    """The format to take, and the number of streams. Raises CaptureError."""
    roles = [StreamRole.VideoRecording, StreamRole.Viewfinder]
    offered = picam2.camera.generate_configuration(roles)
    if offered is None:
        # It has one stream only.
        offered = picam2.camera.generate_configuration(roles[:1])
    formats = [str(one) for one in offered.at(0).formats.pixel_formats]
    taken = [*_ENCODED_AS] if offered.size > 1 else [*_CONVERTED]
    for name in taken:
        if name in formats:
            return name, min(offered.size, 2)
    raise CaptureError(
        f"the camera delivers {', '.join(formats) or 'nothing'}, and none of {', '.join(taken)}"
    )


@contextlib.contextmanager
def writing(buffer: Any) -> Iterator[None]:
    """The processor writes into a buffer of the camera; afterwards devices see what it wrote.

    As picamera2's own DmaSync, but without asking for reading (linux/dma-buf.h): that was begun
    when the request came, and to begin it again would empty the processor's cache of the whole
    picture. Raises OSError if the kernel refuses.
    """
    fd = buffer.planes[0].fd
    sync = dma_heap.dma_buf_sync()
    sync.flags = dma_heap.DMA_BUF_SYNC_START | dma_heap.DMA_BUF_SYNC_WRITE
    fcntl.ioctl(fd, dma_heap.DMA_BUF_IOCTL_SYNC, sync)
    try:
        yield
    finally:
        sync.flags = dma_heap.DMA_BUF_SYNC_END | dma_heap.DMA_BUF_SYNC_WRITE
        fcntl.ioctl(fd, dma_heap.DMA_BUF_IOCTL_SYNC, sync)
