"""Judging takes the processor time that recording leaves.

What was recorded is decoded and compared while other cameras record, in the same test or beside it.
Nobody waits for a judge, and neither does the time of a simulated world.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from hw_mocks.worldclock import ASIDE

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _step_aside() -> None:
    # On Linux a nice value belongs to a thread (setpriority(2), "C library/kernel differences"),
    # and what the thread starts inherits it. A plain user cannot take it back, so the thread ends.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), ASIDE)


def aside(judge: Callable[_P, _T]) -> Callable[_P, _T]:
    """A judge that works in a thread of its own, which everything else goes before."""

    @functools.wraps(judge)
    def judged(*arguments: _P.args, **named: _P.kwargs) -> _T:
        with ThreadPoolExecutor(1, "judge", initializer=_step_aside) as thread:
            return thread.submit(judge, *arguments, **named).result()

    return judged
