"""Who goes first on a busy board."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from camerad import process

ASK = "import os; from camerad import process; print(process.set_priority({}), os.nice(0))"


def ask(nice: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(nice)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_display_gives_way_to_the_camera() -> None:
    assert process.CAMERA_NICE < 0 < process.DISPLAY_NICE
    assert ask(process.DISPLAY_NICE) == f"True {process.DISPLAY_NICE}"


def test_a_right_that_is_missing_is_an_answer_and_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    assert not process.set_priority(process.CAMERA_NICE)
