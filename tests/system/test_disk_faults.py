"""The card fails under a recording; what was committed plays, and the officer knows at once.

All that fails here is below the daemon, in the system calls through which it writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from camerad.control import client
from tests.breadth import campaign
from tests.campaign import judging
from tests.system import sealed
from tests.system.gaps import edges, felt_us, judge_gaps, marks, start_recording, wait_for_quiet
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

FAULT_SECONDS = 60
"""Longer than anything here takes; it is ended before."""
NOTICED_SECONDS = 1.0
"""A fragment is half a second long, and the write that fails is the next one's."""
WATCHED_SECONDS = 7.0
"""The card is looked at every five seconds."""
REPAIRED_SECONDS = 60.0
"""What has no end is closed within half a minute, once the card allows it."""
SEEN_US = 500_000
"""Four notes a second are made of what is wanted, on a machine that may be busy."""
FINGER_SECONDS = 0.1
"""No finger presses again sooner. What comes within the debounce time of a release (20 ms) is dated
by the last edge of its bounce, since until then it may be that release's."""
CONDITIONS = {
    "disk_full": "storage_full",
    "disk_readonly": "storage_read_only",
    "disk_error": "storage_failed",
}


SMALL_RING = {
    "camera": {"width": 640, "height": 360, "bitrate": 2_000_000, "max_bitrate": 2_000_000},
    "ring": {"stall_seconds": 1},
    "pre_event": {"seconds": 0.5},
}
"""The bytes of two seconds, so that a card which stays away is soon given up."""
RING_SECONDS = 6.0
"""What `SMALL_RING` holds at most: two seconds at the most that the encoder may need, and three
times that of a film with little movement in it."""


@pytest.mark.parametrize("fault", [campaign("disk_readonly"), "disk_error"])
def test_a_card_that_fails_for_less_than_the_ring_holds_costs_no_picture_and_is_said_at_once(
    tmp_path: Path, fault: str
) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        start_recording(camera, quiet=False)
        until(
            lambda: camera.state["recording"]["seconds"] > 2, PATIENCE, "two seconds are committed"
        )
        failed_us = now_us()
        camera.fault(fault, 3)
        camera.wait_for_condition("storage_stalled", holds=True)
        assert camera.state["lights"]["red"]
        camera.wait_for_condition("storage_stalled", holds=False)
        safe = camera.state["recording"]["seconds"]
        until(lambda: camera.state["recording"]["seconds"] > safe, PATIENCE, "it goes on")
        assert [on for _, on in edges(camera, "red", failed_us)] == []
        recording = camera.stop()
        assert judge_gaps(camera, recording).holes == []
        assert recording["gaps"] == []
        # The card was away for three seconds, and the recording says so.
        said = [facts["sync_us"] for facts in sealed.read(recording["path"]).facts]
        assert max(sync_us or 0 for sync_us in said) > 2_000_000


def test_a_press_while_a_slow_card_still_closes_the_last_recording_is_recorded_from_there_on(
    tmp_path: Path,
) -> None:
    """Where the policy allows no footage from before the press, so that nothing else holds it."""
    with body_camera(tmp_path, configuration(tmp_path, "nrw-ordnungsamt")) as camera:
        start_recording(camera, quiet=False)
        slow = {"name": "disk_slow", "seconds": FAULT_SECONDS, "delay": 2.5}
        assert camera.ask("POST", "/api/fault", slow).status == 200
        camera.wait_for_condition("storage_stalled", holds=True)
        camera.press_stop()
        camera.wait(stage="stopping")
        camera.pass_time(FINGER_SECONDS)
        press = camera.press("main", 1.3)
        assert camera.state["stage"] == "recording"
        camera.pass_time(1)
        assert camera.ask("POST", "/api/fault", {**slow, "seconds": 0}).status == 200
        newest = camera.stop()
        header = sealed.read(newest["path"]).header
        assert header["trigger_us"] == pytest.approx(press["down_us"], abs=1_000), press
        # A group of pictures may have been under way at the press.
        assert 0 <= header["origin_us"] - header["trigger_us"] < 1_100_000
        assert judge_gaps(camera, newest).holes == []
        assert len(camera.recordings) == 2


@pytest.mark.parametrize("fault", ["disk_full", campaign("disk_readonly"), campaign("disk_error")])
def test_a_card_that_stays_away_ends_the_recording_and_is_said_at_once(
    tmp_path: Path, fault: str
) -> None:
    config = configuration(tmp_path, "generic", **SMALL_RING)
    with body_camera(tmp_path, config) as camera:
        start_recording(camera, quiet=False)
        until(
            lambda: camera.state["recording"]["seconds"] > 2, PATIENCE, "two seconds are committed"
        )
        failed_us = now_us()
        camera.fault(fault, FAULT_SECONDS)
        state = camera.wait(lights={"red": False, "green": False, "amber": True})
        red_us = next(at_us for at_us, on in edges(camera, "red", failed_us) if not on)
        waits = RING_SECONDS
        assert red_us - failed_us < (NOTICED_SECONDS + waits) * 1e6
        assert CONDITIONS[fault] in state["conditions"]
        assert not state["ready"]
        camera.wait(stage="idle")
        # A start is refused while the finger is still on the button, and nothing is kept.
        wait_for_quiet(camera)
        pressed_us = camera.press("main", 1.2)["down_us"]
        assert felt_us(camera, pressed_us) - pressed_us - 1_000_000 < 100_000
        assert camera.state["recording"] is None
        if fault == "disk_full":
            # Nor is anybody told of room that is gone.
            until(lambda: _minutes_left(camera) == 0, WATCHED_SECONDS, "no room is told of")
        # What was committed is there.
        (recording,) = camera.recordings
        assert recording["seconds"] >= 2
        verdict = judge_gaps(camera, recording)
        assert verdict.holes == []
        lost = camera.frame_at(failed_us) - verdict.numbers[-1]
        assert lost < 30, "what had been committed before the fault is less than a second old"
        # The card is well again: the camera finds out by itself.
        camera.fault(fault, 0)
        well = {"red": False, "green": True, "amber": False}
        camera.wait(WATCHED_SECONDS, ready=True, lights=well)
        start_recording(camera, quiet=False)
        second = camera.stop()
        assert second["id"] != recording["id"]
        assert judge_gaps(camera, second).holes == []
        assert [listed["id"] for listed in camera.recordings] == [second["id"], recording["id"]]
        # Nobody can see pictures that were wanted and never kept, so its end says so: up to when
        # the light went out.
        closing = until(
            lambda: closing_of(Path(recording["path"])), REPAIRED_SECONDS, "it is closed"
        )
        assert closing["at_us"] == pytest.approx(red_us, abs=SEEN_US)
        (gap,) = closing["gaps"]
        assert round(camera.frame_at(gap["from_us"])) == verdict.numbers[-1]
        assert (gap["to_us"], gap["reason"]) == (closing["at_us"], "storage failed")


def _minutes_left(camera: BodyCamera) -> float:
    _, status = client.request(camera.control, "GET", "/status")
    return float(status["storage"]["minutes_left"])


def test_a_daemon_that_is_killed_while_the_card_hangs_leaves_a_gap_up_to_then(
    tmp_path: Path,
) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        start_recording(camera, quiet=False)
        until(
            lambda: camera.state["recording"]["seconds"] > 2, PATIENCE, "two seconds are committed"
        )
        slow_us = now_us()
        camera.ask("POST", "/api/fault", {"name": "disk_slow", "seconds": 30, "delay": 30})
        until(lambda: _hangs(camera, slow_us), PATIENCE, "a sync hangs")
        camera.pass_time(4)
        assert camera.state["lights"]["red"]
        # Not by asking the camera, whose list waits for the card.
        (path,) = (camera.state_dir / "camerad" / "recordings").glob("*.tar")
        killed_us = camera.ask("POST", "/api/fault", {"name": "daemon_killed"}).body["at_us"]
        camera.fault("disk_slow", 0)
        closing = until(lambda: closing_of(path), REPAIRED_SECONDS, "it is closed")
        assert closing["at_us"] == pytest.approx(_dark_us(camera, killed_us), abs=SEEN_US)
        (gap,) = closing["gaps"]
        assert gap["to_us"] - gap["from_us"] > 3_000_000
        assert gap["reason"] == "storage did not answer"
        # The wearer saw it record until then, so it goes on.
        camera.wait(stage="recording")


@pytest.mark.parametrize("seconds", [1.0, campaign(2.5)])
def test_a_daemon_that_is_killed_while_a_slow_card_makes_the_next_file_goes_on_and_states_the_gap(
    tmp_path: Path, seconds: float
) -> None:
    """The ledger has heard of nothing by then: its entries wait for the same card."""
    with body_camera(tmp_path, configuration(tmp_path, "nrw-ordnungsamt")) as camera:
        recordings = camera.state_dir / "camerad" / "recordings"
        start_recording(camera, quiet=False)
        slow = {"name": "disk_slow", "seconds": FAULT_SECONDS, "delay": 8}
        assert camera.ask("POST", "/api/fault", slow).status == 200
        camera.wait_for_condition("storage_stalled", holds=True)
        camera.press_stop()
        camera.wait(stage="stopping")
        camera.pass_time(FINGER_SECONDS)
        pressed_us = camera.press("main", 1.3)["down_us"]
        assert camera.state["stage"] == "recording"
        camera.pass_time(seconds)
        killed_us = camera.ask("POST", "/api/fault", {"name": "daemon_killed"}).body["at_us"]
        assert camera.ask("POST", "/api/fault", {**slow, "seconds": 0}).status == 200
        # The wearer saw it record until then, so it goes on.
        camera.wait(REPAIRED_SECONDS, stage="recording")

        def stated() -> list[dict[str, Any]]:
            ends = [closing for path in recordings.glob("*.tar") if (closing := closing_of(path))]
            gaps = [gap for one in ends for gap in one["gaps"]]
            return [gap for gap in gaps if gap["to_us"] > killed_us - SEEN_US]

        (gap,) = until(stated, REPAIRED_SECONDS, "what is missing is stated")
        # The daemon sees the edge after the finger; red came on a second later.
        assert gap["from_us"] < pressed_us + 20_000
        assert gap["to_us"] == pytest.approx(_dark_us(camera, killed_us), abs=SEEN_US)
        camera.pass_time(1)
        newest = camera.stop()
        assert judge_gaps(camera, newest).holes == []
        header = sealed.read(newest["path"]).header
        assert header["trigger"] == "continued"
        # All that there is: what was stopped, what was killed, and what went on from it.
        assert [one["id"] for one in camera.recordings][1] == header["continues"]
        assert len(camera.recordings) == 3


def _dark_us(camera: BodyCamera, killed_us: int) -> int:
    """When the next daemon put out the red light that the one which was killed may have left."""
    return next(at_us for at_us, on in edges(camera, "red", killed_us) if not on)


def closing_of(path: Path) -> dict[str, Any] | None:
    """What the end of a recording says; None as long as it has none."""
    if not judging.ended(path):
        return None
    end = sealed.read(path).end
    return None if end is None else end["closing"]


def test_a_recording_whose_file_is_removed_ends_like_on_a_card_that_fails(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        recordings = camera.state_dir / "camerad" / "recordings"
        start_recording(camera, quiet=False)
        until(
            lambda: camera.state["recording"]["seconds"] > 2, PATIENCE, "two seconds are committed"
        )
        removed_us = now_us()
        (path,) = recordings.glob("*.tar")
        path.unlink()
        # Every 20th append looks, and there are two a second.
        camera.wait(12, stage="idle")
        # The card is well, and the next look at it may come at once: what was told is judged by
        # what is left of it.
        assert 'camerad_failures_total{condition="storage_failed"} 1' in client.get_text(
            camera.control, "/metrics"
        )
        assert next(on for _, on in edges(camera, "amber", removed_us))
        # So another one can begin.
        camera.wait(WATCHED_SECONDS, ready=True)
        start_recording(camera, quiet=False)
        assert judge_gaps(camera, camera.stop()).holes == []


def test_a_card_that_syncs_slowly_loses_no_frame_and_holds_up_no_button(tmp_path: Path) -> None:
    """A sync takes six seconds: the ring carries what waits, and the recording says so."""
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        start_recording(camera)
        slow_us = now_us()
        # A sync that begins before the fault ends takes its six seconds; one alone does.
        camera.ask("POST", "/api/fault", {"name": "disk_slow", "seconds": 3, "delay": 6})
        hangs_us = until(lambda: _hangs(camera, slow_us), PATIENCE, "a sync hangs")
        press = camera.press("main", 0.05)
        assert felt_us(camera, press["down_us"]) - press["up_us"] < 100_000
        assert camera.state["lights"] == {"red": True, "green": False, "amber": False}
        # The stop comes while the card still hangs, and waits for it.
        asked_us = camera.press_stop()["decided_us"]
        assert asked_us < hangs_us + 6_000_000, "the stop came too late for this test"
        camera.wait(stage="idle")
        recording = camera.recordings[0]
        said = [facts["sync_us"] for facts in sealed.read(recording["path"]).facts]
        assert max(filter(None, said)) == pytest.approx(6_000_000, abs=300_000)
        verdict = judge_gaps(camera, recording)
        assert verdict.holes == []
        assert len(marks(camera, recording)) == 1
        assert verdict.numbers[-1] == pytest.approx(camera.frame_at(asked_us), abs=1.5)


def test_a_card_that_hangs_longer_than_the_ring_bridges_costs_a_stated_gap(tmp_path: Path) -> None:
    # The ring has room for so many bytes: a small picture needs fewer, and would be bridged.
    config = configuration(
        tmp_path,
        "generic",
        camera=SHIPPED,
        pre_event={"seconds": 1},
        ring={"stall_seconds": 1},
    )
    with body_camera(tmp_path, config) as camera:
        start_recording(camera)
        slow_us = now_us()
        camera.fault("disk_slow", 5)
        until(lambda: _hangs(camera, slow_us), PATIENCE, "a sync hangs")
        # Syncs that begin within five seconds take three, and the ring bridges some two.
        camera.pass_time(8 - (now_us() - slow_us) / 1e6)
        recording = camera.stop()
        assert judge_gaps(camera, recording).holes
        assert {gap["reason"] for gap in recording["gaps"]} == {"ring full"}


def _hangs(camera: BodyCamera, since_us: int) -> int | None:
    """When the first slow sync since then began."""
    reports = camera.ask("GET", f"/api/reports?after={since_us}").body
    return next((one["at_us"] for one in reports if one.get("hit") == "disk_slow"), None)


@pytest.mark.parametrize("fault", [campaign("disk_full"), "disk_readonly", campaign("disk_error")])
def test_a_card_that_fails_at_the_start_leaves_a_camera_that_says_so_and_comes_back(
    tmp_path: Path, fault: str
) -> None:
    with body_camera(tmp_path, configuration(tmp_path, "generic")) as camera:
        before = camera.daemon_pid
        camera.fault(fault, FAULT_SECONDS)
        camera.fault("daemon_killed")

        def restarted() -> bool:
            facts = json.loads((camera.state_dir / "sim.json").read_text())
            return bool(facts["daemon_pid"] != before)

        until(restarted, PATIENCE, "another daemon")
        state = camera.wait(ready=False, stage="idle")
        assert CONDITIONS[fault] in state["conditions"]
        assert state["lights"]["amber"]
        camera.press("main")
        camera.wait(stage="self_view", display=True)
        camera.fault(fault, 0)
        camera.wait(ready=True, conditions=[])
