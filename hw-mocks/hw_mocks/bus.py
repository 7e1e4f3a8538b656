"""The world: one Unix stream socket on which the simulated hardware meets what happens to it.

Every mock (the sensor in the capture process, the pins and the disk in the daemon) is a client.
It greets with its role, ``{"hello": "pins", "pid": 4711}``, and then reports what it saw; the
world sends it what happens: a finger on a button, a stalled sensor, a full card. Both ways it is
one JSON object per line.

What still holds is told again to whoever connects later: the capture process that is restarted
in the middle of ``camera_gone`` finds no camera either. After that the world says
``{"ready": true}``, so that a mock may wait until it knows the state it wakes up in.

A client never holds up the program it lives in. Reports are queued, the queue is bounded, and
what does not fit is counted and dropped. A world that is not there, or goes away, changes nothing.

Times are integer microseconds of CLOCK_BOOTTIME, the clock of libcamera's SensorTimestamp, so that
what different processes report can be compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

Message = dict[str, Any]
"""One line of the bus: a JSON object."""

WORLD_VARIABLE: Final = "HW_MOCKS_WORLD"
LINE_LIMIT: Final = 1 << 20
QUEUE_LIMIT: Final = 4096
_RECEIVE_BYTES: Final = 1 << 16
_FLUSH_SECONDS: Final = 0.5

log = logging.getLogger("hw_mocks.bus")


def now_us() -> int:
    """Microseconds of CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def encode(message: Message) -> bytes:
    """The line of a message, newline included."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message | None:
    """The message of a line; None if the line is not a JSON object."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


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
        self, wanted: Callable[[str, Message], bool], timeout: float = 5.0, *, start: int = 0
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

    def wait_connected(self, role: str, timeout: float = 5.0) -> Message:
        """The greeting of the first client of `role`; raises TimeoutError if none comes."""
        return self.wait_for(lambda _, message: message.get("hello") == role, timeout)

    def _note(self, role: str, message: Message) -> None:
        with self._news:
            self.reports.append((role, message))
            self._news.notify_all()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


class WorldClient:
    """A mock's end, with a thread of its own.

    `on_message(message)` is called in that thread for everything that the world says. Raises
    OSError if there is no world at `path`.
    """

    def __init__(self, path: str, role: str, on_message: Callable[[Message], None]) -> None:
        self.dropped = 0
        """Reports that were dropped because the queue was full or the world had gone."""
        self._on_message = on_message
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(1.0)
            self._socket.connect(path)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise
        self._queue: deque[bytes] = deque()
        self._queue.append(encode({"hello": role, "pid": os.getpid()}))
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._wake_lock = threading.Lock()
        self._ready = threading.Event()
        self._closing = False
        self._gone = False
        self._thread = threading.Thread(target=self._run, name=f"world-{role}", daemon=True)
        self._thread.start()

    @classmethod
    def from_environment(
        cls, role: str, on_message: Callable[[Message], None]
    ) -> WorldClient | None:
        """The client of the world that HW_MOCKS_WORLD names; None where there is none."""
        path = os.environ.get(WORLD_VARIABLE)
        if not path:
            return None
        try:
            return cls(path, role, on_message)
        except OSError as error:
            log.warning("%s: no world there (%s); going on without", path, error.strerror or error)
            return None

    @property
    def connected(self) -> bool:
        """Whether the world is still there."""
        return not self._gone

    def wait_ready(self, timeout: float) -> bool:
        """Wait until the world has told everything that already holds, at most `timeout` s."""
        return self._ready.wait(timeout)

    def send(self, message: Message) -> bool:
        """Queue a report; never blocks. False if it was dropped."""
        if self._gone or self._closing or len(self._queue) >= QUEUE_LIMIT:
            self.dropped += 1
            return False
        self._queue.append(encode(message))
        self._rouse()
        return True

    def close(self) -> None:
        """Send what is queued, for at most half a second, and part."""
        self._closing = True
        self._rouse()
        if threading.current_thread() is not self._thread:
            self._thread.join(2 * _FLUSH_SECONDS)

    def _rouse(self) -> None:
        # The lock keeps the number from being closed, and perhaps reused, between look and write.
        with self._wake_lock:
            if not self._gone:
                os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        try:
            self._talk()
        finally:
            with self._wake_lock:
                self._gone = True
                os.close(self._wake)
            self._socket.close()
            # Whoever waits for a world that has gone would wait for nothing.
            self._ready.set()

    def _talk(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        unsent, received, deadline = b"", b"", None
        while True:
            while self._queue and len(unsent) < _RECEIVE_BYTES:
                unsent += self._queue.popleft()
            if self._closing:
                deadline = deadline or time.monotonic() + _FLUSH_SECONDS
                if not unsent or time.monotonic() >= deadline:
                    return
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if unsent else 0))
            for descriptor, event in poll.poll(100 if self._closing else None):
                if descriptor == self._wake:
                    with contextlib.suppress(BlockingIOError):
                        os.eventfd_read(self._wake)
                    continue
                try:
                    if event & select.POLLOUT:
                        unsent = unsent[self._socket.send(unsent) :]
                    if event & ~select.POLLOUT:
                        data = self._socket.recv(_RECEIVE_BYTES)
                        if not data:
                            return
                        received = self._hear(received + data)
                except BlockingIOError:
                    continue
                except OSError:
                    return

    def _hear(self, received: bytes) -> bytes:
        *lines, rest = received.split(b"\n")
        for line in lines:
            message = decode(line)
            if message is None:
                log.warning("the world sent what is no JSON object: %r", line[:80])
            elif message.get("ready") is True:
                self._ready.set()
            else:
                try:
                    self._on_message(message)
                except Exception:
                    # One message that a mock cannot take must not end the talk for all others.
                    log.exception("the mock could not take %r", message)
        return rest
