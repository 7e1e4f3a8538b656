"""Who goes first on a busy board."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from camerad.base import process

ASK = "import os; from camerad.base import process; print(process.set_priority({}), os.nice(0))"


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


ALONE = """
import os
from pathlib import Path
from camerad.base import process
session = Path("/proc/self/autogroup")
before = session.read_text()
done = process.set_priority(5)
# Who was never in a session of somebody's making belongs to the kernel's first, which has no entry.
print(done, os.nice(0), *((text.split() or ["none"])[-1] for text in (before, session.read_text())))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/autogroup"), reason="no sessions are told apart")
@pytest.mark.parametrize(("leads", "session"), [(True, "5"), (False, None)])
def test_who_leads_a_session_takes_it_along_and_who_does_not_leaves_it_alone(
    leads: bool, session: str | None
) -> None:
    """Between sessions, and a camera's is one of many, the kernel heeds nothing but this."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        start_new_session=leads,
        capture_output=True,
        text=True,
        check=True,
    )
    succeeded, nice, before, after = done.stdout.split()
    assert (succeeded, nice) == ("True", "5")
    assert after == (before if session is None else session)


def test_a_kernel_that_does_not_tell_sessions_apart_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "_SESSION", str(tmp_path / "proc" / "autogroup"))
    process._set_session_priority(5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("times", [1, 99])
def test_a_kernel_that_asks_for_patience_gets_some(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    asked: list[str] = []

    def busy(path: str, *_: object, **__: object) -> object:
        asked.append(path)
        if len(asked) > times:
            raise FileNotFoundError
        raise BlockingIOError

    monkeypatch.setattr("builtins.open", busy)
    monkeypatch.setattr(process.time, "sleep", lambda seconds: asked.append("slept"))
    monkeypatch.setattr(os, "setpriority", lambda *_: None)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())
    assert process.set_priority(5) is (times == 1)
    # Once more after a pause; at most five times.
    assert asked == ["/proc/self/autogroup", "slept"] * min(times, 4) + ["/proc/self/autogroup"]
