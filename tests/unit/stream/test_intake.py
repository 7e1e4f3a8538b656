"""From the socket into the ring, without a process."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from stream_helpers import gaps, held, payload

from camerad.base.errors import WireError
from camerad.stream import wire
from camerad.stream.intake import Intake
from camerad.stream.ring import CAPTURE_RESTARTED, FRAMES_LOST, RING_FULL, Gap, Ring
from camerad.stream.wire import MessageHeader, MessageKind

SIZE = 100


class Wire:
    """A capture process that sends what it is told, in the letters of `stream_helpers`."""

    def __init__(self) -> None:
        self.ring = Ring(100_000, 60, lock=False)
        self.stated: list[Gap] = []
        self.intake = Intake(self.ring, self.stated.append)
        self.ours, self.theirs = socket.socketpair()
        self.frame = 0
        self.epoch = 1
        self.now_us = 0

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()
        self.ring.close()

    def time_of(self, frame: int) -> int:
        return 1_000_000 + frame * 100_000

    def packet(self, key: bool = False, size: int = SIZE) -> bytes:
        pts_us = self.time_of(self.frame)
        header = MessageHeader(
            MessageKind.PACKET, key, self.epoch, self.frame % 2**32, pts_us, size
        )
        return header.pack() + payload(self.frame, size)

    def send(self, data: bytes) -> list[MessageHeader]:
        self.theirs.sendall(data)
        return self.pump()

    def pump(self) -> list[MessageHeader]:
        headers = []
        while (header := self.intake.pump(self.ours, self.now_us)) is not None:
            headers.append(header)
        return headers

    def feed(self, pattern: str) -> None:
        """ "x" is a frame that is never sent."""
        for letter in pattern.replace(" ", ""):
            if letter != "x":
                assert len(self.send(self.packet(letter == "I"))) == 1
            self.frame += 1

    def gap(self, reason: str, frames: int | None, first: int, last: int) -> None:
        """The frames between `first` and `last` are missing."""
        body = {
            "reason": reason,
            "frames": frames,
            "from_us": self.time_of(first),
            "to_us": self.time_of(last),
        }
        self.send(wire.message(MessageKind.GAP, body))


@pytest.fixture
def camera() -> Iterator[Wire]:
    camera = Wire()
    camera.intake.arm(1)
    yield camera
    camera.close()


def lost(camera: Wire, frames: int, first: int, last: int, reason: str = FRAMES_LOST) -> Gap:
    return Gap(reason, frames, camera.time_of(first), camera.time_of(last))


def in_ring(camera: Wire) -> list[Gap]:
    with camera.ring.follow() as reader:
        return gaps(reader)


def remains(ring: Ring) -> int:
    with ring._arena.view(0, ring._arena.size) as view:
        return len(view) - bytes(view).count(0)


def test_packets_arrive_in_the_ring_as_they_were_sent(camera: Wire) -> None:
    camera.feed("IPP IP")
    assert held(camera.ring) == "IPP IP"
    assert camera.stated == []


@pytest.mark.parametrize("piece", [1, 7, 28, 29, 100])
def test_it_does_not_matter_in_which_pieces_a_message_arrives(camera: Wire, piece: int) -> None:
    data = camera.packet(True) + wire.message(MessageKind.BEAT, {"frame": 1})
    headers = []
    for start in range(0, len(data), piece):
        headers += camera.send(data[start : start + piece])
    assert [header.kind for header in headers] == [MessageKind.PACKET, MessageKind.BEAT]
    assert camera.intake.body == {"frame": 1}
    assert held(camera.ring) == "I"


def test_a_packet_larger_than_the_scratch_memory_can_be_discarded(camera: Wire) -> None:
    camera.intake.arm(None)
    size = 3 * len(camera.ring.scratch) // 2
    data = camera.packet(True, size)
    headers = []
    for start in range(0, len(data), 10_000):
        headers += camera.send(data[start : start + 10_000])
        assert remains(camera.ring) == 0
    assert [header.length for header in headers] == [size]


# Epochs


def test_packets_of_another_epoch_leave_nothing_behind(camera: Wire) -> None:
    camera.feed("IP")
    camera.intake.arm(None)
    camera.ring.wipe()
    camera.feed("PIP")
    assert remains(camera.ring) == 0
    camera.intake.arm(2)
    camera.feed("PI")
    assert held(camera.ring) == ""
    assert remains(camera.ring) == 0
    camera.epoch = 2
    camera.feed("IP")
    assert held(camera.ring) == "IP"


def test_frames_between_two_epochs_are_not_missing(camera: Wire) -> None:
    camera.feed("IP")
    camera.intake.arm(None)
    camera.ring.wipe()
    camera.feed("PPP")
    camera.intake.arm(2)
    camera.epoch = 2
    with camera.ring.follow() as reader:
        camera.feed("IP")
        assert gaps(reader) == camera.stated == []


def test_the_window_is_measured_to_the_moment_of_arrival(camera: Wire) -> None:
    camera.feed("IP I")
    camera.now_us = camera.time_of(2) + 60_000_000  # What the ring is to cover.
    camera.feed("P")
    assert held(camera.ring) == "IP"


def test_a_packet_that_is_arriving_when_its_epoch_ends_is_discarded(camera: Wire) -> None:
    camera.feed("I")
    data = camera.packet()
    camera.send(data[:80])
    camera.intake.arm(None)
    camera.ring.wipe()
    assert remains(camera.ring) == 0
    assert len(camera.send(data[80:])) == 1
    assert remains(camera.ring) == 0
    camera.intake.arm(2)
    camera.epoch = 2
    camera.feed("xI")
    assert held(camera.ring) == "I"


# Gaps


def test_a_jump_of_the_frame_numbers_is_a_gap(camera: Wire) -> None:
    camera.feed("IPxxP")
    assert camera.stated == in_ring(camera) == [lost(camera, 2, 1, 4)]


def test_frame_numbers_may_wrap(camera: Wire) -> None:
    camera.frame = 2**32 - 2
    camera.feed("IP PxP")
    assert camera.stated == [lost(camera, 1, 2**32, 2**32 + 2)]


def test_what_the_process_states_itself_is_not_stated_again(camera: Wire) -> None:
    camera.feed("IP")
    camera.gap("sensor stalled", 2, 1, 4)
    camera.feed("xxP P")
    assert camera.stated == in_ring(camera) == [lost(camera, 2, 1, 4, "sensor stalled")]


def test_what_the_process_did_not_account_for_is_stated_besides(camera: Wire) -> None:
    camera.feed("IP")
    camera.gap("encoder error", 1, 1, 3)
    camera.feed("xxxP")
    assert camera.stated == [
        lost(camera, 1, 1, 3, "encoder error"),
        lost(camera, 2, 1, 5),
    ]


def test_a_process_that_does_not_know_how_many_has_accounted_for_all(camera: Wire) -> None:
    camera.feed("IP")
    camera.gap("sensor stalled", None, 1, 4)
    camera.gap("encoder error", 1, 1, 4)
    camera.feed("xxxxP xP")
    # The later jump is one of its own.
    assert [gap.frames for gap in camera.stated] == [None, 1, 1]


def test_a_statement_that_comes_late_is_not_a_second_gap(camera: Wire) -> None:
    camera.feed("IPxP")
    camera.gap("sensor stalled", 1, 1, 3)
    camera.feed("P")
    assert camera.stated == in_ring(camera) == [lost(camera, 1, 1, 3)]


def test_a_late_statement_about_something_else_is_stated(camera: Wire) -> None:
    camera.feed("IPxPP")
    camera.gap("clock stepped", 0, 3, 4)
    camera.feed("P")
    assert camera.stated == [
        lost(camera, 1, 1, 3),
        lost(camera, 0, 3, 4, "clock stepped"),
    ]


def test_gaps_while_nothing_is_armed_are_none(camera: Wire) -> None:
    camera.intake.arm(None)
    camera.gap("sensor stalled", 3, 1, 5)
    assert camera.stated == []


def test_a_packet_that_finds_no_room_is_counted_and_the_next_one_is_understood() -> None:
    camera = Wire()
    camera.intake.arm(1)
    camera.feed("IP")
    camera.send(camera.packet(True, 100_001))
    camera.frame += 1
    camera.feed("PI")
    assert in_ring(camera) == [lost(camera, 2, 1, 4, RING_FULL)]
    assert camera.stated == []
    # The oldest group is still there.
    assert held(camera.ring) == "IP~ I"
    camera.close()


# The end of a process


def test_a_restart_in_the_middle_of_a_packet_is_one_gap(camera: Wire) -> None:
    camera.feed("IP")
    camera.send(camera.packet()[:60])
    camera.intake.end()
    assert remains(camera.ring) == 2 * SIZE
    camera.frame += 10
    camera.feed("IP")
    assert in_ring(camera) == [Gap(CAPTURE_RESTARTED, None, camera.time_of(1), camera.time_of(12))]
    assert camera.stated == [Gap(CAPTURE_RESTARTED, None, camera.time_of(1), None)]


def test_a_restart_in_the_middle_of_a_header_is_forgotten(camera: Wire) -> None:
    camera.send(camera.packet(True)[:20])
    camera.intake.end()
    camera.feed("IP")
    assert held(camera.ring) == "IP"


def test_after_a_restart_only_a_key_frame_goes_on(camera: Wire) -> None:
    camera.feed("IP")
    camera.intake.end()
    camera.frame = 5
    camera.feed("PPI")
    assert held(camera.ring) == "IP~ I"


def test_two_failures_before_the_next_packet_are_one_gap(camera: Wire) -> None:
    camera.feed("IP")
    camera.intake.end()
    camera.intake.end()
    camera.frame = 9
    camera.feed("I")
    assert len(in_ring(camera)) == len(camera.stated) == 1


def test_a_restart_while_nothing_is_armed_is_no_gap(camera: Wire) -> None:
    camera.intake.arm(None)
    camera.intake.end()
    assert camera.stated == []


def test_the_end_of_the_stream_is_told(camera: Wire) -> None:
    camera.theirs.sendall(camera.packet(True))
    camera.theirs.close()
    assert camera.intake.pump(camera.ours, 0) is not None
    with pytest.raises(EOFError):
        camera.intake.pump(camera.ours, 0)


# What is not understood


@pytest.mark.parametrize(
    "body",
    [
        {"reason": None, "frames": 1},
        {"reason": "x", "frames": -1},
        {"reason": "x", "frames": True},
        {"reason": "x", "frames": 1, "from_us": "now"},
        {"reason": "x", "frames": 1, "to_us": 1.5},
    ],
)
def test_a_gap_of_another_form_is_refused(camera: Wire, body: dict[str, object]) -> None:
    with pytest.raises(WireError, match="not a gap"):
        camera.send(wire.message(MessageKind.GAP, body))


def test_media_time_that_goes_back_is_refused(camera: Wire) -> None:
    camera.feed("I")
    header = MessageHeader(MessageKind.PACKET, False, 1, 1, camera.time_of(0), SIZE)
    with pytest.raises(WireError, match="goes back"):
        camera.send(header.pack())


def test_media_time_that_goes_back_across_a_restart_is_refused(camera: Wire) -> None:
    camera.feed("IPP")
    camera.intake.end()
    camera.frame = 1
    with pytest.raises(WireError, match="goes back"):
        camera.send(camera.packet(True))
    assert remains(camera.ring) == 3 * SIZE
    camera.intake.end()


@pytest.mark.parametrize("number", [0, 2**32 - 1])
def test_frame_numbers_that_go_back_or_repeat_are_refused(camera: Wire, number: int) -> None:
    camera.feed("I")
    header = MessageHeader(MessageKind.PACKET, False, 1, number, camera.time_of(1), SIZE)
    with pytest.raises(WireError, match=f"frame {number} comes after frame 0"):
        camera.send(header.pack())


def test_what_is_not_of_the_wire_format_is_refused(camera: Wire) -> None:
    with pytest.raises(WireError, match="it begins with b'GET '"):
        camera.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
