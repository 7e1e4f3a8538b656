"""The pre-event ring: the one queue between the encoder and the storage.

Theory of operation. Encoded packets are received straight into one locked arena of fixed size.
While there is no recording, the ring is *buffering*: it holds the last seconds and lets the oldest
group of pictures go as soon as the rest covers them. When a recording starts, its thread *follows*
the ring: it drains what is held, oldest first, much faster than real time, and then keeps up with
the encoder. Nothing is copied or handed over at that moment, no other queue takes over and the
writer notices nothing; so no frame can be lost, doubled or disordered across the press. The same
ring bridges the time in which an SD card does not answer.

Invariants

 1. What is held is whole groups of pictures: each begins with a key frame and leaves as one. A
    packet whose group is not here is refused until the next key frame.
 2. While buffering the ring covers at least `seconds`, counted from its first key frame, once it
    has been fed that long, and at most one group more. Time that passes without packets counts
    (`expire`): a law that says "30 seconds" does not ask whether the camera stood still. Nothing
    grows older than `most`, nor than `seconds` and a quarter more than a group: a group that takes
    longer, by itself or by a gap behind it, leaves early, and the shortfall is on record.
 3. The bound in bytes beats the bound in seconds: a packet that needs room gets it from the oldest
    group in the writer's way, and the shortfall is on record.
 4. What a reader has leased is not touched. What it has not read leaves only when bytes run out,
    and then the reader is told: a gap says how many pictures are missing, and between which. Each
    of several readers gets all that it wants, whatever the others do.
 5. The writer never waits for a reader. Its cost per packet does not grow with what is held.
 6. Every packet lies in one piece, so it is received, multiplexed and sealed without a copy.
 7. Bytes that belong to no packet held, leased or being received are zero: what leaves is
    overwritten as it leaves.
 8. Media time rises from packet to packet.

Threads: one writer (`reserve`, `commit`, `abandon`, `note_gap`, `scratch`), one for each reader,
and anyone for the rest. One lock; it is never held while waiting, receiving or storing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Lock
from types import TracebackType
from typing import Final, Self

from camerad.base.errors import RingError
from camerad.container.gaps import CAPTURE_RESTARTED, FRAMES_LOST, RING_FULL, Gap, join_gaps
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


__all__ = [
    "CAPTURE_RESTARTED",
    "FRAMES_LOST",
    "RING_FULL",
    "Gap",
    "Lease",
    "PacketInfo",
    "Ring",
    "RingReader",
]

SCRATCH_BYTES: Final = 64 * 1024


class Ring:
    """capacity: bytes for packets; seconds: footage to cover while buffering; group_us: the length
    of a group of pictures in microseconds; most: seconds that footage may be kept while buffering,
    None if nothing limits that; lock: see `Arena`.

    Raises RingLockError if so much memory cannot be locked.
    """

    def __init__(
        self,
        capacity: int,
        seconds: float,
        group_us: int = 1_000_000,
        most: float | None = None,
        *,
        lock: bool = True,
    ) -> None:
        if capacity <= 0 or seconds < 0 or group_us <= 0:
            raise ValueError(f"a ring of {capacity} bytes, {seconds} s, groups of {group_us} us")
        if most is not None and most < seconds:
            raise ValueError(f"a ring of {seconds} s, at most {most} s")
        self._arena = Arena(capacity + SCRATCH_BYTES, lock=lock)
        seconds_us = round(seconds * 1_000_000)
        # Key frames fall on frames: at five frames a second a group of 1 s may take 1.2 s.
        limit_us = seconds_us + group_us * 5 // 4
        if most is not None:
            limit_us = min(limit_us, round(most * 1_000_000))
        self._window = Window(capacity, seconds_us, limit_us, self._arena.overwrite)
        # Taken by itself, for a condition's own entrance costs as much again as what is inside.
        self._lock = Lock()
        self._condition = Condition(self._lock)
        self._room: memoryview | None = None
        self._offset = 0
        self._size = 0
        self._void = False
        self._high = 0
        self.on_wait: Callable[[int], None] | None = None
        """Called when the reader begins to wait, with `due_us`; for a writer that lets packets lie.
        Called from the reader's thread with the ring locked: it may not come back to the ring."""
        self.lies_since_us: int | None = None
        """Since when the writer lets packets lie, and `last_pts_us` says less than there is; None:
        it takes in what comes. For the writer to set and anyone to read."""
        self.capacity: Final = capacity
        self.seconds: Final = seconds
        self.locked: Final = self._arena.locked
        self.scratch: Final = self._arena.view(capacity, SCRATCH_BYTES)
        """Locked memory for bytes that are received only to be discarded; see `scrub`."""

    # The writer

    def reserve(self, size: int) -> memoryview:
        """Room for the next packet, `size` bytes in one piece; then `commit` or `abandon` it.

        Raises RingError if there can be none: it is larger than the ring, or what is being read
        leaves no room. The packet then counts as missing, and so does all up to the next key frame.
        """
        with self._lock:
            if self._room is not None or size <= 0:
                raise RingError(f"cannot reserve {size} bytes: a packet is being received, or none")
            offset = self._window.place(size)
            if offset is None:
                self._window.miss()
                raise RingError(
                    f"a packet of {size} bytes finds no room in the ring of {self.capacity}"
                )
            self._offset, self._size, self._void = offset, size, False
            self._high = max(self._high, offset + size)
            self._room = self._arena.view(offset, size)
            return self._room

    def commit(self, info: PacketInfo, now_us: int | None = None) -> bool:
        """The reserved packet is here; the view that `reserve` gave is released.

        now_us: the time to which the window is measured, its own media time if left out. Returns
        False if the packet was not taken in: its key frame is missing, or the ring was wiped since.
        Raises RingError, and leaves it reserved, if it is not of the reserved size or not later
        than the packet before.
        """
        with self._lock:
            window = self._window
            if self._room is None or info.size != self._size:
                raise RingError(f"{info.size} bytes were not reserved")
            if window.last_us is not None and info.pts_us <= window.last_us:
                raise RingError(f"media time goes back from {window.last_us} us to {info.pts_us}")
            self._room.release()
            self._room = None
            taken = not self._void and window.add(info, self._offset)
            if not taken:
                self._arena.overwrite(self._offset, self._size)
            window.age(info.pts_us if now_us is None else max(now_us, info.pts_us))
            for one in window.cursors:
                if one.waiting and window.ripe(one):
                    self._condition.notify_all()
                    break
            return taken

    def abandon(self) -> None:
        """The reserved packet did not arrive whole: overwrite it and wait for a key frame.

        The writer says why with `note_gap`. Does nothing if nothing is reserved.
        """
        with self._lock:
            if self._room is None:
                return
            self._room.release()
            self._room = None
            self._arena.overwrite(self._offset, self._size)
            self._window.open = False

    def note_gap(
        self,
        reason: str,
        frames: int | None,
        from_us: int | None,
        to_us: int | None,
        *,
        broken: bool = False,
    ) -> bool:
        """State that footage is missing before the next packet; see `Gap`.

        from_us, to_us: None for the packets on both sides, whatever they will be. broken: encoded
        pictures are missing, so only a key frame can follow. Returns False if there is no packet
        and no reader that could miss something, or if it continues a gap stated before.
        """
        with self._lock:
            if broken:
                self._window.open = False
            return self._window.note(Gap(reason, frames, from_us, to_us))

    def scrub(self, size: int) -> None:
        """Overwrite the first `size` bytes of `scratch`."""
        self._arena.overwrite(self.capacity, size)

    # Anyone

    @property
    def wants_key(self) -> bool:
        """Whether packets are refused until a key frame comes."""
        return not self._window.open

    @property
    def last_pts_us(self) -> int | None:
        """Media time of the last packet taken in since the last wipe."""
        return self._window.last_us

    @property
    def bytes_held(self) -> int:
        return self._window.bytes_held

    @property
    def seconds_held(self) -> float:
        """From the first key frame to the last packet."""
        oldest, last_us = self._window.oldest, self._window.last_us
        if oldest is None or last_us is None:
            return 0.0
        return max(0, last_us - oldest.first_us) / 1_000_000

    @property
    def due_us(self) -> int | None:
        """Media time of the packet that a reader waits for; earlier ones need not hurry.

        None while none waits.
        """
        with self._lock:
            window = self._window
            return min((window.due_us(one) for one in window.cursors if one.waiting), default=None)

    @property
    def leaves_us(self) -> int | None:
        """When the oldest group will be too old, as far as is known; then call `expire`."""
        with self._lock:
            return self._window.leaves_us

    def expire(self, now_us: int) -> None:
        """Let go of what is too old at `now_us`; for the time in which no packet comes."""
        with self._lock:
            self._window.age(now_us)

    def wipe(self) -> int:
        """Overwrite every byte that was used, forget everything, end the readers; how many bytes.

        A packet that is being received meanwhile is overwritten by its commit or abandon, and not
        taken in. Raises RingError, and does nothing, while a lease is out.
        """
        with self._lock:
            if any(one.leased for one in self._window.cursors):
                raise RingError("the ring cannot be wiped while a recording reads from it")
            self._window.clear()
            self._arena.overwrite(0, self._high)
            self._arena.overwrite(self.capacity, SCRATCH_BYTES)
            wiped, self._high = self._high, 0
            self._void = True
            self._condition.notify_all()
            return wiped

    def close(self) -> None:
        """Wipe, unlock and give the memory back; a second call does nothing. Raises RingError while
        it is still in use."""
        if self._arena.closed:
            return
        self.wipe()
        self.scratch.release()
        self._arena.close()

    # The readers

    def follow(self, from_us: int | None = None) -> RingReader:
        """Read from the oldest group on, or from the first key frame at or after `from_us`. Other
        readers are unaffected."""
        with self._lock:
            cursor = self._window.follow(from_us)
            short_us = self._window.shortfall_us
        return RingReader(
            self._window,
            self._arena,
            self._condition,
            cursor,
            shortfall_us=short_us,
            on_wait=self._tell_wait,
        )

    def _tell_wait(self, due_us: int) -> None:
        if self.on_wait is not None:
            self.on_wait(due_us)
