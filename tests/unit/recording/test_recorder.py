"""A recording holds what it was asked to hold, and states what it does not.

The recorder runs as it does in the daemon, on the real ring, with a clock that stands still unless
a test moves it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from evidence_helpers import (
    FPS,
    decoded,
    expected,
    feed,
    ffmpeg_is_silent,
    footage,
    probed_seconds,
    seconds_of_footage,
    time_of,
)
from recorder_bench import DEADLINE, Bench, Stalling, plan, until
from sink_helpers import SEALER, unsealed_file

from camerad.container.gaps import HOLE_US, STARTED_LATE, STOPPED_SHORT
from camerad.container.statements import FragmentFacts, RateChange
from camerad.recording import course
from camerad.recording.recorder import BUFFER_BOUND, STILL_FILLING
from camerad.store.listing import list_recordings
from camerad.stream.ring import CAPTURE_RESTARTED, FRAMES_LOST, Gap, Lease, Ring, RingReader

BEFORE = "20261124T152900Z-000001-00000000"
"""Id of the recording before."""


def test_the_pre_event_part_and_what_follows_are_one_time_line(bench: Bench) -> None:
    feed(bench.ring, seconds_of_footage(6)[:100])
    bench.start(plan(95, pre_event_us=3_000_000), stop_at=170)
    feed(bench.ring, seconds_of_footage(6)[100:])
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(171))
    ffmpeg_is_silent(unsealed_file(info.path))
    # 171 pictures; probed is what a player shows.
    assert info.seconds == pytest.approx(171 / FPS, abs=1e-5)
    assert probed_seconds(unsealed_file(info.path)) == pytest.approx(info.seconds, abs=1e-5)
    assert info.pre_event_seconds == pytest.approx(95 / FPS, abs=1e-5)
    assert (info.frames, info.gaps, info.pre_event_shortfall_seconds) == (171, (), 0)
    assert bench.header()["pre_event_shortfall"] is None


def test_without_a_pre_event_buffer_nothing_older_than_the_press_is_kept(bench: Bench) -> None:
    feed(bench.ring, seconds_of_footage(3))
    bench.start(plan(31), stop_at=70)
    info = bench.finish()
    # The first key frame at or after picture 31 is picture 60.
    assert decoded(unsealed_file(info.path)) == expected(range(60, 71))
    assert info.pre_event_seconds == 0
    # 29 pictures between the press and the first one are more than half a second.
    assert info.gaps == (Gap(STARTED_LATE, None, time_of(31), time_of(60)),)


def test_every_frame_up_to_the_stop_is_kept_also_if_it_comes_later(bench: Bench) -> None:
    packets = seconds_of_footage(4)
    feed(bench.ring, packets[:40])
    recorder = bench.start(plan(0))
    recorder.stop(time_of(75), deadline=5)
    for packet in packets[40:75]:
        feed(bench.ring, [packet])
    bench.looks()
    assert not recorder.join(0)
    feed(bench.ring, packets[75:80])
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(76))
    assert info.gaps == ()
    assert info.reason == "stop"


def test_nothing_exposed_after_the_stop_is_kept_if_it_was_taken_before_the_stop_came(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = RingReader.take

    def taken_then_stopped(reader: RingReader, *given: Any) -> Lease | None:
        lease = take(reader, *given)
        if lease is not None and bench.recorder is not None:
            assert len(lease.packets) > 11  # it holds pictures from after the stop
            monkeypatch.undo()
            bench.recorder.stop(time_of(10), deadline=1)
        return lease

    monkeypatch.setattr(RingReader, "take", taken_then_stopped)
    feed(bench.ring, seconds_of_footage(2))
    bench.start(plan(0))
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(11))
    assert info.gaps == ()


def test_the_first_fragment_is_written_with_two_pictures(bench: Bench) -> None:
    packets = seconds_of_footage(1)
    recorder = bench.start(plan(0))
    feed(bench.ring, packets[:1])
    until(lambda: bool(bench.opened))
    feed(bench.ring, packets[1:2])
    assert recorder.first_durable_us is None
    # They last 67 ms; that the second has ended is known with the third.
    feed(bench.ring, packets[2:3])
    until(lambda: recorder.first_durable_us is not None)
    (commit,) = bench.facts()
    assert commit["end_us"] == time_of(2)


@pytest.mark.parametrize("fps", [30, 25, 15, 10, 5])
def test_it_waits_for_the_third_picture_however_few_a_second(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fps: int
) -> None:
    takes = []
    take = RingReader.take

    def counted(reader: RingReader, *arguments: Any) -> Lease | None:
        takes.append(arguments)
        return take(reader, *arguments)

    monkeypatch.setattr(RingReader, "take", counted)
    packets = [
        (info._replace(pts_us=time_of(0) + number * 1_000_000 // fps), data)
        for number, (info, data) in enumerate(seconds_of_footage(1)[:3])
    ]
    feed(bench.ring, packets[:1])
    recorder = bench.start(plan(0, fps=fps))
    until(lambda: bool(bench.opened))
    feed(bench.ring, packets[1:2])
    until(lambda: len(takes) >= 2)
    time.sleep(0.05)  # in which one that does not wait would ask a thousand times
    assert len(takes) <= 4
    assert recorder.first_durable_us is None
    feed(bench.ring, packets[2:])
    until(lambda: recorder.first_durable_us is not None)
    (commit,) = bench.facts()
    assert commit["end_us"] == packets[2][0].pts_us


def test_fragments_are_about_as_long_as_planned(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    for packet in seconds_of_footage(3):
        feed(bench.ring, [packet])
        until(lambda at=packet[0].pts_us: _is_taken(bench, at))
    recorder.stop(time_of(89), deadline=1)
    bench.finish()
    lengths = [commit["end_us"] - commit["first_us"] for commit in bench.facts()]
    # One picture more or less, depending on which one completes the half second.
    assert lengths[0] == pytest.approx(66_667, abs=34_000)
    assert lengths[1:-1] == pytest.approx([500_000] * (len(lengths) - 2), abs=34_000)
    assert len(lengths) in (6, 7, 8)


def _is_taken(bench: Bench, pts_us: int) -> bool:
    """Whether the recorder has written what it should have by the time of a packet."""
    info = bench.recorder.info if bench.recorder else None
    written_us = time_of(0) + round(info.seconds * 1_000_000) if info else time_of(0)
    limit_us = 80_000 if written_us == time_of(0) else 520_000
    return pts_us - written_us < limit_us


def test_a_backlog_is_drained_in_longer_fragments(bench: Bench) -> None:
    feed(bench.ring, seconds_of_footage(8))
    bench.start(plan(239, pre_event_us=5_000_000), stop_at=239)
    bench.finish()
    # Half a second first, so that something is on the disk soon, then two seconds at a time.
    lengths = [commit["end_us"] - commit["first_us"] for commit in bench.facts()]
    assert lengths == pytest.approx([5e5, 2e6, 2e6, 2e6, 1.5e6], abs=7e4)


def test_a_restart_of_the_camera_goes_on_in_the_same_recording(bench: Bench) -> None:
    packets = footage("IPPPPPPPPP|" + " " * 40 + "IPPPPPPPPP")
    bench.start(plan(0), stop_at=58)
    feed(bench.ring, packets[:10])
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    feed(bench.ring, packets[10:])
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected([*range(10), *range(50, 59)])
    ffmpeg_is_silent(unsealed_file(info.path))
    assert info.gaps == (Gap(CAPTURE_RESTARTED, None, time_of(9), time_of(50)),)
    assert info.seconds == pytest.approx(59 / FPS, abs=1e-4)


def test_a_lost_frame_is_stated_even_if_nobody_said_so(bench: Bench) -> None:
    bench.start(plan(0), stop_at=10)
    feed(bench.ring, footage("IPPPP..PPPPP"))
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected([*range(5), *range(7, 11)])
    assert info.gaps == (Gap(FRAMES_LOST, 2, time_of(4), time_of(7)),)


def test_a_camera_that_does_not_deliver_until_the_stop_is_stated(bench: Bench) -> None:
    feed(bench.ring, footage("IPPPPPPPPP"))
    recorder = bench.start(plan(0))
    recorder.stop(time_of(100), deadline=2)
    bench.clock.advance(time_of(100) - time_of(0) + 1_999_997)
    bench.looks()
    assert not recorder.join(0)
    bench.clock.advance(1)
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(10))
    assert info.gaps == (Gap(STOPPED_SHORT, None, time_of(9), time_of(100)),)


def test_the_reason_why_the_camera_did_not_deliver_is_kept(bench: Bench) -> None:
    feed(bench.ring, footage("IPPPPPPPPP"))
    recorder = bench.start(plan(0))
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    recorder.stop(time_of(100), deadline=0)
    bench.clock.advance(10_000_000)
    info = bench.finish()
    assert info.gaps == (Gap(CAPTURE_RESTARTED, None, time_of(9), time_of(100)),)


def test_a_gap_over_the_stop_is_stated_up_to_the_stop(bench: Bench) -> None:
    packets = footage("IPPPPPPPPP|" + " " * 40 + "IPPP")
    bench.start(plan(0), stop_at=30)
    feed(bench.ring, packets[:10])
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    feed(bench.ring, packets[10:])
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(10))
    assert info.gaps == (Gap(STOPPED_SHORT, None, time_of(9), time_of(30)),)


def test_of_several_stops_the_earliest_holds(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    recorder.stop(time_of(90), deadline=60, reason="stop")
    recorder.stop(time_of(50), deadline=60, reason="shutdown")
    recorder.stop(time_of(80), deadline=60, reason="stop")
    feed(bench.ring, seconds_of_footage(2))
    info = bench.finish()
    assert (info.frames, info.reason) == (51, "shutdown")


def test_what_is_there_is_written_when_no_picture_comes_for_a_while(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, footage("IPPPPPPPPPPPPP"))
    bench.clock.advance(time_of(13) - time_of(0) + HOLE_US + 1)
    until(lambda: recorder.info is not None and recorder.info.frames == 14)
    info = recorder.info
    assert info is not None
    assert info.seconds == pytest.approx(14 / FPS, abs=1e-4)
    assert info.state == "recording"
    # And when the camera comes back the recording goes on.
    recorder.stop(time_of(61), deadline=1)
    feed(bench.ring, footage("IPP", first=60, epoch=2))
    assert bench.finish().gaps == (Gap(CAPTURE_RESTARTED, None, time_of(13), time_of(60)),)


def test_pictures_that_lie_where_nobody_has_looked_are_waited_for(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    packets = footage("I" + "P" * 29)
    feed(bench.ring, packets[:8])
    until(lambda: recorder.info is not None and recorder.info.frames)
    said = recorder.info
    assert said is not None
    assert said.frames < 8
    bench.ring.lies_since_us = time_of(8)
    bench.clock.advance(time_of(7) - time_of(0) + HOLE_US + 1)
    bench.looks()
    assert recorder.info == said
    bench.ring.lies_since_us = None
    bench.looks()
    until(lambda: recorder.info is not None and recorder.info.frames == 8)
    recorder.stop(time_of(29), deadline=1)
    feed(bench.ring, packets[8:])
    assert bench.finish().frames == 30


def test_a_stop_is_seen_at_once_by_a_recorder_that_waits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "LONGEST_WAIT_S", 10 * DEADLINE)
    monkeypatch.setattr(course, "QUIET_WAIT_S", 10 * DEADLINE)
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1))
    until(lambda: recorder.info is not None)
    recorder.stop(time_of(20), deadline=1)
    assert bench.finish().frames == 21


def test_without_any_picture_there_is_no_file(bench: Bench, tmp_path: Path) -> None:
    recorder = bench.start(plan(0), stop_at=10)
    bench.clock.advance(10_000_000)
    assert recorder.join(DEADLINE)
    assert (bench.opened, bench.closed, bench.failed) == ([], [None], [])
    assert list(tmp_path.iterdir()) == []


def test_a_buffer_that_was_still_filling_is_a_stated_shortfall(bench: Bench) -> None:
    feed(bench.ring, seconds_of_footage(2))
    bench.start(plan(59, pre_event_us=10_000_000), stop_at=59)
    info = bench.finish()
    assert info.pre_event_seconds == pytest.approx(59 / FPS, abs=1e-5)
    assert info.pre_event_shortfall_seconds == pytest.approx(10 - 59 / FPS, abs=1e-5)
    assert bench.header()["pre_event_shortfall"] == STILL_FILLING


def test_a_buffer_too_small_for_its_seconds_is_a_stated_shortfall(tmp_path: Path) -> None:
    packets = seconds_of_footage(8)
    size = sum(len(data) for _, data in packets[:90])
    bench = Bench(str(tmp_path), Ring(size, 6, lock=False))
    feed(bench.ring, packets)
    bench.start(plan(239, pre_event_us=6_000_000), stop_at=239)
    info = bench.finish()
    assert info.pre_event_seconds < 3.1
    assert bench.header()["pre_event_shortfall"] == BUFFER_BOUND


def test_marks_are_committed_with_their_media_time(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    recorder.mark(time_of(3))
    feed(bench.ring, footage("IPPPPPP"))
    until(lambda: recorder.first_durable_us is not None)
    recorder.mark(time_of(6))
    recorder.mark(time_of(90))
    recorder.stop(time_of(6), deadline=1)
    info = bench.finish()
    assert bench.facts()[0]["marks"] == [time_of(3)]
    assert info.marks == pytest.approx((3 / FPS, 6 / FPS, 3.0), abs=1e-5)


def test_a_mark_at_the_very_end_is_in_the_end(bench: Bench) -> None:
    class Late(Stalling):
        def append(self, fragment: bytes, facts: FragmentFacts) -> None:
            super().append(fragment, facts)
            recorder.mark(time_of(5))

    storage = Late()
    storage.go_on.set()
    recorder = bench.start(plan(0), storage.open, stop_at=6)
    feed(bench.ring, footage("IPPPPPPP"))
    info = bench.finish()
    assert bench.closing()["marks"] == [time_of(5)]
    assert len(info.marks) == len(bench.facts())


def test_the_next_recording_follows_the_first(bench: Bench) -> None:
    packets = seconds_of_footage(6)
    feed(bench.ring, packets[:60])
    bench.start(plan(30, pre_event_us=1_000_000), stop_at=58)
    bench.finish()
    bench.opened.clear()
    bench.closed.clear()
    feed(bench.ring, packets[60:120])
    second = bench.start(plan(70), stop_at=115)
    assert second.join(DEADLINE)
    newest, oldest = list_recordings(bench.directory)
    assert decoded(unsealed_file(newest.path)) == expected(range(90, 116))
    assert decoded(unsealed_file(oldest.path)) == expected(range(59))


def test_the_header_says_who_when_and_why(bench: Bench) -> None:
    bench.clock.step_wall(5_000_000)
    wall_us = bench.clock.wall_us()
    bench.clock.advance(time_of(4) - time_of(0))
    feed(bench.ring, footage("IPPPP"))
    bench.start(plan(2, pre_event_us=1, continues=BEFORE, wearer="7", retention_days=3), stop_at=4)
    info = bench.finish()
    header = bench.header()
    assert header["boot_id"] == bench.clock.boot_id
    assert header["clock"]["source"] == "synchronised"
    # The trigger is two frames after the clock was read, and two before the recorder starts.
    assert header["started_wall_us"] == wall_us + time_of(2) - time_of(0)
    assert (header["continues"], header["wearer"], header["retention_days"]) == (BEFORE, "7", 3)
    assert header["id"] == info.id
    assert header["id"].startswith("20260101T000005Z-000001-")
    assert header["recipients"] == list(SEALER.recipients)


def test_stage_changes_are_committed_with_their_media_time(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    recorder.stage(time_of(0), "recording", True)
    feed(bench.ring, footage("IPPPPPP"))
    until(lambda: recorder.first_durable_us is not None)
    recorder.stage(time_of(5), "recording", False)
    recorder.stop(time_of(6), deadline=1)
    bench.finish()
    first, *rest = [commit["stages"] for commit in bench.facts()] + [bench.closing()["stages"]]
    assert first == [{"at_us": time_of(0), "stage": "recording", "display": True}]
    # Once each, wherever it fell.
    assert [one for stages in rest for one in stages] == [
        {"at_us": time_of(5), "stage": "recording", "display": False}
    ]


def test_another_rate_is_committed_with_its_media_time_and_else_nothing_is_said(
    bench: Bench,
) -> None:
    recorder = bench.start(plan(0))
    recorder.rate(RateChange(time_of(0), FPS, "heat", 20))
    feed(bench.ring, footage("IPPPPPP"))
    until(lambda: recorder.first_durable_us is not None)
    recorder.rate(RateChange(time_of(5), 20, "cooled", FPS))
    recorder.stop(time_of(6), deadline=1)
    rates = [(round(one.at, 3), one.to_fps) for one in bench.finish().rates]
    assert rates == [(0.0, 20), (0.167, FPS)]
    first, *rest = [*bench.facts(), bench.closing()]
    assert first["rates"] == [
        {"at_us": time_of(0), "from_fps": FPS, "reason": "heat", "to_fps": 20}
    ]
    # Once each, wherever it fell; a statement without one does not have the field.
    assert [one["rates"] for one in rest if "rates" in one] == [
        [{"at_us": time_of(5), "from_fps": 20, "reason": "cooled", "to_fps": FPS}]
    ]


@pytest.mark.parametrize(
    ("moved_us", "stated_us"),
    [
        (3_600_000_000, 3_600_000_000),
        (-500_001, -500_001),
        (500_000, None),
        (0, None),
    ],
)
def test_a_clock_that_is_set_is_stated_with_how_far(
    bench: Bench, moved_us: int, stated_us: int | None
) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, footage("IPPPPPP"))
    until(lambda: recorder.first_durable_us is not None)
    bench.clock.step_wall(moved_us)
    recorder.stop(time_of(6), deadline=1)
    bench.finish()
    steps = [commit["clock_step_us"] for commit in bench.facts()]
    steps.append(bench.closing()["clock_step_us"])
    assert [step for step in steps if step is not None] == (
        [] if stated_us is None else [stated_us]
    )
    assert steps[0] is None


def test_a_clock_that_is_set_at_the_very_end_is_stated_in_the_end(bench: Bench) -> None:
    class Late(Stalling):
        def append(self, fragment: bytes, facts: FragmentFacts) -> None:
            super().append(fragment, facts)
            bench.clock.step_wall(-1_000_000)

    storage = Late()
    storage.go_on.set()
    bench.start(plan(0), storage.open, stop_at=6)
    feed(bench.ring, footage("IPPPPPPP"))
    bench.finish()
    stated = [commit["clock_step_us"] for commit in bench.facts()]
    assert stated == [None] + [-1_000_000] * (len(stated) - 1)
    assert bench.closing()["clock_step_us"] == -1_000_000
