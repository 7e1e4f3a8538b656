"""What the bench makes of its figures; the figures themselves are no matter of a test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hw_mocks.fleet.endless_film import noise

from camerad.stream.packets import PacketInfo
from tests.bench import driven, loss, office_fleet
from tests.bench.figures import Figures, Goal, quantile

pytestmark = pytest.mark.campaign


def test_a_quantile_is_a_figure_that_was_measured() -> None:
    figures = [float(number) for number in range(1, 101)]
    assert quantile(figures, 0.5) == 50
    assert quantile(figures, 0.99) == 99
    assert quantile(figures, 1.0) == 100


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


def test_what_is_lost_lies_between_the_last_picture_and_the_kill() -> None:
    """Pressed at 20 s with 10 s wanted from before, killed at 23 s; all is lost of a file without a
    picture, the pre-event part too."""
    figures = Figures()
    loss.add(figures, "none", None, press_us=20_000_000, kill_us=23_000_000)
    span = loss.Span(first_us=10_000_000, last_us=22_500_000, missing=0, sizes=())
    loss.add(figures, "some", span, press_us=20_000_000, kill_us=23_000_000)
    assert figures.of(loss.LOST, "none") == [13.0]
    assert figures.of(loss.LOST, "some") == [0.5]
    assert figures.of(loss.UNREADABLE, "none") == [1]


def test_pictures_are_judged_by_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {"numbers": [30, 31, 33], "bytes": [5, 6, 7]}
    monkeypatch.setattr("tests.bench.peers.run", lambda *_: verdict)
    span = loss.span(tmp_path / "any.mp4", epoch_us=1_000_000)
    # At 30 pictures a second number 30 is exposed one second after the epoch, 33 after 1.1 s.
    assert span == loss.Span(2_000_000, 2_100_000, missing=1, sizes=(5, 6, 7))


def test_a_speed_is_the_median_of_pairs_that_ran_next_to_each_other() -> None:
    figures = Figures()
    # Twice as long, as long, and half as long as its peer.
    figures.add("s", "one", 2.0, 1.0, 1.0)
    figures.add("s", "other", 1.0, 1.0, 2.0)
    assert figures.speed("s", "one", "other") == 1.0
    assert figures.speed("s", "one", "nobody") is None


def test_figures_are_told_to_people_and_to_programs() -> None:
    figures, more = Figures({"machine": "mine"}), Figures()
    figures.add("time, ms", "one", 1.0, 3.0)
    more.add("time, ms", "one", 2.0)
    more.goal("quick", 2.0, 1.0, "ms")
    figures.take(more)
    told = json.loads(json.dumps(figures.as_json()))
    assert told["machine"] == "mine"
    assert told["time, ms"]["one"]["all"] == [1.0, 3.0, 2.0]
    assert (told["goals"][0]["missed_by"], told["all_reached"]) == (1.0, False)
    assert "missed by 1 ms" in figures.table()


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


def test_the_stages_are_driven_by_what_the_camera_makes_of_a_picture(tmp_path: Path) -> None:
    """Every stage has its instructions counted between two marks, in the order of the table."""
    units = [(PacketInfo(1, n, n, n % 30 == 0, 4), b"unit") for n in range(200)]
    sizes = driven.write_packets(tmp_path / "packets", units)
    assert sizes == [4] * (driven.WARM + driven.FRAMES)
    found = driven.read_packets(tmp_path / "packets")
    assert [unit for _, unit in found] == [b"unit"] * len(sizes)
    assert [info.frame for info, _ in found if info.key] == [0, 30, 60, 90]
