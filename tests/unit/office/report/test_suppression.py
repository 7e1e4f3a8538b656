"""An attacker who has the report, and knows its rules, learns no small number from it.

They enumerate all that could have happened: everything that gives the same report by the same
rules. A small number is safe if others were possible in its place.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable

import pytest

from camerad.office.report.suppression import (
    FEW,
    Joined,
    is_small,
    join_months,
    join_rare,
    may_cross,
    may_split,
)
from tests.breadth import breadth

Months = tuple[int, ...]


def runs_of(months: Months) -> list[tuple[int, int]]:
    return join_months(len(months), lambda first, end: not is_small(sum(months[first:end])))


def report_of(months: Months) -> tuple[tuple[int, int, int], ...]:
    """What is shown of one row."""
    return tuple((first, end, sum(months[first:end])) for first, end in runs_of(months))


def test_zero_is_shown_and_small_numbers_join_their_neighbours() -> None:
    assert runs_of((7, 0, 3, 9, 12)) == [(0, 1), (1, 2), (2, 4), (4, 5)]
    assert runs_of((9, 8, 2)) == [(0, 1), (1, 3)]
    assert runs_of((0, 0, 2)) == []
    assert runs_of((9, 0, 2)) == [(0, 3)]
    assert runs_of(()) == []


@pytest.mark.breadth
@pytest.mark.parametrize("length", breadth((1, 2, 3, 4), (1, 2, 3, 4, 5, 6)))
def test_of_a_hidden_month_at_least_four_numbers_are_possible(length: int) -> None:
    """All rows of so many months, each 0 to 9, by what is shown of them: within such a class an
    attacker cannot tell them apart, even if they run the program itself."""
    most = 9
    classes = defaultdict(list)
    for months in itertools.product(range(most + 1), repeat=length):
        classes[report_of(months)].append(months)
    for shown, alike in classes.items():
        if any(total > most for _, _, total in shown):
            continue  # of these, not all were tried
        covered = {first for first, end, _ in shown if end == first + 1}
        for month in range(length):
            possible = {months[month] for months in alike}
            if month in covered:
                (only,) = possible
                assert not is_small(only)
            elif any(is_small(months[month]) for months in alike):
                assert len(possible) >= FEW - 1, (shown, month, possible)


def test_the_runs_are_all_of_the_period_or_nothing() -> None:
    draw = random.Random(3)
    for _ in range(300):
        months = tuple(draw.choice((0, 1, 2, 3, 6, 20)) for _ in range(12))
        shown = report_of(months)
        if shown:
            assert [first for first, _, _ in shown] == [0, *(end for _, end, _ in shown[:-1])]
            assert shown[-1][1] == 12
            assert sum(total for _, _, total in shown) == sum(months)
        assert not any(is_small(total) for _, _, total in shown)


def test_rare_names_become_one_number() -> None:
    assert join_rare({"stop": 40, "hot": 2, "full": 3, "none": 0}) == Joined({}, 45)
    many = {"a": 5, "b": 9, "hot": 1, "stop": 40}
    assert join_rare(many) == Joined({"stop": 40}, 15)
    assert join_rare(many | {"a": 8}) == Joined({"b": 9, "stop": 40}, 9)
    assert join_rare({"stop": 40}) == Joined({"stop": 40}, 0)
    assert join_rare({"hot": 1, "full": 2}) is None
    assert join_rare({"hot": 4, "full": 2}) == Joined({}, 6)
    assert join_rare({}) == Joined({}, 0)


@pytest.mark.breadth
def test_of_a_rare_name_nothing_can_be_computed() -> None:
    """All ways to divide among some names. Shown are names with their numbers, and what is left
    together."""
    names, most = breadth(("abc", 18), ("abcd", 18))
    classes = defaultdict(list)
    for numbers in itertools.product(range(most + 1), repeat=len(names)):
        joined = join_rare(dict(zip(names, numbers, strict=True)))
        shown = None if joined is None else (tuple(sorted(joined.shown.items())), joined.others)
        classes[shown].append(numbers)
    hidden = 0
    for shown, alike in classes.items():
        if shown is not None and shown[1] > most:
            continue  # of these, not all were tried
        for name in range(len(names)):
            possible = {numbers[name] for numbers in alike}
            if any(is_small(one) for one in possible):
                hidden += 1
                assert len(possible & {1, 2, 3, 4}) == FEW - 1, (shown, name, possible)
    assert hidden > 100


def test_a_part_and_what_is_left_have_to_be_large() -> None:
    assert may_split(0, 9) and may_split(9, 9) and may_split(5, 10)
    assert not may_split(3, 9) and not may_split(6, 9) and not may_split(0, 3)


def possible_in(pairs: list[tuple[int, int]], both: int, run: int) -> set[int]:
    """How many self-views of a run can have led to a recording, if so many did in sum: by trying
    all ways to spread them."""
    spans = [range(min(pair) + 1) for pair in pairs]
    rest = {0}
    for number, one in enumerate(spans):
        if number != run:
            rest = {left + more for left in rest for more in one}
    return {one for one in spans[run] if both - one in rest}


@pytest.mark.breadth
def test_two_ways_to_divide_leave_enough_possible() -> None:
    draw = random.Random(11)
    shown = refused = 0
    for _ in range(breadth(3000, 60_000)):
        truth = [  # of each run: led, without, direct
            tuple(draw.choice((0, 0, 1, 2, 3, 6, 9, 15)) for _ in range(3))
            for _ in range(draw.randint(1, 5))
        ]
        pairs = [(led + without, led + direct) for led, without, direct in truth]
        if any(is_small(n) for a, b in pairs for n in (a, b, abs(a - b))):
            continue  # such runs are joined with others
        both = sum(led for led, _, _ in truth)
        if not may_cross(pairs, both):
            refused += 1
            continue
        shown += 1
        for run, (led, without, direct) in enumerate(truth):
            possible = possible_in(pairs, both, run)
            assert led in possible
            for small, values in (
                (led, possible),
                (without, {pairs[run][0] - one for one in possible}),
                (direct, {pairs[run][1] - one for one in possible}),
            ):
                if is_small(small):
                    assert len(values) >= FEW, (pairs, both, run)
    assert shown > 50 and refused > 50


@pytest.mark.breadth
@pytest.mark.parametrize(("months", "most"), breadth([(1, 9), (2, 6)], [(1, 20), (2, 10), (3, 4)]))
def test_of_two_linked_rows_and_their_split_no_small_number_is_left_alone(
    months: int, most: int
) -> None:
    """All that can have happened in some months: self-views that led to a recording, that did not,
    and recordings without one. By what a report shows of all of it together, each of the numbers
    and of their sums can be one of four at least where it may be small."""
    classes: dict[object, list[set[int]]] = defaultdict(lambda: [set() for _ in range(5 * months)])
    each = tuple(itertools.product(range(most + 1), repeat=3))
    for happened in itertools.product(each, repeat=months):
        runs = join_months(months, safe_by(happened))
        pairs = [sums_of(happened[first:end]) for first, end in runs]
        both = sum(led for led, _, _ in happened)
        shown = both if runs and may_cross(pairs, both) else None
        possible = classes[(tuple(runs), tuple(pairs), shown)]
        for month, (led, without, direct) in enumerate(happened):
            numbers = (led, without, direct, led + without, led + direct)
            for number, one in enumerate(numbers):
                possible[5 * month + number].add(one)
    tried = 0
    for (runs, pairs, _), possible in classes.items():  # type: ignore[misc]
        if any(one > most for pair in pairs for one in pair):  # type: ignore[has-type]
            continue  # of these, not all were tried
        tried += 1
        for values in possible:
            assert not any(map(is_small, values)) or len(values) >= FEW - 1, (runs, pairs)
    assert tried > 5


Happened = tuple[tuple[int, ...], ...]


def sums_of(happened: Happened) -> tuple[int, int]:
    """Self-views and recordings."""
    return sum(one[0] + one[1] for one in happened), sum(one[0] + one[2] for one in happened)


def safe_by(happened: Happened) -> Callable[[int, int], bool]:
    """As a report asks of its rows."""

    def is_safe(first: int, end: int) -> bool:
        views, recordings = sums_of(happened[first:end])
        return not any(map(is_small, (views, recordings, abs(views - recordings))))

    return is_safe


def test_without_the_rule_the_attacker_finds_a_small_number() -> None:
    """January 3 without a recording, February 6 direct, March 4 without: by sums, all is known."""
    pairs, both = [(23, 20), (20, 26), (24, 20)], 60
    assert possible_in(pairs, both, 0) == {20}  # so 3 were without
    assert not may_cross(pairs, both)
