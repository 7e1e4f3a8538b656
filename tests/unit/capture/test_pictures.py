"""Every frame of the sensor ends as a packet or in a stated gap.

Streams are written as strings: `I` a key frame, `P` another one, `.` a frame that the camera did
not deliver, `=` one whose time did not advance, `x` one that the encoder dropped, and `|` a moment
from which the controller does not read until `!`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest

from camerad.base.errors import CaptureError
from camerad.capture import pictures as module
from camerad.capture.pictures import Picture, Pictures
from camerad.stream import wire

FRAME_US = 33_333
START_US = 1_000_000_000


class Box:
    """An outbox that keeps what it is sent; `full` makes it refuse packets."""

    def __init__(self) -> None:
        self.full = False
        self.sent: list[tuple[wire.MessageHeader, Any]] = []

    def has_room(self, size: int) -> bool:
        return not self.full

    def send(self, *parts: bytes | memoryview) -> None:
        data = b"".join(parts)
        header = wire.unpack(data[: wire.HEADER.size])
        body = data[wire.HEADER.size :]
        assert len(body) == header.length
        known = header.kind is wire.MessageKind.PACKET
        self.sent.append((header, body if known else wire.parse_body(body)))

    def of(self, kind: wire.MessageKind) -> list[tuple[wire.MessageHeader, Any]]:
        return [(header, body) for header, body in self.sent if header.kind is kind]

    @property
    def gaps(self) -> list[dict[str, Any]]:
        return [body for _, body in self.of(wire.MessageKind.GAP)]

    @property
    def frames(self) -> list[int]:
        return [header.frame for header, _ in self.of(wire.MessageKind.PACKET)]


class Bench:
    def __init__(self, first_frame: int = 0) -> None:
        self.box = Box()
        self.keys_wanted = 0
        self.pictures = Pictures(self.box, FRAME_US, self._want_key)
        self.frame = first_frame
        self.tick = 0

    def _want_key(self) -> None:
        self.keys_wanted += 1

    @property
    def now_us(self) -> int:
        return START_US + self.tick * FRAME_US

    def run(self, stream: str) -> None:
        for kind in stream:
            if kind in "|!":
                self.box.full = kind == "|"
                continue
            number, self.frame = self.frame & 0xFFFF_FFFF, self.frame + 1
            pts_us = self.now_us
            if kind == "=":
                pts_us -= FRAME_US
            self.tick += kind != "="
            if kind == ".":
                continue
            picture = self.pictures.delivered(number, pts_us, FRAME_US)
            if picture is None:
                assert kind == "="
                continue
            self.pictures.fed(pts_us - START_US, picture)
            if kind != "x":
                self.pictures.encoded(packet(), kind == "I", pts_us - START_US)


@pytest.mark.parametrize("behind", [0, 1])
def test_another_rate_of_the_sensor_is_no_loss(behind: int) -> None:
    """30, 15 and again 30 pictures per second. behind: whether the sensor's word for how long a
    frame takes means the time after it, or the time before."""
    bench, pts_us = Bench(), START_US
    intervals = [FRAME_US] * 5 + [2 * FRAME_US] * 5 + [FRAME_US] * 5
    for number, interval_us in enumerate(intervals):
        told_us = intervals[max(0, number - behind)]
        picture = bench.pictures.delivered(number, pts_us, told_us)
        assert picture is not None
        assert (picture.lost, picture.stale) == (0, 0), number
        pts_us += interval_us
    # What is lost afterwards is found by time alone, also where the sensor's number stands still.
    late = bench.pictures.delivered(len(intervals), pts_us + 2 * FRAME_US, FRAME_US)
    assert late is not None
    assert late.lost == 2


@pytest.mark.parametrize(
    ("numbers", "intervals", "lost"),
    [
        # Neither number nor duration: counted, and what is late is lost.
        ((0, 0, 0), (1, 1), (0, 0)),
        ((0, 0, 0), (1, 3), (0, 2)),
        # Numbers without a duration, as by USB: two that were lost on the way have none.
        ((7, 8, 9), (1, 3), (0, 2)),
        ((7, 8, 11), (1, 3), (0, 2)),
        ((7, 8, 11), (1, 1), (0, 2)),
        # In the dark all take longer, which looks like a loss at first; then as before.
        (range(20), (1, 1) + (2,) * 13 + (4, 1, 1, 2), (0, 0) + (1,) * 8 + (0,) * 5 + (1, 0, 0, 1)),
    ],
)
def test_what_is_late_is_lost_where_a_camera_does_not_say_how_long_it_took(
    numbers: Sequence[int], intervals: tuple[int, ...], lost: tuple[int, ...]
) -> None:
    bench = Bench()
    times = accumulate((interval * FRAME_US for interval in intervals), initial=START_US)
    found = [
        bench.pictures.delivered(number, pts_us, 0)
        for number, pts_us in zip(numbers, times, strict=True)
    ]
    assert tuple(picture.lost for picture in found[1:] if picture) == lost
    frames = [picture.frame for picture in found if picture]
    counted = accumulate((1 + one for one in lost), initial=0)
    assert frames == list(numbers if numbers[-1] else counted)


def packet(size: int = 100) -> memoryview:
    return memoryview(bytearray(b"p" * size))


def armed(epoch: int = 1, first_frame: int = 0) -> Bench:
    bench = Bench(first_frame)
    bench.pictures.arm(epoch, 0)
    return bench


def test_packets_carry_epoch_number_time_and_key_flag() -> None:
    bench = armed(epoch=7, first_frame=40)
    bench.run("IPP")
    headers = [header for header, _ in bench.box.of(wire.MessageKind.PACKET)]
    assert [(h.epoch, h.frame, h.pts_us, h.key) for h in headers] == [
        (7, 40, START_US, True),
        (7, 41, START_US + FRAME_US, False),
        (7, 42, START_US + 2 * FRAME_US, False),
    ]


def test_nothing_is_sent_while_disarmed_but_beats() -> None:
    bench = Bench()
    bench.run("IPPIPP")
    assert {header.kind for header, _ in bench.box.sent} == {wire.MessageKind.BEAT}
    bench.pictures.arm(1, 0)
    bench.run("IP")
    bench.pictures.disarm()
    bench.run("PIP")
    assert bench.box.frames == [6, 7]


def test_footage_begins_with_a_key_frame() -> None:
    bench = armed()
    bench.run("PPIPP")
    assert bench.box.frames == [2, 3, 4]
    assert bench.box.gaps == []


def test_footage_begins_no_earlier_than_asked() -> None:
    bench = Bench()
    bench.pictures.arm(1, START_US + 2 * FRAME_US)
    bench.run("IPIPP")
    assert bench.box.frames == [2, 3, 4]


def test_frames_that_the_camera_lost_are_a_gap_between_their_neighbours() -> None:
    bench = armed()
    bench.run("IP...P")
    assert bench.box.gaps == [
        {
            "reason": module.LOST_BY_CAMERA,
            "frames": 3,
            "from_us": START_US + FRAME_US,
            "to_us": START_US + 5 * FRAME_US,
        }
    ]
    # Stated before the packet that comes after it.
    kinds = [
        header.kind for header, _ in bench.box.sent if header.kind is not wire.MessageKind.BEAT
    ]
    assert kinds == [
        wire.MessageKind.PACKET,
        wire.MessageKind.PACKET,
        wire.MessageKind.GAP,
        wire.MessageKind.PACKET,
    ]


def test_a_sensor_that_stood_still_is_a_gap_although_its_numbers_go_on() -> None:
    bench = armed()
    bench.run("IP")
    bench.tick += 90
    bench.run("P")
    # 91 frame times between two frames: 90 were missed.
    assert [gap["frames"] for gap in bench.box.gaps] == [90]


def test_a_slow_frame_is_no_gap() -> None:
    bench = armed()
    bench.run("I")
    late_us = bench.now_us + FRAME_US // 3
    picture = bench.pictures.delivered(1, late_us, FRAME_US)
    assert picture == Picture(1, late_us)


def test_a_lower_rate_is_no_gap_if_the_sensor_says_so() -> None:
    bench = armed()
    bench.run("I")
    picture = bench.pictures.delivered(1, START_US + 2 * FRAME_US, 2 * FRAME_US)
    assert picture is not None
    assert picture.lost == 0


def test_without_a_duration_the_nominal_one_counts() -> None:
    bench = armed()
    bench.run("I")
    picture = bench.pictures.delivered(1, START_US + 3 * FRAME_US, 0)
    assert picture is not None
    assert picture.lost == 2


def test_numbers_that_wrap_are_no_gap() -> None:
    bench = armed(first_frame=0xFFFF_FFFE)
    bench.run("IPPP")
    assert bench.box.frames == [0xFFFF_FFFE, 0xFFFF_FFFF, 0, 1]
    assert bench.box.gaps == []


def test_numbers_that_start_again_are_no_gap_of_billions() -> None:
    bench = armed(first_frame=500)
    bench.run("IP")
    bench.frame = 0
    bench.run("P")
    assert bench.box.gaps == []


def test_a_frame_whose_time_did_not_advance_is_left_out_and_stated() -> None:
    bench = armed()
    bench.run("IP=P")
    assert bench.box.frames == [0, 1, 3]
    assert [(gap["reason"], gap["frames"]) for gap in bench.box.gaps] == [(module.LOST_BY_TIME, 1)]


def test_frames_that_the_encoder_dropped_are_a_gap() -> None:
    bench = armed()
    bench.run("IPxxP")
    assert [(gap["reason"], gap["frames"]) for gap in bench.box.gaps] == [
        (module.LOST_BY_ENCODER, 2)
    ]


def test_every_reason_is_stated_with_its_own_count() -> None:
    bench = armed()
    bench.run("IP.x=..xP")
    assert {gap["reason"]: gap["frames"] for gap in bench.box.gaps} == {
        module.LOST_BY_CAMERA: 3,
        module.LOST_BY_ENCODER: 2,
        module.LOST_BY_TIME: 1,
    }


def test_what_does_not_fit_is_dropped_up_to_the_next_key_frame() -> None:
    bench = armed()
    bench.run("IPP|P!PPIPP")
    assert bench.box.frames == [0, 1, 2, 6, 7, 8]
    assert bench.keys_wanted == 1
    assert bench.box.gaps == [
        {
            "reason": module.LOST_BY_QUEUE,
            "frames": 3,
            "from_us": START_US + 2 * FRAME_US,
            "to_us": START_US + 6 * FRAME_US,
        }
    ]


def test_a_key_frame_that_does_not_fit_either_extends_the_gap() -> None:
    bench = armed()
    bench.run("I|PPIPP!PPI")
    assert bench.box.frames == [0, 8]
    assert [gap["frames"] for gap in bench.box.gaps] == [7]
    # One for each packet that met the full queue: a P and an I.
    assert bench.keys_wanted == 2


def test_every_frame_is_a_packet_or_in_a_gap() -> None:
    bench = armed()
    bench.run("IPP..P=PxP|PPP!PPIP..I")
    missing = sum(gap["frames"] for gap in bench.box.gaps)
    assert len(bench.box.frames) + missing == bench.frame


def test_a_new_epoch_owes_nothing_to_the_old_one() -> None:
    bench = armed()
    bench.run("IP..")
    bench.pictures.arm(2, 0)
    bench.run("IP")
    assert bench.box.gaps == []
    assert [header.epoch for header, _ in bench.box.of(wire.MessageKind.PACKET)] == [1, 1, 2, 2]


def test_beats_come_every_quarter_of_a_second_while_frames_come() -> None:
    bench = Bench()
    bench.run("P" * 31)
    beats = [body for _, body in bench.box.of(wire.MessageKind.BEAT)]
    # The first frame, and then each eighth: 8 x 33.3 ms is the first that reaches 250 ms.
    assert [beat["frame"] for beat in beats] == [0, 8, 16, 24]
    assert beats[-1] == {
        "frame": 24,
        "pts_us": START_US + 24 * FRAME_US,
        "delivered": 25,
        "encoded": 0,
        "luma": None,
    }


def test_the_brightness_is_looked_at_for_a_beat_and_for_no_other_frame() -> None:
    bench, looked = Bench(), []

    def luma() -> int:
        looked.append(True)
        return 117

    for number in range(10):
        bench.pictures.delivered(number, START_US + number * FRAME_US, FRAME_US, luma)
    assert [body["luma"] for _, body in bench.box.of(wire.MessageKind.BEAT)] == [117, 117]
    assert len(looked) == 2


def test_beats_do_not_fill_the_queue_of_a_controller_that_does_not_read() -> None:
    bench = Bench()
    bench.box.full = True
    bench.run("P" * 31)
    assert bench.box.sent == []


def test_what_was_delivered_and_what_was_encoded_are_both_counted() -> None:
    bench = armed()
    bench.run("IPx.PP")
    assert bench.pictures.delivered_count == 5
    assert bench.pictures.encoded_count == 4


def test_an_encoder_that_gives_what_it_was_not_fed_is_an_error() -> None:
    bench = armed()
    bench.run("I")
    with pytest.raises(CaptureError, match="not fed"):
        bench.pictures.encoded(packet(), False, 12)


def test_an_encoder_that_goes_back_in_time_is_an_error() -> None:
    bench = armed()
    bench.run("IP")
    bench.pictures.fed(5, Picture(9, START_US))
    with pytest.raises(CaptureError, match="out of order"):
        bench.pictures.encoded(packet(), False, 5)


def test_an_encoder_that_keeps_everything_is_an_error() -> None:
    bench = armed()
    with pytest.raises(CaptureError, match="kept"):
        bench.run("x" * (module.IN_ENCODER + 1))


def test_a_fresh_encoder_may_start_its_time_again() -> None:
    bench = armed()
    bench.run("IP")
    bench.pictures.started()
    bench.pictures.fed(0, Picture(9, START_US - 5))
    bench.pictures.encoded(packet(), True, 0)
