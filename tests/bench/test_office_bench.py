"""What the office's bench makes of its figures."""

from __future__ import annotations

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
