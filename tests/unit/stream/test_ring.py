"""The pre-event ring keeps its numbered invariants (see the docstring of `camerad.stream.ring`)."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Iterator

import pytest
from stream_helpers import FRAME_US, Stream, drain, gaps, held, letters, payload, read

from camerad.base.errors import RingError
from camerad.stream.groups import ByteRun, Group
from camerad.stream.ring import (
    CAPTURE_RESTARTED,
    FRAMES_LOST,
    RING_FULL,
    Gap,
    PacketInfo,
    Ring,
)
from tests.waiting import until

GROUP_US = 3 * FRAME_US
"""The groups here are "IPP"."""


@pytest.fixture
def ring() -> Iterator[Ring]:
    """Half a second, with room for all of it."""
    ring = Ring(2_000, 0.5, GROUP_US, lock=False)
    yield ring
    ring.close()


def small(capacity: int, seconds: float = 60.0) -> Ring:
    return Ring(capacity, seconds, GROUP_US, lock=False)


# 1. Whole groups


def test_an_abandoned_packet_leaves_nothing_and_breaks_the_group(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IPP")
    ring.reserve(100)[:50] = payload(3, 50)
    ring.abandon()
    assert ring.note_gap(CAPTURE_RESTARTED, None, None, None)
    assert ring.wants_key
    assert stream.feed("xPP IPP") == "--IPP"
    assert held(ring) == "IPP~ IPP"
    ring.abandon()  # Nothing is reserved: nothing happens.


# 2. The bound in seconds


def test_once_warm_it_covers_the_seconds_and_at_most_a_group_more(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IPP IPP")
    for _ in range(60):
        stream.feed("I" if stream.frame % 3 == 0 else "P")
        assert 0.5 <= ring.seconds_held < 0.5 + 0.3


def test_the_window_is_measured_to_the_moment_given_with_a_packet(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IPP I")
    ring.reserve(10)[:] = payload(4, 10)
    # The packet is 0.5 s on its way: at that time the second group alone covers 0.5 s.
    ring.commit(PacketInfo(1, 4, stream.now_us, False, 10), now_us=stream.now_us + 500_000)
    assert held(ring) == "IP"


def test_a_ring_may_not_have_to_let_go_of_what_it_is_to_cover() -> None:
    with pytest.raises(ValueError, match=r"of 0\.5 s, at most 0\.4 s"):
        Ring(2_000, 0.5, GROUP_US, 0.4, lock=False)


# 3. The bound in bytes


def test_a_ring_may_be_closed_again() -> None:
    ring = small(650)
    Stream(ring).feed("IPP")
    ring.close()
    ring.close()


# 4. Leases, and what a reader loses


def test_when_all_is_leased_the_packet_is_refused_and_counted() -> None:
    ring = small(600)
    stream = Stream(ring)
    stream.feed("IPP IPP")
    with ring.follow() as reader:
        lease = reader.take(10**9)
        assert lease is not None
        with lease:
            with pytest.raises(RingError, match="finds no room"):
                stream.feed("I")
            stream.feed("x")
            with pytest.raises(RingError, match="finds no room"):
                stream.feed("P")
            stream.feed("x")
        assert stream.feed("PI") == "-I"
        assert gaps(reader) == [Gap(RING_FULL, 3, 1_500_000, 1_900_000)]
    ring.close()


def test_a_lease_of_one_reader_is_not_overwritten_when_another_gives_its_own_back() -> None:
    ring = small(600)
    stream = Stream(ring)
    stream.feed("IPP")
    with ring.follow() as one, ring.follow() as other:
        lease, short = one.take(10**9), other.take(FRAME_US)
        assert lease is not None and short is not None
        with lease:
            short.give_back()
            stream.feed("IPP I")
            assert all(view == payload(info.frame, info.size) for info, view in lease.packets)
            with pytest.raises(RingError, match="reads from it"):
                ring.wipe()
    ring.close()


def test_a_gap_that_nothing_ends_is_that_of_the_reader_who_lost_it() -> None:
    ring = small(300)
    stream = Stream(ring)
    stream.feed("IPP")
    with ring.follow() as one, ring.follow() as other:
        read(other)
        with pytest.raises(RingError):
            ring.reserve(301)
        stream.frame += 1
        with pytest.raises(RingError):
            stream.feed("I", size=400)
        assert one.open_gaps() == other.open_gaps() == (Gap(RING_FULL, 2, 1_200_000, None),)
    ring.close()


@pytest.mark.parametrize("seed", range(40))
def test_each_of_three_readers_gets_or_is_told_of_every_picture(seed: int) -> None:
    """However they read, and however little room there is: nothing is lost without a word."""
    chance = random.Random(seed)
    ring = small(chance.choice([500, 900, 1500]), chance.choice([0, 60]))
    stream = Stream(ring)
    stream.feed("IPP")
    readers = [ring.follow() for _ in range(3)]
    counted = [0, 0, 0]

    def count(at: int, most_us: int) -> None:
        lease = readers[at].take(most_us)
        if lease is not None:
            with lease:
                counted[at] += len(lease.packets) + sum(gap.frames or 0 for gap in lease.gaps)
                assert all(view == payload(info.frame, info.size) for info, view in lease.packets)

    for _ in range(60):
        stream.feed(chance.choice(["IPP", "I", "IPPPP"]), size=chance.randint(20, 100))
        for at in range(3):
            if chance.random() < 0.3 * (at + 1):
                count(at, chance.choice([1, 4, 100]) * FRAME_US)
    stream.feed("I")
    for at in range(3):
        for _ in range(300):
            count(at, 10**12)
        assert counted[at] == stream.frame
        readers[at].close()
    ring.close()


def test_there_is_one_lease_of_a_reader_at_a_time(ring: Ring) -> None:
    Stream(ring).feed("IPP")
    with ring.follow() as reader:
        lease = reader.take(FRAME_US)
        assert lease is not None
        with pytest.raises(RingError, match="not given back"):
            reader.take(FRAME_US)
        with pytest.raises(RingError, match="not given back"):
            reader.close()
        lease.give_back()
        again = reader.take(FRAME_US)
        assert again is not None
        lease.give_back()  # A second time: the lease that is out stays out.
        with pytest.raises(RingError, match="not given back"):
            reader.take(FRAME_US)
        again.give_back()
    reader.close()  # A second time: nothing happens.
    assert reader.take(FRAME_US) is None


def test_views_end_with_their_lease(ring: Ring) -> None:
    Stream(ring).feed("I")
    with ring.follow() as reader:
        lease = reader.take(FRAME_US)
        assert lease is not None
        with lease:
            view = lease.packets[0][1]
        with pytest.raises(ValueError, match="released"):
            bytes(view)


# Reading in pieces


def test_a_wait_that_is_interrupted_ends_with_nothing_and_the_next_one_waits(ring: Ring) -> None:
    stream = Stream(ring)
    with ring.follow() as reader:
        taken: list[object] = []
        thread = threading.Thread(target=lambda: taken.append(reader.take(10**9, timeout=60)))
        thread.start()
        until(lambda: ring.due_us is not None)
        reader.interrupt()
        thread.join()
        reader.interrupt()  # Of nobody that waits: of the next one.
        taken.append(reader.take(10**9, timeout=60))
        assert taken == [None, None]
        began = time.monotonic()
        assert reader.take(10**9, timeout=0.05) is None
        assert time.monotonic() - began >= 0.05
        stream.feed("IPP")
        reader.interrupt()  # What is ripe comes all the same.
        lease = reader.take(10**9, timeout=60)
        assert lease is not None
        lease.give_back()


def test_up_to_the_stop_every_packet_comes_and_none_later(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IPP")
    stop_us = 1_350_000
    with ring.follow() as reader:
        assert not reader.reached(stop_us)
        assert reader.take(10**9, 10**9, stop_us) is None  # The stop is not reached yet.
        stream.feed("II")
        with reader.take(10**9, 10**9, stop_us) or pytest.fail("not reached") as lease:
            assert [info.frame for info, _ in lease.packets] == [0, 1, 2, 3]
            assert lease.next_pts_us == 1_400_000
        assert reader.reached(stop_us)
        assert reader.take(10**9, 10**9, stop_us, timeout=60) is None  # At once.


def test_a_packet_exactly_at_the_stop_belongs_to_the_recording(ring: Ring) -> None:
    Stream(ring).feed("IP")
    with ring.follow() as reader:
        with reader.take(10**9, 10**9, 1_100_000) or pytest.fail("not reached") as lease:
            assert [info.frame for info, _ in lease.packets] == [0, 1]
        assert reader.reached(1_100_000)


def test_a_reader_from_a_moment_on_starts_with_the_next_key_frame(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IPP IPP")
    with ring.follow(1_200_000) as reader:
        assert read(reader) == "IPP"
    with ring.follow(1_300_001) as reader:
        assert read(reader) == ""
        assert read(reader, until_us=1_400_000) == ""  # Reached, and nothing of it is wanted.
        assert not reader.reached(1_000_000_000)
        stream.feed("P IPP")
        assert read(reader) == "IPP"


def test_what_is_before_the_moment_is_not_kept_for_the_reader() -> None:
    ring = small(600)
    stream = Stream(ring)
    stream.feed("IPP IPP")
    with ring.follow(1_450_000) as reader:
        stream.feed("IPP")
        assert read(reader) == "IPP"
        assert reader.open_gaps() == ()
    ring.close()


# Gaps


def test_a_gap_lies_between_the_packets_it_was_noted_between(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IP")
    assert ring.note_gap(FRAMES_LOST, 2, None, None)
    stream.feed("xxP")
    with ring.follow() as reader:
        leases = [(lease.gaps, lease.next_pts_us) for lease in drain(reader)]
    assert leases == [((Gap(FRAMES_LOST, 2, 1_100_000, 1_400_000),), None)]


# 5. Nobody waits


def test_a_packet_costs_the_same_however_many_are_held() -> None:
    def best(seconds: float) -> float:
        ring = Ring(400_000, seconds, lock=False)
        stream = Stream(ring, size=20, frame_us=33_333)
        for frame in range(9_000):
            stream.feed("I" if frame % 30 == 0 else "P")
        times = []
        for _ in range(40):
            began = time.perf_counter()
            for frame in range(30):
                info = PacketInfo(1, stream.frame, stream.now_us, frame == 0, 20)
                ring.reserve(20)
                ring.commit(info)
                stream.frame += 1
            times.append(time.perf_counter() - began)
        ring.close()
        return min(times) / 30

    few, many = best(2.0), best(290.0)
    assert many < 3 * few + 2e-6
    assert many < 100e-6  # A third of a per cent of a frame's time, on any machine.


def test_nothing_is_remembered_of_groups_that_have_left() -> None:
    ring = Ring(1_000_000, 0.5, GROUP_US, lock=False)
    stream = Stream(ring)
    for _ in range(50):
        stream.feed("IPP")
    # The arena has not been filled once, so the writer has met none of them again.
    assert len(ring._window._runs) == len(list(ring._window.groups())) == 2
    ring.close()


class Waiting:
    """A thread that is in `RingReader.take`."""

    def __init__(self, reader, *arguments: float | None) -> None:  # type: ignore[no-untyped-def]
        self.taken: list[object] = []
        self.thread = threading.Thread(target=self._take, args=(reader, arguments))
        self.cursor = reader._cursor
        self.thread.start()
        deadline = time.monotonic() + 5
        while not self.cursor.waiting and self.thread.is_alive():
            assert time.monotonic() < deadline

    def _take(self, reader, arguments):  # type: ignore[no-untyped-def]
        lease = reader.take(*arguments)
        if lease is None:
            self.taken.append(None)
        else:
            with lease:
                self.taken.append(letters(info for info, _ in lease.packets))

    def result(self) -> object:
        self.thread.join(5)
        assert not self.thread.is_alive()
        return self.taken[0]


def test_a_waiting_reader_is_woken_once_and_only_when_there_is_enough(ring: Ring) -> None:
    stream = Stream(ring)
    with ring.follow() as reader:
        wakes = []
        notify_all = ring._condition.notify_all
        ring._condition.notify_all = lambda: (wakes.append(stream.frame), notify_all())  # type: ignore[method-assign,assignment,func-returns-value]
        waiting = Waiting(reader, 10**9, 4 * FRAME_US, None, 60.0)
        stream.feed("IPPP")
        assert wakes == []
        stream.feed("P")
        assert waiting.result() == "IPPP"
        stream.feed("PPPPPPPP")  # Nobody waits.
        assert wakes == [4]


def test_a_waiting_reader_is_woken_by_the_stop(ring: Ring) -> None:
    stream = Stream(ring)
    with ring.follow() as reader:
        waiting = Waiting(reader, 10**9, 10**9, 1_150_000, 60.0)
        stream.feed("IPP")
        assert waiting.result() == "IP"


@pytest.mark.parametrize(
    ("fed", "min_us", "until_us", "due_us"),
    [
        # Frames come every 0.1 s from 1 s on, and the newest one read is that of 1.2 s.
        ("IPP", 400_000, None, 1_600_000),
        ("IPP", 400_000, 1_450_000, 1_450_000),
        ("IPP P", 400_000, None, 1_700_000),  # The next one is here, at 1.3 s.
        ("", 0, None, 0),  # Any.
    ],
)
def test_it_is_known_what_a_reader_waits_for(
    ring: Ring, fed: str, min_us: int, until_us: int | None, due_us: int
) -> None:
    told: list[int] = []
    ring.on_wait = told.append
    stream = Stream(ring)
    stream.feed(fed[:3])
    reader = ring.follow()
    if fed:
        assert read(reader) == "IPP"
    stream.feed(fed[3:])
    assert told == []  # Nothing was waited for.
    assert ring.due_us is None
    waiting = Waiting(reader, 10**9, min_us, until_us, 60.0)
    assert ring.due_us == due_us
    reader.close()
    assert waiting.result() is None
    assert told == [due_us]
    assert ring.due_us is None


def test_a_waiting_reader_is_woken_by_its_end(ring: Ring) -> None:
    reader = ring.follow()
    waiting = Waiting(reader, 10**9, 10**9, None, 60.0)
    reader.close()
    assert waiting.result() is None


def test_a_waiting_reader_is_woken_by_a_wipe(ring: Ring) -> None:
    reader = ring.follow()
    waiting = Waiting(reader, 10**9, 10**9, None, 60.0)
    ring.wipe()
    assert waiting.result() is None
    Stream(ring).feed("IPP")
    assert reader.take(10**9) is None


def test_waiting_has_an_end(ring: Ring) -> None:
    with ring.follow() as reader:
        began = time.monotonic()
        assert reader.take(10**9, timeout=0.05) is None
        assert 0.05 <= time.monotonic() - began < 2


# 7. Overwritten as it leaves


def remains(ring: Ring) -> int:
    """How many bytes of the arena are not zero."""
    with ring._arena.view(0, ring._arena.size) as view:
        return len(view) - bytes(view).count(0)


def test_what_leaves_is_overwritten_as_it_leaves(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IPP IPP IPP")
    assert ring.bytes_held == 600
    assert remains(ring) == 600


def test_refused_and_abandoned_packets_are_overwritten(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("P")
    ring.reserve(100)[:] = payload(1, 100)
    ring.abandon()
    ring.scratch[:100] = payload(2, 100)
    ring.scrub(100)
    assert remains(ring) == 0


def test_wiped_means_wiped(ring: Ring) -> None:
    stream = Stream(ring)
    stream.feed("IPP IPP")
    ring.scratch[:100] = payload(99, 100)
    assert remains(ring) == 700
    assert ring.wipe() == 600
    assert remains(ring) == 0
    assert (ring.bytes_held, ring.seconds_held, ring.last_pts_us) == (0, 0, None)
    assert stream.feed("P IP") == "-IP"
    assert ring.wipe() == 200


def test_a_packet_that_is_being_received_does_not_survive_a_wipe(ring: Ring) -> None:
    stream = Stream(ring)
    room = ring.reserve(100)
    ring.wipe()
    room[:] = payload(0, 100)
    assert not ring.commit(PacketInfo(1, 0, stream.now_us, True, 100))
    assert remains(ring) == 0
    assert ring.wants_key
    assert stream.feed("I") == "I"


def test_a_wipe_ends_the_reader_but_never_touches_a_lease(ring: Ring) -> None:
    Stream(ring).feed("IPP")
    reader = ring.follow()
    with reader.take(FRAME_US) or pytest.fail("nothing to read") as lease:
        with pytest.raises(RingError, match="while a recording reads"):
            ring.wipe()
        assert lease.packets[0][1] == payload(0, 100)
    ring.wipe()
    assert reader.take(10**9) is None
    reader.close()
    ring.follow().close()


# Mistakes


def test_mistakes_of_the_writer_are_named(ring: Ring) -> None:
    stream = Stream(ring)
    with pytest.raises(RingError, match="were not reserved"):
        ring.commit(PacketInfo(1, 0, 0, True, 100))
    with pytest.raises(RingError, match="cannot reserve 0 bytes"):
        ring.reserve(0)
    ring.reserve(100)
    with pytest.raises(RingError, match="cannot reserve 100 bytes"):
        ring.reserve(100)
    with pytest.raises(RingError, match="99 bytes were not reserved"):
        ring.commit(PacketInfo(1, 0, 0, True, 99))
    ring.abandon()
    stream.feed("I")
    ring.reserve(100)
    with pytest.raises(RingError, match="goes back from 1000000 us to 1000000"):
        ring.commit(PacketInfo(1, 1, 1_000_000, False, 100))
    ring.abandon()
    with pytest.raises(ValueError, match="a ring of 0 bytes"):
        Ring(0, 1)


def test_a_ring_cannot_be_closed_under_a_view() -> None:
    ring = small(100)
    view = ring.reserve(50)
    with pytest.raises(RingError, match="still in use"):
        ring.close()
    view.release()
    assert ring.seconds_held == 0


# Threads


def test_a_writer_and_a_reader_at_full_speed_lose_nothing_that_is_not_stated() -> None:
    ring = Ring(20_000, 1, 10 * FRAME_US, lock=False)
    stream = Stream(ring)
    total = 6_000
    seen: list[int] = []
    lost = 0

    def follow() -> None:
        nonlocal lost
        with ring.follow() as reader:
            started.set()
            last_us = 1_000_000 + (total - 1) * FRAME_US
            while not reader.reached(last_us):
                lease = reader.take(8 * FRAME_US, 3 * FRAME_US, last_us, 5.0)
                assert lease is not None
                with lease:
                    lost += sum(gap.frames or 0 for gap in lease.gaps)
                    for info, view in lease.packets:
                        assert view[0] == view[-1] == info.frame % 255 + 1
                        seen.append(info.frame)

    started = threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    assert started.wait(5)
    for frame in range(total):
        info = PacketInfo(1, frame, stream.now_us, frame % 10 == 0, 100)
        stream.frame += 1
        ring.reserve(100)[:] = bytes([frame % 255 + 1]) * 100
        ring.commit(info)
    thread.join(20)
    assert not thread.is_alive()
    assert seen == sorted(set(seen))
    assert len(seen) + lost == total
    ring.close()


# What has left


def records() -> int:
    """How many groups and runs are in memory."""
    assert not gc.isenabled()
    return sum(isinstance(one, Group | ByteRun) for one in gc.get_objects())


@pytest.fixture
def _without_collector() -> Iterator[None]:
    """Nothing is freed but what nobody knows any more."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize(
    "capacity",
    [
        pytest.param(2_000, id="too old"),
        # Two groups of 300 bytes, and the hand in the way of the first at the third.
        pytest.param(700, id="no room"),
    ],
)
def test_a_group_that_leaves_is_freed_at_once(capacity: int) -> None:
    """A recording of an hour has 170,000 groups of sound: none may wait for Python's collector."""
    ring = Ring(capacity, 0.5, GROUP_US, lock=False)
    stream = Stream(ring)
    stream.feed("IPP IPP IPP")
    before = records()
    stream.feed("IPP IPP IPP " * 20)
    # The hand passes what has left a turn later: a run or two more or less.
    assert abs(records() - before) <= 4
    with ring.follow() as reader:
        for _ in range(20):
            stream.feed("IPP IPP IPP")
            read(reader)
    assert abs(records() - before) <= 4
    ring.close()


@pytest.mark.usefixtures("_without_collector")
def test_what_is_wiped_is_freed_at_once(ring: Ring) -> None:
    before = records()
    stream = Stream(ring)
    stream.feed("IPP IPP")
    assert records() > before
    ring.wipe()
    assert records() == before
