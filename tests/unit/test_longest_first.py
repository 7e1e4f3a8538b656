"""The tests that have to come first are where `tests/conftest.py` looks for them."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import LONGEST

TREE = Path(__file__).parents[2]


def test_what_comes_first_is_there() -> None:
    assert [name for name in LONGEST if not (TREE / name).is_file()] == []
