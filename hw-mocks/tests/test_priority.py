"""What a process that stands for hardware does to itself first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import DEADLINE

FIRST = """
import os
from hw_mocks.priority import go_first
go_first()
session = "/proc/self/autogroup"
# Who was never in a session of somebody's making belongs to the kernel's first, which has no entry.
print(os.nice(0), *(open(session).read().split()[-1:] if os.path.exists(session) else []) or [None])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go before others")
@pytest.mark.parametrize("leads", [True, False])
def test_simulated_hardware_goes_before_camerad_and_takes_no_foreign_session_along(
    leads: bool,
) -> None:
    before, after = (
        subprocess.run(
            [sys.executable, "-c", program],
            start_new_session=leads,
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE,
        ).stdout.split()
        for program in (FIRST.replace("go_first()\n", ""), FIRST)
    )
    # camerad's own nice value is -10.
    assert int(after[0]) < -10
    if after[1] != "None":
        assert after[1] == (after[0] if leads else before[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_a_user_who_may_not_goes_where_he_was() -> None:
    program = FIRST.replace("go_first()\n", "os.setuid(65534)\ngo_first()\n")
    done = subprocess.run(
        [sys.executable, "-c", program],
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    assert int(done.stdout.split()[0]) == os.nice(0)


def realtime() -> bool:
    """Whether the kernel lets this user into the real-time class."""
    asked = "from hw_mocks.priority import run_at_once; raise SystemExit(not run_at_once())"
    return (
        subprocess.run([sys.executable, "-c", asked], check=False, timeout=DEADLINE).returncode == 0
    )


AT_ONCE = """
import os, threading
from hw_mocks.priority import run_at_once
def policy():
    found.append(os.sched_getscheduler(0) == os.SCHED_RR)
found, end = [], threading.Event()
def waits():
    end.wait()
    policy()
    later = threading.Thread(target=policy)
    later.start()
    later.join()
early = threading.Thread(target=waits)
early.start()
done = run_at_once()
end.set()
early.join()
policy()
print(done, *found)
"""


@pytest.mark.skipif(not realtime(), reason="this user may not go into the real-time class")
def test_all_threads_run_at_once_those_that_were_there_and_those_that_come() -> None:
    assert said(AT_ONCE) == "True True True True"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_where_a_user_may_not_run_at_once_nothing_changes() -> None:
    program = AT_ONCE.replace("done =", "os.setgroups([]), os.setuid(65534)\ndone =")
    assert said(program) == "False False False False"


CAMERA = """
import os, time
from libcamera_support import App
app = App(buffers=2)
before = os.sched_getscheduler(0)
app.start()
print(before == os.SCHED_OTHER, os.sched_getscheduler(0) == os.SCHED_RR, bool(app.ready(5)))
app.close()
"""


@pytest.mark.skipif(not realtime(), reason="this user may not go into the real-time class")
@pytest.mark.parametrize("wanted", [True, False])
def test_the_camera_takes_its_process_along_where_it_is_a_boards(wanted: bool) -> None:
    """A test that uses the simulated camera in its own process stays where it was."""
    assert said(CAMERA, **({"HW_MOCKS_REALTIME": "1"} if wanted else {})) == f"True {wanted} True"


def said(program: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    return done.stdout.strip()
