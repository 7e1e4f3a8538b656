"""Hands in a fight, simulated: which gesture ends a recording by accident, for docs/signals.md.

No person took part. Six hands touch the big button as people do whose camera is in the way: the
figures compare gestures under the same disturbance, not how often a fight ends a recording. Each
fight lasts 90 seconds. A contact lasts m · exp(s · z), z from the standard normal distribution, and
so do the pauses; `HANDS` has m and s of both.

Who means to end a recording holds until it is felt, lets go 0.1 s + 0.35 s · exp(0.3 · z) later,
presses 0.5 s · exp(0.4 · z) later for 0.18 s · exp(0.4 · z), and presses again if nothing is felt
for 1.5 s · exp(0.3 · z). In 3 of 100 cases they let go too early, in 2 the glove slips.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from camerad.behaviour.bindings import DEFAULT_TWO_BUTTONS, ButtonTable
from camerad.behaviour.gestures import ANSWER_US, BRIEF_US, CALM_US, LET_GO_US, STILL_US
from generators.written_page import markdown_table

SECOND: Final = 1_000_000
FIGHT_S: Final = 90.0
FIGHTS: Final = 500
MEANT: Final = 2000
"""How often each gesture is meant."""
HOLD_S: Final = 2.0
"""How long the button is held, where a gesture has a hold."""

Contacts: TypeAlias = Sequence[tuple[float, float]]
"""When the button goes down and up, in seconds."""


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


# --------------------------------------------------------------------------------------- gestures


def held(contacts: Contacts) -> int:
    """Held for two seconds."""
    return sum(up - down >= HOLD_S for down, up in contacts)


def pressed_and_held(contacts: Contacts) -> int:
    """Pressed, and within 0.4 s pressed again and held for two seconds."""
    return sum(
        up - down < HOLD_S and again - up <= 0.4 and end - again >= HOLD_S
        for (down, up), (again, end) in pairwise(contacts)
    )


def held_and_let_go(contacts: Contacts) -> int:
    """Held for two seconds and let go within the next one, as it is felt."""
    return sum(HOLD_S <= up - down < HOLD_S + 1 for down, up in contacts)


def held_twice(contacts: Contacts) -> int:
    """Held for two seconds and let go as it is felt, and then held for a second."""
    return sum(
        HOLD_S <= up - down < HOLD_S + 1 and again - down - HOLD_S <= 3 and end - again >= 1
        for (down, up), (again, end) in pairwise(contacts)
    )


def held_and_pressed(contacts: Contacts, table: ButtonTable = DEFAULT_TWO_BUTTONS[0]) -> int:
    """The camera's: held for two seconds, let go as it is felt, and one press."""
    alone = table.double_press_us / SECOND
    before, found = -math.inf, 0
    for (down, up), (press, end), (after, _) in zip(
        contacts, contacts[1:], [*contacts[2:], (math.inf, 0.0)], strict=False
    ):
        told, calm, before = down + HOLD_S, down >= before + CALM_US / SECOND, up
        found += (
            calm
            and told <= up <= told + LET_GO_US / SECOND
            and up + STILL_US / SECOND <= press <= told + ANSWER_US / SECOND
            and end - press < BRIEF_US / SECOND
            and after - end > alone
        )
    return found


GESTURES: Final[Mapping[str, Callable[[Contacts], int]]] = {
    "hold 2 s (as it was)": held,
    "press, then hold 2 s": pressed_and_held,
    "hold 2 s, let go when it is felt": held_and_let_go,
    "hold 2 s, let go when it is felt, hold 1 s": held_twice,
    "**hold 2 s, let go when it is felt, press once**": held_and_pressed,
}


def meant(gesture: Callable[[Contacts], int], chance: random.Random) -> Contacts:
    """The contacts of who means to end a recording by this gesture."""
    reaction = 0.1 + _lasts((0.35, 0.3), chance)
    first = 1.8 if chance.random() < 0.03 else HOLD_S + reaction
    pause, brief = _lasts((0.5, 0.4), chance), _lasts((0.18, 0.4), chance)
    if gesture in (held, held_and_let_go):
        return [(0.0, first)]
    if gesture is pressed_and_held:
        return [(0.0, brief), (brief + pause / 3, brief + pause / 3 + first)]
    at = first + pause
    end = at + (first - 1 if gesture is held_twice else brief)
    contacts = [(0.0, first), (at, end)]
    if chance.random() < 0.02:
        contacts.append((end + 0.06, end + 0.12))
    again = contacts[-1][1] + _lasts((1.5, 0.3), chance)
    return [*contacts, (again, again + 0.2)]


def stops() -> str:
    """In how many fights a gesture ends a recording by accident, and how often one succeeds."""
    rows = []
    for name, gesture in GESTURES.items():
        shares = []
        for hand in HANDS:
            chance = random.Random(hand)  # noqa: S311 - a seed, no key
            shares.append(sum(gesture(fight(hand, chance)) > 0 for _ in range(FIGHTS)))
        chance = random.Random(name)  # noqa: S311 - a seed, no key
        right = sum(gesture(meant(gesture, chance)) > 0 for _ in range(MEANT))
        rows.append((name, *map(str, shares), f"{100 * right / MEANT:.0f} %"))
    return markdown_table(("gesture", *HANDS, "meant, and done at once"), rows)
