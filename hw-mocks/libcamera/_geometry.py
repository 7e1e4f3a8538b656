"""Sizes, points, rectangles, transforms and orientations.

They have value equality and no hash, as in the real bindings. All lengths are whole pixels.
"""

from __future__ import annotations

import operator
from typing import ClassVar, overload

from ._enumeration import Enumeration


def _length(value: int) -> int:
    """`value` as an unsigned length; TypeError otherwise, as the bindings' overload check gives."""
    number = operator.index(value)
    if number < 0:
        raise TypeError(f"incompatible constructor arguments: {value} is not a length in pixels")
    return number


class Point:
    """A position in pixels; it may be negative."""

    __slots__ = ("x", "y")
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __init__(self, x: int = 0, y: int = 0, /) -> None:
        self.x = operator.index(x)
        self.y = operator.index(y)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    def __str__(self) -> str:
        return f"({self.x}, {self.y})"

    def __repr__(self) -> str:
        return f"libcamera.Point({self.x}, {self.y})"


class Size:
    """Width and height in pixels. Raises TypeError for what is not a whole number of pixels."""

    __slots__ = ("height", "width")
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __init__(self, width: int = 0, height: int = 0, /) -> None:
        self.width = _length(width)
        self.height = _length(height)

    @property
    def is_null(self) -> bool:
        """Whether both lengths are 0."""
        return self.width == 0 and self.height == 0

    def bounded_to(self, bound: Size) -> Size:
        """The part of this size that lies within `bound`, length by length."""
        return Size(min(self.width, bound.width), min(self.height, bound.height))

    def expanded_to(self, other: Size) -> Size:
        """The smallest size that holds both, length by length."""
        return Size(max(self.width, other.width), max(self.height, other.height))

    def aligned_up_to(self, horizontal: int, vertical: int) -> Size:
        """The next larger size whose lengths are multiples of the two given."""
        return Size(
            -(-self.width // horizontal) * horizontal, -(-self.height // vertical) * vertical
        )

    def __mul__(self, factor: float) -> Size:
        return Size(int(self.width * factor), int(self.height * factor))

    def __truediv__(self, factor: float) -> Size:
        return Size(int(self.width / factor), int(self.height / factor))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Size):
            return False
        return (self.width, self.height) == (other.width, other.height)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def __repr__(self) -> str:
        return f"libcamera.Size({self.width}, {self.height})"


class SizeRange:
    """The sizes from `min` to `max` in steps of `hStep` and `vStep` pixels."""

    __slots__ = ("hStep", "max", "min", "vStep")
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __init__(
        self,
        minimum: Size | None = None,
        maximum: Size | None = None,
        h_step: int = 1,
        v_step: int = 1,
        /,
    ) -> None:
        self.min = Size() if minimum is None else minimum
        self.max = self.min if maximum is None else maximum
        self.hStep = h_step if minimum is not None else 0
        self.vStep = v_step if minimum is not None else 0

    def contains(self, size: Size) -> bool:
        """Whether `size` is one of the range."""
        across, down = size.width - self.min.width, size.height - self.min.height
        return (
            size.bounded_to(self.max) == size
            and min(across, down) >= 0
            and across % self.hStep == 0
            and down % self.vStep == 0
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SizeRange) and (self.min, self.max) == (other.min, other.max)

    def __str__(self) -> str:
        return f"({self.min})-({self.max})/(+{self.hStep},+{self.vStep})"

    def __repr__(self) -> str:
        low, high = (f"({size.width}, {size.height})" for size in (self.min, self.max))
        return f"libcamera.SizeRange({low}, {high}, {self.hStep}, {self.vStep})"


class Rectangle:
    """An area of `width` by `height` pixels whose top left corner is at (`x`, `y`)."""

    __slots__ = ("height", "width", "x", "y")
    __hash__: ClassVar[None]  # type: ignore[assignment]

    @overload
    def __init__(self, x: Size, /) -> None: ...
    @overload
    def __init__(
        self, x: int = 0, y: int = 0, width: int | Size = 0, height: int = 0, /
    ) -> None: ...
    def __init__(
        self, x: int | Size = 0, y: int = 0, width: int | Size = 0, height: int = 0, /
    ) -> None:
        if isinstance(x, Size):
            x, width = 0, x
        size = width if isinstance(width, Size) else Size(width, height)
        self.x = operator.index(x)
        self.y = operator.index(y)
        self.width = size.width
        self.height = size.height

    @property
    def is_null(self) -> bool:
        """Whether the area is empty in both directions."""
        return self.width == 0 and self.height == 0

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.width, self.height)

    @property
    def topLeft(self) -> Point:
        """The corner that `x` and `y` name."""
        return Point(self.x, self.y)

    @property
    def center(self) -> Point:
        """The middle, rounded towards the top left."""
        return Point(self.x + self.width // 2, self.y + self.height // 2)

    def bounded_to(self, bound: Rectangle) -> Rectangle:
        """The part that both rectangles share."""
        left, top = max(self.x, bound.x), max(self.y, bound.y)
        right = min(self.x + self.width, bound.x + bound.width)
        bottom = min(self.y + self.height, bound.y + bound.height)
        return Rectangle(left, top, max(0, right - left), max(0, bottom - top))

    def _key(self) -> tuple[int, int, int, int]:
        return self.x, self.y, self.width, self.height

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rectangle) and self._key() == other._key()

    def __str__(self) -> str:
        return f"({self.x}, {self.y})/{self.width}x{self.height}"

    def __repr__(self) -> str:
        return f"libcamera.Rectangle({self.x}, {self.y}, {self.width}, {self.height})"


class Transform:
    """A mirror or turn of the picture, as flips after a transposition.

    `rotation`: degrees clockwise, a multiple of 90, applied before the flips are toggled.
    Two transforms are equal only if they are one object, as in the real bindings; picamera2 puts
    its own equality in place.
    """

    hflip: bool
    vflip: bool
    transpose: bool

    # hflip, vflip and transpose for each right angle, from libcamera's transform.cpp.
    _TURNS: ClassVar[dict[int, tuple[bool, bool, bool]]] = {
        0: (False, False, False),
        90: (False, True, True),
        180: (True, True, False),
        270: (True, False, True),
    }
    _NAMES: ClassVar[dict[tuple[bool, bool, bool], str]] = {
        (False, False, False): "identity",
        (True, False, False): "hflip",
        (False, True, False): "vflip",
        (True, True, False): "hvflip",
        (False, False, True): "transpose",
        (False, True, True): "rot90",
        (True, False, True): "rot270",
        (True, True, True): "rot180transpose",
    }

    def __init__(
        self,
        rotation: int | Transform = 0,
        hflip: bool = False,
        vflip: bool = False,
        transpose: bool = False,
    ) -> None:
        if isinstance(rotation, Transform):
            turn = (rotation.hflip, rotation.vflip, rotation.transpose)
        else:
            degrees = rotation % 360
            if degrees not in self._TURNS:
                raise ValueError("Invalid rotation")
            turn = self._TURNS[degrees]
        self.hflip = turn[0] ^ bool(hflip)
        self.vflip = turn[1] ^ bool(vflip)
        self.transpose = turn[2] ^ bool(transpose)

    def __str__(self) -> str:
        return f"<libcamera.Transform '{self._NAMES[self.hflip, self.vflip, self.transpose]}'>"


class Orientation(Enumeration):
    """How the picture lies, by its number in EXIF 2.3, tag 0x0112."""

    Rotate0 = 1
    Rotate0Mirror = 2
    Rotate180 = 3
    Rotate180Mirror = 4
    Rotate90Mirror = 5
    Rotate270 = 6
    Rotate270Mirror = 7
    Rotate90 = 8
