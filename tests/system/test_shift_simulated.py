"""A day with shifts in simulated time, against the real daemon; see test_presses_simulated.py."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hw_mocks.sim.gauges import DOCKED

from camerad.behaviour.scene import Badge
from camerad.daemon import app
from tests.system import oracle
from tests.system.test_presses_simulated import World, gpio, run

__all__ = ["gpio"]

HOUR = 3600.0


class Badges:
    """In place of the process that looks for badges."""

    looks: list[bool]

    def __init__(self, _fd: int, _on_wearer: Callable[[str], None]) -> None:
        type(self).looks = []

    def look(self, wanted: bool) -> None:
        if wanted != (bool(self.looks) and self.looks[-1]):
            self.looks.append(wanted)

    async def close(self) -> None: ...


@pytest.fixture(autouse=True)
def badges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BadgeProcess", Badges)


def recordings(*begun: float, until: float) -> Callable[[random.Random], list[oracle.Press]]:
    """Held to record at these times (seconds), and again 10 s later to stop; the day goes on until
    somebody presses the display."""

    def hands(_: random.Random) -> list[oracle.Press]:
        presses = []
        for at in begun:
            down_us = round(at * 1e6)
            presses.append(oracle.Press("main", down_us, down_us + 2_500_000))
            presses += oracle.stopping(down_us + 10_000_000)
        end_us = round(until * 1e6)
        return [*presses, oracle.Press("display", end_us, end_us + 100_000)]

    return hands


def at(world: World, seconds: float, what: Callable[[], object]) -> None:
    world.loop.call_at(seconds, what)


def test_recordings_and_their_stamp_bear_whoever_is_on_a_shift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    said: list[Any] = []

    def around(world: World) -> None:
        shifts = world.camera.shifts
        at(world, 20, lambda: said.append(shifts.begin("W-1")))
        at(world, 35, lambda: said.append(shifts.begin("W-2")))  # in the second recording
        at(world, 37, lambda: said.append(world.link.stamp.wearer))
        at(world, 50, lambda: said.append(shifts.begin("W-2")))
        at(world, 90, lambda: said.append(shifts.end()))
        at(world, 91, lambda: said.append(world.link.stamp.wearer))

    hands = recordings(5, 30, 60, 100, until=130)
    world, _ = run(tmp_path, monkeypatch, 1, hands, around=around)
    assert [one.plan.wearer for one in world.recorders] == [None, "W-1", "W-2", None]
    refused = "a recording is running, and keeps its wearer: stop it first"
    assert said == [None, refused, "W-1", None, None, None]


def test_a_camera_from_the_dock_looks_for_a_badge_which_names_the_wearer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    views: list[tuple[bool, bool, bool]] = []

    def around(world: World) -> None:
        def look() -> None:
            asked = world.shown[-1] == Badge()
            views.append((world.camera.shifts.looking, world.link.view, asked))

        # The gauges are looked at every ten seconds.
        gauges = world.gauges
        at(world, 3, look)  # after its start
        at(world, 5, lambda: gauges.show(DOCKED))
        at(world, 16, look)
        at(world, 90, gauges.show)
        at(world, 101, look)
        at(world, 102, lambda: world.camera.shifts.seen("W-0815"))
        at(world, 103, look)
        at(world, 200, lambda: gauges.show(DOCKED))
        at(world, 300, gauges.show)
        at(world, 371, look)

    hands = recordings(120, 400, until=430)
    world, _ = run(tmp_path, monkeypatch, 2, hands, around=around, shift={"badge_seconds": 60})
    assert views == [(looks,) * 3 for looks in (True, False, True, False, False)]
    assert [one.plan.wearer for one in world.recorders] == ["W-0815", None]
    assert Badges.looks == [True, False] * 3


def test_a_shift_that_is_over_its_hours_ends_when_the_recording_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    seen: list[str | None] = []

    def around(world: World) -> None:
        at(world, 2, lambda: world.camera.shifts.begin("W-1"))
        for seconds in (14 * HOUR + 3, 14 * HOUR + 20):
            at(world, seconds, lambda: seen.append(world.camera.shifts.wearer))

    # The recording runs from 14 h - 5 s to 14 h + 5 s; the shift's time is over at 14 h + 2 s.
    hands = recordings(14 * HOUR - 5, 14 * HOUR + 30, until=14 * HOUR + 60)
    world, _ = run(tmp_path, monkeypatch, 3, hands, around=around)
    assert seen == ["W-1", None]
    assert [one.plan.wearer for one in world.recorders] == ["W-1", None]
