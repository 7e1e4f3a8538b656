"""The simulated listening test: its model by example, and what it says of the camera's rhythms."""

from __future__ import annotations

import random

import numpy as np
import pytest
from generators import listening_test as listening

from camerad.behaviour.signals import CODES, Rhythm

pytestmark = pytest.mark.campaign

VOCABULARIES = [listening.DESIGN, listening.full()]


@pytest.fixture(scope="module")
def judged() -> list[listening.Judgement]:
    return [listening.judge(listening.confusion(one)) for one in VOCABULARIES]


def test_the_committed_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert listening.main(["--check"]) == 0, capsys.readouterr().err


def test_every_case_of_lost_strokes_is_there_with_its_weight() -> None:
    found = listening.felt("---")
    # 8 cases; none lost 0.9³, one of them 0.9² · 0.1, and so on, which makes 1.
    assert sorted(round(one.weight, 6) for one in found) == [
        0.001,
        *[0.009] * 3,
        *[0.081] * 3,
        0.729,
    ]
    assert sorted({one.strokes.shape[1] for one in found}) == [0, 1, 2, 3]


def test_the_jitter_is_thirty_percent_of_each_length() -> None:
    whole = next(iter(listening.cases(".-", random.Random(1), 20_000)))
    for drawn, mean in zip(whole.strokes.T, (120, 800), strict=True):
        # Of 20 000 draws, within three standard errors: 0.3 / sqrt(20 000) is 0.2 %.
        assert drawn.mean() == pytest.approx(mean, rel=0.007)
        assert drawn.std() == pytest.approx(0.3 * mean, rel=0.02)
    assert whole.silence.mean() == pytest.approx(120, rel=0.007)


def test_what_is_felt_as_it_was_told_is_at_no_distance_and_a_lost_stroke_costs() -> None:
    exact = listening.Felt(1.0, np.array([[120.0, 120.0]]), np.array([[120.0]]))
    assert listening.distance(exact, "..") == pytest.approx([0.0])
    # One of three is left out, and the two others lie as close as they are.
    assert listening.distance(exact, "...") == pytest.approx([0.4])
    # Laid upon the first and the last, the silence would be three times as long.
    apart = listening.Felt(1.0, exact.strokes, np.array([[360.0]]))
    assert listening.distance(apart, "...") == pytest.approx([0.4])
    # No stroke is made up.
    assert np.isinf(listening.distance(exact, "."))


def test_each_rhythm_is_taken_for_something_or_for_nothing() -> None:
    for vocabulary in VOCABULARIES:
        for row in listening.confusion(vocabulary).values():
            assert sum(row.values()) == pytest.approx(1)
            assert all(share >= -1e-9 for share in row.values())


def test_no_pair_that_matters_is_confused_in_two_of_a_hundred_cases(
    judged: list[listening.Judgement],
) -> None:
    eight, codes = judged
    assert len(listening.full()) == len(set(CODES.values())) == 26
    assert eight.worst < 0.02
    assert codes.worst > 0.08
    assert eight.misled < codes.misled / 2
    assert eight.right > codes.right


def test_no_recording_is_taken_for_its_end_or_a_refusal() -> None:
    table = listening.confusion(listening.DESIGN)
    assert table["RECORDS"]["NO_RECORDING"] == table["RECORDS"]["LEFT"] == 0
    for name in ("DONE", "LEFT"):
        assert table[name]["RECORDS"] < 0.001, name
    # Each is missed as rarely as the other: not once in a thousand cases.
    for name in ("RECORDS", "NO_RECORDING"):
        assert table[name][listening.NOTHING] < 0.0011


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (Rhythm.LOOK, "....-"),  # the last one lost
        (Rhythm.LOOK, ".-"),  # one added to a short one
        (Rhythm.LIGHT, "..-.."),  # told while nothing is recorded, one lost
        (Rhythm.LIGHT, "---"),  # the same as another
    ],
)
def test_the_rule_finds_what_breaks_it(name: Rhythm, code: str) -> None:
    assert not listening.keeps_the_rule({**listening.DESIGN, name.name: code})
