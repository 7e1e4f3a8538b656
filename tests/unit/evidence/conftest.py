"""Fixtures for the tests of evidence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorder_bench import DEADLINE, Bench


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
