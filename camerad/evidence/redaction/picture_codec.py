"""Pictures of a redacted copy: decoded, masked, and encoded anew by PyAV (libx264).

The only module of redaction that needs PyAV and numpy; who imports it says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from av.video.frame import PictureType

from camerad.base.errors import CameradError
from camerad.container.redaction import BLOCK, Rectangle
from camerad.evidence.redaction.parameter_sets import DecoderConfiguration
from camerad.recording.avc import PICTURE_SET, SEQUENCE_SET, SLICES, nal_units

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

Plane = np.ndarray[Any, np.dtype[np.uint8]]
"""A decoded picture, I420: (height * 3 // 2, width)."""
BLACK: Final = 16
"""Luma of a mask."""
GREY: Final = 128
"""Both chroma of a mask."""
_MICROSECOND: Final = Fraction(1, 1_000_000)
_FORMATS: Final = ("yuv420p", "yuvj420p")
_PROFILES: Final = {66: "baseline", 77: "main"}
_PRESET: Final = "fast"
_QUALITY: Final = "18"
"""x264's constant rate factor: at 18 few people see a difference."""


class PictureError(CameradError, ValueError):
    """Error raised when pictures cannot be decoded or encoded."""


class PictureDecoder:
    """Decodes one picture after the other, in their order."""

    def __init__(self, configuration: bytes) -> None:
        self._codec: VideoCodecContext = av.CodecContext.create("h264", "r")
        self._codec.extradata = configuration
        self._codec.thread_count = 1
        self._codec.flags |= av.codec.context.Flags.low_delay

    def decode(self, sample: bytes) -> av.VideoFrame:
        """The picture of a sample. Raises PictureError if there is none, or it has errors."""
        try:
            frames = self._codec.decode(av.Packet(sample))
        except av.FFmpegError as error:
            raise PictureError(f"a picture cannot be decoded: {error}") from error
        if len(frames) != 1 or frames[0].is_corrupt or frames[0].format.name not in _FORMATS:
            raise PictureError("a picture cannot be decoded, or is of another kind than a camera's")
        return frames[0]


class PictureEncoder:
    """Encodes pictures for a film whose other pictures stay as they are.

    like: a picture of the film. configuration: of the film, whose profile and level are kept.
    sequence_set, picture_set: those of what is encoded here, both with id 1.
    """

    def __init__(self, like: av.VideoFrame, configuration: DecoderConfiguration) -> None:
        codec = av.CodecContext.create("libx264", "w")
        self._codec: VideoCodecContext = codec
        profile, _, level = configuration.head[1:4]
        codec.width, codec.height = like.width, like.height
        codec.pix_fmt = like.format.name
        codec.time_base, codec.framerate = _MICROSECOND, Fraction(30)
        codec.color_range, codec.colorspace = like.color_range, like.colorspace
        codec.color_primaries, codec.color_trc = like.color_primaries, like.color_trc
        codec.flags |= av.codec.context.Flags.global_header
        codec.options = {
            "preset": _PRESET,
            "tune": "zerolatency",
            "crf": _QUALITY,
            "profile": _PROFILES.get(profile, "high"),
            "forced-idr": "1",
            "x264-params": f"sps-id=1:level={level}:keyint=infinite:scenecut=0",
        }
        try:
            codec.open()
        except av.FFmpegError as error:
            raise PictureError(f"there is no H.264 encoder: {error}") from error
        sets = bytes(codec.extradata or b"")
        found = {one.kind: sets[one.start : one.end] for one in nal_units(sets)}
        self.sequence_set: Final = found[SEQUENCE_SET]
        self.picture_set: Final = found[PICTURE_SET]

    def encode(self, picture: av.VideoFrame, at_us: int, *, key: bool) -> bytes:
        """The sample of a picture: its slices, each with its length before it; before those of a
        key picture the parameter sets, which Firefox does not find in the film's head."""
        picture.pts, picture.time_base = at_us, _MICROSECOND
        picture.pict_type = PictureType.I if key else PictureType.P
        packets = self._codec.encode(picture)
        if len(packets) != 1 or packets[0].is_keyframe != key:
            raise PictureError("the encoder does not deliver one picture for each")
        unit = bytes(packets[0])
        parts = [self.sequence_set, self.picture_set] if key else []
        parts += [unit[one.start : one.end] for one in nal_units(unit) if one.kind in SLICES]
        return b"".join(len(one).to_bytes(4, "big") + one for one in parts)


def masked_picture(picture: av.VideoFrame, rectangles: Iterable[Rectangle]) -> av.VideoFrame:
    """A picture with every block black that a rectangle touches."""
    plane = plane_of(picture)
    for one in rectangles:
        for part, value in zip(_parts(plane, one.blocks), (BLACK, GREY, GREY), strict=True):
            part[:] = value
    return av.VideoFrame.from_ndarray(plane, format=picture.format.name)


def plane_of(picture: av.VideoFrame) -> Plane:
    """The samples of a picture."""
    return picture.to_ndarray().astype(np.uint8, copy=False)


def _parts(plane: Plane, blocks: Rectangle) -> list[Plane]:
    """The luma and both chroma of a part of a picture, as views."""
    width, height = plane.shape[1], plane.shape[0] * 2 // 3
    x, y = blocks.x // 2, blocks.y // 2
    right, bottom = x + blocks.width // 2, y + blocks.height // 2
    chroma = plane[height:].reshape(2, height // 2, width // 2)
    luma = plane[:height][2 * y : 2 * bottom, 2 * x : 2 * right]
    return [luma, *(one[y:bottom, x:right] for one in chroma)]


# ------------------------------------------------------------------------------------ comparing

FURTHEST: Final = 44
"""How far a sample of a mask may be from black."""
MOST_OFF: Final = 6
"""How far the mean of a masked block may be from black."""


def is_black(plane: Plane, rectangles: Sequence[Rectangle]) -> bool:
    """Whether every block is black that a rectangle touches, as far as encoders keep that."""
    for one in rectangles:
        luma, *chroma = _parts(plane, one.blocks)
        for part, value, size in ((luma, BLACK, BLOCK), *((it, GREY, BLOCK // 2) for it in chroma)):
            apart = np.abs(part.astype(np.int16) - value)
            if apart.max(initial=0) > FURTHEST or _off(part, value, size) > MOST_OFF:
                return False
    return True


def _off(part: Plane, value: int, size: int) -> float:
    """How far the mean of a block is from a value, at most."""
    rows, columns = (np.arange(0, length, size) for length in part.shape)
    sums = np.add.reduceat(np.add.reduceat(part.astype(np.int64), rows, 0), columns, 1)
    high, wide = np.diff([*rows, part.shape[0]]), np.diff([*columns, part.shape[1]])
    return float(np.abs(sums / np.outer(high, wide) - value).max())


def furthest_block(plane: Plane, other: Plane, rectangles: Sequence[Rectangle]) -> float:
    """How far two pictures are from each other where nothing is masked: the greatest mean of
    absolute differences of luma or chroma in a block."""
    apart = np.abs(plane.astype(np.int16) - other).astype(np.uint8)
    for one in rectangles:
        for part in _parts(apart, one.blocks):
            part[:] = 0
    whole = Rectangle(0, 0, plane.shape[1], plane.shape[0] * 2 // 3).blocks
    luma, *chroma = _parts(apart, whole)
    return max(_off(luma, 0, BLOCK), *(_off(part, 0, BLOCK // 2) for part in chroma))
