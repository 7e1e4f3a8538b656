"""What `tests/conftest.py` and `tests/unit/conftest.py` name is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LONGEST
from tests.unit.conftest import UNTRACED

TREE = Path(__file__).parents[2]


@pytest.mark.parametrize("name", [*LONGEST, *(f"tests/unit/{name}" for name in UNTRACED)])
def test_what_is_named_is_there(name: str) -> None:
    path = TREE / name
    assert path.is_dir() if name.endswith("/") else path.is_file()
