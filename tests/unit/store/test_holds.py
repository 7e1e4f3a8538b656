"""Holds: rights and limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera, open_office
from msgspec.structs import replace

from camerad.base.clock import DAY
from camerad.container.keys import SigningKey
from camerad.store.holds import MOST_HOLDS, HoldError, list_ended, one_line, without_ended
from camerad.store.locations import NotThereError


@pytest.mark.parametrize("nothing", ["", "  ", "two\nlines", "\x1b[1m", "x" * 201])
def test_a_hold_needs_a_reason_and_a_person(camera: Camera, nothing: str) -> None:
    camera.put(ONE)
    with camera.open() as store:
        for reason, who in ((nothing, "Desk"), ("prosecutor", nothing)):
            with pytest.raises(HoldError, match=r"needed|cannot be kept"):
                store.hold(ONE, reason, who)
        store.hold(ONE, "prosecutor", "Desk")
        with pytest.raises(HoldError, match="authorised person"):
            store.release(ONE, nothing)
        with pytest.raises(HoldError, match=r"a reason"):
            store.release(ONE, "Desk", nothing)
        assert store.ledger.state.recordings[ONE].held


@pytest.mark.parametrize("path", ["../outside", "outside", "two\nlines"])
def test_a_hold_is_on_an_id_and_never_on_a_path(camera: Camera, path: str) -> None:
    camera.put(ONE)
    (camera.recordings / f"{path}.tar").write_bytes(b"")
    with camera.open() as store:
        with pytest.raises(NotThereError, match="no recording's id"):
            store.hold(path, "prosecutor", "Desk")
        assert path not in store.ledger.state.recordings


def test_the_same_hold_asked_for_again_is_one_and_their_number_is_bounded(camera: Camera) -> None:
    camera.put(ONE)
    with camera.open() as store:
        for _ in range(2):
            store.hold(ONE, "prosecutor", "Desk")
        for number in range(1, MOST_HOLDS):
            store.hold(ONE, f"file {number}", "Desk")
        assert len(store.ledger.state.recordings[ONE].holds) == MOST_HOLDS
        with pytest.raises(HoldError, match="release it"):
            store.hold(ONE, "one more", "Desk")


def test_only_what_is_here_can_be_held_and_only_what_is_held_released(camera: Camera) -> None:
    camera.put(ONE)
    with camera.open() as store:
        with pytest.raises(NotThereError, match=TWO):
            store.hold(TWO, "prosecutor", "Desk")
        with pytest.raises(HoldError, match="not held"):
            store.release(ONE, "Desk")


def test_what_has_its_tombstone_can_not_be_held_though_its_file_is_still_here(
    camera: Camera,
) -> None:
    """As when the power went between the two: whoever was told *held* would lose it."""
    path = camera.put(ONE)
    with camera.open() as store:
        store.reconcile()
        final = store.ledger.state.recordings[ONE].final
        store.ledger.append("deleted", id=ONE, final=final, why="expired", age_us=0)
        assert os.path.exists(path)
        with pytest.raises(NotThereError, match="was deleted"):
            store.hold(ONE, "prosecutor", "Desk")
        assert not store.ledger.state.recordings[ONE].held
        store.reconcile()
        assert not os.path.exists(path)


def test_a_camera_s_hold_has_no_end(camera: Camera) -> None:
    camera.put(ONE)
    with camera.open() as store:
        with pytest.raises(HoldError, match="has no end"):
            store.hold(ONE, "prosecutor", "Desk", until_us=store.ledger.now()[1].wall_us + DAY)
        assert not store.ledger.state.recordings[ONE].held


@pytest.mark.parametrize("until_us", [0, 1 << 60])
def test_a_hold_ends_in_the_future_and_on_a_day_that_a_statement_can_name(
    camera: Camera, tmp_path: Path, until_us: int
) -> None:
    camera.put(ONE)
    camera.offload(tmp_path / "office")
    with open_office(tmp_path / "office", SigningKey.generate(), camera.clock) as store:
        store.reconcile()
        for wrong in (until_us, store.ledger.now()[1].wall_us):
            with pytest.raises(HoldError, match="another day"):
                store.hold(ONE, "prosecutor", "Desk", until_us=wrong)
        end_us = store.ledger.now()[1].wall_us + DAY
        for _ in range(2):
            store.hold(ONE, "prosecutor", "Desk", until_us=end_us)
        store.hold(ONE, "prosecutor", "Desk", until_us=end_us + DAY)
        assert [one.end_us for one in store.ledger.state.recordings[ONE].holds] == [
            end_us,
            end_us + DAY,
        ]


def test_no_hold_ends_by_a_ledger_that_says_what_cannot_be_read(camera: Camera) -> None:
    """What cannot be read may be another hold, which a release would end as well."""
    camera.put(ONE)
    with camera.open() as store:
        now = store.ledger.now()[1]
        store.ledger.append("hold_until", id=ONE, reason="r", who="w", until_us=now.wall_us)
        state = store.ledger.state
    assert [one.id for one in list_ended(state, now)] == [ONE]
    assert not without_ended(state, now).recordings[ONE].held
    assert list(list_ended(replace(state, unread=("a.b.c",)), now)) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [("a\nb", "line breaks"), ("x" * 201, "these are 201"), ("Az \udcff", "it is not UTF-8")],
)
def test_what_a_ledger_cannot_keep_is_refused_with_what_helps(text: str, why: str) -> None:
    with pytest.raises(HoldError, match=why):
        one_line("a reason", text)
