"""The ring's window: which packets it holds, where their bytes lie, and which leave next.

This is the bookkeeping behind `camerad.stream.ring`, without bytes, locks, clocks or waiting; the
rules it keeps are the numbered ones there.

Time order. Packets belong to groups of pictures; the groups form a list from the oldest to the
newest, which is *open* while packets are still being added to it. A group leaves whole.

Place. A hand goes round the arena like that of a clock and lays packets down, each in one piece.
The packets of a group that lie side by side are a *run*; `_runs` holds all runs in the order in
which the hand will meet them, so only the first one can be in its way. If that one belongs to a
group that may leave, the group leaves; if the group is being read, the hand steps over it and meets
it again one turn later. What does not fit before the end of the arena begins at its start. Each
packet costs a step or two, however many are held.

A reader is a `Cursor`: the next packet it wants. What lies before it has been read. There may be
several: a recording begins while the last one is still being closed. A group is *wanted* while it
is leased or holds a packet that one of them has yet to come to; every group after a wanted one is
wanted too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from camerad.container.gaps import RING_FULL, Gap, add_frames, join_gaps
from camerad.stream.groups import ByteRun, Cursor, Group, Taken
from camerad.stream.packets import PacketInfo


class Window:
    """capacity: bytes of the arena; seconds_us: what is to be covered; limit_us: the age from which
    on a group leaves whatever it leaves uncovered; overwrite: called with the offset and the size
    of what must not stay behind."""

    def __init__(
        self, capacity: int, seconds_us: int, limit_us: int, overwrite: Callable[[int, int], None]
    ) -> None:
        self.capacity = capacity
        self.seconds_us = seconds_us
        self.limit_us = limit_us
        self._overwrite = overwrite
        self._serial = 0
        self.oldest: Group | None = None
        self.newest: Group | None = None
        self.cursors: list[Cursor] = []
        """The readers, in the order in which they came."""
        self.clear()

    def clear(self) -> None:
        """Forget everything, and close the readers; the caller overwrites the bytes."""
        for group in tuple(self.groups()):
            group.let_go()
        self.oldest = self.newest = None
        self.open = False
        self.short = False
        self.last_us: int | None = None
        self.bytes_held = 0
        self.pending: list[Gap] = []
        self._runs: deque[ByteRun] = deque()
        self._hand = 0
        for cursor in self.cursors:
            cursor.closed = True
        self.cursors.clear()

    def groups(self) -> Iterator[Group]:
        """From the oldest to the newest."""
        group = self.oldest
        while group is not None:
            yield group
            group = group.next

    @property
    def shortfall_us(self) -> int:
        """How much less than `seconds_us` is held though more had been; 0 while it warms up."""
        if not self.short:
            return 0
        if self.oldest is None or self.last_us is None:
            return self.seconds_us
        return max(0, self.seconds_us - (self.last_us - self.oldest.first_us))

    # Writing

    def place(self, size: int) -> int | None:
        """Offset of `size` free bytes in one piece, for which groups leave as the rules allow.

        None if that is impossible: more than the arena, or what is being read leaves no room.
        """
        if size > self.capacity:
            return None
        runs = self._runs
        stepped_over = 0
        while True:
            self._forget_gone()
            ahead = bool(runs) and runs[0].start >= self._hand
            if self._hand + size <= (runs[0].start if ahead else self.capacity):
                return self._hand
            if not ahead:
                self._hand = 0
            elif runs[0].group.leased:
                if stepped_over == len(runs):
                    return None
                stepped_over += 1
                self._hand = runs[0].end
                runs.rotate(-1)
            else:
                self._give_way(runs[0].group)

    def _give_way(self, group: Group) -> None:
        """Let `group` leave, and before it whatever is older and not wanted."""
        while not group.gone and (oldest := self.oldest) is not None and not self._wanted(oldest):
            self._leave(oldest)
        if not group.gone:
            self._drop(group)
        self.short = True

    def add(self, info: PacketInfo, offset: int) -> bool:
        """Take in the packet that was written at `offset`; False if its group has no key frame.

        What is refused is counted in the gap before the next key frame.
        """
        group = self._begin(info.pts_us) if info.key else self.newest
        if group is None or not self.open:
            self.miss()
            return False
        end = offset + info.size
        if self._runs and self._runs[-1].group is group and self._runs[-1].end == offset:
            self._runs[-1].end = end
        else:
            run = ByteRun(offset, end, group)
            self._runs.append(run)
            group.runs.append(run)
        self._hand = end
        if self.pending:
            group.gaps[len(group.packets)] = self.stated(info.pts_us)
            self.pending = []
        group.packets.append((info, offset))
        group.bytes += info.size
        self.bytes_held += info.size
        self.last_us = info.pts_us
        return True

    def _begin(self, first_us: int) -> Group:
        self._serial += 1
        group = Group(self._serial, first_us, self.last_us)
        group.previous = self.newest
        if self.newest is None:
            self.oldest = group
        else:
            self.newest.next = group
        self.newest = group
        self.open = True
        for cursor in self.cursors:
            if cursor.group is None and (cursor.from_us is None or first_us >= cursor.from_us):
                cursor.group = group
        return group

    def stated(self, to_us: int | None) -> tuple[Gap, ...]:
        """The gaps since the last packet, if the next one is of `to_us`."""
        return stated(self.pending, self.last_us, to_us)

    def note(self, gap: Gap) -> bool:
        """State `gap` before the next packet.

        False if nothing is held or read that it could be missing from, or if it only continues the
        gap that was stated last.
        """
        if self.oldest is None and not self.cursors:
            return False
        last = self.pending[-1] if self.pending else None
        if last is not None and last.reason == gap.reason and last.to_us is None:
            frames = add_frames(last.frames, gap.frames)
            self.pending[-1] = replace(last, frames=frames, to_us=gap.to_us)
            return False
        self.pending.append(gap)
        return True

    def miss(self) -> None:
        """An encoded picture is not taken in: wait for a key frame, and count it if readers or the
        packets before it could miss it."""
        self.open = False
        last = self.pending[-1] if self.pending else None
        if last is not None and last.to_us is None:
            self.pending[-1] = replace(last, frames=add_frames(last.frames, 1))
        elif self.oldest is not None or any(one.read or one.lost for one in self.cursors):
            self.pending.append(Gap(RING_FULL, 1, self.last_us, None))

    # Leaving

    def age(self, now_us: int) -> None:
        """Let go of what is older than the window at `now_us`."""
        while (oldest := self.oldest) is not None and not self._wanted(oldest):
            follower = oldest.next
            covered = follower is not None and now_us - follower.first_us >= self.seconds_us
            if not covered and now_us - oldest.first_us <= self.limit_us:
                return
            self._leave(oldest)
            self.short = not covered

    @property
    def leaves_us(self) -> int | None:
        """When the oldest group will be too old, as far as is known; None while it is wanted."""
        oldest = self.oldest
        if oldest is None or self._wanted(oldest):
            return None
        limit_us = oldest.first_us + self.limit_us + 1
        follower = oldest.next
        return limit_us if follower is None else min(limit_us, follower.first_us + self.seconds_us)

    def _wanted(self, group: Group) -> bool:
        if group.leased:
            return True
        for cursor in self.cursors:  # noqa: SIM110 - a generator for each packet is dear
            if self._wants(cursor, group):
                return True
        return False

    def _wants(self, cursor: Cursor, group: Group) -> bool:
        """Whether the reader has yet to come to a packet of the group."""
        if cursor.group is None:
            return False
        if group is cursor.group:
            return cursor.index < len(group.packets) or group is self.newest
        return group.serial > cursor.group.serial

    def _drop(self, group: Group) -> None:
        """Let a group leave that readers still want, and tell each of them what it loses."""
        for cursor in self.cursors:
            if self._wants(cursor, group):
                self._lose(cursor, group)
        self._leave(group)

    def _lose(self, cursor: Cursor, group: Group) -> None:
        """The reader will not come to what is left of the group."""
        index = skip = 0
        before_us = group.before_us
        if cursor.group is group:
            index, skip = cursor.index, cursor.skip
            cursor.skip = 0
            if index:
                before_us = group.packets[index - 1][0].pts_us
            elif not cursor.read:
                before_us = group.first_us
        cursor.overrun = True
        gaps = [gap for at in sorted(group.gaps) if at >= index for gap in group.gaps[at]][skip:]
        if index < len(group.packets):
            to_us = None if group.next is None else group.next.first_us
            gaps.append(Gap(RING_FULL, len(group.packets) - index, before_us, to_us))
        cursor.lost = join_gaps([*cursor.lost, *gaps])

    def _leave(self, group: Group) -> None:
        """Forget the group and overwrite its bytes."""
        for run in group.runs:
            self._overwrite(run.start, run.end - run.start)
        group.gone = True
        self.bytes_held -= group.bytes
        if group.previous is None:
            self.oldest = group.next
        else:
            group.previous.next = group.next
        if group.next is None:
            self.newest = group.previous
            self.open = False
        else:
            group.next.previous = group.previous
        for cursor in self.cursors:
            if cursor.group is group:
                cursor.group, cursor.index = group.next, 0
        group.let_go()
        self._forget_gone()

    def _forget_gone(self) -> None:
        """The hand has nothing to mind where a group has left."""
        while self._runs and self._runs[0].group.gone:
            self._runs.popleft()

    # Reading

    def follow(self, from_us: int | None) -> Cursor:
        """A reader that starts with the first key frame at or after `from_us`, or the oldest."""
        cursor = Cursor(from_us)
        self.cursors.append(cursor)
        for group in self.groups():
            if from_us is None or group.first_us >= from_us:
                cursor.group = group
                cursor.skip = len(group.gaps.get(0, ()))
                break
        return cursor

    def next_us(self, cursor: Cursor) -> int | None:
        """Media time of the next packet that the reader has not read, if it is here."""
        group, index = cursor.group, cursor.index
        if group is not None and index == len(group.packets):
            group, index = group.next, 0
        return None if group is None else group.packets[index][0].pts_us

    def ripe(self, cursor: Cursor) -> bool:
        """Whether the reader has what it waits for."""
        if self.last_us is None:
            return False
        if cursor.until_us is not None and self.last_us >= cursor.until_us:
            return True
        first_us = self.next_us(cursor)
        return first_us is not None and self.last_us - first_us >= cursor.min_us

    def due_us(self, cursor: Cursor) -> int:
        """Media time from which on a packet makes the reader ripe, or the one after it does."""
        first_us = self.next_us(cursor)
        due_us = (self.last_us or 0 if first_us is None else first_us) + cursor.min_us
        return due_us if cursor.until_us is None else min(due_us, cursor.until_us)

    def open_gaps(self, cursor: Cursor) -> tuple[Gap, ...]:
        """The gaps after the last packet, as far as they are the reader's."""
        lost = [gap for gap in cursor.lost if gap.to_us is None]
        return join_gaps([*lost, *self.stated(None)])

    def take(self, cursor: Cursor, max_us: int) -> Taken:
        """Move the cursor on by up to `max_us`, at least one packet, and lease what it passes."""
        taken = Taken()
        group, index = cursor.group, cursor.index
        until_us = cursor.until_us
        reached = until_us is not None and self.last_us is not None and self.last_us >= until_us
        # How long the newest packet lasts is known only when the next one comes.
        newest_too = reached or cursor.min_us == 0
        end_us: int | None = None
        while group is not None:
            if index == len(group.packets):
                if group.next is None:
                    break
                group, index = group.next, 0
            info = group.packets[index][0]
            if (
                (end_us is not None and info.pts_us >= end_us)
                or (until_us is not None and info.pts_us > until_us)
                or not (newest_too or group.next or index + 1 < len(group.packets))
            ):
                taken.next_us = info.pts_us
                break
            if end_us is None:
                end_us = info.pts_us + max_us
            if not cursor.leased or cursor.leased[-1] is not group:
                group.leased += 1
                cursor.leased.append(group)
            if cursor.lost or index in group.gaps:
                noted = group.gaps.get(index, ())[cursor.skip :]
                taken.gaps += join_gaps([*stated(cursor.lost, None, info.pts_us), *noted])
            cursor.lost = ()
            cursor.skip = 0
            cursor.read = True
            taken.packets.append(group.packets[index])
            index += 1
        cursor.group, cursor.index = group, index
        return taken

    def give_back(self, cursor: Cursor) -> None:
        """End the lease."""
        for group in cursor.leased:
            group.leased -= 1
        cursor.leased.clear()


def stated(gaps: Iterable[Gap], from_us: int | None, to_us: int | None) -> tuple[Gap, ...]:
    """The gaps, where they have no end of their own from and to these packets."""
    return tuple(
        replace(
            gap,
            from_us=from_us if gap.from_us is None else gap.from_us,
            to_us=to_us if gap.to_us is None else gap.to_us,
        )
        for gap in gaps
    )
