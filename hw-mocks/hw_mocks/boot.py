"""Run a program on the simulated hardware: ``python -m hw_mocks.boot MODULE ARGUMENTS...``

What cannot be put below a program from outside (the card and the time of day; see `hw_mocks.disk`
and `hw_mocks.timeofday`) is put in place here, in its process, before its first line. The module
then runs as ``__main__`` with its own arguments, unchanged. Where HW_MOCKS_PARENT names the process
that started it, the program gets SIGTERM when that process ends in whatever way, so that a
simulator that was killed leaves nothing behind (``PR_SET_PDEATHSIG`` in prctl(2)).
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from typing import Final

from hw_mocks import disk, timeofday

PARENT_VARIABLE: Final = "HW_MOCKS_PARENT"
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends; at once if it has already."""
    parent = os.environ.get(PARENT_VARIABLE)
    if not parent:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the module that the arguments name."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m hw_mocks.boot MODULE ARGUMENTS...")
    end_with_parent()
    disk.install_from_environment()
    timeofday.install_from_environment()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
