"""When memory is short, and when a card is slow."""

from __future__ import annotations

import pytest

from camerad.base.clock import SECOND
from camerad.behaviour.budget import CALM_SECONDS, STALL_LOOK_SECONDS, STALLED_SECONDS
from camerad.behaviour.scarcity import SlowCard, card_step, memory_short, stall_step

MIB = 1024 * 1024


def test_memory_is_short_below_48_mib_and_no_longer_from_64_on() -> None:
    assert not memory_short(False, 48 * MIB)
    assert memory_short(False, 48 * MIB - 1)
    assert memory_short(True, 64 * MIB - 1)
    assert not memory_short(True, 64 * MIB)
    assert memory_short(True, None)
    assert not memory_short(False, None)


def test_one_stall_is_no_slow_card() -> None:
    card = card_step(SlowCard(), 0, 2)
    assert not card.slow
    # The first two are over a minute ago.
    assert not card_step(card, 61 * SECOND, 3).slow


def test_three_within_a_minute_are() -> None:
    card = card_step(card_step(SlowCard(), 0, 2), 60 * SECOND, 3)
    assert card.slow
    assert card_step(SlowCard(), 0, 50).slow


def test_ten_minutes_without_one_end_it() -> None:
    card = card_step(SlowCard(), 0, 3)
    card = card_step(card, 300 * SECOND, 4)
    card = card_step(card, 899 * SECOND, 4)
    assert card.slow
    assert not card_step(card, 900 * SECOND, 4).slow


def stalls(sync_seconds: float, rest_seconds: float, times: int) -> list[tuple[float, bool]]:
    """When a card that takes so long for each piece, and rests in between, begins to stall and
    ceases to, looked at as the daemon does; for a minute in all."""
    told: list[tuple[float, bool]] = []
    stalled_us: int | None = None
    turn_us = round((sync_seconds + rest_seconds) * SECOND)
    for at_us in range(0, 60 * SECOND, round(STALL_LOOK_SECONDS * SECOND)):
        turn, into_us = divmod(at_us, turn_us)
        pending = turn < times and into_us < sync_seconds * SECOND
        was, stalled_us = (
            stalled_us,
            stall_step(stalled_us, at_us, turn * turn_us if pending else None),
        )
        if (was is None) is not (stalled_us is None):
            told.append((at_us / SECOND, stalled_us is not None))
    return told


@pytest.mark.parametrize("seconds", [3.0, 25.0])
def test_a_card_that_hangs_is_told_within_two_seconds_once_until_it_is_calm(seconds: float) -> None:
    begun, over = stalls(seconds, 0.5, 2)
    assert begun == (STALLED_SECONDS, True)
    assert begun[0] + STALL_LOOK_SECONDS <= 2
    ended = 2 * seconds + 0.5
    assert over == (pytest.approx(ended + CALM_SECONDS, abs=2 * STALL_LOOK_SECONDS), False)


def test_a_card_that_is_only_slow_is_not_told() -> None:
    assert stalls(1.25, 0.25, 40) == []
