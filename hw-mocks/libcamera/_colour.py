"""Colour spaces."""

from __future__ import annotations

from typing import Any, ClassVar

from ._enumeration import Enumeration


class ColorSpace:
    """Primaries, transfer function, Y'CbCr encoding and range of a stream.

    Takes the four, or another colour space to copy. As in the real bindings, equality is identity;
    picamera2 puts its own equality in place.
    """

    class Primaries(Enumeration):
        """Which colours red, green and blue are."""

        Raw = 0
        Smpte170m = 1
        Rec709 = 2
        Rec2020 = 3

    class TransferFunction(Enumeration):
        """How a sample follows from light."""

        Linear = 0
        Srgb = 1
        Rec709 = 2

    class YcbcrEncoding(Enumeration):
        """How Y'CbCr follows from RGB; Null: it is not encoded."""

        Null = 0
        Rec601 = 1
        Rec709 = 2
        Rec2020 = 3

    class Range(Enumeration):
        """Which samples are black and white."""

        Full = 0
        Limited = 1

    primaries: Primaries
    transferFunction: TransferFunction
    ycbcrEncoding: YcbcrEncoding
    range: Range

    # The spaces that have a name, from libcamera's color_space.cpp.
    _NAMED: ClassVar[dict[str, tuple[Primaries, TransferFunction, YcbcrEncoding, Range]]] = {
        "RAW": (Primaries.Raw, TransferFunction.Linear, YcbcrEncoding.Null, Range.Full),
        "sRGB": (Primaries.Rec709, TransferFunction.Srgb, YcbcrEncoding.Null, Range.Full),
        "sYCC": (Primaries.Rec709, TransferFunction.Srgb, YcbcrEncoding.Rec601, Range.Full),
        "SMPTE170M": (
            Primaries.Smpte170m,
            TransferFunction.Rec709,
            YcbcrEncoding.Rec601,
            Range.Limited,
        ),
        "Rec709": (
            Primaries.Rec709,
            TransferFunction.Rec709,
            YcbcrEncoding.Rec709,
            Range.Limited,
        ),
        "Rec2020": (
            Primaries.Rec2020,
            TransferFunction.Rec709,
            YcbcrEncoding.Rec2020,
            Range.Limited,
        ),
    }
    # libcamera's own words for the members whose names differ from them.
    _WORDS: ClassVar[dict[str, str]] = {
        "Raw": "RAW",
        "Smpte170m": "SMPTE170M",
        "Srgb": "sRGB",
        "Null": "None",
    }

    def __init__(
        self,
        primaries: Primaries | ColorSpace,
        transferFunction: TransferFunction | None = None,
        ycbcrEncoding: YcbcrEncoding | None = None,
        range: Range | None = None,
    ) -> None:
        parts: tuple[Any, ...] = (primaries, transferFunction, ycbcrEncoding, range)
        if isinstance(primaries, ColorSpace):
            parts = primaries._parts()
        kinds = (self.Primaries, self.TransferFunction, self.YcbcrEncoding, self.Range)
        if not all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True)):
            raise TypeError("__init__(): incompatible constructor arguments.")
        self.primaries, self.transferFunction, self.ycbcrEncoding, self.range = parts

    @classmethod
    def _named(cls, name: str) -> ColorSpace:
        return cls(*cls._NAMED[name])

    @staticmethod
    def Raw() -> ColorSpace:
        """Raw sensor data."""
        return ColorSpace._named("RAW")

    @staticmethod
    def Srgb() -> ColorSpace:
        """RGB pictures."""
        return ColorSpace._named("sRGB")

    @staticmethod
    def Sycc() -> ColorSpace:
        """JPEG pictures."""
        return ColorSpace._named("sYCC")

    @staticmethod
    def Smpte170m() -> ColorSpace:
        """Video of standard definition."""
        return ColorSpace._named("SMPTE170M")

    @staticmethod
    def Rec709() -> ColorSpace:
        """Video of high definition."""
        return ColorSpace._named("Rec709")

    @staticmethod
    def Rec2020() -> ColorSpace:
        """Video of ultra high definition."""
        return ColorSpace._named("Rec2020")

    def _parts(self) -> tuple[Primaries, TransferFunction, YcbcrEncoding, Range]:
        return self.primaries, self.transferFunction, self.ycbcrEncoding, self.range

    def __str__(self) -> str:
        for name, parts in self._NAMED.items():
            if parts == self._parts():
                return f"<libcamera.ColorSpace '{name}'>"
        words = "/".join(self._WORDS.get(part.name, part.name) for part in self._parts())
        return f"<libcamera.ColorSpace '{words}'>"
