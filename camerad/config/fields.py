"""Vocabulary for declaring a setting, once for the loader and for the JSON Schema.

A setting is a field of a `msgspec.Struct` whose type says everything::

    width: Annotated[int, "Width of the recorded picture.", Range(160, 1920, "pixels")] = 1280

The first string is its description. No default means that it must be given; ``X | None = None``
means that it may be left out, and what then holds is said in the description. A field that is a
Struct is a section; ``Mapping[str, X]`` marked `Named` takes the keys that are left over.
"""

from __future__ import annotations

import types
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields, replace

_Mark = TypeVar("_Mark")


class Range(msgspec.Struct, frozen=True):
    """A number from `low` to `high`, both allowed, in `unit` (``pixels``, ``seconds``)."""

    low: float
    high: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{plain_number(self.low)} to {plain_number(self.high)} {self.unit}".rstrip()


class Even(msgspec.Struct, frozen=True):
    """A whole number that 2 divides, which I420 asks of a picture's sides."""


class Gpio(msgspec.Struct, frozen=True):
    """A GPIO number of the 40-pin header, 0 to 27, used by one thing only."""


class Matches(msgspec.Struct, frozen=True):
    """Text that `pattern` (a regular expression) matches as a whole; `meaning` says it in words."""

    pattern: str
    meaning: str


ABSOLUTE_PATH: Final = Matches(r"/[^\0\n]*", "an absolute path, such as /var/lib/camerad,")


class Recipient(msgspec.Struct, frozen=True):
    """Text that is a public key of age, its checksum included."""


class Secret(msgspec.Struct, frozen=True):
    """Text that no message repeats."""


class OneOf(msgspec.Struct, frozen=True):
    """Only these members of an Enum, by their values."""

    values: tuple[str, ...]


class Key(msgspec.Struct, frozen=True):
    """The key in the file, where it differs from the field's name (``in`` is a word of Python)."""

    name: str


class Named(msgspec.Struct, frozen=True):
    """A mapping of the remaining keys of its section; each key is a name matching `pattern`."""

    pattern: str
    meaning: str


GPIO_LOW: Final = 0
GPIO_HIGH: Final = 27
"""BCM 0 to 27 are led out at the header of every Raspberry Pi since the Model B+."""


class Needed(msgspec.Struct, frozen=True):
    """The key must be given, but its absence is dealt with elsewhere than in the reader."""


class Setting(msgspec.Struct, frozen=True):
    """One field, taken apart: `kind` is its type without Annotated and without None."""

    key: str
    field: str
    kind: Any
    about: str
    optional: bool
    default: Any
    marks: tuple[Any, ...]

    @property
    def required(self) -> bool:
        """Whether the reader insists on the key."""
        return self.default is msgspec.NODEFAULT

    @property
    def needed(self) -> bool:
        """Whether a sound file has the key."""
        return self.required or any(isinstance(mark, Needed) for mark in self.marks)

    def fallback(self) -> Any:
        """The value of a key that is left out."""
        return self.default() if callable(self.default) else self.default

    def mark(self, kind: type[_Mark]) -> _Mark | None:
        """The constraint of this kind, if the declaration has one."""
        return next((mark for mark in self.marks if isinstance(mark, kind)), None)


def settings_of(kind: type, base: Any = None) -> tuple[Setting, ...]:
    """The settings of a section, in the order of their declaration.

    base: the section's own default, if it has one; keys that are left out have its values.
    """
    settings = _declared(kind)
    if base is None:
        return settings
    return tuple(replace(setting, default=getattr(base, setting.field)) for setting in settings)


@cache
def _declared(kind: type) -> tuple[Setting, ...]:
    """The settings of a section: what its class declares, taken apart once."""
    return tuple(_setting(field) for field in fields(kind))


def item_of(setting: Setting) -> Setting:
    """The entry of a list or a `Named` mapping, as a setting."""
    inner = [kind for kind in get_args(setting.kind) if kind is not Ellipsis][-1]
    return replace(setting, kind=inner, optional=False, default=msgspec.NODEFAULT)


def is_section(kind: Any) -> bool:
    """Whether a type is a section (a Struct)."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def is_enum(kind: Any) -> bool:
    """Whether a type is an Enum."""
    return isinstance(kind, type) and issubclass(kind, Enum)


def is_list(kind: Any) -> type | None:
    """The type that a list of the file becomes (tuple or frozenset); None if it is no list."""
    origin = get_origin(kind)
    return origin if origin in (tuple, frozenset) else None


def choices_of(setting: Setting) -> tuple[str, ...]:
    """The words allowed for a Literal or an Enum, in the order of their declaration."""
    some = setting.mark(OneOf)
    if some:
        return some.values
    if is_enum(setting.kind):
        return tuple(str(member.value) for member in setting.kind)
    return get_args(setting.kind)


def plain_number(number: float) -> str:
    """A number as a person writes it: 30 and not 30.0, 6000000 and not 6e+06."""
    return str(int(number)) if float(number).is_integer() else str(number)


def _setting(field: FieldInfo) -> Setting:
    hint = field.type
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        marks = tuple(extras)
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not types.NoneType)
        optional = True
    about = next((mark for mark in marks if isinstance(mark, str)), "")
    if not about and is_section(hint):
        about = " ".join((hint.__doc__ or "").split())
    default = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory
    key = next((mark.name for mark in marks if isinstance(mark, Key)), field.name)
    return Setting(key, field.name, hint, about, optional, default, marks)
