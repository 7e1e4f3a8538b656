"""A thread is stuck once its sign has not changed for too long, and not a moment earlier."""

from __future__ import annotations

from camerad.behaviour import liveness
from camerad.behaviour.budget import PROOF_SECONDS, Part
from camerad.behaviour.liveness import NOTHING, MarkSeen, Sign

SECOND = 1_000_000
LINK_US = round(PROOF_SECONDS[Part.LINK] * SECOND)
RECORDER_US = round(PROOF_SECONDS[Part.RECORDER] * SECOND)


def look(seen: MarkSeen, now_us: int, **marks: int | None) -> tuple[MarkSeen, tuple[Part, ...]]:
    signs = tuple(Sign(Part(name), mark) for name, mark in marks.items())
    return liveness.find_stuck(seen, signs, now_us)


def test_a_sign_that_changes_is_life_however_long_it_takes() -> None:
    seen = NOTHING
    for turn in range(10):
        seen, stuck = look(seen, turn * (LINK_US - 1), link=turn)
        assert stuck == ()


def test_a_sign_that_stands_still_for_its_part_s_time_is_a_hang() -> None:
    seen, _ = look(NOTHING, 7, link=1)
    seen, stuck = look(seen, 7 + LINK_US - 1, link=1)
    assert stuck == ()
    assert look(seen, 7 + LINK_US, link=1)[1] == (Part.LINK,)


def test_each_part_has_a_time_of_its_own_and_all_that_hang_are_named() -> None:
    seen, _ = look(NOTHING, 0, link=1, recorder=1, keeping=1)
    seen, stuck = look(seen, RECORDER_US - 1, link=1, recorder=1, keeping=2)
    assert stuck == (Part.LINK,)
    assert look(seen, RECORDER_US, link=1, recorder=1, keeping=2)[1] == (Part.LINK, Part.RECORDER)


def test_a_part_that_is_not_there_owes_nothing() -> None:
    seen, _ = look(NOTHING, 0, recorder=1)
    seen, stuck = look(seen, RECORDER_US, recorder=None)
    assert stuck == ()
    # The next one begins anew, even if its first mark happens to be that of the last.
    seen, stuck = look(seen, RECORDER_US + 1, recorder=1)
    assert stuck == ()
    assert look(seen, 2 * RECORDER_US, recorder=1)[1] == ()
    assert look(seen, 2 * RECORDER_US + 1, recorder=1)[1] == (Part.RECORDER,)
