"""Reboots have an end, and what they interrupt is told once."""

from __future__ import annotations

import pytest

from camerad.behaviour import reboots
from camerad.behaviour.budget import MOST_REBOOTS
from camerad.behaviour.reboots import NONE, Reboots


def test_a_camera_that_does_not_come_back_is_rebooted_three_times_and_no_more() -> None:
    known, times = NONE, 0
    while (wanted := reboots.wanted(known, recording=False)) is not None:
        known, times = wanted, times + 1
        assert known.count == times
    assert times == MOST_REBOOTS == 3


def test_a_recording_that_a_reboot_ends_is_remembered_until_it_was_told() -> None:
    known = reboots.wanted(Reboots(1), recording=True)
    assert known == Reboots(2, recording=True)
    assert reboots.told(known) == Reboots(2, recording=False)


def test_a_reboot_that_did_not_take_place_is_not_counted_and_ended_no_recording() -> None:
    for known in (NONE, Reboots(1), Reboots(2)):
        wanted = reboots.wanted(known, recording=True)
        assert wanted is not None
        assert reboots.taken_back(wanted) == known
    assert reboots.taken_back(NONE) == NONE


def test_what_is_written_down_is_what_is_read() -> None:
    for known in (NONE, Reboots(2, recording=True)):
        assert reboots.from_json(reboots.to_json(known)) == known


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"count": 1},
        {"count": -1, "recording": False},
        {"count": True, "recording": False},
        {"count": 1.0, "recording": False},
        {"count": 1, "recording": 0},
        {"count": 1, "recording": False, "more": 1},
    ],
)
def test_what_is_something_else_is_not_taken_for_it(document: object) -> None:
    with pytest.raises(ValueError, match="not what a reboot leaves behind"):
        reboots.from_json(document)
