"""Pixel formats, and how a picture of each lies in memory on the two platforms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, overload

from hw_mocks.sensor import Platform

INVALID: Final = "<INVALID>"


class Packing(Enum):
    """Where the samples of a picture are."""

    PLANAR = "planar"  # Y, then two chroma planes of a quarter of its samples each
    SEMI_PLANAR = "semi-planar"  # Y, then chroma pairs
    PACKED = "packed"  # red, green and blue side by side
    RAW = "raw"  # the sensor's own samples


@dataclass(frozen=True, slots=True)
class Layout:
    """How one pixel format is stored.

    fourcc, modifier: its code as in drm_fourcc.h. row_bits: bits of one pixel in the first plane.
    """

    fourcc: str
    packing: Packing
    row_bits: int
    modifier: int = 0

    def stride(self, width: int, platform: Platform, wanted: int = 0) -> int:
        """Bytes from one row to the next.

        The hardware aligns rows to 32 bytes on vc4 and to 64 on pisp, chroma rows too, so that
        planar formats, whose chroma rows are half as long, need twice as much. `wanted` is taken
        where it is aligned and long enough.
        """
        align = platform.alignment * (2 if self.packing is Packing.PLANAR else 1)
        least = -(-width * self.row_bits // 8)
        stride = -(-least // align) * align
        return wanted if wanted > stride and wanted % align == 0 else stride

    def frame_size(self, stride: int, height: int) -> int:
        """Bytes of a whole picture."""
        luma = stride * height
        chroma = self.packing in (Packing.PLANAR, Packing.SEMI_PLANAR)
        return luma * 3 // 2 if chroma else luma


_CSI2P: Final = 0x0B00000000000001  # MIPI_FORMAT_MOD_CSI2_PACKED
_PISP: Final = 0x0C00000000000001  # PISP_FORMAT_MOD_COMPRESS with mode 1

LAYOUTS: Final = {
    "YUV420": Layout("YU12", Packing.PLANAR, 8),
    "YVU420": Layout("YV12", Packing.PLANAR, 8),
    "NV12": Layout("NV12", Packing.SEMI_PLANAR, 8),
    "NV21": Layout("NV21", Packing.SEMI_PLANAR, 8),
    "RGB888": Layout("RG24", Packing.PACKED, 24),
    "BGR888": Layout("BG24", Packing.PACKED, 24),
    "XRGB8888": Layout("XR24", Packing.PACKED, 32),
    "XBGR8888": Layout("XB24", Packing.PACKED, 32),
    "SRGGB8": Layout("RGGB", Packing.RAW, 8),
    "SRGGB10": Layout("RG10", Packing.RAW, 16),
    "SRGGB10_CSI2P": Layout("RG10", Packing.RAW, 10, _CSI2P),
    "SRGGB16": Layout("RGB6", Packing.RAW, 16),
    "RGGB_PISP_COMP1": Layout("RGB6", Packing.RAW, 8, _PISP),
}
OUTPUT_FORMATS: Final = tuple(n for n, at in LAYOUTS.items() if at.packing is not Packing.RAW)


def _code(fourcc: str) -> int:
    return int.from_bytes(fourcc.encode(), "little")


class PixelFormat:
    """A pixel format, by its name or by fourcc and modifier. Unhashable, as in the real bindings.

    What has no name here is the invalid format. The real library knows more formats, none of which
    a Raspberry Pi's main or low-resolution stream can be.
    """

    __slots__ = ("_fourcc", "_modifier")
    __hash__: ClassVar[None]  # type: ignore[assignment]

    @overload
    def __init__(self, name: str = INVALID, /) -> None: ...
    @overload
    def __init__(self, name: int, modifier: int, /) -> None: ...
    def __init__(self, name: str | int = INVALID, modifier: int = 0, /) -> None:
        if isinstance(name, str):
            layout = LAYOUTS.get(name)
            self._fourcc = _code(layout.fourcc) if layout else 0
            self._modifier = layout.modifier if layout else 0
        else:
            self._fourcc, self._modifier = name, modifier

    @property
    def fourcc(self) -> int:
        """The four letters of the format as a little-endian number."""
        return self._fourcc

    @property
    def modifier(self) -> int:
        """The DRM format modifier."""
        return self._modifier

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PixelFormat):
            return False
        return (self._fourcc, self._modifier) == (other._fourcc, other._modifier)

    def __str__(self) -> str:
        for name, layout in LAYOUTS.items():
            if (_code(layout.fourcc), layout.modifier) == (self._fourcc, self._modifier):
                return name
        return INVALID

    def __repr__(self) -> str:
        return f"libcamera.PixelFormat('{self}')"


class formats:
    """Every pixel format by its name."""

    YUV420 = PixelFormat("YUV420")
    YVU420 = PixelFormat("YVU420")
    NV12 = PixelFormat("NV12")
    NV21 = PixelFormat("NV21")
    RGB888 = PixelFormat("RGB888")
    BGR888 = PixelFormat("BGR888")
    XRGB8888 = PixelFormat("XRGB8888")
    XBGR8888 = PixelFormat("XBGR8888")
    SRGGB8 = PixelFormat("SRGGB8")
    SRGGB10 = PixelFormat("SRGGB10")
    SRGGB10_CSI2P = PixelFormat("SRGGB10_CSI2P")
    SRGGB16 = PixelFormat("SRGGB16")
    RGGB_PISP_COMP1 = PixelFormat("RGGB_PISP_COMP1")
