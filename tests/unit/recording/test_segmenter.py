"""Gaps become holes, never pictures that stand still, and none is silent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from evidence_helpers import NOMINAL_US, ORIGIN_US, Packet, footage, time_of
from hypothesis import given
from hypothesis import strategies as st

from camerad.container.gaps import (
    CAPTURE_RESTARTED,
    FRAMES_LOST,
    NO_PICTURES,
    RING_FULL,
    Gap,
)
from camerad.recording.segmenter import Chunk, Segmenter
from camerad.stream.packets import PacketInfo


def cut_all(
    packets: Sequence[Packet], gaps: Sequence[Gap] = (), at_once: int | None = None
) -> list[Chunk]:
    """What a whole recording is cut into, `at_once` packets at a time."""
    cutter = Segmenter(NOMINAL_US)
    step = at_once or len(packets)
    chunks = []
    for start in range(0, len(packets), step):
        end = start + step
        here = [
            gap for gap in gaps if any(info.pts_us == gap.to_us for info, _ in packets[start:end])
        ]
        following = packets[end][0].pts_us if end < len(packets) else None
        chunks.append(cutter.cut(packets[start:end], here, following))
    chunks.append(cutter.flush())
    return [chunk for chunk in chunks if chunk is not None]


def lost(frames: int | None, first: int, last: int, reason: str = FRAMES_LOST) -> Gap:
    return Gap(reason, frames, time_of(first), time_of(last))


@pytest.mark.parametrize(
    ("script", "stated", "gaps", "runs"),
    [
        ("IPPPPP", (), (), 1),
        ("IPPP.PPP", (), (lost(1, 3, 5),), 2),
        # What was stated keeps its own words, and open ends get those of the neighbours.
        ("IPPP.PPP", (lost(1, 3, 5, RING_FULL),), (lost(1, 3, 5, RING_FULL),), 2),
        ("...IPPP", (lost(3, 0, 3, RING_FULL),), (lost(3, 0, 3, RING_FULL),), 1),
        # Another process, after a pause and without one; the sensor itself may run at 7.5 pictures
        # a second, in heat; and frame numbers may say what they like of a long time.
        ("IPPP|   IPPP", (), (lost(None, 3, 7, CAPTURE_RESTARTED),), 2),
        ("IPPP|IPPP", (), (), 2),
        ("I   P   P   P", (), (), 1),
        ("IPPP" + " " * 20 + "PPP", (), (lost(None, 3, 24, NO_PICTURES),), 2),
    ],
)
def test_a_hole_is_stated_wherever_the_packets_are_parted(
    script: str, stated: tuple[Gap, ...], gaps: tuple[Gap, ...], runs: int
) -> None:
    packets = footage(script.lstrip("."), first=len(script) - len(script.lstrip(".")))
    for at_once in (None, *range(1, len(packets))):
        chunks = cut_all(packets, stated, at_once)
        assert tuple(gap for chunk in chunks for gap in chunk.gaps) == gaps
        kept = [run for chunk in chunks for run in chunk.runs]
        taken = [info for run in kept for info, _ in run.packets]
        assert taken == [info for info, _ in packets]
        # The last picture before a hole, and that before the end, has the nominal duration.
        ends = [run.end_us for run in kept]
        assert ends[-1] == packets[-1][0].pts_us + NOMINAL_US
        assert all(gap.from_us + NOMINAL_US in ends for gap in gaps if gap.from_us != time_of(0))
        if at_once is None:
            assert len(kept) == runs + 1  # and the last picture, which waited for its follower


def test_a_lower_rate_is_no_hole_and_its_follower_is_near() -> None:
    """15 pictures per second where 30 are usual: none is missing by its number."""
    slow = [
        (info._replace(pts_us=ORIGIN_US + 2 * n * NOMINAL_US, frame=n), data)
        for n, (info, data) in enumerate(footage("IPPPPPPP"))
    ]
    cutter = Segmenter(NOMINAL_US)
    chunk = cutter.cut(slow[:4], next_us=slow[4][0].pts_us)
    assert chunk is not None
    assert chunk.gaps == ()
    assert len(chunk.runs[0].packets) == 4  # none is held back
    assert chunk.runs[0].end_us == slow[4][0].pts_us
    # A hole at that rate is one still.
    later = [
        (info._replace(pts_us=info.pts_us + 2 * NOMINAL_US, frame=info.frame + 1), data)
        for info, data in slow[5:]
    ]
    rest = cutter.cut([slow[4], *later], final=True)
    assert rest is not None
    assert [(gap.reason, gap.frames) for gap in rest.gaps] == [(FRAMES_LOST, 1)]


def test_nothing_is_copied_while_the_follower_is_near() -> None:
    packets = footage("IPPPPP")
    cutter = Segmenter(NOMINAL_US)
    chunk = cutter.cut(packets[:3], next_us=time_of(3))
    assert chunk is not None
    assert [unit for _, unit in chunk.runs[0].packets] == [data for _, data in packets[:3]]
    assert chunk.runs[0].end_us == time_of(3)
    assert cutter.flush() is None


def test_a_picture_before_a_possible_hole_waits_for_its_follower() -> None:
    packets = footage("IPP" + "." + "PP")
    cutter = Segmenter(NOMINAL_US)
    chunk = cutter.cut(packets[:3], next_us=time_of(4))
    assert chunk is not None
    assert chunk.runs[-1].end_us == time_of(2)
    rest = cutter.cut(packets[3:])
    assert rest is not None
    assert rest.runs[0].end_us == time_of(2) + NOMINAL_US


def test_frame_numbers_wrap() -> None:
    (first, *others) = footage("IPPP")
    info, data = first
    wrapping = [(info._replace(frame=2**32 - 1), data)]
    for frame, (later, later_data) in enumerate(others):
        wrapping.append((later._replace(frame=frame), later_data))
    (chunk, _) = cut_all(wrapping)
    assert chunk.gaps == ()


def test_frame_numbers_that_go_back_leave_the_count_open() -> None:
    one, other = footage("IP")
    info: PacketInfo = other[0]._replace(frame=3)
    (chunk, _) = cut_all([one, (info, other[1])])
    assert chunk.gaps == (Gap(FRAMES_LOST, None, time_of(0), time_of(1)),)


def test_nothing_after_the_stop_is_kept() -> None:
    packets = footage("IPPPPP")
    cutter = Segmenter(NOMINAL_US)
    cutter.until_us = time_of(3)
    chunk = cutter.cut(packets)
    assert chunk is not None
    assert (chunk.runs[-1].last_us, chunk.runs[-1].end_us) == (time_of(3), time_of(4))
    assert cutter.flush() is None


def test_gaps_without_a_picture_wait_for_the_end() -> None:
    cutter = Segmenter(NOMINAL_US)
    stated = Gap(RING_FULL, 3, time_of(1), time_of(5))
    assert cutter.cut([], [stated]) is None
    assert cutter.take_gaps() == (stated,)
    assert cutter.take_gaps() == ()


def _packets(script: str) -> list[Packet]:
    """Packets without content; as in `footage`, and every other one comes 100 us late."""
    found: list[Packet] = []
    epoch, frame = 1, 0
    for number, what in enumerate(script):
        if what == "|":
            epoch, frame = epoch + 1, 0
        elif what == "P":
            at = time_of(number) + number % 2 * 100
            found.append((PacketInfo(epoch, frame, at, False, 1), b"%d" % number))
        frame += 1
    return found


@given(
    script=st.text("PPPPPP.|", max_size=40),
    parts=st.lists(st.integers(1, 9), max_size=40),
    flushes=st.sets(st.integers(0, 40)),
)
def test_every_packet_is_cut_once_and_every_hole_is_stated(
    script: str, parts: list[int], flushes: set[int]
) -> None:
    packets = rest = _packets(script)
    cutter = Segmenter(NOMINAL_US)
    chunks = []
    for index, size in enumerate([*parts, 40]):
        here, rest = rest[:size], rest[size:]
        chunks.append(cutter.cut(here, next_us=rest[0][0].pts_us if rest else None))
        if index in flushes:
            chunks.append(cutter.flush())
    chunks.append(cutter.flush())
    runs = [run for chunk in chunks if chunk for run in chunk.runs]
    gaps = {(gap.from_us, gap.to_us) for chunk in chunks if chunk for gap in chunk.gaps}
    assert [packet for run in runs for packet in run.packets] == packets
    for run in runs:
        times = [info.pts_us for info, _ in run.packets]
        # Within a run no picture stands still for longer than one and a half intervals.
        assert all(b - a <= NOMINAL_US * 3 // 2 for a, b in pairwise(times))
    for before, after in pairwise(runs):
        hole_us = after.first_us - before.end_us
        # A flush gives the nominal duration, at most 101 us from the true one.
        assert abs(hole_us) <= 101 or (before.last_us, after.first_us) in gaps
