"""Run a program as on a later day: ``python -m hw_mocks.later SECONDS MODULE ARGUMENTS...``

Below the program, in its process, the machine's clocks are so many seconds ahead: the time of day
and CLOCK_BOOTTIME, as of a machine that has run on meanwhile. CLOCK_MONOTONIC, by which Python
waits, is the machine's own. The module then runs as ``__main__`` with its own arguments, unchanged.

Not simulated: the times that the kernel itself writes (of files), and the time of day read from C
(``datetime.now``).
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable
from typing import Final

_AHEAD: Final = (time.CLOCK_REALTIME, time.CLOCK_BOOTTIME)


def install(seconds: int) -> Callable[[], None]:
    """Be so much later in this process, from now on; what imports the functions of `time` by name
    does so afterwards. Returns what puts the machine's clocks back."""
    ahead_ns = seconds * 1_000_000_000
    real_ns, real = time.time_ns, time.time
    clock_ns, clock = time.clock_gettime_ns, time.clock_gettime

    def time_ns() -> int:
        return real_ns() + ahead_ns

    def time_s() -> float:
        return real() + seconds

    def clock_gettime_ns(clk_id: int, /) -> int:
        return clock_ns(clk_id) + (ahead_ns if clk_id in _AHEAD else 0)

    def clock_gettime(clk_id: int, /) -> float:
        return clock(clk_id) + (seconds if clk_id in _AHEAD else 0)

    def remove() -> None:
        time.time_ns, time.time = real_ns, real
        time.clock_gettime_ns, time.clock_gettime = clock_ns, clock

    time.time_ns, time.time = time_ns, time_s
    time.clock_gettime_ns, time.clock_gettime = clock_gettime_ns, clock_gettime
    return remove


def main() -> None:
    """Run the module that the arguments name."""
    if len(sys.argv) < 3 or not sys.argv[1].isdecimal():
        sys.exit("usage: python -m hw_mocks.later SECONDS MODULE ARGUMENTS...")
    install(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
