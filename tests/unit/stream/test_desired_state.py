"""What is wanted of the camera is state; a key frame and a wipe happen once."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from camerad.base.errors import RingError
from camerad.stream.capture_process import StampState
from camerad.stream.desired_state import DesiredState
from camerad.stream.ring import PacketInfo, Ring
from camerad.stream.wire import SoundMode

STAMP = StampState(pre=True, trusted=True, wearer=None, steps=0)


@pytest.fixture
def ring() -> Iterator[Ring]:
    made = Ring(1 << 20, 10, 1_000_000, lock=False)
    yield made
    made.close()


@pytest.fixture
def wanted(ring: Ring) -> Iterator[DesiredState]:
    """With somebody who polls it."""
    made = DesiredState((ring,))
    made.attach()
    yield made
    made.detach()


def put_packet(ring: Ring) -> None:
    ring.reserve(100)[:] = b"x" * 100
    assert ring.commit(PacketInfo(1, 0, 1_000_000, True, 100))


def wakes(descriptor: int) -> bool:
    """Whether whoever polls it was woken since this was asked last."""
    if not select.select([descriptor], [], [], 0)[0]:
        return False
    os.eventfd_read(descriptor)
    return True


def test_a_snapshot_has_all_that_is_wanted(wanted: DesiredState) -> None:
    epoch = wanted.arm()
    wanted.set_view(True)
    wanted.set_stamp(STAMP)
    wanted.set_fps(15)
    wanted.set_sound(SoundMode.ON)
    found = wanted.snapshot()
    assert (found.epoch, found.view, found.stamp, found.fps) == (epoch, True, STAMP, 15)
    assert (found.sound.mode, found.sound.epoch) == (SoundMode.ON, found.sound_epoch)
    assert found.sound_epoch not in {None, epoch}
    assert wanted.snapshot() == found, "it is wanted until something else is"


def test_a_key_frame_is_handed_out_once(wanted: DesiredState) -> None:
    wanted.request_key_frame()
    wanted.request_key_frame()
    assert [wanted.snapshot().key for _ in range(2)] == [True, False]


def test_a_wipe_is_handed_out_once(wanted: DesiredState) -> None:
    first, second = wanted.wipe(), wanted.wipe()
    assert wanted.wipe_waits
    assert wanted.snapshot().wipes == (first, second)
    assert not wanted.wipe_waits
    assert wanted.snapshot().wipes == ()
    assert not first.done(), "whoever took it answers it"


def test_a_wipe_that_cannot_be_done_yet_comes_before_those_that_came_since(
    wanted: DesiredState,
) -> None:
    first, second = wanted.wipe(), wanted.wipe()
    taken = wanted.snapshot().wipes
    third = wanted.wipe()
    wanted.wipe_later(taken)
    assert wanted.snapshot().wipes == (first, second, third)


def test_a_wipe_ends_what_is_armed_and_sound_that_is_on(wanted: DesiredState) -> None:
    before = wanted.arm()
    wanted.set_sound(SoundMode.ON)
    wanted.wipe()
    found = wanted.snapshot()
    assert (found.epoch, found.sound_epoch, found.sound.mode) == (None, None, SoundMode.READY)
    assert wanted.arm() > before, "what was encoded before the wipe is of no epoch that comes"


def test_the_wipes_that_wait_are_done_when_nobody_polls_any_more(ring: Ring) -> None:
    wanted = DesiredState((ring,))
    wanted.attach()
    put_packet(ring)
    waits = wanted.wipe()
    assert ring.bytes_held
    wanted.detach()
    assert waits.result(0) > 0
    assert ring.bytes_held == 0


def test_without_anybody_who_polls_a_wipe_is_done_at_once(ring: Ring) -> None:
    wanted = DesiredState((ring,))
    put_packet(ring)
    assert wanted.wipe().result(0) > 0
    assert ring.bytes_held == 0


def test_a_wipe_of_a_ring_that_is_read_from_says_so(ring: Ring) -> None:
    wanted = DesiredState((ring,))
    put_packet(ring)
    lease = ring.follow().take(10**12)
    assert lease is not None
    with lease:
        with pytest.raises(RingError):
            wanted.wipe().result(0)
        with pytest.raises(RingError):
            wanted.overwrite()
    assert wanted.overwrite() > 0


def test_every_change_wakes_whoever_polls_and_what_is_no_change_does_not(ring: Ring) -> None:
    wanted = DesiredState((ring,))
    polled = wanted.attach()
    assert not wakes(polled)
    changes = (
        wanted.arm,
        lambda: wanted.set_view(True),
        lambda: wanted.set_stamp(STAMP),
        lambda: wanted.set_fps(15),
        lambda: wanted.set_sound(SoundMode.ON),
        wanted.request_key_frame,
        wanted.wipe,
        wanted.wake,
        lambda: wanted.stop(1),
    )
    for change in changes:
        change()
        assert wakes(polled), change
    wanted.arm()
    wakes(polled)
    same = (
        wanted.arm,
        lambda: wanted.set_stamp(STAMP),
        lambda: wanted.set_fps(15),
        lambda: wanted.set_sound(SoundMode.READY),
    )
    for call in same:
        call()
        assert not wakes(polled), call
    wanted.detach()
    wanted.set_view(False)  # nobody is left to wake
