"""A hold on a camera counts at the office as often as it is placed, whatever came between."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEYS, ONE, Camera
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vault_helpers import Vault

from camerad.base.clock import DAY
from camerad.evidence.office_store import open_office_store
from camerad.store.locations import place_of
from camerad.store.store import Store
from tests.breadth import breadth

WHO = "Meier"
REASONS = ("Beschwerde", "Az 9")


class Pair:
    """A camera with a recording that was handed over, and its office."""

    def __init__(self, root: Path) -> None:
        self.camera = Camera(root / "state")
        self.vault = Vault(root / "archive")
        self.camera.put(ONE)
        self.vault.dock(self.camera)

    @contextmanager
    def desk(self) -> Iterator[Store]:
        """The office's store; what the camera holds is taken over first."""
        place, clock = place_of(str(self.vault.root)), self.camera.clock
        with open_office_store(place, self.vault.key, clock, KEYS, lambda _: None) as store:
            yield store

    def do(self, step: str) -> None:
        what, _, reason = step.partition(" ")
        if what == "hold":
            with self.camera.open() as store:
                store.hold(ONE, reason, WHO)
        elif what == "release":
            with self.camera.open() as store:
                if store.ledger.state.recordings[ONE].held:
                    store.release(ONE, WHO)
        elif what == "sync":
            self.vault.bring_ledger(self.camera)
            with self.desk():
                pass
        elif what == "office-hold":
            with self.desk() as store:
                store.hold(ONE, reason, WHO)
        elif what == "office-release":
            with self.desk() as store:
                if store.ledger.state.recordings[ONE].held:
                    store.release(ONE, WHO)
        elif what == "office-epoch":
            with self.desk() as store:
                store.ledger.rotate()
        else:
            assert what == "camera-epoch"
            with self.camera.open() as store:
                store.ledger.rotate()

    def held(self) -> set[str]:
        """The reasons in the office's ledger."""
        with self.desk() as store:
            return {one.reason for one in store.ledger.state.recordings[ONE].holds}


@dataclass
class Model:
    """What is to hold. brought: what the camera held when its ledger came last. done: what was
    taken over, and not released by the camera since."""

    on_camera: set[str] = field(default_factory=set)
    brought: set[str] = field(default_factory=set)
    office: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    released_by_hand: bool = False
    own: bool = False

    def do(self, step: str) -> None:
        what, _, reason = step.partition(" ")
        if what == "hold":
            self.on_camera.add(reason)
        elif what == "release":
            self.on_camera.clear()
        elif what == "sync":
            self.brought = set(self.on_camera)
            self.take_over()
        elif what.startswith("office"):
            self.take_over()
            if what == "office-hold":
                self.office.add(reason)
                self.own = True
            elif what == "office-release" and self.office:
                self.office.clear()
                self.released_by_hand, self.own = True, False

    def take_over(self) -> None:
        new = self.brought - self.done
        if self.office and not self.own and not self.brought:
            self.office.clear()
            self.done.clear()
        self.office |= {f"on the camera: {one}" for one in new}
        self.done |= new


STEPS = st.sampled_from(
    [
        *(f"hold {one}" for one in REASONS),
        "release",
        "sync",
        "sync",
        "office-hold Ermittlung",
        "office-release",
        "office-epoch",
        "camera-epoch",
    ]
)
"""Of the camera and of its office; ``sync``: the camera's ledger comes, and is taken over."""


@pytest.mark.breadth
@settings(max_examples=breadth(10, 200), deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=10))
@example(["hold Az 9", "sync", "release", "sync", "hold Az 9", "sync"])
@example(["hold Az 9", "sync", "office-epoch", "release", "sync", "hold Az 9", "sync"])
@example(["hold Az 9", "sync", "office-release", "release", "sync", "hold Az 9", "sync"])
def test_the_office_holds_what_its_model_holds(steps: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        pair, model = Pair(Path(root)), Model()
        for step in steps:
            pair.do(step.replace("office-hold Ermittlung", "office-hold x"))
            model.do(step.replace("office-hold Ermittlung", "office-hold x"))
        model.take_over()
        assert pair.held() == model.office
        if not model.released_by_hand:
            assert {f"on the camera: {one}" for one in model.brought} <= model.office


@pytest.mark.parametrize("between", ["sync", "office-epoch", "camera-epoch"])
def test_a_hold_that_was_placed_again_keeps_the_recording(tmp_path: Path, between: str) -> None:
    pair = Pair(tmp_path)
    hold = f"hold {REASONS[0]}"
    for step in (hold, "sync", between, "release", "sync", between, hold, "sync", between):
        pair.do(step)
    pair.camera.clock.advance(DAYS * DAY)
    with pair.desk() as store:
        assert [one.id for one in store.purge()] == []
    pair.do("release")
    pair.do("sync")
    with pair.desk() as store:
        assert [one.id for one in store.purge()] == [ONE]


def test_a_release_by_hand_is_for_good_also_behind_one_by_the_camera(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    hold = f"hold {REASONS[0]}"
    for step in (hold, "sync", "release", "sync", hold, "sync", "office-release", "sync"):
        pair.do(step)
    assert pair.held() == set()


def test_a_release_that_comes_when_the_camera_has_forgotten_the_recording_counts(
    tmp_path: Path,
) -> None:
    """As of a camera that comes back months later: by then its newest epochs do not name it."""
    pair = Pair(tmp_path)
    for step in ("hold Az 9", "sync"):
        pair.do(step)
    assert pair.held() == {"on the camera: Az 9"}
    pair.do("release")
    pair.camera.clock.advance((DAYS + 1) * DAY)
    with pair.camera.open() as store:
        assert [one.id for one in store.purge()] == [ONE]
        store.ledger.rotate()
        store.ledger.rotate()
        assert ONE not in store.ledger.state.recordings
    pair.do("sync")
    assert pair.held() == set()


def test_a_hold_of_the_office_s_that_is_over_keeps_no_release_of_the_camera_s_out(
    tmp_path: Path,
) -> None:
    pair = Pair(tmp_path)
    for step in ("hold Az 9", "sync"):
        pair.do(step)
    with pair.desk() as store:
        store.hold(ONE, "Az 10", WHO, until_us=store.ledger.now()[1].wall_us + DAY)
    pair.do("release")
    pair.do("sync")
    assert pair.held() == {"on the camera: Az 9", "Az 10"}
    pair.camera.clock.advance(2 * DAY)
    assert pair.held() == set()


def test_a_hold_that_was_released_at_the_desk_years_later_does_not_come_back(
    tmp_path: Path,
) -> None:
    """By then the entry that placed it has expired, and each epoch has only carried it over."""
    pair = Pair(tmp_path)
    for step in ("hold Az 9", "sync"):
        pair.do(step)
    for _ in range(3):
        pair.camera.clock.advance(400 * DAY)
        with pair.desk() as store:
            store.ledger.rotate_and_expire(1)
    for step in ("office-release", "sync"):
        pair.do(step)
    assert pair.held() == set()
