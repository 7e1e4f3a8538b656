"""What the watch over battery, heat and memory does when it is not answered, or cannot write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hw_mocks.sim.gauges import Gauges

from camerad.base.clock import ManualClock
from camerad.behaviour.battery import Battery, Meter
from camerad.behaviour.stages import Condition
from camerad.config import load
from camerad.daemon import power_monitor
from camerad.daemon.power_monitor import PowerActions, PowerMonitor
from camerad.hardware import power, thermal
from tests.system.harness import configuration
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import AtOnce, idle_core

_T = TypeVar("_T")


class Hanging(AtOnce):
    """Work that does not come back while `hangs` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs: Callable[[], bool] = lambda: False
        self.unwoken = 0
        """How often the loop was not woken, since the result was known."""

    def in_thread(self, work: Callable[[], _T], *, known: _T | None = None) -> asyncio.Future[_T]:
        return asyncio.ensure_future(self._work(work, known))

    async def _work(self, work: Callable[[], _T], known: _T | None) -> _T:
        result = work()
        while self.hangs():
            await asyncio.sleep(1)
        if known is not None and result == known:
            self.unwoken += 1
            caught_up = asyncio.Event()
            self._unhurried.append(caught_up.set)
            await caught_up.wait()
        return result


class Taken:
    """What the actions were told."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, bool]] = []
        self.slow = 0
        self.fps: list[tuple[int, str, str]] = []
        self.ended: list[str] = []
        self.actions = PowerActions(
            self._note,
            lambda: self.slow,
            lambda *told: self.fps.append(told),
            self.ended.append,
        )

    def _note(self, kind: str, **facts: Any) -> None:
        assert kind == "fault"
        self.notes.append((facts["condition"], facts["holds"]))


class Scene:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.gauges = gauges = Gauges(folder / "board")
        for name in ("card", "run"):
            (folder / name).mkdir()
        settings = load(
            configuration(
                folder,
                device={"state_dir": str(folder / "card"), "runtime_dir": str(folder / "run")},
                battery={"power_supply": str(gauges.power_supply)},
                thermal={"zone": str(gauges.zone), "firmware": str(gauges.firmware)},
            )
        )
        self.clock = ManualClock(0)
        self.loop = VirtualLoop(self.clock)
        self.threads = Hanging()
        self.core = idle_core(self.clock, self.threads)
        self.taken = Taken()
        self.memory = 200 * 1024 * 1024
        monkeypatch.setattr(thermal, "available_bytes", lambda: self.memory)
        self.watch = PowerMonitor(self.core, settings, self.taken.actions)

    @property
    def conditions(self) -> frozenset[Condition]:
        return self.core.state.conditions

    def live(self, seconds: float, *then: tuple[float, Callable[[], None]]) -> None:
        """So long, in simulated time; `then`: what happens when."""

        async def life() -> None:
            self.watch.start()
            for at, what in then:
                self.loop.call_at(at, what)
            await asyncio.sleep(seconds)
            self.watch.close()
            await asyncio.sleep(0)

        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(life())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_a_gauge_whose_bus_hangs_is_unknown_and_comes_back(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    hanging: list[bool] = []
    told: list[frozenset[Condition]] = []
    scene.threads.hangs = lambda: bool(hanging)
    scene.live(
        200,
        (15, lambda: hanging.append(True)),
        # Ten seconds until it counts as failing, and half a minute until that is believed.
        (48, lambda: told.append(scene.conditions)),
        (75, lambda: told.append(scene.conditions)),
        (100, hanging.clear),
        (125, lambda: told.append(scene.conditions)),
    )
    assert told == [set(), {Condition.BATTERY_UNKNOWN}, set()]
    said = [record.message for record in caplog.records if "answer" in record.message]
    # Once each, however long it lasts.
    assert sorted(said) == [
        "battery: its gauge does not answer",
        "temperature: its sensor does not answer",
    ]


def test_a_bus_that_hangs_from_the_start_is_no_battery_that_is_known_of(scene: Scene) -> None:
    scene.threads.hangs = lambda: True
    scene.live(120)
    assert scene.conditions == set()
    assert scene.watch.percent is None


def test_faults_that_are_no_condition_are_told_once_and_when_they_are_over(scene: Scene) -> None:
    def set_memory(mib: int) -> Callable[[], None]:
        return lambda: setattr(scene, "memory", mib * 1024 * 1024)

    def slow(times: int) -> Callable[[], None]:
        return lambda: setattr(scene.taken, "slow", times)

    def firmware(bits: str) -> Callable[[], None]:
        return lambda: bool(scene.gauges.firmware.write_text(bits)) and None

    scene.live(
        1500,
        (15, set_memory(40)),
        (95, set_memory(70)),
        (105, slow(5)),
        (205, firmware("1")),
        (305, firmware("0")),
    )
    assert scene.taken.notes == [
        ("memory_low", True),
        ("memory_low", False),
        ("storage_slow", True),
        ("under_voltage", True),
        ("under_voltage", False),
        ("storage_slow", False),
    ]
    assert scene.conditions == set()
    assert scene.taken.fps == []


@pytest.mark.parametrize(
    ("kept", "rates", "words"),
    [
        ('{"recording": 0.5, "standby": null}', (0.5, None), ""),
        ('{"recording": 99, "standby": null}', (None, None), "99 per hour cannot be"),
        ("[]", (None, None), "measured anew"),
        ("{", (None, None), "measured anew"),
        ("[" * 100_000, (None, None), "measured anew"),
    ],
)
def test_what_was_measured_in_an_earlier_life_is_believed_if_it_can_be(
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    kept: str,
    rates: tuple[float | None, float | None],
    words: str,
) -> None:
    (scene.folder / "card/battery.json").write_text(kept)
    scene.live(30)
    known = scene.watch.battery
    assert (known.recording.rate, known.standby.rate) == rates
    assert words in caplog.text


def test_what_was_measured_by_now_counts_more_than_what_a_slow_card_remembers(
    scene: Scene,
) -> None:
    (scene.folder / "card/battery.json").write_text('{"recording": 0.5, "standby": 0.5}')
    scene.watch.battery = Battery(recording=Meter(0.25))  # before the card has answered
    scene.live(30)
    assert scene.watch.battery.recording.rate == 0.25
    assert scene.watch.battery.standby.rate is None


def test_without_a_battery_nothing_is_the_matter(scene: Scene) -> None:
    (scene.gauges.power_supply / "BAT0/present").write_text("0\n")
    scene.live(30)
    assert scene.conditions == set()
    assert scene.watch.report()["battery"] is None


@pytest.mark.parametrize("kept", [None, '{"recording": 0.5, "standby": null}'])
def test_a_battery_that_shows_no_more_is_said(
    scene: Scene, caplog: pytest.LogCaptureFixture, kept: str | None
) -> None:
    """kept: what an earlier life has measured, and then it is missing from the start."""
    battery = scene.gauges.power_supply / "BAT0"
    told: list[frozenset[Condition]] = []

    def vanish() -> None:
        battery.rename(scene.folder / "away")

    def come_back() -> None:
        (scene.folder / "away").rename(battery)

    if kept is not None:
        (scene.folder / "card/battery.json").write_text(kept)
        vanish()
    scene.live(
        200,
        *([] if kept else [(5, vanish)]),
        (100, lambda: told.append(scene.conditions)),
        (105, come_back),
    )
    assert told == [{Condition.BATTERY_UNKNOWN}]
    assert scene.conditions == set()
    said = [record.message for record in caplog.records if "battery" in record.message]
    assert said == [
        "battery: its gauge shows no more; is its driver loaded, and its chip on the bus?"
    ]


def test_the_dock_is_seen_without_a_battery(scene: Scene) -> None:
    (scene.gauges.power_supply / "BAT0/present").write_text("0\n")
    (scene.gauges.power_supply / "usb/online").write_text("1\n")
    scene.live(30)
    assert scene.conditions == {Condition.DOCKED}


@pytest.mark.parametrize("from_s", [20.1, 21.0, 23.3, 27.9])
def test_a_dock_of_three_seconds_is_seen(scene: Scene, from_s: float) -> None:
    told: list[frozenset[Condition]] = []
    scene.live(
        40,
        (from_s, lambda: scene.gauges.show("docked")),
        (from_s + 2.9, lambda: told.append(scene.conditions)),
        (from_s + 3, scene.gauges.show),
        (from_s + 5.9, lambda: told.append(scene.conditions)),
    )
    assert told == [{Condition.DOCKED}, set()]


def test_the_loop_is_woken_for_what_has_changed_only(scene: Scene) -> None:
    seen: list[tuple[bool, int]] = []
    docked = Condition.DOCKED

    def note() -> None:
        seen.append((docked in scene.conditions, scene.threads.unwoken))

    # Every two seconds the battery, every ten the heat. The first of each is news.
    dock = scene.gauges.show
    scene.live(110, (99, note), (99, lambda: dock("docked")), (100.5, note), (109, note))
    assert [docked for docked, _ in seen] == [False, True, True]
    assert 49 + 9 - 2 <= seen[0][1] <= 50 + 10 - 2
    assert seen[2][1] > seen[0][1]


def test_heat_is_told_with_its_pictures_per_second(scene: Scene) -> None:
    scene.gauges.show("hot")
    scene.live(15)
    # 78 °C are past both steps: half of the 30 that are configured.
    assert scene.taken.fps == [(15, "heat", "heat")]
    assert scene.conditions == {Condition.HOT}
    assert scene.watch.report() == {
        "battery": {"percent": 87, "minutes_left": 123, "docked": False},
        "celsius": 78.0,
        "fps": 15,
    }


def test_an_empty_battery_ends_the_camera_once_and_leaves_word_last(scene: Scene) -> None:
    scene.gauges.show("battery_critical")
    scene.live(300)
    assert scene.taken.ended == ["battery_critical"]
    assert not (scene.folder / "run/power-off").exists()
    scene.watch.leave_word()
    assert (scene.folder / "run/power-off").read_text() == "the battery is at 2 %\n"


def test_an_end_that_is_called_off_is_said(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.gauges.show("battery_critical")
    scene.live(300, (55, lambda: scene.gauges.show("battery_critical", "docked")))
    assert scene.taken.ended == []
    told = [record.message for record in caplog.records if "critical" in record.message]
    assert told == [
        "battery critical: 2 %; the camera ends",
        "battery no longer critical: 2 %; the camera stays on",
    ]


def test_a_gauge_that_says_this_and_that_is_said(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    levels = iter([2, 87] * 99)

    def jump() -> None:
        (scene.gauges.power_supply / "BAT0/capacity").write_text(f"{next(levels)}\n")
        scene.loop.call_later(10, jump)

    (scene.gauges.power_supply / "BAT0/capacity").write_text("50\n")
    scene.live(200, (5, jump))
    assert scene.conditions == {Condition.BATTERY_UNKNOWN}
    told = [record.message for record in caplog.records if "battery" in record.message]
    assert told == ["battery: its gauge says now this, now that"]


def test_who_leaves_in_another_way_leaves_no_word(scene: Scene) -> None:
    scene.live(100)
    scene.watch.leave_word()
    assert list((scene.folder / "run").iterdir()) == []


def test_a_word_that_cannot_be_left_or_removed_is_said(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    (scene.folder / "run/power-off").mkdir()
    scene.gauges.show("battery_critical")
    scene.live(300)
    scene.watch.leave_word()
    assert "an old power-off request cannot be removed" in caplog.text
    assert "cannot ask for power-off" in caplog.text


def test_a_drain_that_cannot_be_kept_is_said_and_believed_all_the_same(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    (scene.folder / "card").rmdir()

    def fall() -> None:
        # 1 % a minute: 60 % an hour.
        percent = 90 - int(scene.loop.time() / 60)
        (scene.gauges.power_supply / "BAT0/capacity").write_text(f"{percent}\n")
        scene.loop.call_later(10, fall)

    scene.live(900, (0, fall))
    assert "the next start measures the battery's drain anew" in caplog.text
    rate = scene.watch.battery.standby.rate
    assert rate == pytest.approx(0.6, rel=0.2)


def test_a_watch_that_fails_is_a_mistake_that_is_heard_of(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    scene.loop.set_exception_handler(lambda _, context: heard.append(str(context["exception"])))

    def wrong(_: Path) -> power.PowerReading:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(power_monitor.power, "read_power", wrong)
    scene.live(30)
    assert heard == ["a mistake"]
