"""The dock's network: a cable between a camera and its office, which can be pulled at any byte.

A relay of TCP on this machine. What has gone through it has arrived; what was on its way when it
was pulled is lost, and both ends are reset, as by a network that is gone.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket
from typing import Final

HOST: Final = "127.0.0.1"
_PIECE: Final = 64 * 1024
_LINGER: Final = b"\1\0\0\0\0\0\0\0"
"""SO_LINGER of 0 s: closing resets the connection (socket(7))."""


class Relay:
    """Listens on `port` of this machine, and passes on to `target`, while it is plugged in.

    others: more ports of an office with several servers. Connections go to each in turn, as a
    balancer sends them; where nobody listens, the next one has it. passed: bytes that went to the
    targets since the start.
    """

    def __init__(self, target: int, *others: int) -> None:
        self._targets = collections.deque((target, *others))
        self._listener = socket.create_server((HOST, 0), backlog=64)
        self.port: Final = int(self._listener.getsockname()[1])
        self.passed = 0
        self._plugged = False
        self._left: int | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def plugged(self) -> bool:
        """Whether anything gets through."""
        return self._plugged

    async def start(self) -> None:
        """Begin to listen, unplugged."""
        self._server = await asyncio.start_server(self._connected, sock=self._listener)

    async def stop(self) -> None:
        """End every connection, and listen no more."""
        self.pull()
        if self._server is not None:
            self._server.close()
        self._listener.close()

    def plug(self, after: int | None = None) -> None:
        """Let bytes through. after: pull it again when so many bytes have gone to the target; the
        last of them may be lost on the way."""
        self._plugged, self._left = True, after

    def pull(self) -> None:
        """Let nothing through any more."""
        self._plugged = False
        for end in tuple(self._ends):
            self._reset(end)

    def _reset(self, end: asyncio.StreamWriter) -> None:
        self._ends.discard(end)
        if not end.transport.is_closing():
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        end.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        onward = None
        try:
            if not self._plugged:
                return
            from_target, onward = await self._reach()
            self._ends.add(onward)
            await asyncio.gather(
                self._pass(reader, onward, counted=True),
                self._pass(from_target, writer, counted=False),
            )
        except OSError:
            pass  # the other end is gone, which both are told by the reset
        finally:
            for end in (writer, onward):
                if end is not None:
                    self._reset(end)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the next target that listens. Raises OSError if none does."""
        for _ in range(len(self._targets) - 1):
            with contextlib.suppress(ConnectionRefusedError):
                return await self._reach_next()
        return await self._reach_next()

    async def _reach_next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._targets.rotate(-1)
        return await asyncio.open_connection(HOST, self._targets[-1])

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        while self._plugged and (data := await reader.read(_PIECE)):
            if counted and self._left is not None:
                data, self._left = data[: self._left], self._left - len(data)
            writer.write(data)
            await writer.drain()
            if counted:
                self.passed += len(data)
                if self._left is not None and self._left <= 0:
                    self.pull()
        with contextlib.suppress(OSError, RuntimeError):
            if writer.can_write_eof():
                writer.write_eof()
