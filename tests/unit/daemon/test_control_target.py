"""The control socket reaches the parts of the daemon that answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from camerad.base.clock import SECOND, ManualClock
from camerad.behaviour.shift import ShiftRules
from camerad.behaviour.stages import Condition, Stage
from camerad.config import load
from camerad.control.server import Control
from camerad.daemon.app import ControlTarget
from camerad.daemon.handover_monitor import HandoverMonitor
from camerad.daemon.metrics_store import MetricsStore
from camerad.daemon.recording_manager import RecordingManager
from camerad.daemon.shift_manager import ShiftManager
from tests.system.harness import configuration
from tests.unit.core_helpers import idle_core
from tests.waiting import DEADLINE

SHIFT_RULES = ShiftRules(longest_us=3600 * SECOND, reminder_us=60 * SECOND, badge_us=60 * SECOND)

Ask = Callable[..., Awaitable[tuple[int, Any]]]


class Scene:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.core = core = idle_core(ManualClock(100 * SECOND))
        self.recordings = RecordingManager(core, load(configuration(directory)), str(directory))
        counting = MetricsStore(str(directory), core.clock, core.loop.in_thread)
        self.target = ControlTarget(
            device="camera-07",
            core=core,
            recordings=self.recordings,
            shifts=ShiftManager(
                core,
                SHIFT_RULES,
                lambda kind, **facts: None,
                lambda present, over: None,
                play=lambda kind: None,
                on_change=lambda: None,
            ),
            handover=HandoverMonitor(core, None, self.recordings.listing, lambda _word: None),
            counting=counting,
            status=lambda: {"stage": core.state.stage.value},
            health=lambda: {"faulty": []},
        )

    def play(self, scene: Callable[[Ask], Awaitable[None]]) -> None:
        async def run() -> None:
            control = Control(self.target, str(self.directory / "run"), None)
            await control.open()
            connector = aiohttp.UnixConnector(control.path)
            try:
                async with aiohttp.ClientSession("http://camerad", connector=connector) as http:

                    async def ask(method: str, target: str, body: Any = None) -> tuple[int, Any]:
                        async with http.request(method, target, json=body) as answer:
                            return answer.status, await answer.json()

                    async with asyncio.timeout(DEADLINE):
                        await scene(ask)
            finally:
                self.target.shifts.close()
                await control.close()

        asyncio.run(run())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_intent_over_the_socket_moves_the_state_and_the_status_says_so(scene: Scene) -> None:
    async def life(ask: Ask) -> None:
        assert await ask("GET", "/status") == (200, {"stage": "idle"})
        assert (await ask("POST", "/intents/record"))[0] == 202
        assert scene.core.state.stage is Stage.RECORDING
        assert await ask("GET", "/status") == (200, {"stage": "recording"})

    scene.play(life)


def test_an_intent_that_the_state_refuses_is_answered_with_its_reason(scene: Scene) -> None:
    async def life(ask: Ask) -> None:
        scene.core.conditions.raise_(Condition.STORAGE_FULL)
        assert await ask("POST", "/intents/record") == (409, {"refused": "storage_full"})
        assert scene.core.state.stage is Stage.IDLE

    scene.play(life)


def test_a_shift_over_the_socket_is_the_daemons_shift(scene: Scene) -> None:
    async def life(ask: Ask) -> None:
        assert (await ask("POST", "/shift", {"wearer": "W-0815"}))[0] == 200
        assert scene.target.shifts.wearer == "W-0815"

    scene.play(life)


def test_recordings_are_listed_and_the_store_is_asked_where_they_are_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listing() -> list[dict[str, Any]]:
        return [{"id": "one"}]

    def ask(work: Callable[..., Any]) -> Awaitable[Any]:
        async def answer() -> Any:
            return work("the store", "the key")

        return answer()

    monkeypatch.setattr(scene.recordings, "listing", listing)
    monkeypatch.setattr(scene.recordings, "ask", ask)

    async def life(request: Ask) -> None:
        assert await request("GET", "/recordings") == (200, [{"id": "one"}])
        assert await scene.target.ask(lambda store, key: (store, key)) == ("the store", "the key")

    scene.play(life)
