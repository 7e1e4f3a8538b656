"""The ring against a model that knows nothing of arenas: whatever is fed, read, lost and wiped in
whatever order, each invariant holds and every picture was either read or counted in a gap."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from stream_helpers import payload

from camerad.base.errors import RingError
from camerad.stream.groups import Group
from camerad.stream.ring import Gap, Lease, PacketInfo, Ring, RingReader

GROUP_US = 1_000_000


class RingMachine(RuleBasedStateMachine):
    """`owed`: what the reader has yet to be told of, in order: a packet that was taken in, or the
    number of pictures that were not."""

    ring: Ring
    reader: RingReader | None
    lease: Lease | None

    @initialize(capacity=st.integers(1, 600), seconds=st.sampled_from([0.0, 1.0, 2.5, 1000.0]))
    def start(self, capacity: int, seconds: float) -> None:
        self.ring = Ring(capacity, seconds, GROUP_US, lock=False)
        self.now_us = 1_000_000
        self.frame = 0
        self.reader = self.lease = None
        self.forget()

    def forget(self) -> None:
        self.accepted: list[list[PacketInfo]] = []
        self.chained = False
        self.last_us: int | None = None
        self.owed: list[PacketInfo | int] = []
        self.started = self.read = False
        self.from_us: int | None = None

    def teardown(self) -> None:
        if self.lease is not None:
            self.lease.give_back()
        self.ring.close()

    # What the model expects

    def held(self) -> list[Group]:
        return list(self.ring._window.groups())

    def refused(self, frames: int) -> None:
        if self.reader is not None and (self.owed or self.read or self.held()):
            self.owed.append(frames)

    def taken_in(self, info: PacketInfo) -> None:
        if info.key:
            self.accepted.append([])
        self.accepted[-1].append(info)
        self.last_us = info.pts_us
        if self.reader is None:
            return
        if not self.started:
            if info.key and (self.from_us is None or info.pts_us >= self.from_us):
                self.started = True
            else:
                self.owed.clear()
                return
        self.owed.append(info)

    def told(self, packets: list[PacketInfo], gaps: list[Gap]) -> None:
        for info in packets:
            missing = 0
            while self.owed[0] is not info:
                thing = self.owed.pop(0)
                missing += thing if isinstance(thing, int) else 1
            self.owed.pop(0)
            stated = 0
            while gaps and gaps[0].to_us is not None and gaps[0].to_us <= info.pts_us:
                stated += gaps.pop(0).frames or 0
            assert missing == stated, (missing, stated, info)
        assert not gaps

    # What happens

    @rule(key=st.booleans(), size=st.integers(1, 300), step_us=st.integers(1, 900_000))
    def packet(self, key: bool, size: int, step_us: int) -> None:
        self.now_us += step_us
        self.frame += 1
        info = PacketInfo(1, self.frame, self.now_us, key, size)
        lasted = self.held()
        try:
            room = self.ring.reserve(size)
        except RingError:
            assert size > self.ring.capacity or self.lease is not None
            self.refused(1)
            return
        assert len(room) == size
        room[:] = payload(self.frame, size)
        # To make room the group itself may have left.
        chained = not self.ring.wants_key
        taken = self.ring.commit(info)
        assert taken == (key or chained)
        if taken:
            self.taken_in(info)
        else:
            self.refused(1)
        if self.reader is None and lasted:
            oldest = [group.serial for group in self.held()]
            assert oldest == sorted(oldest)

    @rule(size=st.integers(1, 300), arrived=st.integers(0, 300))
    def cut_packet(self, size: int, arrived: int) -> None:
        try:
            room = self.ring.reserve(size)
        except RingError:
            self.refused(1)
            return
        room[:arrived] = payload(self.frame, size)[:arrived]
        self.ring.abandon()
        assert self.ring.wants_key

    @rule(frames=st.integers(0, 5), broken=st.booleans())
    def gap(self, frames: int, broken: bool) -> None:
        self.frame += 1
        stated = self.ring.note_gap(f"reason {self.frame}", frames, None, None, broken=broken)
        assert stated == (bool(self.held()) or self.reader is not None)
        if stated and self.reader is not None:
            self.owed.append(frames)

    @rule(step_us=st.integers(1, 5_000_000))
    def time_passes(self, step_us: int) -> None:
        self.now_us += step_us
        self.ring.expire(self.now_us)

    @precondition(lambda self: self.reader is None)
    @rule(ago_us=st.none() | st.integers(-1_000_000, 3_000_000))
    def follow(self, ago_us: int | None) -> None:
        self.from_us = None if ago_us is None else self.now_us - ago_us
        self.reader = self.ring.follow(self.from_us)
        wanted = [
            group for group in self.held() if self.from_us is None or group.first_us >= self.from_us
        ]
        self.read = False
        self.started = bool(wanted)
        self.owed = []
        for group in wanted:
            for index, (info, _) in enumerate(group.packets):
                older = group is wanted[0] and index == 0
                known = () if older else group.gaps.get(index, ())
                self.owed += [gap.frames or 0 for gap in known]
                self.owed.append(info)
        self.owed += [gap.frames or 0 for gap in self.reader.open_gaps()]

    @precondition(lambda self: self.reader is not None and self.lease is None)
    @rule(
        max_us=st.sampled_from([0, 500_000, 2_000_000, 10**12]),
        min_us=st.sampled_from([0, 400_000]),
        until_ago_us=st.none() | st.integers(0, 2_000_000),
    )
    def take(self, max_us: int, min_us: int, until_ago_us: int | None) -> None:
        assert self.reader is not None
        until_us = None if until_ago_us is None else self.now_us - until_ago_us
        self.lease = self.reader.take(max_us, min_us, until_us)
        if self.lease is None:
            return
        packets = [info for info, _ in self.lease.packets]
        assert packets
        assert packets[-1].pts_us < packets[0].pts_us + max(1, max_us)
        assert until_us is None or packets[-1].pts_us <= until_us
        if not self.read:
            assert packets[0].key
        self.told(packets, list(self.lease.gaps))
        self.read = True
        later = next((thing for thing in self.owed if not isinstance(thing, int)), None)
        if self.lease.next_pts_us is not None:
            assert later is not None
            assert self.lease.next_pts_us >= later.pts_us

    @precondition(lambda self: self.lease is not None)
    @rule()
    def give_back(self) -> None:
        assert self.lease is not None
        self.lease.give_back()
        self.lease = None

    @precondition(lambda self: self.reader is not None and self.lease is None)
    @rule()
    def leave(self) -> None:
        assert self.reader is not None
        self.reader.close()
        self.reader = None

    @rule()
    def wipe(self) -> None:
        if self.lease is not None:
            try:
                self.ring.wipe()
            except RingError:
                return
            raise AssertionError("wiped under a lease")
        self.ring.wipe()
        assert self.held() == []
        self.reader = None
        self.forget()

    # What always holds

    @invariant()
    def whole_groups(self) -> None:
        for group in self.held():
            infos = [info for info, _ in group.packets]
            assert infos[0].key
            assert infos in self.accepted

    @invariant()
    def bounds(self) -> None:
        held = self.held()
        assert self.ring.bytes_held == sum(info.size for g in held for info, _ in g.packets)
        assert self.ring.bytes_held <= self.ring.capacity
        if self.reader is not None or not held:
            return
        self.ring.expire(self.now_us)
        seconds_us = round(self.ring.seconds * 1_000_000)
        held = self.held()
        if len(held) > 1:
            assert self.now_us - held[1].first_us < seconds_us
        if held:
            assert self.now_us - held[0].first_us <= seconds_us + GROUP_US * 5 // 4

    @invariant()
    def bytes_are_whole_and_all_else_is_zero(self) -> None:
        places = sorted((at, info) for g in self.held() for info, at in g.packets)
        assert all(at + info.size <= after for (at, info), (after, _) in pairwise(places))
        with self.ring._arena.view(0, self.ring._arena.size) as view:
            content = bytes(view)
        for at, info in places:
            assert content[at : at + info.size] == payload(info.frame, info.size)
        assert len(content) - content.count(0) == self.ring.bytes_held

    @invariant()
    def leases_stand(self) -> None:
        for info, view in self.lease.packets if self.lease is not None else ():
            assert view == payload(info.frame, info.size)


RingMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=50)
TestRing = RingMachine.TestCase
