"""The draw: anybody can recompute it, it is even, and no order is likelier than another."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from camerad.office.trial.draw import draw_shifts
from tests.unit.office.trial.pilots import plan

SEED = bytes(range(32))


def blocks(found: Sequence[bool]) -> Iterator[tuple[bool, ...]]:
    rest = iter(found)
    return iter(lambda: tuple(islice(rest, 4)), ())


def test_a_stranger_recomputes_it_by_the_document() -> None:
    """Only by what docs/trial.md says, in other words than the program's."""
    fixed = plan(teams=3, without=("2027-01-06",))
    drawn = draw_shifts(fixed, SEED)
    strata: dict[tuple[str, str], list[bool]] = {}
    for shift, having in drawn.items():
        strata.setdefault((f"{shift.day:%a}".lower(), shift.service), []).append(having)
    assert len(strata) == 14
    for (weekday, service), found in strata.items():
        for number, block in enumerate(blocks(found)):
            said = f"camerad trial\ncity-2027\n{weekday}\n{service}\n{number}"
            stream = b"".join(
                hmac.new(SEED, f"{said}\n{counter}".encode(), hashlib.sha256).digest()
                for counter in range(3)
            )
            words = [int.from_bytes(stream[at : at + 4]) for at in range(0, len(stream), 4)]
            order = [1, 1, 0, 0]
            for i in (3, 2, 1):
                while words[0] >= 2**32 // (i + 1) * (i + 1):
                    words.pop(0)
                j = words.pop(0) % (i + 1)
                order[i], order[j] = order[j], order[i]
            assert list(block) == [bool(one) for one in order[: len(block)]]


def test_every_block_is_even_and_every_order_is_as_likely() -> None:
    fixed = plan(weeks=8, weekdays=("mon",), services=("late",))
    orders: Counter[tuple[bool, ...]] = Counter()
    for number in range(3000):
        seed = hashlib.sha256(str(number).encode()).digest()
        for block in blocks([*draw_shifts(fixed, seed).values()]):
            assert sum(block) == 2
            orders[block] += 1
    expected = 6000 / 6
    assert len(orders) == 6
    assert sum((one - expected) ** 2 / expected for one in orders.values()) < 20.5  # chi2, 0.1 %
