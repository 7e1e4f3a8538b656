"""A wall clock that is wrong, below the program that reads it.

`install` replaces the functions of `time` that tell the time of day (CLOCK_REALTIME) by ones that
add an offset; every other clock, CLOCK_BOOTTIME above all, goes on as it is, as when somebody sets
the clock of the machine. The offset comes from the world (``{"wall_offset_us": ...}``) or from
`TimeOfDay.set`; each setting is reported (``{"wall_offset_us", "stepped_us", "at_us"}``).

The clock is the machine's, so every process that reads it follows the same world: the daemon, which
reports, and others as followers, which do not.

Not simulated: the times that the kernel itself writes (of files), and the time of day read from C
(``datetime.now``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

from hw_mocks.bus import WORLD_VARIABLE, Message, WorldClient, now_us

ROLE: Final = "clock"
FOLLOWER: Final = "clock follower"
"""The role of a process that only follows."""


class TimeOfDay:
    """The program's wall clock. role: as what it connects to the world, ROLE or FOLLOWER."""

    def __init__(self, role: str = ROLE) -> None:
        self._role = role
        self._offset_us = 0
        self._offset_ns = 0
        self._real: dict[str, Callable[..., Any]] = {}
        self._world: WorldClient | None = None

    @property
    def offset_us(self) -> int:
        """Microseconds by which the wall clock is ahead of the machine's."""
        return self._offset_us

    def connect(self) -> None:
        """Take the offset from the world that the environment names, if there is one."""
        self._world = WorldClient.from_environment(self._role, self._hear)
        if self._world is not None:
            self._world.wait_ready()

    def set(self, offset_us: int) -> None:
        """Let the wall clock be ahead of the machine's by so much, from now on."""
        stepped_us = offset_us - self._offset_us
        self._offset_us, self._offset_ns = offset_us, offset_us * 1000
        if self._world is not None and self._role == ROLE:
            told = {"wall_offset_us": offset_us, "stepped_us": stepped_us, "at_us": now_us()}
            self._world.send(told)

    def install(self) -> None:
        """Put the wrong clock in place; what imports the functions by name does so afterwards."""
        real_ns, real = time.time_ns, time.time
        clock_ns, clock = time.clock_gettime_ns, time.clock_gettime

        def time_ns() -> int:
            return real_ns() + self._offset_ns

        def time_s() -> float:
            return real() + self._offset_us / 1_000_000

        def clock_gettime_ns(clk_id: int, /) -> int:
            told = clock_ns(clk_id)
            return told + self._offset_ns if clk_id == time.CLOCK_REALTIME else told

        def clock_gettime(clk_id: int, /) -> float:
            told = clock(clk_id)
            wrong = clk_id == time.CLOCK_REALTIME
            return told + self._offset_us / 1_000_000 if wrong else told

        hooks = {
            "time_ns": time_ns,
            "time": time_s,
            "clock_gettime_ns": clock_gettime_ns,
            "clock_gettime": clock_gettime,
        }
        for name, hook in hooks.items():
            hook.__name__ = name
            self._real[name] = getattr(time, name)
            setattr(time, name, hook)

    def remove(self) -> None:
        """Put the machine's clock back, and part from the world."""
        for name, function in self._real.items():
            setattr(time, name, function)
        self._real.clear()
        if self._world is not None:
            self._world.close()

    def _hear(self, message: Message) -> None:
        if "wall_offset_us" in message:
            self.set(int(message["wall_offset_us"]))


def install_from_environment(role: str = ROLE) -> TimeOfDay | None:
    """A wall clock that the world can set, hooked in and connected; None without a world."""
    if not os.environ.get(WORLD_VARIABLE):
        return None
    clock = TimeOfDay(role)
    clock.connect()
    clock.install()
    return clock
