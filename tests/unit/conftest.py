"""The examples of properties that `make campaign` tries, and what all unit tests share.

`make campaign` tries other examples with every seed, and more. In every other run they are the same
(pyproject.toml). How long one takes is no finding in either.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import Camera
from hypothesis import settings
from ledger_helpers import Book
from recorder_bench import DEADLINE, Bench

settings.register_profile(
    "campaign", settings.get_profile("ci"), derandomize=False, max_examples=500
)


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(str(tmp_path))
    yield made
    if made.recorder is not None:
        made.recorder.stop(0, 0)
        assert made.recorder.join(DEADLINE)


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    """A camera that has recorded nothing yet."""
    return Camera(tmp_path / "state")


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A ledger that has just begun."""
    return Book(tmp_path / "ledger")
