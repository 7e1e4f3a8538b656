"""Bounds of numbers and texts in statements, for every signer.

No camera can mean a time, count or size beyond these bounds. So no reader has to be ready for one:
sums, dates and divisions of numbers within them never overflow. Texts print on one line.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec

from camerad.base.text import LONGEST, is_plain, printable

GREATEST: Final = (1 << 53) - 1
"""The greatest number, in whatever unit, and the least its opposite: what every reader of JSON
keeps exactly (RFC 8259, 6). In microseconds since 1970 it is 5 June 2255."""
MOST_EVENTS: Final = 1 << 18
"""Gaps, marks, changes and the like (`camerad.container.statements.events_in`) that all statements
of a recording name together: two in each half second for a day and a half. A reader keeps no more,
so that an attacker with a camera's key cannot fill its memory."""
MOST_DAYS: Final = 366
"""The longest retention, days."""

_SIGNED: Final = frozenset(("clock_step_us", "step_us", "low_us", "high_us", "recent_us"))
"""How far wall time is from something may be negative. Every other number counts from 0."""
_DAYS: Final = "retention_days"
_SUMS: Final = frozenset(("Run", "Synchronised"))
_GREATEST_SUM: Final = (1 << 62) - 1
"""A ledger carries sums of what its entries say about time. It must never write what it would
refuse to read."""
_SHOWN: Final = 40
"""Characters of a wrong value that a message repeats."""


def check_limits(payload: msgspec.Struct, free: frozenset[str] = frozenset()) -> None:
    """Raises ValueError unless every number and text in a Struct, at any depth, is in bounds.

    free: names of fields whose text may be anything, because people write it.
    """
    for name, low, high in _plan(type(payload)):
        _check(name, getattr(payload, name), low, high, free)


@functools.cache
def _plan(kind: type[msgspec.Struct]) -> tuple[tuple[str, int, int], ...]:
    """A Struct's fields with their bounds."""
    greatest = _GREATEST_SUM if kind.__name__ in _SUMS else GREATEST
    return tuple(
        (
            name,
            -greatest if name in _SIGNED else 0,
            MOST_DAYS if name == _DAYS else greatest,
        )
        for name in kind.__struct_fields__
    )


def _check(name: str, value: Any, low: int, high: int, free: frozenset[str]) -> None:
    if value is None:
        return
    if isinstance(value, int):
        if not low <= value <= high:
            said = str(value) if -high <= value <= high else f"beyond {high}"
            raise ValueError(f"{name} is {said}, and can only be {low} to {high}")
    elif isinstance(value, str):
        if name not in free and not is_plain(value):
            said = printable(value[:_SHOWN])
            raise ValueError(
                f"{name} is not one line of at most {LONGEST} characters that print: {said!r}"
            )
    elif isinstance(value, tuple):
        for one in value:
            _check(name, one, low, high, free)
    elif isinstance(value, msgspec.Struct):
        check_limits(value, free)
