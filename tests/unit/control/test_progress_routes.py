"""Progress of the upload, over the socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from camerad.base.errors import StorageError
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.control.server import Control
from tests.unit.control.test_server import StandIn
from tests.waiting import DEADLINE

FULL = {"state": "handing_over", "done": 1, "total": 3, "trouble": None}


class Monitor:
    """Keeps the words. error: what it raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.words: list[HandoverProgress] = []
        self._error = error

    async def hear(self, word: HandoverProgress) -> dict[str, Any] | None:
        if self._error is not None:
            raise self._error
        self.words.append(word)
        return {"state": word.state.value}


def post(directory: Path, monitor: Monitor, body: Any) -> tuple[int, Any]:
    async def run() -> tuple[int, Any]:
        daemon = StandIn()
        daemon.handover = monitor
        control = Control(daemon, str(directory), None)
        await control.open()
        connector = aiohttp.UnixConnector(control.path)
        try:
            async with (
                asyncio.timeout(DEADLINE),
                aiohttp.ClientSession("http://camerad", connector=connector) as http,
                http.post("/dock/progress", json=body) as answer,
            ):
                return answer.status, await answer.json()
        finally:
            await control.close()

    return asyncio.run(run())


def test_a_word_is_taken_and_answered_with_what_is_shown(tmp_path: Path) -> None:
    monitor = Monitor()
    assert post(tmp_path, monitor, FULL) == (200, {"shown": {"state": "handing_over"}})
    assert monitor.words == [HandoverProgress(HandoverState.HANDING_OVER, 1, 3)]


def test_a_failure_has_its_trouble(tmp_path: Path) -> None:
    monitor = Monitor()
    status, _ = post(tmp_path, monitor, {**FULL, "state": "failed", "trouble": "certificate"})
    assert status == 200
    (word,) = monitor.words
    assert (word.state, word.trouble) == (HandoverState.FAILED, HandoverTrouble.CERTIFICATE)


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "done"},
        {"state": "failed"},
        {"trouble": "network"},
        {"state": "failed", "trouble": "the cat"},
        {"done": 4},
        {"done": -1},
        {"total": 1_000_001},
        {"done": 1.5},
        {"text": "Kein Netz"},
    ],
    ids=str,
)
def test_nothing_but_its_words_and_two_numbers_reaches_a_light_or_a_display(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    monitor = Monitor()
    assert post(tmp_path, monitor, {**FULL, **changed})[0] == 400
    assert monitor.words == []


def test_a_card_that_fails_is_answered_so(tmp_path: Path) -> None:
    failing = Monitor(StorageError("the card is gone"))
    assert post(tmp_path, failing, FULL) == (503, {"error": "the card is gone"})
