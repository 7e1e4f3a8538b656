"""The draw: which shift has the camera, or the self-view; pure.

Shifts of one weekday and one service are a stratum. In the order of days and teams, a stratum's
shifts are taken in blocks of four, of which two have it (permuted blocks). What is left of the last
block is not used. Each block begins as *with, with, without, without* and is shuffled by Fisher and
Yates' method (Knuth, TAOCP vol. 2, 3.4.2, algorithm P): for i = 3, 2, 1 its places i and j change,
where j is a number from 0 to i.

Numbers come from HMAC-SHA256 (RFC 2104) with the seed as its key. The messages of a block are the
lines ``camerad trial``, the pilot's name, the weekday (``mon``), the service, the block's number
and a counter, both counted from 0, joined by newlines. Each digest is eight numbers of 32 bits, the
most significant byte first. A number that is not below the greatest multiple of i + 1 in 2**32 is
left out, and j is the rest of its division by i + 1: so each order has the same chance. Python's
standard library is enough to recompute it (docs/trial.md).
"""

from __future__ import annotations

import hmac
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

from camerad.office.trial.trial_plan import WEEKDAYS, DrawnShift, TrialPlan

BLOCK: Final = 4
SEED_BYTES: Final = 32
_RANGE: Final = 1 << 32


def draw_shifts(plan: TrialPlan, seed: bytes) -> dict[DrawnShift, bool]:
    """Every shift of the plan, in its order: whether it has what is compared."""
    drawn: dict[DrawnShift, bool] = {}
    counted: Counter[tuple[str, str]] = Counter()
    blocks: dict[tuple[str, str], list[bool]] = {}
    for shift in plan.shifts():
        stratum = (WEEKDAYS[shift.day.weekday()], shift.service)
        block, place = divmod(counted[stratum], BLOCK)
        counted[stratum] += 1
        if place == 0:
            said = ("camerad trial", plan.name, *stratum, str(block))
            blocks[stratum] = _shuffled(seed, "\n".join(said))
        drawn[shift] = blocks[stratum][place]
    return drawn


def _shuffled(seed: bytes, said: str) -> list[bool]:
    block = [True] * (BLOCK // 2) + [False] * (BLOCK // 2)
    numbers = _numbers(seed, said)
    for place in range(BLOCK - 1, 0, -1):
        other = next(one for one in numbers if one < _RANGE - _RANGE % (place + 1)) % (place + 1)
        block[place], block[other] = block[other], block[place]
    return block


def _numbers(seed: bytes, said: str) -> Iterator[int]:
    counter = 0
    while True:
        yield from struct.unpack(">8I", hmac.digest(seed, f"{said}\n{counter}".encode(), "sha256"))
        counter += 1
