"""Control and property ids, their types, and what values they take.

Ids, types and members are those of libcamera 0.4.0, the version in Debian 13. Three controls that
picamera2 0.3.38 uses are newer (libcamera 0.5) and stand apart; their numbers are not the real
ones, and nothing may depend on a control's number.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ._enumeration import Enumeration
from ._geometry import Point, Rectangle, Size

ANY_LENGTH: Final = 2**64 - 1
"""`ControlId.size` of an array of any length."""


class ControlType(Enumeration):
    """What a control's value is made of."""

    Null = 0
    Bool = 1
    Byte = 2
    Integer32 = 5
    Integer64 = 6
    Float = 7
    String = 8
    Rectangle = 9
    Size = 10
    Point = 11


class ControlId:
    """Names a control or property. Equality and hash are identity, as in the real bindings.

    size: how many values an array has, `ANY_LENGTH` if that is open, 0 if it is no array.
    """

    def __init__(
        self,
        number: int,
        name: str,
        kind: ControlType,
        size: int = 0,
        *,
        vendor: str = "libcamera",
        enumerators: Mapping[int, str] | None = None,
    ) -> None:
        self._id, self._name, self._type = number, name, kind
        self._size, self._vendor = size, vendor
        self._enumerators = dict(enumerators or {})

    @property
    def id(self) -> int:
        """The control's number."""
        return self._id

    @property
    def name(self) -> str:
        """The control's name, without its vendor."""
        return self._name

    @property
    def type(self) -> ControlType:
        """What one value is made of."""
        return self._type

    @property
    def size(self) -> int:
        """How many values an array has."""
        return self._size

    @property
    def vendor(self) -> str:
        """Whose control it is: "libcamera", or "draft" while its definition may still change."""
        return self._vendor

    @property
    def isArray(self) -> bool:
        """Whether it takes several values."""
        return self._size > 0

    def enumerators(self) -> dict[int, str]:
        """The names of the values, for a control that takes one of a few."""
        return dict(self._enumerators)

    def __str__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        length = "n" if self._size == ANY_LENGTH else str(self._size)
        array = f"[{length}]" if self._size else ""
        return f"libcamera.ControlId({self._id}, {self._vendor}.{self._name}{array}, {self._type})"


class ControlInfo:
    """The limits and the default of a control that a camera has."""

    def __init__(
        self, low: Any, high: Any, default: Any = None, values: Sequence[Any] = ()
    ) -> None:
        self._low, self._high, self._default, self._values = low, high, default, list(values)

    @property
    def min(self) -> Any:
        """The least value."""
        return self._low

    @property
    def max(self) -> Any:
        """The greatest value."""
        return self._high

    @property
    def default(self) -> Any:
        """The value that holds where none is set; None if the camera does not say."""
        return self._default

    @property
    def values(self) -> list[Any]:
        """Every value, where there are only a few."""
        return list(self._values)

    def __str__(self) -> str:
        return f"[{self._low}..{self._high}]"

    def __repr__(self) -> str:
        return f"libcamera.ControlInfo({self})"


_BITS: Final = {ControlType.Byte: (0, 255), ControlType.Integer32: (-(2**31), 2**31 - 1)}
_CLASSES: Final = {
    ControlType.String: str,
    ControlType.Rectangle: Rectangle,
    ControlType.Size: Size,
    ControlType.Point: Point,
}
_CPLUSPLUS: Final = {
    ControlType.Bool: "bool",
    ControlType.Byte: "unsigned char",
    ControlType.Integer32: "int",
    ControlType.Integer64: "long",
    ControlType.Float: "float",
    ControlType.String: "std::__cxx11::basic_string<char, std::char_traits<char>, "
    "std::allocator<char> >",
    ControlType.Rectangle: "libcamera::Rectangle",
    ControlType.Size: "libcamera::Size",
    ControlType.Point: "libcamera::Point",
}


def _fits(kind: ControlType, value: object) -> bool:
    if kind in _CLASSES:
        return isinstance(value, _CLASSES[kind])
    if kind is ControlType.Bool:
        return value is None or hasattr(value, "__bool__") or hasattr(value, "__index__")
    if kind is ControlType.Float:
        return hasattr(value, "__float__") or hasattr(value, "__index__")
    if not hasattr(value, "__index__"):
        return False
    low, high = _BITS.get(kind, (-(2**63), 2**63 - 1))
    return low <= operator.index(value) <= high


def checked(control: ControlId, value: Any) -> Any:
    """`value` as the control holds it: a sequence becomes a tuple, an enumeration its integer.

    The real bindings cast strictly by type, but check neither an array's length nor the camera's
    limits. Raises RuntimeError with their words, so that a mistake shows here as it does on a
    camera, and TypeError if `control` is none.
    """
    if not isinstance(control, ControlId):
        raise TypeError(f"incompatible function arguments: {control!r} is no ControlId")
    kind = control.type
    several = isinstance(value, (list, tuple))
    if not all(_fits(kind, item) for item in (value if several else (value,))):
        name = _CPLUSPLUS[kind]
        if several:
            name = f"std::vector<{name}, std::allocator<{name}> >"
        raise RuntimeError(
            f"Unable to cast Python instance of type {type(value)} to C++ type {name!r}"
        )
    if several:
        return tuple(_plain(item) for item in value)
    return _plain(value)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Enumeration) else value


def _values(prefix: str, *names: str) -> dict[int, str]:
    return {number: prefix + name for number, name in enumerate(names)}


_BOOL, _I32, _I64, _FLOAT = (
    ControlType.Bool,
    ControlType.Integer32,
    ControlType.Integer64,
    ControlType.Float,
)


class _DraftControls:
    """Controls whose definition may still change."""

    class NoiseReductionModeEnum(Enumeration):
        """Values of NoiseReductionMode."""

        Off = 0
        Fast = 1
        HighQuality = 2
        Minimal = 3
        ZSL = 4

    NoiseReductionMode = ControlId(
        10002,
        "NoiseReductionMode",
        _I32,
        vendor="draft",
        enumerators=_values("NoiseReductionMode", *NoiseReductionModeEnum.__members__),
    )


class controls:
    """What a request can ask for and what comes back in its metadata."""

    draft = _DraftControls

    class AfModeEnum(Enumeration):
        """Values of AfMode."""

        Manual = 0
        Auto = 1
        Continuous = 2

    class AfTriggerEnum(Enumeration):
        """Values of AfTrigger."""

        Start = 0
        Cancel = 1

    class AfStateEnum(Enumeration):
        """Values of AfState."""

        Idle = 0
        Scanning = 1
        Focused = 2
        Failed = 3

    AeEnable = ControlId(1, "AeEnable", _BOOL)
    AeLocked = ControlId(2, "AeLocked", _BOOL)
    AeMeteringMode = ControlId(
        3,
        "AeMeteringMode",
        _I32,
        enumerators=_values("Metering", "CentreWeighted", "Spot", "Matrix", "Custom"),
    )
    AeConstraintMode = ControlId(
        4,
        "AeConstraintMode",
        _I32,
        enumerators=_values("Constraint", "Normal", "Highlight", "Shadows", "Custom"),
    )
    AeExposureMode = ControlId(
        5,
        "AeExposureMode",
        _I32,
        enumerators=_values("Exposure", "Normal", "Short", "Long", "Custom"),
    )
    ExposureValue = ControlId(6, "ExposureValue", _FLOAT)
    ExposureTime = ControlId(7, "ExposureTime", _I32)
    AnalogueGain = ControlId(8, "AnalogueGain", _FLOAT)
    Brightness = ControlId(12, "Brightness", _FLOAT)
    Contrast = ControlId(13, "Contrast", _FLOAT)
    Lux = ControlId(14, "Lux", _FLOAT)
    AwbEnable = ControlId(15, "AwbEnable", _BOOL)
    AwbMode = ControlId(
        16,
        "AwbMode",
        _I32,
        enumerators=_values(
            "Awb",
            "Auto",
            "Incandescent",
            "Tungsten",
            "Fluorescent",
            "Indoor",
            "Daylight",
            "Cloudy",
            "Custom",
        ),
    )
    ColourGains = ControlId(18, "ColourGains", _FLOAT, 2)
    ColourTemperature = ControlId(19, "ColourTemperature", _I32)
    Saturation = ControlId(20, "Saturation", _FLOAT)
    SensorBlackLevels = ControlId(21, "SensorBlackLevels", _I32, 4)
    Sharpness = ControlId(22, "Sharpness", _FLOAT)
    FocusFoM = ControlId(23, "FocusFoM", _I32)
    ScalerCrop = ControlId(25, "ScalerCrop", ControlType.Rectangle)
    DigitalGain = ControlId(26, "DigitalGain", _FLOAT)
    FrameDuration = ControlId(27, "FrameDuration", _I64)
    FrameDurationLimits = ControlId(28, "FrameDurationLimits", _I64, 2)
    SensorTemperature = ControlId(29, "SensorTemperature", _FLOAT)
    SensorTimestamp = ControlId(30, "SensorTimestamp", _I64)
    AfMode = ControlId(31, "AfMode", _I32, enumerators=_values("AfMode", *AfModeEnum.__members__))
    AfTrigger = ControlId(
        36, "AfTrigger", _I32, enumerators=_values("AfTrigger", *AfTriggerEnum.__members__)
    )
    LensPosition = ControlId(38, "LensPosition", _FLOAT)
    AfState = ControlId(
        39, "AfState", _I32, enumerators=_values("AfState", *AfStateEnum.__members__)
    )

    # Newer than libcamera 0.4.
    ExposureTimeMode = ControlId(90_001, "ExposureTimeMode", _I32)
    AnalogueGainMode = ControlId(90_002, "AnalogueGainMode", _I32)
    FrameWallClock = ControlId(90_003, "FrameWallClock", _I64)


class _DraftProperties:
    """Properties whose definition may still change."""

    class ColorFilterArrangementEnum(Enumeration):
        """Values of ColorFilterArrangement."""

        RGGB = 0
        GRBG = 1
        GBRG = 2
        BGGR = 3
        RGB = 4
        MONO = 5

    ColorFilterArrangement = ControlId(
        10001,
        "ColorFilterArrangement",
        _I32,
        vendor="draft",
        enumerators=_values("", *ColorFilterArrangementEnum.__members__),
    )


class properties:
    """What a camera says of itself."""

    draft = _DraftProperties

    Location = ControlId(
        1,
        "Location",
        _I32,
        enumerators=_values("CameraLocation", "Front", "Back", "External"),
    )
    Rotation = ControlId(2, "Rotation", _I32)
    Model = ControlId(3, "Model", ControlType.String)
    UnitCellSize = ControlId(4, "UnitCellSize", ControlType.Size)
    PixelArraySize = ControlId(5, "PixelArraySize", ControlType.Size)
    PixelArrayActiveAreas = ControlId(7, "PixelArrayActiveAreas", ControlType.Rectangle, ANY_LENGTH)
    ScalerCropMaximum = ControlId(8, "ScalerCropMaximum", ControlType.Rectangle)
