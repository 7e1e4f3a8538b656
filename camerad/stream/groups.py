"""Bookkeeping of the window: groups of packets, their bytes' places, the readers' positions.

Plain records; `camerad.stream.window` alone changes them, and says what the words mean.
"""

from __future__ import annotations

from camerad.container.gaps import Gap
from camerad.stream.packets import PacketInfo


class ByteRun:
    """Bytes `start` to `end` of the arena: packets of one group that lie side by side."""

    __slots__ = ("end", "group", "start")

    def __init__(self, start: int, end: int, group: Group) -> None:
        self.start = start
        self.end = end
        self.group = group


class Group:
    """A group of pictures: a key frame and what depends on it.

    first_us, before_us: media time of its first packet, and of the packet before that if there was
    one. packets: each with the offset of its bytes. gaps: what is missing before the packet of that
    index. leased: how many leases have it. gone: it has left; only its runs remember it until the
    hand passes them.
    """

    __slots__ = (
        "before_us",
        "bytes",
        "first_us",
        "gaps",
        "gone",
        "leased",
        "next",
        "packets",
        "previous",
        "runs",
        "serial",
    )

    def __init__(self, serial: int, first_us: int, before_us: int | None) -> None:
        self.serial = serial
        self.first_us = first_us
        self.before_us = before_us
        self.packets: list[tuple[PacketInfo, int]] = []
        self.gaps: dict[int, tuple[Gap, ...]] = {}
        self.runs: list[ByteRun] = []
        self.bytes = 0
        self.leased = 0
        self.gone = False
        self.previous: Group | None = None
        self.next: Group | None = None

    def let_go(self) -> None:
        """Part from runs and neighbours, which know the group too. Objects that know each other are
        freed only when Python looks for such, and what a recording leaves would wait for that."""
        self.runs.clear()
        self.previous = self.next = None


class Cursor:
    """A reader's position.

    from_us: it starts with the first key frame at or after this time.
    group, index: the next packet it wants; no group while the one to start with has not come.
    skip: how many of the gaps before its first packet are older than the reader itself.
    lost: gaps of what left before it was read, to be told with its next packet. overrun: whether it
    has lost packets since it last took some.
    read: whether it has read anything. leased: the groups of the lease that is out.
    waiting: whether it sleeps until `Window.ripe` is true, with `min_us` and `until_us`.
    interrupted: whether it is to sleep no longer, this once.
    """

    __slots__ = (
        "closed",
        "from_us",
        "group",
        "index",
        "interrupted",
        "leased",
        "lost",
        "min_us",
        "overrun",
        "read",
        "skip",
        "until_us",
        "waiting",
    )

    def __init__(self, from_us: int | None) -> None:
        self.from_us = from_us
        self.group: Group | None = None
        self.index = 0
        self.skip = 0
        self.lost: tuple[Gap, ...] = ()
        self.overrun = False
        self.read = False
        self.leased: list[Group] = []
        self.waiting = False
        self.min_us = 0
        self.until_us: int | None = None
        self.interrupted = False
        self.closed = False


class Taken:
    """Packets that `Window.take` skipped. next_us: media time of the packet after the last."""

    __slots__ = ("gaps", "next_us", "packets")

    def __init__(self) -> None:
        self.packets: list[tuple[PacketInfo, int]] = []
        self.gaps: list[Gap] = []
        self.next_us: int | None = None
