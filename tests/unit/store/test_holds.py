"""Who may hold what, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera

from camerad.store.holds import MOST_HOLDS, HoldError
from camerad.store.locations import NotThereError


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return Camera(tmp_path / "state")


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
