"""What wall time is worth: a condition, the ledger, the stamp."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.base.clock import SECOND, ClockSource, ManualClock
from camerad.base.wall_clock import KnownTime, TimeKeeper
from camerad.behaviour.stages import Condition
from camerad.daemon.clock_monitor import ClockMonitor
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import AtOnce, Heard, idle_core

UNTRUSTED = Condition.CLOCK_UNTRUSTED


class Scene:
    """A machine without a time service, unless `synchronise` is called."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(60 * SECOND)
        self.file = directory / "synchronised"
        self.threads = AtOnce()
        self.core = idle_core(self.clock, self.threads)
        self.heard = Heard(self.core)
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.stamps: list[int] = []
        self.settled = asyncio.Event()
        keeper = TimeKeeper(self.file, directory / "rtc0", clock=self.clock)
        self.monitor = ClockMonitor(self.core, keeper, self._note)

    def _note(self, kind: str, **facts: Any) -> None:
        self.notes.append((kind, facts))

    def live(self, scene: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            watch = asyncio.ensure_future(
                self.monitor.watch(self.settled, lambda: self.stamps.append(self.monitor.steps))
            )
            await scene()
            watch.cancel()
            await asyncio.wait({watch})

        loop = VirtualLoop(self.clock)
        try:
            loop.run_until_complete(run())
        finally:
            loop.close()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_before_the_ledger_was_read_nothing_is_told_of_the_clock(scene: Scene) -> None:
    async def wait() -> None:
        await asyncio.sleep(60)

    scene.live(wait)
    assert (scene.heard.events, scene.notes, scene.stamps) == ([], [], [])


def test_a_clock_that_nothing_confirms_is_a_condition_and_in_the_ledger(scene: Scene) -> None:
    async def settle() -> None:
        scene.monitor.learn(KnownTime())
        scene.settled.set()
        await asyncio.sleep(60)

    scene.live(settle)
    assert scene.heard.conditions == [(UNTRUSTED, True)]
    assert scene.notes == [("clock", {"step_us": None, "source": ClockSource.UNKNOWN})]
    assert scene.stamps == [0], "told once, however often it is looked"


def test_a_clock_that_is_set_right_is_counted_told_and_trusted(scene: Scene) -> None:
    async def settle() -> None:
        scene.monitor.learn(KnownTime())
        scene.settled.set()
        await asyncio.sleep(12)
        scene.clock.step_wall(3600 * SECOND)
        scene.file.touch()
        touched_ns = scene.clock.wall_us() * 1000
        os.utime(scene.file, ns=(touched_ns, touched_ns))
        await asyncio.sleep(12)

    scene.live(settle)
    assert scene.heard.conditions == [(UNTRUSTED, True), (UNTRUSTED, False)]
    assert scene.notes[1] == ("clock", {"step_us": 3600 * SECOND, "source": None})
    assert scene.notes[2] == ("clock", {"step_us": None, "source": ClockSource.SYNCHRONISED})
    assert scene.monitor.steps == 1
    assert scene.stamps == [0, 1, 1], "the stamp is told anew, with the step counted"


def test_a_clock_that_a_test_brings_is_believed(scene: Scene) -> None:
    monitor = ClockMonitor(scene.core, None, scene._note)
    monitor.learn(KnownTime())
    asyncio.run(asyncio.wait_for(monitor.watch(scene.settled, lambda: None), 20))
    assert scene.notes == []
