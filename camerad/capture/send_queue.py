"""The send queue of the capture process: a socket that never makes the camera wait.

A sender tries at once, without blocking. Data that the socket does not take is kept in a queue of
bounded size that a separate thread drains; a packet that does not fit into the queue is refused,
and the caller drops whole groups of pictures rather than single ones.

Encoded pictures do not outlive their sending: the memory of a packet is overwritten as soon as
the kernel has it all, and `forget` overwrites what still waits.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

_FLAGS: Final = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
_ZEROS: Final = memoryview(bytes(256 * 1024))


def overwrite(memory: memoryview) -> None:
    """Fill `memory` with zeros; leaves read-only memory alone."""
    if memory.readonly:
        return
    for start in range(0, len(memory), len(_ZEROS)):
        part = memory[start : start + len(_ZEROS)]
        part[:] = _ZEROS[: len(part)]


class Outbox:
    """Sends messages in order over `connection`, a connected stream socket.

    limit_bytes: how much may wait. on_failure: called from the sending thread with an exception
    that is none of the socket's doing; nothing waiting is sent any more after it.
    """

    def __init__(
        self,
        connection: socket.socket,
        limit_bytes: int,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._socket = connection
        self._limit = limit_bytes
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._jammed = threading.Condition(self._lock)
        """Something waits that the socket did not take."""
        self._empty = threading.Condition(self._lock)
        """Nothing waits any more. Separate, so that data which the socket takes at once wakes no
        thread."""
        self._queue: deque[memoryview] = deque()
        self._head_sent = 0
        self._bytes = 0
        self._closed = False
        self._thread = threading.Thread(target=self._drain, name="outbox", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self._bytes

    def has_room(self, size: int) -> bool:
        """Whether a packet of `size` bytes would be taken.

        A true answer stays true until the caller sends something; an empty queue takes anything.
        """
        with self._lock:
            return not self._queue or self._bytes + size <= self._limit

    def send(self, *parts: bytes | memoryview) -> None:
        """Send or queue one message given in `parts`; never blocks, never refuses.

        The parts belong to the outbox from now on, and writable ones are overwritten once sent.
        After the other end has closed the socket they are only overwritten.
        """
        size = sum(map(len, parts))
        with self._lock:
            waits = bool(self._queue)
            sent = 0 if waits else self._hand_over(parts)
            if sent == size:
                # As nearly always: nothing waited, and the socket took it all.
                for part in parts:
                    if isinstance(part, memoryview):
                        overwrite(part)
                return
            self._queue.extend(map(memoryview, parts))
            self._bytes += size
            if not waits:
                self._take_off(sent)
            if self._queue:
                self._jammed.notify()

    def _send_some(self) -> None:
        """Hand the socket what it takes; called with the lock held."""
        queue = self._queue
        while queue and not self._closed:
            parts = list(queue) if len(queue) <= 8 else [queue[i] for i in range(8)]
            parts[0] = parts[0][self._head_sent :]
            sent = self._hand_over(parts)
            if not sent and not self._closed:
                return
            self._take_off(sent)
        if not queue:
            self._empty.notify_all()

    def _hand_over(self, parts: Sequence[bytes | memoryview]) -> int:
        """How many bytes of `parts` the socket takes now; none after the other end closed it."""
        if self._closed:
            return 0
        try:
            return self._socket.sendmsg(parts, (), _FLAGS)
        except BlockingIOError:
            return 0
        except OSError:
            self._closed = True
            return 0

    def _take_off(self, sent: int) -> None:
        """The socket took `sent` more bytes of what waits; all of it goes if it was closed."""
        queue = self._queue
        self._bytes -= sent
        sent += self._head_sent
        while queue and sent >= len(queue[0]):
            done = queue.popleft()
            sent -= len(done)
            overwrite(done)
        self._head_sent = sent
        if self._closed:
            while queue:
                overwrite(queue.popleft())
            self._head_sent = self._bytes = 0

    def _drain(self) -> None:
        writable = select.poll()
        writable.register(self._socket, select.POLLOUT)
        try:
            while True:
                with self._lock:
                    while not self._queue:
                        self._jammed.wait()
                writable.poll()
                with self._lock:
                    self._send_some()
        except BaseException as error:  # noqa: BLE001 - a thread never fails silently
            self._on_failure(error)

    def forget(self) -> None:
        """Overwrite the packets that wait, which is whatever waits in writable memory.

        Headers and JSON messages stay, and a packet is still sent, as zeros: the other end goes
        by the lengths in the headers, and throws away packets of an epoch that is over.
        """
        with self._lock:
            for part in self._queue:
                overwrite(part)

    def flush(self, seconds: float) -> bool:
        """Wait until everything is sent, at most `seconds`; tells whether it is."""
        with self._lock:
            return self._empty.wait_for(lambda: not self._queue, seconds)
