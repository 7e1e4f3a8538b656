"""The world's own end of the bus: a server for what happens to the simulated hardware.

What it says and hears is described in `hw_mocks.bus`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from hw_mocks.bus import LINE_LIMIT, Message, decode, encode, now_us

log = logging.getLogger("hw_mocks.world")


class World:
    """The server's end, on an asyncio loop.

    `path`: where the socket is made; a Unix socket's path has at most 107 bytes.
    `on_report(role, message)` is called on the loop for everything that a client says, its
    greeting included, and ``{"goodbye": role, "pid": ...}`` when its connection has ended.
    """

    def __init__(self, path: Path, on_report: Callable[[str, Message], None] | None = None) -> None:
        self.path = path
        self._on_report = on_report
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: dict[tuple[str, str], Message] = {}

    async def start(self) -> None:
        """Listen. Raises OSError if the socket cannot be made."""
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=LINE_LIMIT)

    async def stop(self) -> None:
        """Close every connection and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._clients):
            writer.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self.path.unlink(missing_ok=True)

    def connected(self, role: str) -> int:
        """How many clients of a role are here."""
        return sum(1 for name in self._clients.values() if name == role)

    def tell(self, role: str, message: Message, *, keep: str | None = None) -> int:
        """Send `message` to every client of `role`; returns how many there were.

        With `keep`, whoever connects later is told as well, until the message's ``until_us`` has
        passed, its ``count`` is used up (a client reports ``{"used": keep}`` once per use), or
        until `forget`. A newer message under the same name replaces the older one.
        """
        if keep is not None:
            self._kept[role, keep] = dict(message)
        reached = 0
        for writer, name in tuple(self._clients.items()):
            if name == role:
                self._write(writer, message)
                reached += 1
        return reached

    def forget(self, role: str, keep: str) -> None:
        """Tell those who connect from now on no longer what was kept under this name."""
        self._kept.pop((role, keep), None)

    def _write(self, writer: asyncio.StreamWriter, message: Message) -> None:
        # A client that does not read is no longer one: the world does not wait for it either.
        if writer.transport.get_write_buffer_size() > LINE_LIMIT:
            writer.transport.abort()
        elif not writer.is_closing():
            writer.write(encode(message))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        role, pid = "", 0
        try:
            while line := await reader.readline():
                message = decode(line)
                if message is None:
                    log.warning("a client of the world sent what is no JSON object: %r", line[:80])
                    continue
                if not role and isinstance(message.get("hello"), str):
                    role, pid = message["hello"], int(message.get("pid", 0))
                    self._welcome(writer, role)
                if role:
                    self._used(role, message)
                    self._report(role, message)
        except (ConnectionError, ValueError, asyncio.CancelledError) as error:
            if isinstance(error, ValueError):
                log.warning("a client of the world (%s) sent a line without end", role or "?")
        finally:
            self._tasks.discard(task)
            self._clients.pop(writer, None)
            writer.close()
            if role:
                self._report(role, {"goodbye": role, "pid": pid})

    def _welcome(self, writer: asyncio.StreamWriter, role: str) -> None:
        now = now_us()
        for (name, keep), message in tuple(self._kept.items()):
            if message.get("until_us") is not None and message["until_us"] <= now:
                del self._kept[name, keep]
            elif name == role:
                self._write(writer, message)
        self._write(writer, {"ready": True})
        self._clients[writer] = role

    def _used(self, role: str, message: Message) -> None:
        kept = self._kept.get((role, str(message.get("used"))))
        if kept is not None and "count" in kept:
            kept["count"] -= 1
            if kept["count"] <= 0:
                self.forget(role, str(message["used"]))

    def _report(self, role: str, message: Message) -> None:
        if self._on_report is not None:
            self._on_report(role, message)


class WorldThread:
    """A world on a loop in a thread of its own, for tests and programs that use no asyncio.

    A context manager. `reports` holds everything that was said, as (role, message).
    """

    def __init__(self, path: Path) -> None:
        self.reports: list[tuple[str, Message]] = []
        self._news = threading.Condition()
        self._world = World(path, self._note)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._world.start(), self._loop).result(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._world.stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def tell(self, role: str, message: Message, *, keep: str | None = None) -> int:
        """As `World.tell`."""

        async def tell() -> int:
            return self._world.tell(role, message, keep=keep)

        return asyncio.run_coroutine_threadsafe(tell(), self._loop).result(5)

    def forget(self, role: str, keep: str) -> None:
        """As `World.forget`."""
        self._loop.call_soon_threadsafe(self._world.forget, role, keep)

    def wait_for(
        self, wanted: Callable[[str, Message], bool], timeout: float = 20.0, *, start: int = 0
    ) -> Message:
        """The first report at or after position `start` that is `wanted(role, message)`.

        Raises TimeoutError if none came within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        seen = start
        with self._news:
            while True:
                while seen < len(self.reports):
                    role, message = self.reports[seen]
                    if wanted(role, message):
                        return message
                    seen += 1
                if not self._news.wait(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"no such report within {timeout} s of {seen} reports")

    def wait_connected(self, role: str, timeout: float = 20.0) -> Message:
        """The greeting of the first client of `role`; raises TimeoutError if none comes."""
        return self.wait_for(lambda _, message: message.get("hello") == role, timeout)

    def _note(self, role: str, message: Message) -> None:
        with self._news:
            self.reports.append((role, message))
            self._news.notify_all()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
