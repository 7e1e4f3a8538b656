"""Suppresses small cells of a report, so that no person can be identified; pure.

A number from 1 to 4 that says what people did is a *small cell*: with a duty roster it may name
a person. It is not shown, and nothing is shown by which it could be computed. 0 is shown: it says
of all alike that nothing was done. Five rules:

1. **Months are put together** (`join_months`). From the first month on, months become one run until
   the run is safe: enough people wore cameras in it, and each of its numbers is 0 or at least 5.
   What is left at the end joins the runs before it. A single month of a run of several is in no
   figure; every figure is made of sums over whole runs.
2. **People.** A run of fewer than 5 people is not safe with any numbers: each number would
   be about one of few. If all months together are not safe, nothing that people did is shown.
3. **What is divided is shown for the whole period only** (reasons, conditions), never by month
   (`join_rare`). What of it is small becomes one number with others, of at least 9.
4. **Complements.** A part is shown if neither it nor what is left of the whole is small
   (`may_split`).
5. **Two ways of dividing one whole** (self-views and recordings by run; how many self-views led to
   a recording in the period) are both shown only if that leaves at least `FEW` possibilities more
   than one for every run (`may_cross`).

Why nothing can be subtracted. Rule 1: let events move from one month of a run to another of the
same run. No sum over a run changes, so no figure does. So every way to spread a run's sum over its
months gives the same report, and a month can have had any number from 0 to the run's sum that makes
the runs what they are: of a month that was too small by itself at least 1, 2, 3 and 4. Sums and
differences of runs are sums over whole runs again. Rule 3: a sum of at least 9 can be any small
number and one that is not small, so each name in it can have 1, 2, 3 or 4. And by the bounds of
Frechet a number in row r and column c of a table of which only margins are known lies between
max(0, r + c - n) and min(r, c), and both are reached. They are the same only if r or c is 0 or n;
then the number is 0, r or c, and these are shown numbers, which are not small. Rule 5: in each run
let b be the self-views that led to a recording. It lies between 0 and m = min(self-views,
recordings), and in sum is B. So one b can be as much as (sum of m) - B below its m, or all of its
m, while others make up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

FEW: Final = 5
ENOUGH: Final = 2 * FEW - 1
"""Any small number, and one that is not, can be parts of so many."""


def is_small(count: int) -> bool:
    """Whether a number may not be shown."""
    return 0 < count < FEW


def join_months(months: int, is_safe: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """Runs of months, each from its first month to that behind its last, in order; none if nothing
    may be shown. is_safe: of the run from a month to that behind its last."""
    runs: list[tuple[int, int]] = []
    first = 0
    for end in range(1, months + 1):
        if is_safe(first, end):
            runs.append((first, end))
            first = end
    while first < months and runs:
        first, _ = runs.pop()
        if is_safe(first, months):
            runs.append((first, months))
            first = months
    return runs


class Joined(NamedTuple):
    """shown: numbers by name. others: of all other names together; 0 if there are none."""

    shown: dict[str, int]
    others: int


def join_rare(counts: Mapping[str, int]) -> Joined | None:
    """How a whole is divided, as it may be shown; None if not even the whole may be. Names without
    a number are left out.

    Small numbers are joined with the first names of the alphabet, without regard to their numbers,
    until there are `ENOUGH`: the choice of a partner by its size would tell its size.
    """
    there = {name: count for name, count in sorted(counts.items()) if count}
    shown = {name: count for name, count in there.items() if not is_small(count)}
    if is_small(sum(there.values())):
        return None
    others = sum(there.values()) - sum(shown.values())
    if others:
        for number, name in enumerate(tuple(shown)):
            if number and others >= ENOUGH:
                break
            others += shown.pop(name)
    return Joined(shown, others)


def may_split(part: int, whole: int) -> bool:
    """Whether a part of a whole, and so the rest, may be shown."""
    return not is_small(whole) and not is_small(part) and not is_small(whole - part)


def may_cross(runs: Sequence[tuple[int, int]], both: int) -> bool:
    """Whether it may be shown how many self-views of the period led to a recording. runs:
    self-views and recordings of each run, as they are shown. both: self-views that led to one.

    If every self-view led to one, or every recording came from one, the rest of a run is the
    difference of two shown numbers, and `join_months` has seen to it that this is not small.
    """
    one, other = (sum(column) for column in zip(*runs, strict=True)) if runs else (0, 0)
    if not (may_split(both, one) and may_split(both, other)):
        return False
    if both in (one, other) and all((a - b) * (one - other) >= 0 for a, b in runs):
        return True
    return sum(min(pair) for pair in runs) - both >= FEW
