"""Names of cameras and wearers in recordings, matched to what people call them.

Names are few where rows are many: each is found by one look into an index of the database, and no
row is read for it.

A person types what they say: "Camera-03", "camera-0", "3", "camera-3" or "Kamera 3". `names_meant`
takes the first of these that is any name: exactly that, in any case; all names with that number,
zeros before it aside, if the word before it is what people call such a thing, or begins a word of
the name; all names with that in them. "Müller" and "mueller" are the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, func, select

from camerad.base.text import folded
from camerad.office.state.index_tables import recordings

MOST_NAMES: Final = 1000
"""Names that are looked for at the most, by their code points."""
_NUMBER: Final = re.compile(r"(?:.*[^0-9])?0*([0-9]+)", re.DOTALL)
_SAID: Final = re.compile(r"(?:([^\W\d]+)[ -]*)?0*([0-9]+)", re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d]+")
CAMERA_WORDS: Final = ("cam", "camera", "bodycam", "kamera", "kam")
"""Words for any camera."""
NAMED: Final = recordings.c.camera


def camera_names(connection: Connection) -> list[str]:
    """What cameras are called in their recordings, each once; at most `MOST_NAMES`."""
    return _names(connection, recordings.c.camera)


def names_for(connection: Connection, said: str, named: Column[Any] = NAMED) -> list[str]:
    """The same, or what another column has, and before them the name that is exactly this text,
    wherever it is in their order."""
    names, said = _names(connection, named), said.strip()
    if (
        said in names
        or connection.execute(select(named).where(named == said).limit(1)).first() is None
    ):
        return names
    return [said, *names]


def _names(connection: Connection, named: Column[Any]) -> list[str]:
    found: list[str] = []
    last: str | None = connection.execute(select(func.min(named))).scalar()
    while last is not None and len(found) < MOST_NAMES:
        found.append(last)
        last = connection.execute(select(func.min(named)).where(named > last)).scalar()
    return found


def names_meant(
    names: Sequence[str], said: str, called: Collection[str] = CAMERA_WORDS
) -> list[str]:
    """Those of the names that a person may mean by this text; none if it matches none. called: what
    people call such things."""
    said = folded(said)
    if same := [one for one in names if folded(one) == said]:
        return same
    if (spoken := _SAID.fullmatch(said)) is not None:
        word, number = spoken[1], spoken[2]
        same = [one for one in names if _number(one) == number]
        if word is not None and word not in called:
            same = [one for one in same if _has_word(one, word)]
        if same:
            return same
    return [one for one in names if said in folded(one)]


def _number(name: str) -> str | None:
    """The number that a name ends with, without zeros before it."""
    found = _NUMBER.fullmatch(name)
    return None if found is None else found[1]


def _has_word(name: str, beginning: str) -> bool:
    """Whether a word of a name begins so."""
    return any(word.startswith(beginning) for word in _WORD.findall(folded(name)))
