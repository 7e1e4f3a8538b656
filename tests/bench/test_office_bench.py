"""What the office's bench makes of its figures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hw_mocks.fleet.endless_film import noise

from tests.bench import office
from tests.bench.office import RCLONE, RECEIVE, Result


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
    return result


def test_the_speed_is_the_median_of_pairs_of_one_run() -> None:
    result = a_result()
    assert result.ratio == 1.0
    assert result.rate(RECEIVE) == 2e8  # the median of 10, 10 and 20 s
    assert result.cpu_per_gb("office") == 5.0
    assert result.cpu_ratio == pytest.approx(8 / 16)


def test_each_goal_is_held_against_its_limit() -> None:
    speed, crowd, growth = a_result().goals()
    assert speed.reached
    assert crowd.missed_by == pytest.approx(10.0)
    assert growth.missed_by == pytest.approx(1.0)
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


def test_cards_have_what_was_asked_for(tmp_path: Path) -> None:
    film = noise(320, 240, 500_000)
    shifts = office.make_cards(tmp_path / "shift", film, 2, 2)
    each = office.make_cards(tmp_path / "each", film, 1, 2, each=1)
    for cards, count in ((shifts, 2), (each, 1)):
        assert len(cards) == count
        for card in cards:
            size = sum(path.stat().st_size for path in card.files)
            assert size == pytest.approx(2e6, rel=0.3)  # commits take some, too
    assert len(each[0].files) == 2
