"""Sound from the microphone to the office, on the whole daemon: real ALSA, in real time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hw_mocks.sound import speech

from tests.system import clapper, clapping, judge, sealed
from tests.system.clapping import wait_for
from tests.system.gaps import judge_gaps
from tests.system.harness import UNHURRIED, BodyCamera, body_camera, configuration
from tests.system.speech import likeness

pytestmark = pytest.mark.system

BUFFERED_SECONDS = 3.2
"""After this a buffer of two seconds is full, whatever group of pictures it begins with."""
ASTRAY_SECONDS = clapping.AT_MOST_MS / 1000
ALIKE = 0.98
"""64 kbit/s give 27 dB, that is 0.999; interpolating twice costs some of the highs."""


def test_lips_and_voice_stay_together_whatever_happens_in_a_minute(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", sound={"may_mute": True}, buttons=UNHURRIED)
    options = ("--sound", "clapper", "--sound-ppm", "200")
    with body_camera(tmp_path, config, options=options) as camera:
        assert clapping.status(camera)["microphone"] == "off"  # nobody is heard in idle
        claps = clapping.record(camera, 14, tuple(clapping.TROUBLES), 3)
        wait_for(camera, microphone="off")
        # What happens to the sound costs no picture: the camera's own troubles alone do.
        pictures = judge_gaps(camera, camera.recordings[0])
    told = "\n".join(claps.lines())
    assert claps.findings() == [], told
    # A crystal that nobody minds makes 12 ms a minute; claps are seen to 1 ms, and what is left of
    # a beginning's jitter may be 4 ms in ten seconds.
    assert abs(claps.drift_ms_per_minute) < 6, told
    # Two seconds at 30 a second, but for what was on its way when it stood still.
    assert max(hole.missing for hole in pictures.holes) > 55
    assert "capture restarted" in {gap["reason"] for gap in claps.recording.gaps}
    reasons = [gap["reason"] for gap in claps.sound_gaps]
    assert reasons.count("muted") == 1
    assert reasons.count("capture restarted") >= 1
    assert "microphone missing" in reasons
    assert {"on", "muted", "missing"} <= set(claps.sound_states)
    assert claps.clock_steps == pytest.approx(
        [clapping.STEP_SECONDS, -clapping.STEP_SECONDS], abs=1
    )
    judge.ffmpeg_is_silent(str(claps.film))


def spoken_and_recorded(camera: BodyCamera, seconds: float) -> Spoken:
    """From self-view, with what its buffer holds by then."""
    camera.press()
    wait_for(camera, stage="self_view", microphone="on")
    camera.pass_time(BUFFERED_SECONDS)
    camera.press()
    camera.wait(stage="recording")
    camera.pass_time(seconds)
    return Spoken(camera, camera.stop())


class Spoken:
    """What was recorded while somebody spoke."""

    def __init__(self, camera: BodyCamera, listed: Mapping[str, Any]) -> None:
        film = clapping.opened(camera, listed)
        judge.ffmpeg_is_silent(str(film))
        recording = sealed.read(listed["path"])
        header = recording.header
        self.gaps = [gap for facts in recording.facts for gap in facts["sound"]["gaps"]]
        self.pre_event: bool = header["microphone"]["pre_event"]
        self.trigger_seconds = (header["trigger_us"] - header["origin_us"]) / 1e6
        self._runs = clapper.runs(film)
        self._began_seconds = (header["origin_us"] - camera.epoch_us) / 1e6

    @property
    def heard_seconds(self) -> tuple[float, float]:
        """Seconds of the film at which its sound begins and ends."""
        begin, _, _ = self._runs[0]
        last, samples, rate = self._runs[-1]
        return begin, last + len(samples) / rate

    def likeness(self, begin: float, end: float) -> float:
        """How alike the sound between these seconds is to what was spoken just then."""
        (run,) = [run for run in self._runs if run[0] <= begin <= run[0] + len(run[1]) / run[2]]
        first, samples, rate = run
        around = samples[
            round((begin - ASTRAY_SECONDS - first) * rate) : round(
                (end + ASTRAY_SECONDS - first) * rate
            )
        ]
        spoken = speech().heard(self._began_seconds + np.arange(begin, end, 1 / rate))
        return likeness(around.astype(np.float64), spoken, rate)


def test_speech_is_recorded_as_it_was_spoken_and_not_before_the_press(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config, options=("--sound", "speech")) as camera:
        spoken = spoken_and_recorded(camera, 4)
    begin, end = spoken.heard_seconds
    # The picture is there from before the press, and the sound is not; but from the press on it
    # lacks nothing, since the microphone was open.
    assert not spoken.pre_event
    assert spoken.trigger_seconds >= 1.9
    assert spoken.trigger_seconds <= begin < spoken.trigger_seconds + 0.15
    assert spoken.gaps == []
    assert spoken.likeness(begin + 0.1, end - 0.1) > ALIKE


def test_where_the_office_answers_for_it_the_buffer_has_sound_too(tmp_path: Path) -> None:
    config = configuration(
        tmp_path,
        "generic",
        pre_event={"seconds": 2, "sound": True},
        overrides={"reason": "Trial until June", "authorised_by": "E. Mustermann"},
    )
    with body_camera(tmp_path, config, options=("--sound", "speech")) as camera:
        spoken = spoken_and_recorded(camera, 1)
    begin, end = spoken.heard_seconds
    assert spoken.pre_event
    assert spoken.trigger_seconds >= 1.9
    assert begin < 0.1
    assert spoken.gaps == []
    # Of what was spoken before the press.
    assert spoken.likeness(begin + 0.1, spoken.trigger_seconds) > ALIKE
    assert spoken.likeness(spoken.trigger_seconds, end - 0.1) > ALIKE
