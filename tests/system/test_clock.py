"""A camera that does not know the time says so, records all the same, and recovers by itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import pytest

from tests.system import sealed, stamps
from tests.system.gaps import edges, judge_gaps, opened, start_recording
from tests.system.harness import (
    PATIENCE,
    SHIPPED,
    BodyCamera,
    body_camera,
    configuration,
    now_us,
    until,
)

pytestmark = pytest.mark.system

WATCHED_SECONDS = 7.0
"""The clock is looked at every five seconds."""
UNTRUSTED = "clock_untrusted"
HOUR = 3600


def test_a_camera_that_lost_the_time_blinks_until_it_is_synchronised(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        # The first look at the clock comes before the first picture.
        assert camera.state["conditions"] == []
        _fault(camera, "clock_unset", seconds=600)
        camera.wait_for_condition(UNTRUSTED, holds=True, seconds=WATCHED_SECONDS)
        told_us = now_us()
        # On for half a second, off for half a second: three changes take 1.5 s at most.
        until(lambda: len(edges(camera, "green", told_us)) >= 3, PATIENCE, "green blinks")
        assert camera.state["ready"], "it records without knowing the time"
        _fault(camera, "clock_unset", seconds=0)
        camera.wait_for_condition(UNTRUSTED, holds=False, seconds=WATCHED_SECONDS)
        camera.wait(lights={"red": False, "green": True, "amber": False})


def test_an_rtc_years_ahead_is_not_trusted_and_the_next_synchronisation_is(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        _fault(camera, "rtc_ahead", seconds=600)
        camera.wait_for_condition(UNTRUSTED, holds=True, seconds=WATCHED_SECONDS)
        _fault(camera, "rtc_ahead", seconds=0)
        camera.wait_for_condition(UNTRUSTED, holds=False, seconds=WATCHED_SECONDS)


def test_a_clock_that_jumps_in_a_recording_costs_no_picture(tmp_path: Path) -> None:
    """Media time is CLOCK_BOOTTIME: what happens to wall time does not touch it."""
    config = configuration(tmp_path, "generic", camera=SHIPPED, pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        started_us = start_recording(camera)
        recording_id = camera.state["recording"]["id"]
        _fault(camera, "clock_step", seconds=-HOUR)
        # Nobody who knows the time has set it, so it is no longer trusted.
        camera.wait_for_condition(UNTRUSTED, holds=True, seconds=WATCHED_SECONDS)
        assert camera.state["lights"]["red"]
        camera.pass_time(1)  # in which two pictures show the time that is wrong
        _fault(camera, "clock_step", seconds=2 * HOUR, lasts=0)
        camera.wait_for_condition(UNTRUSTED, holds=False, seconds=WATCHED_SECONDS)
        recording = camera.stop()
        lasted_s = (now_us() - started_us) / 1e6
        assert recording["id"] == recording_id
        # The pictures say so too: none shows a wrong time without its mark.
        told = _stamps(camera, recording)
        assert all(stamp.marked for stamp, wrong_us in told if abs(wrong_us) > 2_000_000)
        assert min(wrong_us for _, wrong_us in told) == pytest.approx(-HOUR * 1e6, abs=2e6)
        assert not told[0][0].marked
        assert not told[-1][0].marked
        # Both waits lie in it: it is as long as real time went on.
        assert recording["seconds"] == pytest.approx(lasted_s, abs=5)
        assert judge_gaps(camera, recording).holes == []


def _stamps(camera: BodyCamera, recording: dict[str, Any]) -> list[tuple[stamps.Stamp, int]]:
    """The stamp of two pictures a second, and how far it is ahead of the machine's own time."""
    origin_us = sealed.read(recording["path"]).header["origin_us"]
    ahead_us = time.time_ns() // 1000 - now_us()
    times, pictures = [], []
    with av.open(opened(camera, recording)) as film:
        for number, picture in enumerate(film.decode(video=0)):
            if number % 15 == 0:
                assert picture.pts is not None
                assert picture.time_base is not None
                times.append(origin_us + round(float(picture.pts * picture.time_base) * 1e6))
                pictures.append(picture.to_ndarray(format="gray"))
    return [
        (stamp, stamp.second * 1_000_000 - (media_us + ahead_us))
        for media_us, stamp in zip(times, stamps.read(pictures), strict=True)
    ]


def _fault(camera: BodyCamera, name: str, **more: float) -> None:
    reply = camera.ask("POST", "/api/fault", {"name": name, **more})
    assert reply.status == 200, reply
