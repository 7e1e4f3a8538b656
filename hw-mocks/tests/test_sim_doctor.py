"""The board that ``bodycam-sim doctor`` is at."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hw_mocks.bus import WORLD_VARIABLE, Message, WorldClient
from hw_mocks.priority import REALTIME_VARIABLE
from hw_mocks.sim import simulator


class Listener:
    """In place of `hw_mocks.sim.hearing.Hearing`: what a microphone is told before it is ready."""

    told: list[Message]

    def __init__(self, _: Path, environment: dict[str, str]) -> None:
        self._world = environment[WORLD_VARIABLE]

    async def start(self, _: dict[str, Any]) -> dict[str, str]:
        client = WorldClient(self._world, "microphone", self.told.append)
        assert await asyncio.to_thread(client.wait_ready)
        await asyncio.to_thread(client.close)
        return {}

    async def stop(self) -> None:
        pass


def test_it_has_its_faults_before_anything_is_heard_and_is_as_quick_as_hardware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Listener.told = []
    monkeypatch.setattr(simulator, "Hearing", Listener)
    monkeypatch.setenv("DOCTOR_STANDIN", str(tmp_path / "environment"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    config = tmp_path / "camerad.yaml"
    config.write_text("policy: generic\n")
    options = simulator.Options(
        tmp_path / "state",
        footage=None,
        config=config,
        port=0,
        daemon="doctor_standin",
        sound="clapper",
        doctor=(),
        faults=("microphone_silent",),
    )
    assert asyncio.run(simulator.Simulator(options).run()) == 0
    assert [told["fault"] for told in Listener.told] == ["microphone_silent"]
    assert json.loads((tmp_path / "environment").read_text())[REALTIME_VARIABLE] == "1"
