"""What a process that stands for hardware does to itself first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FIRST = """
import os
from hw_mocks.boot import go_first
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
    )
    assert int(done.stdout.split()[0]) == os.nice(0)
