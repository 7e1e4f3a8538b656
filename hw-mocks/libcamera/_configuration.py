"""Roles, streams, and what a camera can be configured to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hw_mocks.sensor import SENSOR, Platform

from ._colour import ColorSpace
from ._enumeration import Enumeration
from ._formats import LAYOUTS, OUTPUT_FORMATS, Packing, PixelFormat
from ._geometry import Orientation, Rectangle, Size, SizeRange


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to read the sensor out: size in pixels, and the shortest frame in microseconds."""

    width: int
    height: int
    min_frame_us: int


MODES: Final = (
    Mode(640, 480, 9_678),
    Mode(1640, 1232, 23_895),
    Mode(1920, 1080, 21_022),
    Mode(3280, 2464, 47_192),
)
"""Those of the Sony IMX219 at 10 bits, as rpicam-hello --list-cameras tells them (103.33, 41.85,
47.57 and 21.19 frames a second)."""
BIT_DEPTH: Final = 10
ARRAY: Final = (3280, 2464)
RAW_FORMAT: Final = "SRGGB10_CSI2P"
MAX_OUTPUTS: Final = 2


class StreamRole(Enumeration):
    """What a stream is for."""

    Raw = 0
    StillCapture = 1
    VideoRecording = 2
    Viewfinder = 3


# Format, size and number of buffers, as libcamera's handlers of Raspberry Pi's cameras have them.
_DEFAULTS: Final = {
    StreamRole.Raw: (RAW_FORMAT, ARRAY, 2),
    StreamRole.StillCapture: ("YUV420", ARRAY, 1),
    StreamRole.VideoRecording: ("YUV420", (1920, 1080), 4),
    StreamRole.Viewfinder: ("XRGB8888", (800, 600), 4),
}


class Stream:
    """One of a camera's streams. Equality and hash are identity."""

    def __init__(self) -> None:
        self._configuration: StreamConfiguration | None = None

    @property
    def configuration(self) -> StreamConfiguration | None:
        """How the stream is configured; None before that."""
        return self._configuration


class StreamFormats:
    """The formats that a stream can have, and the sizes of each."""

    def __init__(self, sizes: dict[str, list[tuple[int, int]]]) -> None:
        self._sizes = sizes

    @property
    def pixel_formats(self) -> list[PixelFormat]:
        """Every format."""
        return [PixelFormat(name) for name in self._sizes]

    def sizes(self, pixel_format: PixelFormat) -> list[Size]:
        """Typical sizes of a format; none if it is not one of the stream's."""
        return [Size(*size) for size in self._sizes.get(str(pixel_format), ())]

    def range(self, pixel_format: PixelFormat) -> SizeRange:
        """The smallest to the largest size of a format."""
        sizes = self._sizes.get(str(pixel_format))
        return SizeRange(Size(*min(sizes)), Size(*max(sizes))) if sizes else SizeRange()


class StreamConfiguration:
    """Format, size and buffers of one stream.

    stride: bytes from one row to the next; 0 asks for the least. frame_size: bytes of a picture.
    """

    def __init__(self, role: StreamRole) -> None:
        self.raw = role is StreamRole.Raw
        sizes = [(mode.width, mode.height) for mode in MODES]
        if self.raw:
            self._formats = StreamFormats({RAW_FORMAT: sizes})
        else:
            self._formats = StreamFormats(dict.fromkeys(OUTPUT_FORMATS, sizes))
        name, size, self.buffer_count = _DEFAULTS[role]
        self._pixel_format, self._size = PixelFormat(name), Size(*size)
        self.stride = 0
        self.frame_size = 0
        self._color_space: ColorSpace | None = None
        self._stream: Stream | None = None

    @property
    def stream(self) -> Stream | None:
        """The stream that this was configured for; None before that."""
        return self._stream

    @property
    def formats(self) -> StreamFormats:
        """What the stream can be."""
        return self._formats

    @property
    def size(self) -> Size:
        """Pixels of a picture. Takes a Size, nothing else."""
        return self._size

    @size.setter
    def size(self, size: Size) -> None:
        if not isinstance(size, Size):
            raise TypeError("incompatible function arguments: size is a libcamera.Size")
        self._size = size

    @property
    def pixel_format(self) -> PixelFormat:
        """How pixels are stored. Takes a PixelFormat, nothing else."""
        return self._pixel_format

    @pixel_format.setter
    def pixel_format(self, pixel_format: PixelFormat) -> None:
        if not isinstance(pixel_format, PixelFormat):
            raise TypeError("incompatible function arguments: pixel_format is a PixelFormat")
        self._pixel_format = pixel_format

    @property
    def color_space(self) -> ColorSpace | None:
        """What the samples mean. Takes a ColorSpace or None."""
        return self._color_space

    @color_space.setter
    def color_space(self, color_space: ColorSpace | None) -> None:
        if not isinstance(color_space, ColorSpace | None):
            raise TypeError("incompatible function arguments: color_space is a ColorSpace")
        self._color_space = color_space

    def _adjust(self, mode: Mode) -> bool:
        """Make this what the hardware can do in a sensor mode; True if anything had to change."""
        before = (str(self._pixel_format), str(self._size))
        if self.raw:
            self._pixel_format = PixelFormat(raw_format(SENSOR.platform, before[0]))
            self._size = Size(mode.width, mode.height)
        else:
            if before[0] not in OUTPUT_FORMATS:
                self._pixel_format = PixelFormat("YUV420")
            fitting = self._size.bounded_to(Size(*ARRAY)).expanded_to(Size(2, 2))
            self._size = Size(fitting.width // 2 * 2, fitting.height // 2 * 2)
        layout = LAYOUTS[str(self._pixel_format)]
        self.stride = layout.stride(self._size.width, SENSOR.platform, self.stride)
        self.frame_size = layout.frame_size(self.stride, self._size.height)
        self.buffer_count = max(1, self.buffer_count)
        return before != (str(self._pixel_format), str(self._size))

    def _planes(self) -> list[int]:
        """Bytes of each plane of a picture."""
        packing = LAYOUTS[str(self._pixel_format)].packing
        luma = self.stride * self._size.height
        chroma = {Packing.PLANAR: 2, Packing.SEMI_PLANAR: 1}.get(packing, 0)
        return [luma] + [(self.frame_size - luma) // chroma] * chroma

    def __str__(self) -> str:
        return f"{self._size}-{self._pixel_format}"


def raw_format(platform: Platform, asked: str) -> str:
    """The raw format that is delivered where `asked` is asked for.

    The camera front end of pisp compresses to 8 bits a sample unless 16 are asked for; vc4 stores
    what the sensor sends.
    """
    if platform is Platform.VC4:
        return RAW_FORMAT
    return "SRGGB16" if asked == "SRGGB16" else "RGGB_PISP_COMP1"


class SensorConfiguration:
    """How the sensor is to be read out.

    bit_depth: bits of a sample; output_size: pixels read; both 0 until they are set.
    """

    def __init__(self) -> None:
        self.bit_depth = 0
        self.output_size = Size()
        self.analog_crop = Rectangle()
        self.binning = (1, 1)
        self.skipping = (1, 1, 1, 1)

    def is_valid(self) -> bool:
        """Whether bit depth and output size are set."""
        return self.bit_depth > 0 and not self.output_size.is_null


class CameraConfiguration:
    """The configuration of all streams of a camera, in the order of the roles asked for."""

    class Status(Enumeration):
        """What became of a configuration that was validated."""

        Valid = 0
        Adjusted = 1
        Invalid = 2

    def __init__(self, roles: list[StreamRole]) -> None:
        if not all(isinstance(role, StreamRole) for role in roles):
            raise TypeError("incompatible function arguments: a list of StreamRole is needed")
        self._streams = [StreamConfiguration(role) for role in roles]
        self.orientation = Orientation.Rotate0
        self.sensor_config: SensorConfiguration | None = None
        self._mode = MODES[-1]

    def __iter__(self) -> Iterator[StreamConfiguration]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def size(self) -> int:
        """How many streams there are."""
        return len(self._streams)

    @property
    def empty(self) -> bool:
        """Whether there are none."""
        return not self._streams

    def at(self, index: int) -> StreamConfiguration:
        """The configuration of one stream.

        Raises IndexError if there are not so many; the real library ends the process.
        """
        return self._streams[index]

    def validate(self) -> Status:
        """Make this a configuration that the camera has, and say whether that changed it.

        Invalid is one without streams, with more than two output streams or one raw stream, or
        with a sensor configuration that no mode of the sensor has.
        """
        raw = sum(stream.raw for stream in self._streams)
        if not self._streams or raw > 1 or len(self._streams) - raw > MAX_OUTPUTS:
            return self.Status.Invalid
        mode = self._choose_mode()
        if mode is None:
            return self.Status.Invalid
        self._mode = mode
        adjusted = [stream._adjust(mode) for stream in self._streams]
        return self.Status.Adjusted if any(adjusted) else self.Status.Valid

    def _choose_mode(self) -> Mode | None:
        """The smallest mode that is large enough; where the sensor is configured, exactly that."""
        if (sensor := self.sensor_config) is not None:
            wanted = (sensor.output_size.width, sensor.output_size.height)
            if sensor.bit_depth != BIT_DEPTH:
                return None
            return next((m for m in MODES if (m.width, m.height) == wanted), None)
        size = Size()
        for stream in self._streams:
            size = size.expanded_to(stream.size)
        fits = (m for m in MODES if m.width >= size.width and m.height >= size.height)
        return next(fits, MODES[-1])
