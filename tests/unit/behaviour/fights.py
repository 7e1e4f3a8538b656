"""Hands in a fight, simulated: they touch the big button as people do whose camera is in the way.

Each fight lasts 90 seconds. A contact lasts m · exp(s · z), z from the standard normal
distribution, and so do the pauses; `HANDS` has m and s of both, in seconds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

FIGHT_S: Final = 90.0
FIGHTS: Final = 500


@dataclass(frozen=True)
class Kind:
    """One way to touch. touch, pause: (m, s) of a contact and of the pause behind it, seconds.
    burst: how many contacts of that kind follow each other, at most. rest: (m, s) of the pause
    behind them. trembles: how many short contacts come before and behind each, at most."""

    touch: tuple[float, float]
    pause: tuple[float, float]
    burst: int = 1
    rest: tuple[float, float] = (0.0, 0.0)
    trembles: int = 0


HANDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "nervous": (Kind((0.12, 0.4), (0.2, 0.5), 6, (3.0, 0.8)),),
    "gloved": (Kind((0.5, 0.5), (2.5, 0.8)),),
    "wrestling": (Kind((1.5, 1.0), (1.2, 1.0), trembles=2),),
    "running": (Kind((0.06, 0.3), (0.5, 0.5), 20, (2.0, 0.8)),),
    "lying on it": (Kind((5.0, 1.0), (0.4, 1.2), 6, (3.0, 0.8)),),
    "everything": tuple(Kind((m, 0.5), (0.8, 1.0)) for m in (0.1, 0.4, 1.5, 4.0)),
}


def fight(hand: str, chance: random.Random, seconds: float = FIGHT_S) -> list[tuple[float, float]]:
    """Every contact of a fight, none shorter than 20 ms; without pauses that are."""
    at, found = chance.uniform(0, 2), list[tuple[float, float]]()
    while at < seconds:
        kind = chance.choice(HANDS[hand])
        for _ in range(chance.randint(1, kind.burst)):
            for length, pause in _touch(kind, chance):
                if found and at - found[-1][1] < 0.02:
                    found[-1] = found[-1][0], at + length
                elif length >= 0.02:
                    found.append((at, at + length))
                at += length + pause
        at += _lasts(kind.rest, chance)
    return found


def _touch(kind: Kind, chance: random.Random) -> Iterator[tuple[float, float]]:
    """One contact, and those of a body that comes and goes; each with its pause."""
    trembling = (0.08, 0.5), (0.12, 0.5)
    for _ in range(chance.randint(0, kind.trembles)):
        yield _lasts(trembling[0], chance), _lasts(trembling[1], chance)
    behind = chance.randint(0, kind.trembles)
    last = _lasts(kind.pause, chance)
    yield _lasts(kind.touch, chance), _lasts(trembling[1], chance) if behind else last
    for left in reversed(range(behind)):
        yield _lasts(trembling[0], chance), _lasts(trembling[1], chance) if left else last


def _lasts(times: tuple[float, float], chance: random.Random) -> float:
    return times[0] * math.exp(times[1] * chance.gauss(0, 1))
