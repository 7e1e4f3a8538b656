"""Finds threads without a sign of life for too long. Pure: time is an argument.

A thread shows that it lives in one of two ways. One with short turns is seen at each of them. One
whose work may take minutes, such as checking a long recording, is seen to advance: by its processor
time, which stands still exactly while it hangs.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.behaviour.budget import PROOF_SECONDS, Part


class Sign(msgspec.Struct, frozen=True):
    """A part's proof of life: different from the last one, as long as it lives.

    mark: the time of its last turn, or its processor time; any unit, only changes count. None:
    there is no such thread now, and nothing is owed.
    """

    part: Part
    mark: int | None


class MarkSeen(msgspec.Struct, frozen=True):
    """When each part's mark was last seen to change, and its value then."""

    since_us: Mapping[Part, int]
    marks: Mapping[Part, int]


NOTHING = MarkSeen({}, {})


def find_stuck(
    seen: MarkSeen, signs: tuple[Sign, ...], now_us: int
) -> tuple[MarkSeen, tuple[Part, ...]]:
    """The record after a check of all parts, and which of them are stuck."""
    since, marks, stuck = {}, {}, []
    for sign in signs:
        if sign.mark is None:
            continue
        marks[sign.part] = sign.mark
        known = seen.marks.get(sign.part) == sign.mark
        since[sign.part] = seen.since_us[sign.part] if known else now_us
        if now_us - since[sign.part] >= PROOF_SECONDS[sign.part] * SECOND:
            stuck.append(sign.part)
    return replace(seen, since_us=since, marks=marks), tuple(stuck)
