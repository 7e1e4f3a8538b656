"""The network between a page and bodycam-sim, which may be slow, or not there at all."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from tests.waiting import DEADLINE

HOST: Final = "127.0.0.1"
_PIECE: Final = 1 << 16


class Gate:
    """Passes bytes on between `url` and a server. Use `gate` to get one.

    seconds: how long each piece takes, each way; pieces keep their order.
    """

    def __init__(self, target: str) -> None:
        self.seconds = 0.0
        self.url = ""
        self._target = urlsplit(target).netloc
        self._open = True
        self._loop = asyncio.new_event_loop()
        self._ends: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listening = threading.Event()
        self._closing = asyncio.Event()

    def cut(self) -> None:
        """End every connection, and take no other."""
        self._open = False
        self._loop.call_soon_threadsafe(self._reset)

    def mend(self) -> None:
        """Pass on again."""
        self._open = True

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        assert self._listening.wait(DEADLINE)

    def stop(self) -> None:
        """End."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(DEADLINE)

    def _reset(self) -> None:
        for end in tuple(self._ends):
            end.transport.abort()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, HOST, 0)
        self.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        self._listening.set()
        await self._closing.wait()
        server.close()
        self._reset()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        onward: asyncio.StreamWriter | None = None
        try:
            from_target, onward = await asyncio.open_connection(*self._target.split(":"))
            self._ends |= {writer, onward}
            await asyncio.gather(
                self._pass(reader, onward, here=True), self._pass(from_target, writer, here=False)
            )
        except OSError:
            pass  # the other end is gone, which both are told by the reset
        finally:
            for end in (writer, onward):
                if end is not None:
                    self._ends.discard(end)
                    end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, here: bool
    ) -> None:
        """Pass on what comes, each piece when its time has come; the next is read meanwhile."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def send() -> None:
            while True:
                due, data = await pieces.get()
                await asyncio.sleep(due - self._loop.time())
                if not data:
                    with contextlib.suppress(OSError, RuntimeError):
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        sending = asyncio.ensure_future(send())
        try:
            while True:
                data = await reader.read(_PIECE)
                if here:
                    # The server answers to its own name only.
                    data = data.replace(urlsplit(self.url).netloc.encode(), self._target.encode())
                pieces.put_nowait((self._loop.time() + self.seconds, data))
                if not data:
                    break
            await sending
        finally:
            sending.cancel()


@contextlib.contextmanager
def gate(target: str) -> Iterator[Gate]:
    """A gate to a server, while the block runs."""
    made = Gate(target)
    made.start()
    try:
        yield made
    finally:
        made.stop()
