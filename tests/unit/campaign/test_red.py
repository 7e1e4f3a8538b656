"""The campaign of red against footage finds what it is to find."""

from __future__ import annotations

from typing import Any

import pytest

from tests.campaign import red
from tests.campaign.red import Judged, Span
from tests.system.sealed import Recording

pytestmark = pytest.mark.campaign

SECOND = 1_000_000


def a_film(made: Span, *gaps: Span, trigger_us: float = 10 * SECOND) -> tuple[str, Recording]:
    """A recording with footage, and gaps that it states at its end."""
    said = [{"from_us": begin, "to_us": end, "reason": "cut off"} for begin, end in gaps]
    facts: dict[str, Any] = {"frames": 30, "first_us": made[0], "end_us": made[1], "gaps": []}
    header = {"trigger_us": trigger_us}
    return "R", Recording(header, b"", (), ({"facts": facts},), {"closing": {"gaps": said}})


def findings(lit: list[Span], *films: tuple[str, Recording]) -> list[str]:
    one = Judged(1, "")
    red.judge(one, lit, films)
    return [" ".join(text.split()[:7]) for text in one.findings]


def s(*seconds: float) -> Any:
    return tuple(one * SECOND for one in seconds)


@pytest.mark.parametrize(
    ("lit", "film", "found"),
    [
        # as it is to be, with a pre-event buffer too
        (s(11, 20), a_film(s(10, 20)), []),
        (s(11, 20), a_film(s(2, 20)), []),
        # the daemon is killed at 20 s, and the next one puts the light out at 30 s
        (s(11, 30), a_film(s(10, 20), s(20, 30)), []),
        (s(11, 30), a_film(s(10, 20), s(20, 21)), ["9.00 s of red are neither footage"]),
        # a hole that no statement names
        (s(11, 21), a_film(s(10, 20)), ["1.00 s of red are neither footage"]),
        # the light goes out, and footage is made; it comes on late; it never comes
        (s(11, 19), a_film(s(10, 20)), ["R: 0.90 s of footage without red:"]),
        (s(14, 20), a_film(s(10, 20)), ["R: 3.90 s of footage without red:"]),
        (s(0, 0), a_film(s(10, 20)), ["R: 10.00 s of footage without red:"]),
    ],
)
def test_red_is_held_against_footage_and_stated_gaps(
    lit: Span, film: tuple[str, Recording], found: list[str]
) -> None:
    wanted = [one.split(" nor")[0] for one in found]
    assert [one.split(" nor")[0] for one in findings([lit] if lit[1] else [], film)] == wanted


def test_a_light_is_lit_until_an_edge_says_otherwise_whoever_was_killed() -> None:
    edges = [
        {"name": "red", "on": on, "at_us": at_us}
        for at_us, on in ((5, False), (10, True), (20, True), (30, False), (40, True))
    ]
    assert red.red_spans(edges, 0, 50) == [(10, 30), (40, 50)]


def test_scenes_follow_from_seed_and_number_and_are_of_every_kind() -> None:
    scenes = [red.of(1, number) for number in range(1, 201)]
    assert scenes[6] == red.of(1, 7) != red.of(2, 7)
    assert {one.fault for one in scenes} == {*red.FAULTS, None}
    assert {one.end for one in scenes} == set(red.ENDS)
    starts = [one.away + one.stopped for one in scenes if "kill" in one.end]
    assert min(starts) < 1.5
    assert max(starts) > 20
