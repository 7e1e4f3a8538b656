"""A bound on the rate at which a camera sends: a token bucket."""

from __future__ import annotations

from typing import Final

from camerad.base.clock import SECOND

BURST: Final = 256 * 1024
"""Bytes that may go at once after a rest."""


class Pace:
    """So many megabits (10^6 bits) per second. Times are microseconds of a clock that never
    steps."""

    def __init__(self, mbit_per_second: float, now_us: int) -> None:
        self._bytes_per_us = mbit_per_second / 8
        self._left = float(BURST)
        self._since_us = now_us

    def take(self, count: int, now_us: int) -> float:
        """Take so many bytes at `now_us`; returns how many seconds to wait before they are sent."""
        gained = (now_us - self._since_us) * self._bytes_per_us
        self._left = min(float(BURST), self._left + gained) - count
        self._since_us = now_us
        return max(0.0, -self._left / self._bytes_per_us / SECOND)
