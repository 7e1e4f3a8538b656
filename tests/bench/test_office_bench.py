"""What the office's bench makes of its figures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hw_mocks.fleet.endless_film import noise

from tests.bench import office, office_fleet
from tests.bench.office import RCLONE, RECEIVE, Result
from tests.bench.office_recording import ALONE, MEANWHILE, RecordingResult
from tests.bench.office_s3 import COPIES, COPIES_RCLONE, WHOLE, WHOLE_RCLONE, S3Result

pytestmark = pytest.mark.campaign


def a_result() -> Result:
    result = Result(bytes=2 * 10**9)
    # Twice as long, as long, and half as long as rclone.
    result.seconds = {RECEIVE: [20.0, 10.0, 10.0], RCLONE: [10.0, 10.0, 20.0]}
    result.cpu = {
        "office": [8.0, 12.0, 10.0],
        "clients": [6.0, 6.0, 6.0],
        "rclone serve": [4.0, 4.0, 4.0],
        "rclone copy": [4.0, 4.0, 4.0],
    }
    result.memory = {office._crowd(): 260.0, office._case(10): 80.0, office._case(500): 101.0}
    result.s3 = an_s3_result()
    result.recording = RecordingResult(
        light={ALONE: [2.0, 3.0, 4.0], MEANWHILE: [13.0, 14.0, 90.0]},
        frames={ALONE: 300, MEANWHILE: 300},
        lost={ALONE: 0, MEANWHILE: 1},
        mbit=[80.0, 90.0],
    )
    return result


def an_s3_result() -> S3Result:
    result = S3Result(bytes=10**9)
    for ours, copied, whole, both in ((10.0, 8.0, 20.0, 10.0), (10.0, 4.0, 20.0, 30.0)):
        result.note(COPIES, ours, own=2.0, store=10.0)
        result.note(COPIES_RCLONE, copied, own=3.0, store=9.0)
        result.note(WHOLE, whole, office=8.0, clients=2.0)
        result.note(WHOLE_RCLONE, both)
    return result


def test_the_speed_is_the_median_of_pairs_of_one_run() -> None:
    result = a_result()
    assert result.ratio == 1.0
    assert result.rate(RECEIVE) == 2e8  # the median of 10, 10 and 20 s
    assert result.cpu_per_gb("office") == 5.0
    assert result.cpu_ratio == pytest.approx(8 / 16)


def test_each_goal_is_held_against_its_limit() -> None:
    speed, copies, both, crowd, growth, later, lost = a_result().goals()
    assert speed.reached
    assert copies.missed_by == pytest.approx(0.1)  # 0.8 and 0.4 of rclone's speed
    assert both.reached  # 0.5 and 1.5
    assert crowd.missed_by == pytest.approx(10.0)
    assert growth.missed_by == pytest.approx(1.0)
    assert later.missed_by == pytest.approx(1.0)  # 14 ms, and 3 alone
    assert lost.missed_by == 1
    slow = a_result()
    slow.seconds[RCLONE] = [6.0, 6.0, 6.0]
    assert slow.goals()[0].missed_by == pytest.approx(0.1)


def test_a_day_of_twenty_cameras_is_calculated_from_each_bound() -> None:
    minutes = a_result().minutes_of_a_day()
    # 100 GB at 117.5 MB/s; 5 s of a processor for each; and at 200 MB/s.
    assert minutes["link of 1 Gbit/s"] == pytest.approx(14.2, abs=0.05)
    cores = os.cpu_count() or 1
    assert minutes["processors of the office"] == pytest.approx(500 / 60 / cores)
    assert minutes["as measured here"] == pytest.approx(500 / 60)


def test_the_table_and_the_object_tell_the_same(tmp_path: Path) -> None:
    result = a_result()
    said, table = result.as_json(), result.table()
    assert said["speed_to_rclone"] == 1.0
    assert "reached" in table and "missed" in table and "260.0" in table
    assert said["s3"]["replicas_to_rclone"] == 0.6
    assert said["s3"]["whole_way_to_rclone_to_both"] == 1.0
    assert said["s3"]["whole_way_to_rclone_to_s3_alone"] == 0.3  # 6 s beside 20
    assert said["recording_meanwhile"]["ratio"] == pytest.approx(14 / 3, abs=0.001)
    assert said["recording_meanwhile"]["later_ms"] == 11.0
    for row in ("replicas to S3: store", "while it hands over", "1/300", "85 Mbit/s"):
        assert row in table


def test_cards_have_what_was_asked_for(tmp_path: Path) -> None:
    film = noise(320, 240, 500_000)
    shifts = office_fleet.make_cards(tmp_path / "shift", film, 2, 2)
    each = office_fleet.make_cards(tmp_path / "each", film, 1, 2, each=1)
    for cards, count in ((shifts, 2), (each, 1)):
        assert len(cards) == count
        for card in cards:
            size = sum(path.stat().st_size for path in card.files)
            assert size == pytest.approx(2e6, rel=0.3)  # commits take some, too
    assert len(each[0].files) == 2
