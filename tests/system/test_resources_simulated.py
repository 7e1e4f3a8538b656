"""Battery, heat and what follows, against the real daemon in simulated time.

Real: the daemon, its stages, its watches, and the files of the board that they read. Stand-ins: as
in `test_presses_simulated`. The clock jumps from one event to the next, so a shift takes a second.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.behaviour.stages import Condition
from tests.system import oracle
from tests.system.test_presses_simulated import World, gpio, run

__all__ = ["gpio"]

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
RECORD_US = 5 * SECOND_US


def holding(*at_us: int, until_us: int) -> Callable[[random.Random], list[oracle.Press]]:
    """A finger that records and stops, in turn, at these times, and one last press that does
    nothing."""

    def hands(_: random.Random) -> list[oracle.Press]:
        begun = [oracle.Press("main", at, at + 2_500_000) for at in at_us[::2]]
        ended = [press for at in at_us[1::2] for press in oracle.stopping(at)]
        return [*begun, *ended, oracle.Press("display", until_us, until_us + 100_000)]

    return hands


def when(world: World, seconds: float, do: Callable[[], None]) -> None:
    world.loop.call_at(seconds, do)


def faults(world: World, name: str) -> list[tuple[int, bool]]:
    """When a fault began and ended, as the ledger was told: seconds, and whether it holds."""
    return [
        (at_us // SECOND_US, facts["holds"])
        for at_us, kind, facts in world.notes
        if kind == "fault" and facts["condition"] == name
    ]


def discharge(world: World, full_hours: float, from_percent: float) -> None:
    """The level falls evenly, as a gauge with steps of one percent shows it."""

    def fall() -> None:
        hours = world.clock.now_us() / SECOND_US / 3600
        percent = max(0, int(from_percent - 100 * hours / full_hours))
        (world.gauges.power_supply / "BAT0/capacity").write_text(f"{percent}\n")
        world.loop.call_later(20, fall)

    fall()


# An old battery, and one that is better than the configuration says.
@pytest.mark.parametrize("full_hours", [1.0, 4.0])
def test_low_leaves_a_quarter_of_an_hour_of_recording_and_critical_ends_it_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None, full_hours: float
) -> None:
    hands = holding(RECORD_US, until_us=round(full_hours * 3600 * SECOND_US))
    world, _ = run(tmp_path, monkeypatch, 0, hands, around=lambda w: discharge(w, full_hours, 100))
    (low, _), (critical, _) = *faults(world, "battery_low"), *faults(world, "battery_critical")
    # Between the two the camera recorded all the time.
    assert critical - low >= 15 * 60
    # A warning that comes for ever is none: a fifth for safety, twice a gauge's step, the steps
    # of the meter, and the half minute in which critical is confirmed.
    assert critical - low < 15 * 60 * 1.2 * 1.25 + 2 * full_hours * 36 + 40
    # 4 % is critical; the level falls 100 % in so many hours.
    assert critical == pytest.approx(0.955 * full_hours * 3600, abs=0.01 * full_hours * 3600 + 60)
    (recorder,) = world.recorders
    assert recorder.closed
    assert recorder.reason == "battery_critical"
    # Half a minute and a look later it is over, and the machine is to be switched off.
    ended = world.stages[-1][0] // SECOND_US
    assert 30 <= ended - critical <= 45
    said = (tmp_path / "run/power-off").read_text()
    # Within that minute an old one loses two more.
    assert said in {f"the battery is at {percent} %\n" for percent in (2, 3, 4)}
    learnt = json.loads((tmp_path / "card/battery.json").read_text())
    assert learnt["recording"] == pytest.approx(1 / full_hours, rel=0.25)


def test_a_battery_learnt_once_is_known_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    """Worn out: it lasts one hour, and the configuration says three."""
    (tmp_path / "card").mkdir()
    (tmp_path / "card/battery.json").write_text('{"recording": 1.0, "standby": 0.2}')
    (tmp_path / "run").mkdir()
    (tmp_path / "run/power-off").write_text("left behind\n")
    seen: list[Any] = []

    def around(world: World) -> None:
        world.gauges.show()
        (world.gauges.power_supply / "BAT0/capacity").write_text("30\n")
        when(world, 30, lambda: seen.append(world.camera.status()["battery"]))

    world, _ = run(tmp_path, monkeypatch, 0, holding(until_us=MINUTE_US), around=around)
    # (30 - 4 - 1) % at 1.2 times 100 % per hour are 12.5 minutes: fewer than 15.
    assert seen == [{"percent": 30, "minutes_left": 12, "docked": False}]
    assert faults(world, "battery_low") == [(0, True)]
    assert not (tmp_path / "run/power-off").exists()


@pytest.mark.parametrize("left", ["not JSON", '{"recording": 99, "standby": 0}', "[]", "{}"])
def test_what_was_learnt_and_is_damaged_is_learnt_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None, left: str
) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "card/battery.json").write_text(left)
    world, _ = run(tmp_path, monkeypatch, 0, holding(until_us=MINUTE_US))
    # (87 - 4 - 1) % at 1.2 times a third per hour are 123 minutes.
    assert world.camera.status()["battery"]["minutes_left"] == 123
    assert faults(world, "battery_low") == []


def test_an_empty_battery_in_the_dock_switches_nothing_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    def around(world: World) -> None:
        world.gauges.show("battery_critical", "docked")
        when(world, 600, lambda: world.gauges.show("battery_critical"))
        # In the last half minute somebody docks it: it is not too late.
        when(world, 655, lambda: world.gauges.show("battery_critical", "docked"))

    world, _ = run(tmp_path, monkeypatch, 0, holding(until_us=20 * MINUTE_US), around=around)
    assert [at for at, _ in faults(world, "docked")][:3] == [0, 600, 656]
    began, over = faults(world, "battery_critical")
    assert began[1]
    assert 630 <= began[0] <= 640
    assert over == (656, False)
    # It ran until it was told to end.
    assert world.stages[-1][0] >= 5 * SECOND_US
    assert not (tmp_path / "run/power-off").exists()
    assert world.clock.now_us() >= 20 * MINUTE_US


def test_a_gauge_that_fails_is_told_and_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    told: list[Any] = []

    def around(world: World) -> None:
        when(world, 100, lambda: world.gauges.show("battery_unknown"))
        when(world, 200, lambda: told.append(world.camera.status()["battery"]))
        when(world, 300, world.gauges.show)
        # Nonsense for a moment, as from a bus that was disturbed.
        when(world, 400, lambda: world.gauges.show("battery_critical"))
        when(world, 415, world.gauges.show)

    world, _ = run(tmp_path, monkeypatch, 0, holding(until_us=10 * MINUTE_US), around=around)
    (began, _), (over, _) = faults(world, "battery_unknown")
    assert 130 <= began <= 140  # 30 s, and up to a look
    assert 300 <= over <= 310
    assert told == [{"percent": None, "minutes_left": None, "docked": False}]
    assert faults(world, "battery_low") == faults(world, "battery_critical") == []


def test_without_a_battery_there_is_no_condition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    def around(world: World) -> None:
        (world.gauges.power_supply / "BAT0/present").write_text("0\n")

    world, _ = run(tmp_path, monkeypatch, 0, holding(until_us=10 * MINUTE_US), around=around)
    told = {facts["condition"] for _, kind, facts in world.notes if kind == "fault"}
    assert told <= {"microphone_down"}  # the stand-in of the camera has none
    assert world.camera.status()["battery"] is None


def test_heat_takes_pictures_in_steps_and_the_recording_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    def celsius(world: World, at: float) -> Callable[[], None]:
        return lambda: (world.gauges.zone / "temp").write_text(f"{round(at * 1000)}\n") and None

    def around(world: World) -> None:
        for seconds, degrees in ((60, 71.0), (120, 75.5), (300, 69.0), (480, 64.0)):
            when(world, seconds, celsius(world, degrees))

    hands = holding(RECORD_US, 1400 * SECOND_US, until_us=30 * MINUTE_US)
    world, _ = run(tmp_path, monkeypatch, 0, hands, around=around)
    (recorder,) = world.recorders
    changes = [(c.at_us // SECOND_US, c.from_fps, c.to_fps, c.reason) for c in recorder.rates]
    # 30 a second are configured; 70 °C: two thirds, 75 °C: half. Up again one by one, each a minute
    # after the last look that was not 5 °C below, which came up to 10 s before it cooled.
    assert [change[1:] for change in changes] == [
        (30, 20, "heat"),
        (20, 15, "heat"),
        (15, 20, "cooled"),
        (20, 30, "cooled"),
    ]
    for (at, *_), (earliest, latest) in zip(
        changes, [(60, 70), (120, 130), (350, 370), (530, 550)], strict=True
    ):
        assert earliest <= at <= latest, changes
    assert world.link.fps == 30
    began, over = faults(world, "hot")
    assert began == (changes[0][0], True)
    assert over[0] >= 480


def test_a_recording_that_begins_one_step_cooler_says_what_took_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    def around(world: World) -> None:
        zone = world.gauges.zone / "temp"
        when(world, 20, lambda: zone.write_text("76000\n") and None)
        when(world, 60, lambda: zone.write_text("68000\n") and None)

    hands = holding(200 * SECOND_US, 220 * SECOND_US, until_us=5 * MINUTE_US)
    world, _ = run(tmp_path, monkeypatch, 0, hands, around=around)
    (change,) = world.recorders[0].rates
    assert (change.from_fps, change.to_fps, change.reason) == (30, 20, "heat")


def test_a_recording_that_begins_in_heat_begins_with_that_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    def around(world: World) -> None:
        world.gauges.show("throttled")

    hands = holding(60 * SECOND_US, 90 * SECOND_US, until_us=2 * MINUTE_US)
    world, _ = run(tmp_path, monkeypatch, 0, hands, around=around)
    (change,) = world.recorders[0].rates
    assert change.at_us < 60 * SECOND_US
    assert (change.from_fps, change.to_fps, change.reason) == (30, 15, "throttled")
    assert Condition.HOT.value not in world.camera.status()["conditions"]
