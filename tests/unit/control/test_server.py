"""Control: HTTP on a Unix socket, which bad requests do not harm."""

from __future__ import annotations

import asyncio
import contextlib
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

from camerad.base.errors import ControlError
from camerad.behaviour.stages import Intent
from camerad.config.control_section import Access
from camerad.control import access as control_access
from camerad.control import server as control
from camerad.control.access import BURST, Peer
from camerad.control.server import (
    MAX_CONNECTIONS,
    MAX_LISTENERS,
    MAX_LISTENERS_OF_OTHERS,
    MAX_OF_ONE_USER,
    MAX_OF_OTHERS,
    Control,
)
from tests.waiting import DEADLINE


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

    async def list_recordings(self) -> list[dict[str, Any]]:
        return [{"id": "one"}]

    device = "camera-07"

    def ask(self, work: Callable[..., Any]) -> Awaitable[Any]:
        raise NotImplementedError

    def metrics(self) -> str:
        return "camerad_ready 1\n"

    shifts: Any = None
    handover: Any = None


Scene = Callable[[StandIn, Control, aiohttp.ClientSession], Awaitable[None]]


def play(directory: Path, scene: Scene, access: Access = Access()) -> None:
    async def run() -> None:
        daemon = StandIn()
        control = Control(daemon, str(directory), None, access)
        await control.open()
        connector = aiohttp.UnixConnector(control.path)
        try:
            async with aiohttp.ClientSession("http://camerad", connector=connector) as session:
                async with asyncio.timeout(DEADLINE):
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


@pytest.mark.parametrize("turns", range(5))
def test_who_comes_while_it_closes_is_turned_away(tmp_path: Path, turns: int) -> None:
    """A connection may be accepted before the end and begin after it. turns: of the loop, between
    the peer's connecting and the end."""

    async def scene(daemon: StandIn, control: Control, http: aiohttp.ClientSession) -> None:
        asked, answered = asyncio.Event(), asyncio.Event()

        async def slow() -> list[dict[str, Any]]:
            asked.set()
            await answered.wait()
            return []

        daemon.list_recordings = slow  # type: ignore[method-assign]
        asking = asyncio.ensure_future(http.get("/recordings"))
        await asked.wait()
        with socket.socket(socket.AF_UNIX) as late:
            late.setblocking(False)
            late.connect(control.path)
            for _ in range(turns):
                await asyncio.sleep(0)
            closing = asyncio.ensure_future(control.close())
            # Closed before the one that holds the end up; a reset says so too.
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.get_running_loop().sock_recv(late, 1) == b""
            assert not closing.done()
        answered.set()
        (await asking).close()
        await closing

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


@pytest.mark.parametrize("path", [b"/status", b"/nothing"])
@pytest.mark.parametrize("expected", [b"100\xb7\xd3-continue", b"200-ok", b"100-continue, more"])
def test_nothing_can_be_expected_but_100_continue(
    tmp_path: Path, path: bytes, expected: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(_daemon: StandIn, control: Control, _http: aiohttp.ClientSession) -> None:
        reader, writer = await asyncio.open_unix_connection(control.path)
        writer.write(b"GET %b HTTP/1.1\r\nHost: camera\r\nExpect: %b\r\n\r\n" % (path, expected))
        answer = await reader.read()  # to the end: the connection is closed
        writer.close()
        assert answer.startswith(b"HTTP/1.1 417 ")
        assert b'{"error": "nothing can be expected here but 100-continue"}' in answer

    play(tmp_path, scene)
    assert caplog.messages == []


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


def test_a_daemon_that_accepts_nobody_just_now_is_not_taken_for_an_unwritable_directory(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "control.sock")
    with socket.socket(socket.AF_UNIX) as busy, contextlib.ExitStack() as waiting:
        busy.bind(path)
        busy.listen(0)
        while True:  # until no more may wait
            one = waiting.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            try:
                one.connect(path)
            except BlockingIOError:
                break
        with pytest.raises(ControlError, match="another camerad listens on"):
            asyncio.run(Control(StandIn(), str(tmp_path), None).open())
    assert os.path.exists(path)


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


# ------------------------------------------------------------------------------- somebody else's


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> list[Peer]:
    """Who the kernel says is at the other end: these, in turn, the last one from then on. (That it
    says so is tested in test_control_access.py and test_control_fuzz.py, with another user.)"""
    peers = [Peer(NOBODY, frozenset({NOBODY}))]

    def told(transport: Any) -> Peer | None:
        return None if transport is None else peers[0]

    monkeypatch.setattr(control, "peer_of", told)
    return peers


NOBODY = 65_534
ALL = Access(
    read=("user:nobody",),
    press=("user:nobody",),
    configure=("user:nobody",),
    hand_over=("user:nobody",),
)
REQUESTS = {
    "read": [
        ("GET", "/status"),
        ("GET", "/events"),
        ("GET", "/recordings"),
        ("GET", "/metrics"),
        ("GET", "/identity"),
        ("GET", "/ledger/head"),
        ("GET", "/no/such/thing"),
    ],
    "press": [("POST", f"/intents/{intent.value}") for intent in Intent],
    "hand_over": [
        ("POST", "/dock/signature"),
        ("POST", "/dock/receipt"),
        ("POST", "/dock/progress"),
        ("POST", "/dock/check-in"),
        ("POST", "/dock/settings"),
        ("POST", "/dock/log"),
    ],
    "configure": [
        ("GET", "/health"),
        ("POST", "/shift"),
        ("POST", "/purge"),
        ("POST", "/acknowledge"),
        ("POST", "/recordings/x/hold"),
        ("POST", "/recordings/x/release"),
        ("DELETE", "/status"),
        ("PUT", "/intents/record"),
    ],
}


def test_every_request_that_there_is_has_its_role_in_the_table(tmp_path: Path) -> None:
    async def run() -> None:
        one = Control(StandIn(), str(tmp_path), None)
        await one.open()
        assert one._runner is not None
        routes = {
            (route.method, route.resource.canonical)
            for route in one._runner.app.router.routes()
            if route.resource is not None and route.method != "HEAD"
        }
        await one.close()
        listed = {
            (method, path.replace("/x/", "/{id}/").replace("/record", "/{name}"))
            if path == "/intents/record"
            else (method, path.replace("/x/", "/{id}/"))
            for requests in REQUESTS.values()
            for method, path in requests
        }
        assert routes <= listed

    asyncio.run(run())


@pytest.mark.parametrize("role", REQUESTS)
def test_each_role_stands_for_itself(tmp_path: Path, strangers: list[Peer], role: str) -> None:
    only = Access(**{"read": (), "press": (), "configure": (), role: ("user:nobody",)})

    async def scene(daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        for name, requests in REQUESTS.items():
            if name == role:
                continue
            for method, path in requests:
                async with http.request(method, path) as answer:
                    assert answer.status == 403, (method, path)
                    assert f"access.{name} in the camera" in (await answer.json())["error"]
        # Nobody else's request came through, and one's own does.
        assert daemon.intents == []
        method, path = REQUESTS[role][0]
        async with http.request(method, path) as answer:
            assert answer.status in (200, 202, 400)

    play(tmp_path, scene, only)


@pytest.mark.parametrize(
    "target",
    ["/intents/../shift", "/intents/%2e%2e/shift", "//shift", "/%73hift", "/shift/../shift"],
)
def test_no_other_spelling_of_a_request_has_another_role(
    tmp_path: Path, strangers: list[Peer], target: str
) -> None:
    async def scene(_daemon: StandIn, control: Control, _: aiohttp.ClientSession) -> None:
        reader, writer = await asyncio.open_unix_connection(control.path)
        request = f"POST {target} HTTP/1.1\r\nHost: c\r\nContent-Length: 0\r\n\r\n"
        writer.write(request.encode())
        answer = await asyncio.wait_for(reader.readline(), 15)
        assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 404 ")), answer
        writer.close()

    play(tmp_path, scene, Access(press=("user:nobody",)))


def test_whoever_the_kernel_does_not_name_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "peer_of", lambda _: None)

    async def scene(_daemon: StandIn, control: Control, _http: aiohttp.ClientSession) -> None:
        reader, writer = await asyncio.open_unix_connection(control.path)
        assert await reader.read() == b""
        writer.close()

    play(tmp_path, scene)


def test_a_user_in_a_hurry_is_slowed_down_and_root_is_not(
    tmp_path: Path, strangers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_access, "RATE", 1e-6)  # none comes due while this runs

    async def scene(_daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        answers = []
        for _ in range(int(BURST) + 5):
            async with http.get("/status") as answer:
                answers.append(answer.status)
        # The connection counted too.
        assert answers == [200] * (int(BURST) - 1) + [429] * 6
        strangers[0] = Peer(0, frozenset())
        for _ in range(2 * int(BURST)):
            async with http.get("/status") as answer:
                assert answer.status == 200

    play(tmp_path, scene, ALL)


async def silent(control: Control) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(control.path)


async def is_let_in(control: Control) -> bool:
    """Whether a new connection is answered."""
    reader, writer = await silent(control)
    writer.write(b"GET /status HTTP/1.1\r\nHost: camerad\r\n\r\n")
    try:
        return bool(await asyncio.wait_for(reader.read(12), 10))
    except ConnectionError:
        return False
    finally:
        writer.close()


def test_one_user_cannot_keep_others_out_nor_all_of_them_root(
    tmp_path: Path, strangers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_access, "BURST", 1e9)
    clients: dict[Any, Peer] = {}

    def told(transport: Any) -> Peer | None:
        return None if transport is None else clients.setdefault(transport, strangers[0])

    monkeypatch.setattr(control, "peer_of", told)

    async def scene(_daemon: StandIn, control: Control, _http: aiohttp.ClientSession) -> None:
        held = []
        for uid in range(1, MAX_OF_OTHERS // MAX_OF_ONE_USER + 1):
            strangers[0] = Peer(uid, frozenset({NOBODY}))
            for _ in range(MAX_OF_ONE_USER):
                held.append(await silent(control))
                # Known to the server, before the next one asks.
                while len(clients) < len(held):
                    await asyncio.sleep(0)
            assert not await is_let_in(control), f"user {uid}"
        strangers[0] = Peer(1000, frozenset({NOBODY}))
        assert not await is_let_in(control), "one user more"
        strangers[0] = Peer(0, frozenset())
        assert await is_let_in(control), "root"
        for _, writer in held:
            writer.close()

    play(tmp_path, scene, Access(read=("group:nogroup",)))


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /status HT",
        b"GET /status HTTP/1.1\r\nHost: camerad\r\n",
        b"POST /shift HTTP/1.1\r\nHost: camerad\r\nContent-Length: 100\r\n\r\n{",
        b"POST /shift HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half a chunk"],
)
def test_what_does_not_come_to_its_end_in_time_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(control, "LINGER_SECONDS", 0.1)

    async def scene(_daemon: StandIn, control: Control, _http: aiohttp.ClientSession) -> None:
        reader, writer = await silent(control)
        writer.write(beginning)
        said = await asyncio.wait_for(reader.read(), 15)
        assert said == b"" or said.startswith(b"HTTP/1.1 408 ")
        assert (said != b"") == (b"\r\n\r\n" in beginning)
        writer.close()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n",
    ],
)
def test_a_body_that_is_damaged_is_no_mistake_of_ours(
    tmp_path: Path, framing: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(_daemon: StandIn, control: Control, http: aiohttp.ClientSession) -> None:
        for target in (b"/shift", b"/intents/record"):
            reader, writer = await silent(control)
            writer.write(b"POST " + target + b" HTTP/1.1\r\nHost: camerad\r\n" + framing)
            answer = await asyncio.wait_for(reader.readline(), 15)
            # A press needs no body, so what came as one does not matter if it was whole.
            assert answer.split()[1] in (b"400", b"202"), answer
            assert target != b"/shift" or answer.split()[1] == b"400"
            writer.close()
        async with http.get("/status") as answered:
            assert answered.status == 200

    play(tmp_path, scene)
    assert "failed" not in caplog.text


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async def scene(_daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        for path in ("/shift", "/intents/record"):
            async with http.post(path, data=b"x" * (control.MAX_BODY + 1)) as answer:
                assert answer.status == 413

    play(tmp_path, scene)


def test_listeners_of_others_leave_room_for_those_who_look_after_the_camera(
    tmp_path: Path, strangers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_access, "BURST", 1e9)

    async def scene(_daemon: StandIn, control: Control, _: aiohttp.ClientSession) -> None:
        connector = aiohttp.UnixConnector(control.path, limit=0)
        async with aiohttp.ClientSession("http://camerad", connector=connector) as http:
            held = [await http.get("/events") for _ in range(MAX_LISTENERS_OF_OTHERS)]
            assert [answer.status for answer in held] == [200] * MAX_LISTENERS_OF_OTHERS
            async with http.get("/events") as answer:
                assert answer.status == 503
            strangers[0] = Peer(0, frozenset())
            async with http.get("/events") as answer:
                assert answer.status == 200
            for answer in held:
                answer.close()

    play(tmp_path, scene, ALL)


def test_a_name_in_the_configuration_that_is_nobodys_keeps_no_camera_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        one = Control(StandIn(), str(tmp_path), None, Access(configure=("user:no-such-user",)))
        await one.open()
        assert os.path.exists(one.path)
        await one.close()

    asyncio.run(run())
    assert "access.configure: there is no user 'no-such-user' on this camera" in caplog.text


def test_counters_are_plain_text(tmp_path: Path) -> None:
    async def scene(_daemon: StandIn, _control: Control, http: aiohttp.ClientSession) -> None:
        async with http.get("/metrics") as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert await answer.text() == "camerad_ready 1\n"

    play(tmp_path, scene)
