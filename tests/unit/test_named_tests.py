"""The order of tests (`tests/order.py`) names tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.order import LONGEST, TOGETHER, dealt

pytestmark = pytest.mark.campaign

TREE = Path(__file__).parents[2]


NAMED = dict.fromkeys([*LONGEST, *TOGETHER])


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    path = TREE / file
    assert path.is_dir() if name.endswith("/") else path.is_file()
    assert f"\ndef {test}" in path.read_text() if test else True


class _Item:
    """As much of a test as its place in the order depends on."""

    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_each_worker_begins_with_what_takes_long_and_has_as_many_tests_as_the_others() -> None:
    together = [f"{TOGETHER[0]}::test_{number}" for number in range(3)]
    alone = [f"tests/system/test_disk_faults.py::test_{number}" for number in range(4)]
    short = [f"tests/unit/test_short.py::test_{number}" for number in range(14)]
    given = [_Item(name) for name in (*short, *alone, *together)]
    ordered = [one.nodeid for one in dealt(given, 3)]
    assert sorted(ordered) == sorted(one.nodeid for one in given)
    stretches = [ordered[:7], ordered[7:14], ordered[14:]]
    assert stretches[0] == [*together, *short[:4]]
    assert stretches[1] == [alone[0], alone[3], *short[4:9]]
    assert stretches[2] == [alone[1], alone[2], *short[9:]]


def test_what_takes_long_may_be_more_than_a_stretch() -> None:
    given = [_Item(f"{TOGETHER[0]}::test_{number}") for number in range(5)] + [_Item("tests/a")]
    assert [one.nodeid for one in dealt(given, 3)] == [one.nodeid for one in given]
