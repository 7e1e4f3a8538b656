"""A recording holds the sound that it was asked to hold, at its time, and states what it lacks.

The recorder runs as it does in the daemon, on real rings; ffmpeg judges what was recorded.
"""

from __future__ import annotations

import errno
import gc
import json
import subprocess
from typing import Any

import pytest
from evidence_helpers import (
    ORIGIN_US,
    decoded,
    expected,
    feed,
    ffmpeg_is_silent,
    footage,
    seconds_of_footage,
    time_of,
)
from recorder_bench import Bench, Stalling, plan, until
from sink_helpers import DESK, KEY, unsealed_file
from sound_helpers import (
    UNIT_US,
    beeps,
    feed_sound,
    heard_at,
    seconds_of_sound,
    sound,
    sound_format,
)

from camerad.base.errors import StorageError
from camerad.container.gaps import HOLE_US
from camerad.container.keys import KeyRing
from camerad.container.statements import FragmentFacts
from camerad.evidence.decrypt import open_recording
from camerad.recording import audio_track
from camerad.recording.audio_track import AudioTrack
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SOUND_LOST, SoundNews
from camerad.stream.wire import SoundState
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict

SECOND = 1_000_000
SYNC_S = 0.012
"""A beep is found to 1 ms, and AAC spreads its beginning over half a window: 512 samples."""
ON = SoundNews(SoundState.ON, ORIGIN_US)


def hearing(bench: Bench, **options: Any) -> AudioTrack:
    """A track whose microphone is on."""
    track = bench.with_sound(form=sound_format(), **options)
    track.changed(ON)
    return track


def sounds(bench: Bench) -> list[dict[str, Any]]:
    """What the commits say about sound."""
    return [facts["sound"] for facts in bench.facts()]


def sound_gaps(bench: Bench) -> list[tuple[str, int | None, int, int]]:
    """Reason, units, and seconds of all gaps in the sound."""
    said = [*sounds(bench), bench.closing()["sound"]]
    return [
        (
            gap["reason"],
            gap["frames"],
            round((gap["from_us"] - ORIGIN_US) / SECOND, 2),
            round((gap["to_us"] - ORIGIN_US) / SECOND, 2),
        )
        for one in said
        for gap in one["gaps"]
    ]


def units(bench: Bench) -> int:
    return sum(one["units"] for one in sounds(bench))


def opened(path: str, salvage: bool = False) -> str:
    """The recording as the office opens it: checked, and a standard MP4."""
    to = path.removesuffix(".tar") + ".opened.mp4"
    report = open_recording(path, KeyRing([KEY.public]), [DESK], to, salvage=salvage)
    assert report.output == to
    assert report.left_out == ()
    return to


def test_sound_and_picture_of_one_instant_are_at_one_time_of_the_file(bench: Bench) -> None:
    hearing(bench)
    feed(bench.ring, seconds_of_footage(5))
    feed_sound(bench.sound_ring, sound(5.1))
    bench.start(plan(0), stop_at=135)
    info = bench.finish()
    assert info.sound
    assert (info.gaps, info.sound_gaps) == ((), ())
    for path in (unsealed_file(info.path), opened(info.path)):
        ffmpeg_is_silent(path)
        assert decoded(path) == expected(range(136))
        # A beep at each second; the first cannot be heard from its very beginning.
        assert beeps(path)[1:] == pytest.approx([1, 2, 3, 4], abs=SYNC_S)
        # All that ends before picture 135: 4.5 s, less than one unit less.
        assert 4.5 - UNIT_US / SECOND <= seconds_of_sound(path) <= 4.5
    assert verify(info.path, KeyRing([KEY.public])).verdict is Verdict.AUTHENTIC


def test_a_stranger_finds_two_tracks(bench: Bench) -> None:
    hearing(bench)
    feed(bench.ring, seconds_of_footage(2))
    feed_sound(bench.sound_ring, sound(2.1))
    bench.start(plan(0), stop_at=45)
    info = bench.finish()
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", opened(info.path)]
    picture, heard = json.loads(subprocess.check_output(command, timeout=60))["streams"]
    assert picture["codec_name"] == "h264"
    assert (heard["codec_name"], heard["profile"]) == ("aac", "LC")
    assert (heard["sample_rate"], heard["channels"]) == ("48000", 1)
    assert float(heard["start_time"]) == pytest.approx(float(picture["start_time"]), abs=1e-4)


def test_without_pre_event_sound_nothing_is_heard_from_before_the_press(bench: Bench) -> None:
    hearing(bench)
    feed(bench.ring, seconds_of_footage(6))
    feed_sound(bench.sound_ring, sound(6.1))
    bench.start(plan(95, pre_event_us=3_000_000), stop_at=150)
    info = bench.finish()
    assert bench.header()["microphone"] == {
        "channels": 1,
        "device": "hw:1",
        "pre_event": False,
        "rate": 48_000,
        "samples": 1024,
    }
    first_us = sounds(bench)[0]["first_us"] or next(
        one["first_us"] for one in sounds(bench) if one["units"]
    )
    # Picture 95 is at 3.167 s; the first unit after it begins less than a unit later.
    assert time_of(95) <= first_us < time_of(95) + UNIT_US + 1
    assert decoded(opened(info.path)) == expected(range(151))
    assert beeps(opened_again(info.path)) == pytest.approx([4], abs=SYNC_S)
    assert info.sound_gaps == ()


def opened_again(path: str) -> str:
    return path.removesuffix(".tar") + ".opened.mp4"


def test_with_pre_event_sound_it_begins_with_the_first_picture(bench: Bench) -> None:
    hearing(bench, pre_event=True)
    feed(bench.ring, seconds_of_footage(6))
    feed_sound(bench.sound_ring, sound(6.1))
    bench.start(plan(95, pre_event_us=3_000_000), stop_at=150)
    info = bench.finish()
    assert sounds(bench)[0]["first_us"] == ORIGIN_US
    assert beeps(opened(info.path))[1:] == pytest.approx([1, 2, 3, 4], abs=SYNC_S)


def test_nothing_is_heard_from_before_the_first_picture_or_after_the_stop(bench: Bench) -> None:
    hearing(bench)
    feed(bench.ring, seconds_of_footage(3))
    feed_sound(bench.sound_ring, sound(3.1))
    bench.start(plan(31), stop_at=70)
    bench.finish()
    # Without a buffer the first picture is the key frame 60; sound from before has no picture.
    heard = [one for one in sounds(bench) if one["units"]]
    assert time_of(60) <= heard[0]["first_us"] < time_of(60) + UNIT_US
    assert time_of(70) - UNIT_US < heard[-1]["end_us"] <= time_of(70) + 1


def test_lost_sound_is_a_hole_in_its_time_and_stated_with_its_number(bench: Bench) -> None:
    hearing(bench)
    feed(bench.ring, seconds_of_footage(4))
    feed_sound(bench.sound_ring, sound(1.5))
    lost = round(2.5 * SECOND / UNIT_US) - round(1.5 * SECOND / UNIT_US)
    bench.sound_ring.note_gap(SOUND_LOST, lost, None, None)
    feed_sound(bench.sound_ring, sound(4, first=round(2.5 * SECOND / UNIT_US)))
    bench.start(plan(0), stop_at=115)
    info = bench.finish()
    assert sound_gaps(bench) == [(SOUND_LOST, lost, 1.47, 2.5)]
    assert [gap.reason for gap in info.sound_gaps] == [SOUND_LOST]
    assert info.gaps == ()
    for path in (unsealed_file(info.path), opened(info.path)):
        ffmpeg_is_silent(path)
        assert beeps(path)[1:] == pytest.approx([1, 3], abs=SYNC_S)
        assert decoded(path) == expected(range(116))
    assert verify(info.path, KeyRing([KEY.public])).verdict is Verdict.QUALIFIED


def test_a_hole_that_nobody_stated_is_stated_by_the_state_that_sound_was_in(bench: Bench) -> None:
    track = hearing(bench)
    feed(bench.ring, seconds_of_footage(4))
    feed_sound(bench.sound_ring, sound(1))
    track.changed(SoundNews(SoundState.MISSING, heard_at(50), "hw:1 was unplugged"))
    track.changed(SoundNews(SoundState.ON, heard_at(90)))
    feed_sound(bench.sound_ring, sound(4, first=90))
    bench.start(plan(0), stop_at=115)
    bench.finish()
    assert sound_gaps(bench) == [("microphone missing", None, 0.98, 1.92)]
    states = [change for one in sounds(bench) for change in one["states"]]
    assert states == [
        {"at_us": ORIGIN_US, "state": "on", "why": None},
        {"at_us": heard_at(50), "state": "missing", "why": "hw:1 was unplugged"},
        {"at_us": heard_at(90), "state": "on", "why": None},
    ]


def test_nothing_that_was_said_while_muted_is_kept(bench: Bench) -> None:
    track = hearing(bench)
    feed(bench.ring, seconds_of_footage(4))
    # The microphone goes on for as long as it takes to tell it, and the recorder knows better.
    feed_sound(bench.sound_ring, sound(4.1))
    muted_us, unmuted_us = ORIGIN_US + 1_500_000, ORIGIN_US + 2_500_000
    track.mute(True, muted_us)
    track.changed(SoundNews(SoundState.STARTING, muted_us + 10))
    track.mute(True, muted_us + 20)
    track.changed(SoundNews(SoundState.ON, unmuted_us - 10))
    track.mute(False, unmuted_us)
    bench.start(plan(0), stop_at=115)
    info = bench.finish()
    assert sound_gaps(bench) == [("muted", None, 1.47, 2.52)]
    states = [change for one in sounds(bench) for change in one["states"]]
    assert [(one["state"], one["at_us"]) for one in states] == [
        ("on", ORIGIN_US),
        ("muted", muted_us),
        ("on", unmuted_us),
    ]
    path = opened(info.path)
    assert beeps(path)[1:] == pytest.approx([1, 3], abs=SYNC_S)
    silence = round((unmuted_us - muted_us) / UNIT_US) * UNIT_US / SECOND
    assert seconds_of_sound(path) == pytest.approx(115 / 30 - silence, abs=3 * UNIT_US / SECOND)


def test_a_recording_that_goes_on_muted_keeps_no_sound_from_its_beginning_on(
    bench: Bench,
) -> None:
    track = bench.with_sound(form=sound_format())
    # The wearer's word comes before the microphone's, and from before this recording.
    track.mute(True, ORIGIN_US - 5 * SECOND)
    track.changed(SoundNews(SoundState.ON, ORIGIN_US))
    feed(bench.ring, seconds_of_footage(3))
    feed_sound(bench.sound_ring, sound(3.1))
    bench.start(plan(0), stop_at=80)
    info = bench.finish()
    assert units(bench) == 0
    # From the first picture to the stop, and nothing else explains it.
    assert sound_gaps(bench) == [("muted", None, 0.0, pytest.approx(80 / 30, abs=0.04))]
    assert [change["state"] for one in sounds(bench) for change in one["states"]] == ["muted"]
    result = verify(info.path, KeyRing([KEY.public])).result
    assert result is not None
    assert list(result.findings) == []


def test_sound_goes_on_being_committed_while_no_picture_comes(bench: Bench) -> None:
    hearing(bench)
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1))
    feed_sound(bench.sound_ring, sound(1))
    until(lambda: bool(bench.opened))
    bench.clock.advance(SECOND + HOLE_US)
    until(lambda: recorder.info is not None and recorder.info.frames == 30)
    feed_sound(bench.sound_ring, sound(2.5, first=round(SECOND / UNIT_US)))
    # P6: it is safe though no picture follows.
    until(lambda: recorder.info is not None and recorder.info.seconds > 2.4)
    alone = [facts for facts in bench.facts() if not facts["frames"]]
    assert alone
    before = max(facts["end_us"] for facts in bench.facts() if facts["frames"])
    for facts in alone:
        assert facts["first_us"] == facts["last_us"] == facts["end_us"] == before
    # The camera comes back, in a process of its own.
    feed(bench.ring, footage("I" + "P" * 29, first=90, epoch=2))
    feed_sound(bench.sound_ring, sound(4, first=round(2.5 * SECOND / UNIT_US)))
    recorder.stop(time_of(119), deadline=1)
    info = bench.finish()
    assert info.sound_gaps == ()
    for path in (unsealed_file(info.path), opened(info.path)):
        ffmpeg_is_silent(path)
        assert beeps(path)[1:] == pytest.approx([1, 2, 3], abs=SYNC_S)
        assert decoded(path) == expected([*range(30), *range(90, 120)])
    report = verify(info.path, KeyRing([KEY.public]))
    assert report.verdict is Verdict.QUALIFIED  # the pictures' gap
    assert report.result is not None
    # Pictures and then sound alone; and what came when the camera was back.
    first, second = report.result.proven
    assert (first.from_us, second.from_us) == (0, time_of(90) - ORIGIN_US)
    assert first.to_us > 2.4 * SECOND


def test_a_picture_waits_for_no_sound(bench: Bench) -> None:
    hearing(bench)
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(3))
    until(lambda: recorder.info is not None and recorder.info.frames >= 75)
    feed_sound(bench.sound_ring, sound(3.1))
    recorder.stop(time_of(89), deadline=1)
    info = bench.finish()
    assert (info.frames, info.gaps) == (90, ())
    assert beeps(opened(info.path))[1:] == pytest.approx([1, 2], abs=SYNC_S)


def test_a_microphone_that_gives_nothing_costs_no_picture_and_is_stated(bench: Bench) -> None:
    track = bench.with_sound(form=sound_format())
    track.changed(SoundNews(SoundState.FAILED, ORIGIN_US, "Input/output error\n"))
    feed(bench.ring, seconds_of_footage(3))
    bench.start(plan(0), stop_at=80)
    info = bench.finish()
    assert (info.frames, info.sound) == (81, True)
    assert sound_gaps(bench) == [("microphone failed", None, 0.0, 2.67)]
    assert sounds(bench)[0]["states"][0]["why"] == "Input/output error\\x0a"
    assert decoded(opened(info.path)) == expected(range(81))
    assert verify(info.path, KeyRing([KEY.public])).verdict is Verdict.QUALIFIED


def test_a_camera_that_does_not_know_its_sound_records_pictures_and_says_what_was_wanted(
    bench: Bench,
) -> None:
    bench.with_sound(form=None)
    feed_sound(bench.sound_ring, sound(3))
    feed(bench.ring, seconds_of_footage(3))
    bench.start(plan(0), stop_at=80)
    info = bench.finish()
    assert not info.sound
    header = bench.header()
    assert (header["sound"], header["microphone"]["device"]) == (False, "hw:1")
    assert all("sound" not in facts for facts in bench.facts())
    # Sound was wanted and there is none at all: a remark.
    assert verify(info.path, KeyRing([KEY.public])).verdict is Verdict.QUALIFIED


def test_the_end_waits_a_moment_for_the_last_sound(bench: Bench) -> None:
    hearing(bench)
    recorder = bench.start(plan(0), stop_at=60)
    feed_sound(bench.sound_ring, sound(1))
    feed(bench.ring, seconds_of_footage(2.1))
    until(lambda: recorder.info is not None and recorder.info.frames == 61)
    feed_sound(bench.sound_ring, sound(2.1, first=round(SECOND / UNIT_US)))
    info = bench.finish()
    heard = [one for one in sounds(bench) if one["units"]]
    assert heard[-1]["end_us"] > time_of(60) - UNIT_US
    assert info.sound_gaps == ()


def test_the_end_does_not_wait_for_sound_that_cannot_come(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_track, "LAST_S", 1e6)
    track = hearing(bench)
    feed_sound(bench.sound_ring, sound(1))
    track.mute(True, heard_at(40))
    feed(bench.ring, seconds_of_footage(2.1))
    bench.start(plan(0), stop_at=60)
    bench.finish()
    assert sound_gaps(bench) == [("muted", None, 0.83, 2.0)]


def test_the_beginning_is_a_gap_if_the_microphone_takes_long(bench: Bench) -> None:
    track = bench.with_sound(form=sound_format())
    track.changed(SoundNews(SoundState.STARTING, ORIGIN_US))
    track.changed(SoundNews(SoundState.ON, heard_at(40)))
    feed(bench.ring, seconds_of_footage(3))
    feed_sound(bench.sound_ring, sound(3.1, first=40))
    bench.start(plan(0), stop_at=80)
    bench.finish()
    # Unit 40 begins at 0.853 s.
    assert sound_gaps(bench) == [("microphone starting", None, 0.0, 0.85)]


class Failing(Stalling):
    """A storage that refuses a fragment: the second, unless told otherwise."""

    def __init__(self, refused: int = 1) -> None:
        super().__init__()
        self._refused = refused

    def append(self, fragment: bytes, facts: FragmentFacts) -> None:
        if facts.sequence == self._refused:
            raise StorageError("no", OSError(errno.ENODEV, "no"))
        self._sink.append(fragment, facts)


def test_what_no_commit_could_state_the_end_states(bench: Bench) -> None:
    track = hearing(bench)
    feed(bench.ring, seconds_of_footage(3))
    feed_sound(bench.sound_ring, sound(0.6))
    bench.sound_ring.note_gap(SOUND_LOST, 2, None, None)
    feed_sound(bench.sound_ring, sound(3, first=30))
    failing = Failing()
    recorder = bench.start(plan(0), failing.open, stop_at=80)
    assert recorder.join(10)
    assert len(bench.failed) == 1
    end = bench.closing()["sound"]
    assert [gap["reason"] for gap in end["gaps"]][:1] == [SOUND_LOST]
    assert end["units"] == units(bench)
    # The rings are free for the next recording.
    track.follow(None)
    track.close()
    track.close()  # a recording that failed before it followed its sound has nothing to let go of


@pytest.mark.parametrize("refused", [0, 1])
def test_sound_that_the_storage_never_took_is_a_gap_up_to_when_it_was_wanted(
    bench: Bench, refused: int
) -> None:
    hearing(bench)
    feed(bench.ring, seconds_of_footage(3))
    feed_sound(bench.sound_ring, sound(3))
    bench.clock.advance(time_of(200) - bench.clock.now_us())
    failing = Failing(refused)
    recorder = bench.start(plan(0), failing.open)
    assert recorder.join(10)
    closing = bench.closing()
    assert closing["at_us"] == time_of(200)
    heard = [facts["sound"]["end_us"] for facts in bench.facts()]
    begun_us = heard[-1] - 21_333 if heard else time_of(0)
    assert closing["sound"]["gaps"] == [
        {"frames": None, "from_us": begun_us, "reason": "storage failed", "to_us": time_of(200)}
    ]


def test_the_ring_bridges_storage_that_stands_still(bench: Bench) -> None:
    hearing(bench)
    stalling = Stalling()
    feed(bench.ring, seconds_of_footage(5)[:30])
    feed_sound(bench.sound_ring, sound(1))
    bench.start(plan(0), stalling.open, stop_at=140)
    assert stalling.stalled.wait(10)
    feed(bench.ring, seconds_of_footage(5)[30:])
    feed_sound(bench.sound_ring, sound(5, first=round(SECOND / UNIT_US)))
    stalling.go_on.set()
    info = bench.finish()
    assert (info.gaps, info.sound_gaps) == ((), ())
    assert beeps(opened(info.path))[1:] == pytest.approx([1, 2, 3, 4], abs=SYNC_S)


def test_what_a_recording_leaves_is_freed_as_it_ends_and_waits_for_no_search(bench: Bench) -> None:
    """Objects that know each other in a circle are freed only when Python searches for such: that
    is seldom, and memory would grow with every recording until then."""
    pictures, units = seconds_of_footage(6), sound(6.2)
    # Most of what is recorded has left the rings by then.
    bench.ring = Ring(1 << 20, 1, lock=False)
    bench.sound_ring = Ring(1 << 20, 1, round(UNIT_US), lock=False)
    gc.collect()
    gc.disable()
    try:
        hearing(bench, pre_event=True)
        feed(bench.ring, pictures[:100])
        feed_sound(bench.sound_ring, units[:150])
        bench.start(plan(95, pre_event_us=1_000_000), stop_at=170)
        feed_sound(bench.sound_ring, units[150:])
        feed(bench.ring, pictures[100:])
        assert bench.finish().frames > 100
        bench.recorder = bench.track = None
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = {type(one) for one in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert {one for one in left if one.__module__.startswith("camerad.")} == set()
