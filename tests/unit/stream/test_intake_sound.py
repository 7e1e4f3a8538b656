"""From the socket into the ring for sound; nothing that sound does costs a picture."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from stream_helpers import payload

from camerad.container.gaps import CAPTURE_RESTARTED, RING_FULL, Gap
from camerad.stream.intake import Intake
from camerad.stream.ring import Ring
from camerad.stream.sound_intake import SoundIntake
from camerad.stream.sound_messages import SOUND_LOST
from camerad.stream.wire import MessageHeader, MessageKind

SIZE = 100
UNIT_US = 21_333


class Wire:
    """A capture process that sends sound and pictures."""

    def __init__(self, capacity: int = 100_000) -> None:
        self.ring = Ring(100_000, 60, lock=False)
        self.sound = Ring(capacity, 60, UNIT_US, lock=False)
        self.stated: list[Gap] = []
        heard = SoundIntake(self.sound, self.stated.append)
        self.intake = Intake(self.ring, self.stated.append, heard)
        self.intake.arm(1)
        self.intake.arm_sound(2)
        self.ours, self.theirs = socket.socketpair()

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()
        self.ring.close()
        self.sound.close()

    def send(self, data: bytes) -> None:
        self.theirs.sendall(data)
        while self.intake.pump(self.ours, 0) is not None:
            pass

    def unit(self, number: int, at: int | None = None, epoch: int = 2) -> bytes:
        header = MessageHeader(MessageKind.SOUND, False, epoch, number, time_of(at or number), SIZE)
        return header.pack() + payload(number, SIZE)

    def picture(self, number: int) -> bytes:
        header = MessageHeader(
            MessageKind.PACKET, number == 0, 1, number, 1 + number * 33_333, SIZE
        )
        return header.pack() + payload(number, SIZE)

    def held(self) -> tuple[list[int], list[Gap]]:
        """Numbers of the units in the ring, their bytes checked, and the gaps between them."""
        with self.sound.follow() as reader:
            lease = reader.take(1 << 50)
            if lease is None:
                return [], list(reader.open_gaps())
            with lease:
                for info, view in lease.packets:
                    assert bytes(view) == payload(info.frame, SIZE)
                return [info.frame for info, _ in lease.packets], list(lease.gaps)


def time_of(number: int) -> int:
    return 1_000_000 + number * UNIT_US


def remains(ring: Ring) -> int:
    with ring._arena.view(0, ring._arena.size) as view:
        return len(view) - bytes(view).count(0)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


@pytest.mark.parametrize("piece", [1, 7, 36, 37, 10_000])
def test_sound_and_pictures_arrive_each_in_their_ring(wire: Wire, piece: int) -> None:
    data = b"".join(wire.unit(n) + wire.picture(n) for n in range(5))
    for start in range(0, len(data), piece):
        wire.send(data[start : start + piece])
    assert wire.held() == ([0, 1, 2, 3, 4], [])
    assert wire.ring.bytes_held == 5 * SIZE
    assert wire.stated == []


def test_sound_of_another_epoch_is_discarded_and_no_byte_of_it_stays(wire: Wire) -> None:
    wire.send(wire.unit(0, epoch=1))
    wire.intake.arm_sound(None)
    wire.send(wire.unit(1))
    assert remains(wire.sound) == remains(wire.ring) == 0


def test_without_a_ring_for_it_sound_is_discarded(wire: Wire) -> None:
    wire.intake = Intake(wire.ring, wire.stated.append)
    wire.intake.arm_sound(2)
    wire.send(wire.unit(0))
    wire.intake.end()
    assert remains(wire.ring) == 0


def test_a_jump_of_the_numbers_is_a_gap_with_its_length(wire: Wire) -> None:
    wire.send(wire.unit(0) + wire.unit(1) + wire.unit(5))
    gap = Gap(SOUND_LOST, 3, time_of(1), time_of(5))
    assert wire.held() == ([0, 1, 5], [gap])
    assert wire.stated == [gap]


def test_numbers_go_round_without_a_gap(wire: Wire) -> None:
    wire.send(wire.unit(2**32 - 1, at=1) + wire.unit(0, at=2))
    assert wire.stated == []


@pytest.mark.parametrize(("number", "at"), [(0, 1), (1, 2), (2, 0), (2, 1)])
def test_a_number_or_a_time_that_goes_back_costs_this_unit_and_nothing_else(
    wire: Wire, number: int, at: int
) -> None:
    wire.send(wire.picture(0) + wire.unit(1))
    header = MessageHeader(MessageKind.SOUND, False, 2, number, time_of(at), SIZE)
    wire.send(header.pack() + payload(number, SIZE) + wire.picture(1) + wire.unit(2))
    numbers, gaps = wire.held()
    assert numbers == [1, 2]
    assert [(gap.reason, gap.frames) for gap in gaps] == [(SOUND_LOST, 1)]
    assert wire.ring.bytes_held == 2 * SIZE
    assert remains(wire.sound) <= 2 * SIZE


def test_another_epoch_begins_anew_and_is_no_gap(wire: Wire) -> None:
    """What was muted in between is not lost."""
    wire.send(wire.unit(0))
    wire.intake.arm_sound(3)
    wire.send(wire.unit(70, epoch=3))
    assert wire.held() == ([0, 70], [])


def test_a_unit_that_was_arriving_when_its_epoch_ended_is_void(wire: Wire) -> None:
    wire.send(wire.unit(0)[:-1])
    wire.intake.arm_sound(None)
    wire.send(wire.unit(0)[-1:] + wire.picture(0))
    assert remains(wire.sound) == 0
    assert wire.ring.bytes_held == SIZE


def test_a_picture_that_arrives_does_not_mind_another_epoch_of_sound(wire: Wire) -> None:
    wire.send(wire.picture(0)[:-1])
    wire.intake.arm_sound(3)
    wire.send(wire.picture(0)[-1:])
    assert wire.ring.bytes_held == SIZE


def test_sound_that_arrives_does_not_mind_another_epoch_of_pictures(wire: Wire) -> None:
    wire.send(wire.unit(0)[:-1])
    wire.intake.arm(2)
    wire.send(wire.unit(0)[-1:])
    assert wire.held() == ([0], [])


def test_after_a_restart_sound_goes_on_behind_a_stated_gap(wire: Wire) -> None:
    wire.send(wire.unit(0) + wire.unit(1)[:-1])
    wire.intake.end()
    wire.send(wire.unit(0, at=9))
    assert wire.held() == ([0, 0], [Gap(CAPTURE_RESTARTED, None, time_of(0), time_of(9))])
    # The pictures' gap is the one that is told; here there were none.
    assert wire.stated == []


def test_a_clock_that_goes_back_over_a_restart_costs_sound_only(wire: Wire) -> None:
    wire.send(wire.unit(5))
    wire.intake.end()
    wire.send(wire.unit(0, at=3) + wire.unit(1, at=6))
    numbers, gaps = wire.held()
    assert numbers == [5, 1]
    assert {gap.reason for gap in gaps} == {CAPTURE_RESTARTED, SOUND_LOST}


def test_a_ring_that_is_full_states_what_it_drops() -> None:
    wire = Wire(capacity=4096)
    with wire.sound.follow() as reader:
        wire.send(b"".join(wire.unit(n) for n in range(50)))
        lease = reader.take(1 << 50)
        assert lease is not None
        with lease:
            held = len(lease.packets)
            assert lease.packets[-1][0].frame == 49
        (gap,) = lease.gaps
        assert (gap.reason, gap.frames) == (RING_FULL, 50 - held)
    wire.close()


def test_a_unit_that_finds_no_room_is_read_all_the_same() -> None:
    wire = Wire(capacity=4096)
    reader = wire.sound.follow()
    wire.send(b"".join(wire.unit(n) for n in range(40)))
    lease = reader.take(1 << 50)
    assert lease is not None
    with lease:
        wire.send(b"".join(wire.unit(n) for n in range(40, 45)) + wire.picture(0))
        assert wire.ring.bytes_held == SIZE
    reader.close()
    wire.close()


def test_the_same_epoch_again_changes_nothing(wire: Wire) -> None:
    wire.send(wire.unit(0) + wire.unit(1)[:-1])
    wire.intake.arm_sound(2)
    wire.send(wire.unit(1)[-1:])
    assert wire.held() == ([0, 1], [])


def test_a_process_that_ends_while_sound_is_off_leaves_no_gap(wire: Wire) -> None:
    wire.send(wire.unit(0))
    wire.intake.arm_sound(None)
    wire.intake.end()
    wire.intake.arm_sound(3)
    wire.send(wire.unit(4, epoch=3))
    assert wire.held() == ([0, 4], [])


def test_of_several_units_in_a_row_that_cannot_be_one_gap_tells(wire: Wire) -> None:
    wire.send(wire.unit(1) + wire.unit(0, at=3) + wire.unit(0, at=4) + wire.unit(2, at=5))
    numbers, gaps = wire.held()
    assert (numbers, [(gap.reason, gap.frames) for gap in gaps]) == ([1, 2], [(SOUND_LOST, 2)])
    assert len(wire.stated) == 1
