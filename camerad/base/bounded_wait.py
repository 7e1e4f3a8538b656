"""Retries until something is free, with a deadline.

For locks that another process lets go of in a moment, where the kernel does not say when. They are
tried again and again, at most a twentieth of a second apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from camerad.base.clock import SECOND, SystemClock

_FIRST_SECONDS: Final = 0.001
_LAST_SECONDS: Final = 0.05
"""Pauses between two attempts, each twice the one before."""


def wait_until(attempt: Callable[[], bool], seconds: float) -> bool:
    """Call `attempt` until it returns True, once at least; returns whether it did.

    seconds: after which it is not called any more. Raises what it raises.
    """
    clock = SystemClock()
    until_us = clock.now_us() + round(seconds * SECOND)
    pause = _FIRST_SECONDS
    while not attempt():
        left = (until_us - clock.now_us()) / SECOND
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LAST_SECONDS)
    return True
