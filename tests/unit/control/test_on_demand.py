"""HTTP is loaded at the first request, which is answered like every other."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from camerad.base.async_utils import EventLoop
from camerad.base.errors import ControlError
from camerad.config.control_section import Access
from camerad.control import on_demand
from camerad.control.listener import ControlSocket, claim_socket
from camerad.control.on_demand import ControlOnDemand
from camerad.control.server import Control
from tests.unit.control.test_server import StandIn
from tests.waiting import DEADLINE


class Scene:
    """A socket that waits, and how often its server was made."""

    def __init__(self, directory: Path) -> None:
        self.entrance: ControlSocket = claim_socket(str(directory), None, Access())
        self.daemon = StandIn()
        self.made = 0
        self.made_way = False
        self.made_on: set[int] = set()
        loop = EventLoop()
        loop.attach()
        self.control = ControlOnDemand(loop, self.entrance, self.make)
        self.control.wait()

    def make(self) -> Control:
        self.made += 1
        self.made_way = not gc.isenabled() and sys.getswitchinterval() < 0.001
        self.made_on.add(threading.get_ident())
        return Control(
            self.daemon, os.path.dirname(self.entrance.path), None, entrance=self.entrance
        )

    async def status(self) -> int:
        connector = aiohttp.UnixConnector(self.entrance.path)
        async with (
            aiohttp.ClientSession("http://camerad", connector=connector) as http,
            http.get("/status") as answer,
        ):
            return answer.status


def play(directory: Path, scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        made = Scene(directory)
        try:
            async with asyncio.timeout(DEADLINE):
                await scene(made)
        finally:
            await made.control.close()
            await made.control.close()
        assert not os.path.exists(made.entrance.path)
        assert made.entrance.listener.fileno() < 0

    asyncio.run(run())


def test_a_server_is_made_once_and_on_a_thread_for_whoever_comes(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        made.control.changed()
        await asyncio.sleep(0)
        assert made.made == 0
        assert await asyncio.gather(*(made.status() for _ in range(5))) == [200] * 5
        assert await made.status() == 200
        assert made.made == 1
        assert threading.get_ident() not in made.made_on
        assert made.made_way
        assert gc.isenabled()
        assert sys.getswitchinterval() > 0.001

    play(tmp_path, scene)


def test_changes_reach_who_listens(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        connector = aiohttp.UnixConnector(made.entrance.path)
        async with (
            aiohttp.ClientSession("http://camerad", connector=connector) as http,
            http.get("/events") as answer,
        ):
            assert await answer.content.readline() == b'data: {"stage": "idle"}\n'
            await answer.content.readline()
            made.daemon.stage = "recording"
            made.control.changed()
            assert await answer.content.readline() == b'data: {"stage": "recording"}\n'

    play(tmp_path, scene)


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EDQUOT])
def test_where_there_is_no_room_for_the_socket_the_camera_comes_up_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, why: int
) -> None:
    """It records all the same, which nobody has to ask it for; /run may be full by whatever runs
    beside it."""

    def full(path: str, **_how: object) -> None:
        raise OSError(why, os.strerror(why), path)

    async def scene(made: Scene) -> None:
        made.control.changed()
        await asyncio.sleep(0.05)
        assert made.made == 0
        assert "this daemon has no control socket until its next start" in caplog.text

    monkeypatch.setattr(os, "makedirs", full)
    play(tmp_path, scene)


def test_nobody_has_asked(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        assert made.made == 0

    play(tmp_path, scene)


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module"), ControlError("full")])
def test_a_server_that_cannot_be_had_is_told_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def scene(made: Scene) -> None:
        def refuse() -> Control:
            raise error

        made.control._make = refuse
        with pytest.raises(aiohttp.ClientError):
            await made.status()

    play(tmp_path, scene)
    assert "control does not answer until the next start" in caplog.text
    assert [one.levelno for one in caplog.records] == [logging.ERROR]


def test_an_import_that_hangs_keeps_no_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_demand, "CONTROL_END_SECONDS", 0.05)
    goes_on = threading.Event()

    async def scene(made: Scene) -> None:
        def hang() -> Control:
            goes_on.wait(20)
            return Scene.make(made)

        made.control._make = hang
        _, writer = await asyncio.open_unix_connection(made.entrance.path)
        await asyncio.sleep(0)
        writer.close()

    try:
        play(tmp_path, scene)
    finally:
        goes_on.set()


def test_waiting_takes_no_http() -> None:
    code = "import camerad.control.on_demand, sys; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
