"""When the sensor is off, and that the process is heard of meanwhile."""

from __future__ import annotations

import itertools

from camerad.capture.pictures import BEAT_US
from camerad.capture.resting import AFTER_US, Resting


class Stream:
    def __init__(self) -> None:
        self.told: list[object] = []
        self.resting = Resting(
            lambda: self.told.append("start"),
            lambda: self.told.append("stop"),
            self.told.append,
            0,
        )

    def pass_time(self, until_us: int, *, wanted: bool, from_us: int = 0) -> None:
        for now_us in range(from_us, until_us + 1, 100_000):
            self.resting.tick(now_us, wanted=wanted)


def test_it_rests_some_seconds_after_the_last_picture_was_wanted() -> None:
    stream = Stream()
    stream.pass_time(2_000_000, wanted=True)
    stream.pass_time(2_000_000 + AFTER_US - 100_000, wanted=False, from_us=2_100_000)
    assert stream.told == []
    stream.resting.tick(2_000_000 + AFTER_US, wanted=False)
    assert stream.told[0] == "stop"
    assert stream.resting.resting


def test_it_is_heard_of_as_often_as_a_camera_that_delivers() -> None:
    stream = Stream()
    stream.pass_time(AFTER_US + 2_000_000, wanted=False)
    beats = [told for told in stream.told if isinstance(told, int)]
    # Ticks come every 100 ms, so a beat every 300 ms: the first that is due at 250.
    assert [b - a for a, b in itertools.pairwise(beats)] == [300_000] * 6
    assert BEAT_US <= 300_000


def test_whoever_wants_a_picture_starts_it_once() -> None:
    stream = Stream()
    stream.resting.want()
    assert stream.told == []
    stream.pass_time(AFTER_US, wanted=False)
    stream.resting.want()
    stream.resting.want()
    assert [told for told in stream.told if isinstance(told, str)] == ["stop", "start"]
    stream.resting.tick(AFTER_US + 100_000, wanted=True)
    assert not stream.resting.resting
