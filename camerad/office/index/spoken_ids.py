"""Ids of recordings, as people say them on the phone: a number, or the last letters.

An id is ``20261124T153000Z-000001-9f3c02ab``: its time, its number, and letters by chance. Each row
has the number, and the letters from the last to the first: so those with the same last letters lie
beside each other in an index of the database, and no other row is read for them. Other parts of
an id find nothing: the beginning is a time, which is asked for as a time.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from camerad.container.recording_ids import is_id, number_in

LEAST: Final = 4
"""Letters at the least: sixteen of a million recordings end with the same four."""
_LETTERS: Final = 8
_SAID: Final = re.compile(
    rf"(?:0*(?P<before>[0-9]{{1,18}})-)?(?P<end>[0-9a-f]{{{LEAST},{_LETTERS}}})|0*(?P<number>[0-9]{{1,18}})",
    re.ASCII,
)
AFTER_HEX: Final = "g"
"""The letter after the last one of hexadecimal numbers: the upper bound of a search by prefix."""


class IdPart(msgspec.Struct, frozen=True):
    """The known parts of an id; None where unknown. tail: the end of its letters, the last
    one first."""

    number: int | None = None
    tail: str | None = None


def columns_of(recording: str) -> dict[str, Any]:
    """What a row has of a recording's id, for `ids_meant`."""
    if not is_id(recording):
        return {"number": None, "tail": None}
    return {"number": number_in(recording), "tail": recording[-_LETTERS:][::-1]}


def ids_meant(said: str) -> list[IdPart]:
    """What may be meant by it: digits may be the number and the end as well. Nothing, if it is no
    part of an id that can be found."""
    text = said.strip().casefold().lstrip("-")
    if (found := _SAID.fullmatch(text)) is None:
        return []
    end, before, number = found["end"], found["before"], found["number"]
    meant = []
    if end is not None:
        meant.append(IdPart(None if before is None else int(before), end[::-1]))
    if number is not None or (before is None and end is not None and end.isdecimal()):
        meant.append(IdPart(int(text)))
    return meant
