"""Shifts through the control socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from camerad.behaviour.shift import Refusal
from camerad.control.server import Control
from tests.unit.control.test_server import StandIn
from tests.unit.core_helpers import record
from tests.unit.daemon.test_shift_manager import Bench
from tests.waiting import DEADLINE

Post = Callable[[Any], Awaitable[tuple[int, Any]]]


def play(directory: Path, scene: Callable[[Bench, Post], Awaitable[None]]) -> None:
    async def run() -> None:
        bench, daemon = Bench(), StandIn()
        daemon.shifts = bench.shifts
        control = Control(daemon, str(directory), None)
        await control.open()
        connector = aiohttp.UnixConnector(control.path)
        async with aiohttp.ClientSession("http://camerad", connector=connector) as http:

            async def post(body: Any) -> tuple[int, Any]:
                given = {"data": body} if isinstance(body, bytes) else {"json": body}
                async with http.post("/shift", **given) as answer:
                    return answer.status, await answer.json()

            async with asyncio.timeout(DEADLINE):
                await scene(bench, post)
        bench.shifts.close()
        await control.close()

    asyncio.run(run())


def test_a_shift_begins_and_ends(tmp_path: Path) -> None:
    async def scene(bench: Bench, post: Post) -> None:
        assert await post({"wearer": "W-0815"}) == (200, {"shift": bench.shifts.status()})
        assert bench.shifts.wearer == "W-0815"
        assert await post({"wearer": None}) == (200, {"shift": None})
        assert bench.kinds == ["shift_begun", "shift_ended"]

    play(tmp_path, scene)


def test_what_cannot_be_is_refused_with_its_reason(tmp_path: Path) -> None:
    async def scene(bench: Bench, post: Post) -> None:
        assert await post({"wearer": None}) == (
            409,
            {"refused": Refusal.NO_SHIFT.value},
        )
        assert (await post({"wearer": "a b"}))[0] == 409
        record(bench.core)
        code, answer = await post({"wearer": "W-1"})
        assert (code, "a recording is running" in answer["refused"]) == (409, True)
        assert bench.kinds == []

    play(tmp_path, scene)


@pytest.mark.parametrize("body", [{}, [], "W-1", {"wearer": 7}, {"wearer": "W", "more": 1}, None])
def test_another_body_is_no_request(tmp_path: Path, body: Any) -> None:
    async def scene(bench: Bench, post: Post) -> None:
        code, answer = await post(body)
        assert code == 400
        assert "needs another body" in answer["error"]
        assert bench.kinds == []

    play(tmp_path, scene)


def test_a_body_that_is_no_text_is_no_request(tmp_path: Path) -> None:
    async def scene(bench: Bench, post: Post) -> None:
        code, answer = await post(b'{"wearer": "\xe6"}')
        assert (code, "needs another body" in answer["error"]) == (400, True)

    play(tmp_path, scene)
