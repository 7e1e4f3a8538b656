"""A program that runs on a later day: two clocks are ahead, and its waits are the machine's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

DAY_S = 86_400
PROGRAM = """
import json, sys, time
told = [time.time(), time.time_ns() / 1e9]
told += [time.clock_gettime(one) for one in (time.CLOCK_REALTIME, time.CLOCK_BOOTTIME)]
told += [time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e9, time.monotonic()]
print(json.dumps([told, sys.argv]))
"""


def test_a_program_is_so_much_later_and_waits_by_the_machine_s_clock(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "hw_mocks.later", str(DAY_S), "program", "one", "two"]
    here = (time.time, time.time, time.time, *(2 * (_boot,)), time.monotonic)
    before = [clock() for clock in here]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    after = [clock() for clock in here]
    told, words = json.loads(done.stdout)
    ahead = [DAY_S] * 5 + [0]
    for low, said, high, more in zip(before, told, after, ahead, strict=True):
        assert low <= said - more <= high
    assert words[1:] == ["one", "two"]


def _boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
