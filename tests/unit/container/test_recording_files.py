"""Who has a recording's file: the one that makes it, or the one that repairs it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.base import durable_files
from camerad.container.recording_files import is_locked, lock, try_lock

Flock = Callable[[int, int], None]


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = str(tmp_path / "recording.tar")
    Path(made).touch()
    return made


def test_what_nobody_has_is_claimed(path: str) -> None:
    mine, other = durable_files.open_existing(path), durable_files.open_existing(path)
    assert try_lock(mine, path)
    assert is_locked(other)
    assert not try_lock(other, path)
    os.close(mine)
    assert try_lock(other, path)
    os.close(other)


def test_it_never_waits_for_a_recorder_whenever_that_comes(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder claims its file at each step of who would repair it."""
    real: Flock = fcntl.flock
    for step in range(2):
        recorder, mine = durable_files.open_existing(path), durable_files.open_existing(path)
        steps: list[int] = []

        def between(
            descriptor: int,
            how: int,
            step: int = step,
            recorder: int = recorder,
            steps: list[int] = steps,
        ) -> None:
            if len(steps) == step:
                real(recorder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            steps.append(how)
            assert how & fcntl.LOCK_NB or how == fcntl.LOCK_UN, "it may wait"
            real(descriptor, how)

        with monkeypatch.context() as patched:
            patched.setattr(fcntl, "flock", between)
            if step == 0:
                assert not try_lock(mine, path)
            else:
                assert try_lock(mine, path)  # it had it before the recorder
        os.close(recorder)
        os.close(mine)


def test_whoever_only_looks_keeps_nobody_from_it(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker, mine = durable_files.open_existing(path), durable_files.open_existing(path)
    real: Flock = fcntl.flock
    real(looker, fcntl.LOCK_SH)
    tried: list[int] = []

    def leaving(descriptor: int, how: int) -> None:
        tried.append(how)
        if len(tried) == 4:
            real(looker, fcntl.LOCK_UN)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", leaving)
    assert try_lock(mine, path)
    assert len(tried) >= 4
    os.close(looker)
    os.close(mine)


def test_the_recorder_waits_for_whoever_looks(path: str) -> None:
    mine, other = durable_files.open_existing(path), durable_files.open_existing(path)
    assert not is_locked(other)
    lock(mine, path)
    assert is_locked(other)
    os.close(mine)
    os.close(other)
