"""The world: one Unix stream socket on which the simulated hardware meets what happens to it.

Every mock (the sensor in the capture process, the pins and the disk in the daemon) is a client.
It greets with its role, ``{"hello": "pins", "pid": 4711}``, and then reports what it saw; the
world sends it what happens: a finger on a button, a stalled sensor, a full card. Both ways it is
one JSON object per line.

What still holds is told again to whoever connects later: the capture process that is restarted
in the middle of ``camera_gone`` finds no camera either. After that the world says
``{"ready": true}``, so that a mock may wait until it knows the state it wakes up in.

Once it is ready, a client never holds up the program it lives in. Reports are queued, the queue is
bounded, and what does not fit is counted and dropped. A world that is not there, or goes away,
changes nothing.

The world itself is in `hw_mocks.world`. Mocks live in the processes of the program, whose memory is
measured, so what is here loads nothing that the program would not.

Times are integer microseconds of CLOCK_BOOTTIME, the clock of libcamera's SensorTimestamp, so that
what different processes report can be compared.
"""

from __future__ import annotations

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
from typing import Any, Final

Message = dict[str, Any]
"""One line of the bus: a JSON object."""

WORLD_VARIABLE: Final = "HW_MOCKS_WORLD"
LINE_LIMIT: Final = 1 << 20
QUEUE_LIMIT: Final = 4096
_RECEIVE_BYTES: Final = 1 << 16
READY_SECONDS: Final = 10.0
"""How long a mock waits for what a world has to tell, or to be heard by it. Only a world that is
held up takes any of it; one that has gone is not waited for."""
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
        self._unsaid = 1
        """Messages that the kernel has not taken yet."""
        self._said = threading.Condition()
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

    def wait_ready(self, timeout: float = READY_SECONDS) -> bool:
        """Wait until the world has told everything that already holds, at most `timeout` s; whether
        it has. If not, the log says that the mock goes on as if nothing held."""
        told = self._ready.wait(timeout)
        if not told:
            log.warning("the world did not say within %g s what holds; going on without", timeout)
        return told

    def send(self, message: Message) -> bool:
        """Queue a report; never blocks. False if it was dropped."""
        if self._gone or self._closing or len(self._queue) >= QUEUE_LIMIT:
            self.dropped += 1
            return False
        with self._said:
            self._unsaid += 1
            self._queue.append(encode(message))
        self._rouse()
        return True

    def flush(self, timeout: float = READY_SECONDS) -> bool:
        """Wait until the kernel has taken every report, at most `timeout` s; whether it has.

        From then on the world hears them, even if this process ends at once.
        """
        with self._said:
            self._said.wait_for(lambda: not self._unsaid or self._gone, timeout)
            return not self._unsaid

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
            with self._said:
                self._said.notify_all()

    def _talk(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        unsent, received, deadline = b"", b"", None
        saying = 0
        while True:
            while self._queue and len(unsent) < _RECEIVE_BYTES:
                unsent += self._queue.popleft()
                saying += 1
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
                        if not unsent:
                            saying = self._have_said(saying)
                    if event & ~select.POLLOUT:
                        data = self._socket.recv(_RECEIVE_BYTES)
                        if not data:
                            return
                        received = self._hear(received + data)
                except BlockingIOError:
                    continue
                except OSError:
                    return

    def _have_said(self, messages: int) -> int:
        """The kernel has taken so many messages; none are under way."""
        with self._said:
            self._unsaid -= messages
            self._said.notify_all()
        return 0

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
