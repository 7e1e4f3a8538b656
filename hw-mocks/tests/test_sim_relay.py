"""The dock's network: what gets through, and what happens to it when the cable is pulled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hw_mocks.sim.relay import HOST, Relay

SECONDS = 20.0


def story(told: Callable[[Relay, asyncio.Queue[bytes]], Awaitable[None]]) -> None:
    """Let it happen with a relay to a server that echoes; the queue has what that received."""

    async def run() -> None:
        received: asyncio.Queue[bytes] = asyncio.Queue()

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            whole = b""
            try:
                while data := await reader.read(1 << 16):
                    whole += data
                    writer.write(data)
                    await writer.drain()
            except ConnectionError:
                whole += b"!"
            received.put_nowait(whole)
            writer.close()

        server = await asyncio.start_server(echo, HOST, 0)
        relay = Relay(server.sockets[0].getsockname()[1])
        await relay.start()
        try:
            async with asyncio.timeout(SECONDS):
                await told(relay, received)
        finally:
            await relay.stop()
            server.close()

    asyncio.run(run())


def test_bytes_go_both_ways_and_so_does_the_end() -> None:
    async def told(relay: Relay, received: asyncio.Queue[bytes]) -> None:
        relay.plug()
        reader, writer = await asyncio.open_connection(HOST, relay.port)
        writer.write(b"x" * 300_000)
        writer.write_eof()
        assert await reader.read() == b"x" * 300_000
        assert await received.get() == b"x" * 300_000
        assert relay.passed == 300_000
        writer.close()

    story(told)


def test_unplugged_nothing_gets_through() -> None:
    async def told(relay: Relay, received: asyncio.Queue[bytes]) -> None:
        reader, writer = await asyncio.open_connection(HOST, relay.port)
        with pytest.raises(ConnectionError):
            writer.write(b"x")
            await writer.drain()
            if await reader.read() == b"":
                raise ConnectionError
        assert received.empty() and relay.passed == 0

    story(told)


@pytest.mark.parametrize("after", [1, 70_000])
def test_it_is_pulled_behind_a_byte_and_both_ends_are_reset(after: int) -> None:
    async def told(relay: Relay, received: asyncio.Queue[bytes]) -> None:
        relay.plug(after)
        _, writer = await asyncio.open_connection(HOST, relay.port)
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"x" * 10_000)
                await writer.drain()
                await asyncio.sleep(0)
        whole = await received.get()
        assert whole.endswith(b"!") and len(whole) - 1 <= after == relay.passed
        assert not relay.plugged

    story(told)


def test_a_connection_that_is_there_is_reset_when_it_is_pulled() -> None:
    async def told(relay: Relay, received: asyncio.Queue[bytes]) -> None:
        relay.plug()
        reader, writer = await asyncio.open_connection(HOST, relay.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        relay.pull()
        with pytest.raises(ConnectionError):
            await reader.read()
        assert await received.get() == b"hello!"

    story(told)
