"""When memory is short, and when a card is slow."""

from __future__ import annotations

from camerad.behaviour.scarcity import Card, card_step, memory_short
from camerad.clock import SECOND

MIB = 1024 * 1024


def test_memory_is_short_below_48_mib_and_no_longer_from_64_on() -> None:
    assert not memory_short(False, 48 * MIB)
    assert memory_short(False, 48 * MIB - 1)
    assert memory_short(True, 64 * MIB - 1)
    assert not memory_short(True, 64 * MIB)
    assert memory_short(True, None)
    assert not memory_short(False, None)


def test_one_stall_is_no_slow_card() -> None:
    card = card_step(Card(), 0, 2)
    assert not card.slow
    # The first two are over a minute ago.
    assert not card_step(card, 61 * SECOND, 3).slow


def test_three_within_a_minute_are() -> None:
    card = card_step(card_step(Card(), 0, 2), 60 * SECOND, 3)
    assert card.slow
    assert card_step(Card(), 0, 50).slow


def test_ten_minutes_without_one_end_it() -> None:
    card = card_step(Card(), 0, 3)
    card = card_step(card, 300 * SECOND, 4)
    card = card_step(card, 899 * SECOND, 4)
    assert card.slow
    assert not card_step(card, 900 * SECOND, 4).slow
