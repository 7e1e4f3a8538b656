"""The buffers of a V4L2 memory-to-memory device, and the file by which poll(2) tells of them.

Who has a buffer is what its queue says: the program (neither waiting nor done), the driver
(waiting), the hardware (taken from there, not done yet), the driver again (done). The call that
moves one is `hw_mocks.encoder`'s.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Buffer:
    """index: its number in its queue. fd: the picture's DMA buffer. used: bytes of the packet."""

    index: int
    queued: bool = False
    fd: int = -1
    used: int = 0
    flags: int = 0
    seconds: int = 0
    microseconds: int = 0


@dataclass(slots=True)
class Queue:
    """One direction. waiting: queued and not with the hardware yet. done: to be dequeued."""

    memory: int
    width: int = 32
    height: int = 32
    stride: int = 0
    size: int = 0
    streaming: bool = False
    buffers: list[Buffer] = field(default_factory=list)
    waiting: deque[Buffer] = field(default_factory=deque)
    done: deque[Buffer] = field(default_factory=deque)

    def put_back(self) -> None:
        """As STREAMOFF does: no buffer is queued any more."""
        self.streaming = False
        self.waiting.clear()
        self.done.clear()
        for buffer in self.buffers:
            buffer.queued = False


class Signal:
    """A file whose readiness is set at will: the kernel's own poll(2) says what this says.

    One end of a pair of sockets. It is readable while a byte from the other end lies there, and
    writable unless it is full.
    """

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        self._readable = False
        self._writable = True
        self._poll = select.poll()
        self._poll.register(self._near, select.POLLOUT)

    def fileno(self) -> int:
        """A descriptor of its own for who polls."""
        return os.dup(self._near.fileno())

    def set(self, *, readable: bool, writable: bool) -> None:
        """Say from now on that it can be read, or written, or not."""
        if readable and not self._readable:
            self._far.send(b"\0")
        elif self._readable and not readable:
            self._near.recv(1, socket.MSG_DONTWAIT)
        self._readable = readable
        if writable and not self._writable:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._far.recv(1 << 16, socket.MSG_DONTWAIT)
        elif self._writable and not writable:
            while self._poll.poll(0):
                self._near.send(b"\0", socket.MSG_DONTWAIT)
        self._writable = writable

    def close(self) -> None:
        """Close both ends; descriptors that were given out stay."""
        self._near.close()
        self._far.close()
