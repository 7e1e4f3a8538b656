"""Control: HTTP on a Unix socket, which bad requests do not harm."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from camerad.behaviour.stages import Intent
from camerad.control import MAX_CONNECTIONS, MAX_LISTENERS, Control
from camerad.errors import ControlError


class StandIn:
    """A daemon that notes what it is asked."""

    def __init__(self) -> None:
        self.intents: list[tuple[Intent, str]] = []
        self.refuse: str | None = None
        self.broken = False
        self.stage = "idle"

    def status(self) -> dict[str, Any]:
        if self.broken:
            raise RuntimeError("a mistake of ours")
        return {"stage": self.stage}

    def health(self) -> dict[str, Any]:
        return {"faulty": ["red"]}

    def intend(self, intent: Intent, source: str) -> str | None:
        self.intents.append((intent, source))
        return self.refuse

    async def recordings(self) -> list[dict[str, Any]]:
        return [{"id": "one"}]

    device = "camera-07"

    def ask(self, work: Callable[..., Any]) -> Awaitable[Any]:
        raise NotImplementedError


Scene = Callable[[StandIn, Control, aiohttp.ClientSession], Awaitable[None]]


def play(directory: Path, scene: Scene) -> None:
    async def run() -> None:
        daemon = StandIn()
        control = Control(daemon, str(directory), None)
        await control.open()
        connector = aiohttp.UnixConnector(control.path)
        try:
            async with aiohttp.ClientSession("http://camerad", connector=connector) as session:
                async with asyncio.timeout(20):
                    await scene(daemon, control, session)
        finally:
            await control.close()
        assert not os.path.exists(control.path)

    asyncio.run(run())


def test_status_recordings_and_intents(tmp_path: Path) -> None:
    async def scene(daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        async with http.get("/status") as answer:
            assert (answer.status, await answer.json()) == (200, {"stage": "idle"})
        async with http.get("/health") as answer:
            assert (answer.status, await answer.json()) == (200, {"faulty": ["red"]})
        async with http.get("/recordings") as answer:
            assert (answer.status, await answer.json()) == (200, [{"id": "one"}])
        for intent in Intent:
            async with http.post(f"/intents/{intent.value}") as answer:
                assert answer.status == 202
        assert daemon.intents == [(intent, "control") for intent in Intent]

    play(tmp_path, scene)


def test_a_refusal_says_why(tmp_path: Path) -> None:
    async def scene(daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        daemon.refuse = "storage_full"
        async with http.post("/intents/record") as answer:
            assert (answer.status, await answer.json()) == (409, {"refused": "storage_full"})

    play(tmp_path, scene)


def test_events_begin_with_the_present_and_bring_every_change(tmp_path: Path) -> None:
    async def scene(daemon: StandIn, control: Control, http: aiohttp.ClientSession) -> None:
        async with http.get("/events") as answer:
            assert answer.content_type == "text/event-stream"
            seen = [await answer.content.readuntil(b"\n\n")]
            for daemon.stage in ("self_view", "recording"):
                control.changed()
                seen.append(await answer.content.readuntil(b"\n\n"))
        stages = [json.loads(line.removeprefix(b"data: "))["stage"] for line in seen]
        assert stages == ["idle", "self_view", "recording"]

    play(tmp_path, scene)


def test_bad_requests_are_refused_in_a_sentence_and_harm_nothing(tmp_path: Path) -> None:
    async def scene(daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        for method, path, status in (
            ("POST", "/intents/fly", 404),
            ("POST", "/intents/%00%ff", 404),
            ("GET", "/intents/record", 405),
            ("DELETE", "/status", 405),
            ("GET", "/../etc/passwd", 404),
        ):
            async with http.request(method, path) as answer:
                assert answer.status == status, path
                assert "error" in await answer.json()
        assert daemon.intents == []
        async with http.get("/status") as answer:
            assert answer.status == 200

    play(tmp_path, scene)


def test_raw_bytes_harm_nothing(tmp_path: Path) -> None:
    async def scene(_daemon: StandIn, control: Control, http: aiohttp.ClientSession) -> None:
        for garbage in (b"\0" * 100, b"GET\r\n\r\n", b"\xff" * 70_000, b"POST / HTTP/9.9\r\n\r\n"):
            reader, writer = await asyncio.open_unix_connection(control.path)
            writer.write(garbage)
            writer.write_eof()
            await reader.read()
            writer.close()
        async with http.get("/status") as answer:
            assert answer.status == 200

    play(tmp_path, scene)


def test_a_mistake_of_ours_answers_500_and_the_server_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        daemon.broken = True
        async with http.get("/status") as answer:
            assert answer.status == 500
        daemon.broken = False
        async with http.get("/status") as answer:
            assert answer.status == 200

    play(tmp_path, scene)
    assert "GET /status failed" in caplog.text


def test_listeners_are_bounded_and_a_slow_one_only_misses_some(tmp_path: Path) -> None:
    async def scene(_daemon: StandIn, control: Control, http: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(http.get("/events")) for _ in range(MAX_LISTENERS)]
        answers = [task.result() for task in tasks]
        for answer in answers:
            await answer.content.readuntil(b"\n\n")
        async with http.get("/events") as refused:
            assert refused.status == 503
        for _ in range(1000):
            control.changed()
        assert (await answers[0].content.readuntil(b"\n\n")).startswith(b"data: ")
        for answer in answers:
            answer.close()

    async def with_room(daemon: StandIn, control: Control, _: aiohttp.ClientSession) -> None:
        connector = aiohttp.UnixConnector(control.path, limit=0)
        async with aiohttp.ClientSession("http://camerad", connector=connector) as http:
            await scene(daemon, control, http)

    play(tmp_path, with_room)


def test_the_socket_is_for_owner_and_group_only(tmp_path: Path) -> None:
    async def run() -> None:
        group = grp.getgrgid(os.getgid()).gr_name
        control = Control(StandIn(), str(tmp_path / "new"), group)
        await control.open()
        status = os.stat(control.path)
        assert stat.S_IMODE(status.st_mode) == 0o660
        assert status.st_gid == os.getgid()
        await control.close()
        await control.close()

    asyncio.run(run())


def test_an_unknown_group_is_one_sentence(tmp_path: Path) -> None:
    control = Control(StandIn(), str(tmp_path), "no-such-group")
    with pytest.raises(ControlError, match="there is no group 'no-such-group'"):
        asyncio.run(control.open())


def test_a_second_daemon_is_refused_and_a_stale_socket_is_not_in_the_way(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(tmp_path / "control.sock"))
        first = Control(StandIn(), str(tmp_path), None)
        await first.open()
        with pytest.raises(ControlError, match="another camerad listens on"):
            await Control(StandIn(), str(tmp_path), None).open()
        await first.close()

    asyncio.run(run())


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    control = Control(StandIn(), str(tmp_path / "file"), None)
    with pytest.raises(ControlError, match=r"set device\.runtime_dir"):
        asyncio.run(control.open())


def test_connections_without_a_word_are_bounded_and_the_next_one_is_turned_away(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        control = Control(StandIn(), str(tmp_path), None)
        await control.open()
        idle = [await asyncio.open_unix_connection(control.path) for _ in range(MAX_CONNECTIONS)]
        reader, writer = await asyncio.open_unix_connection(control.path)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        for _, one in idle:
            one.close()
            await one.wait_closed()
        connector = aiohttp.UnixConnector(control.path)
        async with (
            aiohttp.ClientSession("http://camerad", connector=connector) as http,
            http.get("/status") as answer,
        ):
            assert answer.status == 200
        await control.close()

    asyncio.run(run())
