"""Viewers change nothing: neither what is recorded nor how soon the camera answers."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.system import judge
from tests.system.gaps import edges, opened
from tests.system.harness import OF_MAKE_RUN, PATIENCE, BodyCamera, body_camera, until

pytestmark = pytest.mark.system

VIEWERS = 10
ANSWER_US = 50_000
"""Within this time of its decision a gesture is answered, watched or not."""


class Viewers:
    """So many pages, as the server knows them: each follows everything, pictures included."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pictures = [0] * VIEWERS
        self.stages: list[list[str]] = [[] for _ in range(VIEWERS)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._all(),), daemon=True
        )

    async def _all(self) -> None:
        async with aiohttp.ClientSession() as session:
            self._tasks = [
                asyncio.ensure_future(self._one(session, number)) for number in range(VIEWERS)
            ]
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one(self, session: aiohttp.ClientSession, number: int) -> None:
        async with session.ws_connect(f"{self.url}/api/live") as socket:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.pictures[number] += 1
                    continue
                news: dict[str, Any] = json.loads(message.data)
                if news["kind"] == "state":
                    self.stages[number].append(news["value"]["stage"])

    def __enter__(self) -> Viewers:
        self._thread.start()
        until(lambda: all(self.stages), PATIENCE, "every viewer has been told a state")
        return self

    def __exit__(self, *_: object) -> None:
        def leave() -> None:
            for task in self._tasks:
                task.cancel()

        self._loop.call_soon_threadsafe(leave)
        self._thread.join(PATIENCE)
        self._loop.close()


def record(camera: BodyCamera) -> tuple[dict[str, Any], int]:
    """Three seconds of self-view, three of recording; what is listed, and the light's answer."""
    camera.wait(stage="idle")
    camera.press()
    camera.wait(stage="self_view", display=True)
    camera.pass_time(3)
    # In self-view press and hold mean the same, so the first edge decides.
    pressed_us = camera.press()["down_us"]
    camera.wait(stage="recording")
    red_us = next(at_us for at_us, on in edges(camera, "red", pressed_us) if on)
    camera.pass_time(3)
    return camera.stop(), red_us - pressed_us


@pytest.mark.campaign
def test_ten_viewers_cost_no_frame_and_no_answer(tmp_path: Path) -> None:
    with body_camera(tmp_path, OF_MAKE_RUN, page=True) as camera:
        _, alone_us = record(camera)
        with Viewers(camera.url) as viewers:
            recording, watched_us = record(camera)
            until(
                lambda: all("recording" in told for told in viewers.stages), PATIENCE, "all saw it"
            )
        verdict = judge.decode(opened(camera, recording))
    assert verdict.holes == []
    assert recording["gaps"] == []
    assert recording["frames"] == len(verdict.frames)
    # From before the press to the stop: at least the three seconds of recording at 30 a second.
    assert len(verdict.frames) >= 90
    assert watched_us < ANSWER_US, f"{watched_us} us; with nobody watching {alone_us} us"
    # And they did see it: six seconds of display, of which even a slow one gets two a second.
    assert min(viewers.pictures) >= 12
