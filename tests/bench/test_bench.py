"""What the bench makes of its figures; the figures themselves are no matter of a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.stream.packets import PacketInfo
from tests.bench import (
    driven,
    evidence,
    latency,
    loss,
)
from tests.bench.goals import Goal

pytestmark = pytest.mark.campaign


def test_a_quantile_is_a_figure_that_was_measured() -> None:
    figures = [float(number) for number in range(1, 101)]
    assert latency.quantile(figures, 0.5) == 50
    assert latency.quantile(figures, 0.99) == 99
    assert latency.quantile(figures, 1.0) == 100


@pytest.mark.parametrize(
    ("value", "at_least", "missed_by"),
    [(1.04, False, None), (1.05, False, None), (1.25, False, 0.25), (0.75, True, 0.25)],
)
def test_a_goal_says_by_how_much_it_is_missed(
    value: float, at_least: bool, missed_by: float | None
) -> None:
    goal = Goal("something", value, 1.0 if value in (1.25, 0.75) else 1.05, "s", at_least)
    assert goal.missed_by == missed_by
    assert goal.reached == (missed_by is None)


def test_what_was_not_measured_is_not_reached() -> None:
    assert not Goal("something", None, 1.0, "MB").reached


def test_a_file_without_pictures_has_lost_the_pre_event_part_too() -> None:
    result = loss.Result()
    # Pressed at 20 s with 10 s wanted from before, killed at 23 s: 13 s were to be there.
    result.add("one", None, press_us=20_000_000, kill_us=23_000_000)
    assert result.lost["one"] == [13.0]
    assert result.unreadable["one"] == 1


def test_what_is_lost_lies_between_the_last_picture_and_the_kill() -> None:
    result = loss.Result()
    span = loss.Span(first_us=10_000_000, last_us=22_500_000, missing=0, sizes=())
    result.add("one", span, press_us=20_000_000, kill_us=23_000_000)
    assert result.lost["one"] == [0.5]
    assert result.unreadable["one"] == 0


def test_pictures_are_judged_by_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {"numbers": [30, 31, 33], "bytes": [5, 6, 7]}
    monkeypatch.setattr("tests.bench.peers.run", lambda *_: verdict)
    span = loss.span(tmp_path / "any.mp4", epoch_us=1_000_000)
    # At 30 pictures a second number 30 is exposed one second after the epoch, 33 after 1.1 s.
    assert span == loss.Span(2_000_000, 2_100_000, missing=1, sizes=(5, 6, 7))


def test_a_speed_is_the_median_of_pairs_that_ran_next_to_each_other() -> None:
    result = evidence.Result()
    # Twice as long, as long, and half as long as its peer.
    result.seconds = {"one": [2.0, 1.0, 1.0], "other": [1.0, 1.0, 2.0]}
    assert result.speed("one", "other") == 1.0
    assert result.speed("one", "nobody") is None


def test_the_stages_are_driven_by_what_the_camera_makes_of_a_picture(tmp_path: Path) -> None:
    """Every stage has its instructions counted between two marks, in the order of the table."""
    units = [(PacketInfo(1, n, n, n % 30 == 0, 4), b"unit") for n in range(200)]
    sizes = driven.write_packets(tmp_path / "packets", units)
    assert sizes == [4] * (driven.WARM + driven.FRAMES)
    found = driven.read_packets(tmp_path / "packets")
    assert [unit for _, unit in found] == [b"unit"] * len(sizes)
    assert [info.frame for info, _ in found if info.key] == [0, 30, 60, 90]
