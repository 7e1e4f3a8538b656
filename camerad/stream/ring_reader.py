"""Readers of the ring: its content first, oldest first, and then new packets.

A reader takes packets in leases. What is leased lies in the ring itself and is not overwritten
until it is given back; what has not been read leaves only when bytes run out, and then a gap says
so. Reading and leasing belong to one thread, and never hold up the ring's writer
(`camerad.stream.ring`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition
from types import TracebackType
from typing import Final, Self

from camerad.base.errors import RingError
from camerad.container.gaps import Gap, join_gaps
from camerad.stream.arena import Arena
from camerad.stream.groups import Cursor
from camerad.stream.packets import PacketInfo
from camerad.stream.window import Window


class RingReader:
    """Follows the ring; made by `Ring.follow`. Close it, or use it as a context manager.

    shortfall_us: by how much the window fell short of `seconds` when the reading began, because
    bytes ran out, a group grew too long or the camera stood still; 0 while it is only warming up.
    on_wait(due_us): called, under the ring's lock, before a wait for the packet of that media time.
    """

    def __init__(
        self,
        window: Window,
        arena: Arena,
        condition: Condition,
        cursor: Cursor,
        *,
        shortfall_us: int,
        on_wait: Callable[[int], None],
    ) -> None:
        self._window = window
        self._arena = arena
        self._condition = condition
        self._cursor = cursor
        self._on_wait = on_wait
        self.shortfall_us: Final = shortfall_us

    def take(
        self, max_us: int, min_us: int = 0, until_us: int | None = None, timeout: float = 0.0
    ) -> Lease | None:
        """The next packets: as many as span `max_us`, once they span `min_us`.

        The newest packet stays until its successor tells how long it lasts, except with `min_us` 0.
        until_us: nothing later is taken, and when a packet at or past it is here, what is left up
        to it comes without regard to `min_us`. timeout: seconds to wait. None if nothing came in
        that time, nothing is left up to `until_us`, or the reader was closed or the ring wiped.
        Raises RingError while the last lease is out.
        """
        cursor = self._cursor
        deadline = time.monotonic() + timeout
        with self._condition:
            if cursor.leased:
                raise RingError("the last lease was not given back")
            cursor.min_us, cursor.until_us = min_us, until_us
            cursor.waiting = True
            try:
                while not (cursor.closed or self._window.ripe(cursor)):
                    if cursor.interrupted:
                        return None
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return None
                    self._on_wait(self._window.due_us(cursor))
                    self._condition.wait(left)
            finally:
                cursor.waiting = cursor.interrupted = False
            if cursor.closed:
                return None
            taken = self._window.take(cursor, max_us)
            cursor.overrun = cursor.overrun and not taken.packets
        if not taken.packets:
            return None
        # By way of a list: CPython keeps freed tuples for the next of their length, and one that it
        # has made from a generator is always one more of them, for each fragment of a recording.
        view = self._arena.view
        packets = [(info, view(offset, info.size)) for info, offset in taken.packets]
        return Lease(
            self._window,
            self._condition,
            cursor,
            packets=tuple(packets),
            next_pts_us=taken.next_us,
            gaps=join_gaps(taken.gaps, touching=False),
        )

    def interrupt(self) -> None:
        """End the wait of a `take`, which then returns what is ripe or None; from any thread. If
        none waits, the next one does not."""
        with self._condition:
            self._cursor.interrupted = True
            self._condition.notify_all()

    def reached(self, until_us: int) -> bool:
        """Whether a packet at or past `until_us` is here and all up to it were taken."""
        with self._condition:
            last_us, next_us = self._window.last_us, self._window.next_us(self._cursor)
            return (
                last_us is not None
                and last_us >= until_us
                and (next_us is None or next_us > until_us)
            )

    @property
    def overrun(self) -> bool:
        """Whether packets have left unread, because bytes ran out, since the last `take` that gave
        some."""
        return self._cursor.overrun

    def open_gaps(self) -> tuple[Gap, ...]:
        """Gaps after the last packet here, with `to_us` None: what ends a recording whose camera
        did not come back."""
        with self._condition:
            return self._window.open_gaps(self._cursor)

    def close(self) -> None:
        """End the reading; a `take` that waits returns. Raises RingError while a lease is out."""
        with self._condition:
            if self._cursor.leased:
                raise RingError("the last lease was not given back")
            if not self._cursor.closed:
                self._cursor.closed = True
                self._window.cursors.remove(self._cursor)
                self._condition.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Lease:
    """Packets in the ring itself, not overwritten until the lease is given back: a context manager,
    or `give_back`. Their views are released then and may not be used any more.

    packets: in order, with their bytes. next_pts_us: media time of the packet after the last one,
    so that the last one's duration is known; None if it is not here. gaps: what is missing before,
    and between, these packets.
    """

    def __init__(
        self,
        window: Window,
        condition: Condition,
        cursor: Cursor,
        *,
        packets: tuple[tuple[PacketInfo, memoryview], ...],
        next_pts_us: int | None,
        gaps: tuple[Gap, ...],
    ) -> None:
        self._window = window
        self._condition = condition
        self._cursor = cursor
        self._out = True
        self.packets: Final = packets
        self.next_pts_us: Final = next_pts_us
        self.gaps: Final = gaps

    def give_back(self) -> None:
        """End the lease. A second call does nothing.

        Raises BufferError if a view is still in use; the lease has ended nevertheless.
        """
        if not self._out:
            return
        self._out = False
        with self._condition:
            self._window.give_back(self._cursor)
        for _, view in self.packets:
            view.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.give_back()
