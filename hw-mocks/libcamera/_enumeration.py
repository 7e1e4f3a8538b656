"""Enumerations that behave as pybind11's ``enum_`` does in the real bindings."""

from __future__ import annotations

import enum
import operator
from typing import SupportsIndex


class Enumeration(enum.Enum):
    """A member is its integer wherever an integer is asked for, and equals it.

    As in the real bindings, members of two different enumerations are equal if their integers are,
    and members have no order.
    """

    def __int__(self) -> int:
        value: int = self.value
        return value

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SupportsIndex):
            return int(self) == operator.index(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(int(self))
