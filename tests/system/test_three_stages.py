"""The story that the camera is made for: idle, self-view, recording, on real footage.

Presses go through the simulated contacts with their bounce, pictures through the real picamera2;
the recording is judged by the barcodes in its pictures.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breadth import campaign
from tests.system import judge
from tests.system.gaps import edges, felt_us, opened
from tests.system.harness import SHIPPED, BodyCamera, body_camera, configuration

pytestmark = pytest.mark.system

ANSWER_US = 50_000
"""Within this time of its decision a gesture is answered by light and vibration."""
WITH_BUFFER = {"pre_event": {"seconds": 10}, "camera": SHIPPED}
FULL_SECONDS = 12.5
"""After this a buffer of ten seconds is full, whatever group of pictures it begins with, and has
dropped one."""


def tell_the_story(
    camera: BodyCamera, self_view_seconds: float
) -> tuple[dict[str, object], int, int]:
    """Idle, self-view, 3 s of recording, idle; (recording, press, stop) in media time."""
    # The stage comes from the daemon and the lights from the pins: they meet within moments.
    camera.wait(stage="idle", lights={"red": False, "green": True, "amber": False})
    camera.press()
    state = camera.wait(stage="self_view")
    assert state["lights"] == {"red": False, "green": True, "amber": False}
    camera.wait(display=True)
    camera.pass_time(self_view_seconds)
    pressed_us = camera.press()["down_us"]
    state = camera.wait(stage="recording")
    assert state["lights"]["red"]
    # In self-view press and hold mean the same, so the first edge decides.
    red_us = next(at_us for at_us, on in edges(camera, "red", pressed_us) if on)
    assert red_us - pressed_us < ANSWER_US
    camera.pass_time(3)
    asked = camera.press_stop()
    # The hold is answered: it records. What is felt at the stop tells when it was decided, whatever
    # the recording says.
    told_us = felt_us(camera, asked["down_us"])
    assert 0 <= told_us - asked["down_us"] - 2_000_000 < ANSWER_US
    stop_us = felt_us(camera, asked["decided_us"])
    assert stop_us - asked["decided_us"] < ANSWER_US
    state = camera.wait(stage="idle")
    assert not state["lights"]["red"]
    (recording,) = camera.recordings
    return recording, pressed_us, stop_us


def judge_whole(
    camera: BodyCamera, recording: dict[str, object], pressed_us: int, stop_us: int
) -> judge.Verdict:
    """What holds for every undisturbed recording; returns what the pictures say."""
    path = opened(camera, recording)
    judge.ffmpeg_is_silent(path)
    verdict = judge.decode(path)
    assert verdict.frames[0].key
    assert verdict.frames[0].pts_us == 0
    assert verdict.holes == []
    assert recording["gaps"] == []
    assert recording["frames"] == len(verdict.frames)
    first = verdict.numbers[0]
    for frame in verdict.frames:
        # Frame n is exposed n periods after the sensor's first: time in the file is time in life.
        assert frame.pts_us == pytest.approx((frame.number - first) * 1e6 / 30, abs=2_000)
    # Every frame up to the stop, and none that was exposed later than one frame after it.
    assert verdict.numbers[-1] == pytest.approx(camera.frame_at(stop_us), abs=1.5)
    scores = judge.similarities(verdict, camera.footage)
    # One a second, of the three seconds and the two for which the button is held.
    assert len(scores) >= 5
    assert min(scores) > 0.9
    return verdict


@pytest.mark.parametrize(
    ("footage", "platform"),
    [
        ("vtest.avi", "vc4"),
        campaign("carphone_pristine.mp4", "vc4"),
        campaign("carphone_pristine.mp4", "pisp"),
    ],
)
def test_a_recording_begins_ten_seconds_before_the_press(
    tmp_path: Path, footage: str, platform: str
) -> None:
    config = configuration(tmp_path, "generic", **WITH_BUFFER)
    with body_camera(tmp_path, config, footage=footage, platform=platform) as camera:
        recording, pressed_us, stop_us = tell_the_story(camera, FULL_SECONDS)
        verdict = judge_whole(camera, recording, pressed_us, stop_us)
    before = camera.frame_at(pressed_us) - verdict.numbers[0]
    # At least the ten seconds asked for, at most one group of pictures (1 s) more.
    assert 10 * 30 <= before <= 11 * 30 + 1
    assert float(str(recording["pre_event_seconds"])) == pytest.approx(before / 30, abs=0.04)
    after = verdict.numbers[-1] - camera.frame_at(pressed_us)
    assert after / 30 == pytest.approx((stop_us - pressed_us) / 1e6, abs=0.06)


@pytest.mark.parametrize("platform", [campaign("vc4"), "pisp"])
def test_where_the_law_forbids_a_buffer_no_frame_is_older_than_the_press(
    tmp_path: Path, platform: str
) -> None:
    config = configuration(tmp_path, "nrw-ordnungsamt", camera=SHIPPED)
    with body_camera(
        tmp_path, config, footage="carphone_pristine.mp4", platform=platform
    ) as camera:
        recording, pressed_us, stop_us = tell_the_story(camera, 2)
        verdict = judge_whole(camera, recording, pressed_us, stop_us)
    # One frame time of grace: the sensor may be exposing it at the press.
    assert verdict.numbers[0] >= camera.frame_at(pressed_us) - 1
    assert recording["pre_event_seconds"] == 0
    # And it begins soon: within a fifth of a second.
    assert verdict.numbers[0] <= camera.frame_at(pressed_us) + 6


def test_holding_the_button_in_idle_records_at_once(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event=WITH_BUFFER["pre_event"])
    with body_camera(tmp_path, config) as camera:
        recording = camera.record(2)
        path = opened(camera, recording)
        judge.ffmpeg_is_silent(path)
        assert judge.decode(path).holes == []
        # The camera owes no pictures for the second in which the hold was not yet decided.
        assert recording["gaps"] == []
