"""The simulator's end of the daemon's control socket: what the daemon says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

ANSWER_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 0.05


class ControlClient:
    """Follows the daemon's status. `on_change` is called on the loop whenever it is another.

    `status` is the newest one; None before the first, and again once the daemon is gone.
    `silent`: whether it did not answer when it was asked last, so that what `status` says may no
    longer be so.
    """

    def __init__(self, path: Path, on_change: Callable[[], None]) -> None:
        self.status: dict[str, Any] | None = None
        self.silent = False
        self.answered = asyncio.Event()
        """Set once the daemon has answered for the first time."""
        self._path = path
        self._on_change = on_change
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow; the daemon need not be there yet. Needs a running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self._path)), base_url="http://camerad"
        )
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._session is not None:
            await self._session.close()

    async def fresh(self) -> dict[str, Any] | None:
        """The status as it is now; the newest known one if the daemon does not answer in time."""
        status = await self._get("/status", None)
        self._hear(silent=not isinstance(status, dict))
        return status if isinstance(status, dict) else self.status

    async def refresh(self) -> None:
        """Ask for the status now, for what changes without an event: how long a recording is."""
        if (status := await self.fresh()) is not None and self.status is not None:
            self.status = status

    async def recordings(self) -> list[Any] | None:
        """The daemon's list of recordings; None if it does not answer."""
        recordings = await self._get("/recordings", None)
        return recordings if isinstance(recordings, list) else None

    async def _get(self, target: str, otherwise: Any) -> Any:
        if self._session is None:
            return otherwise
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.get(target, timeout=timeout) as response:
                return await response.json() if response.status == 200 else otherwise
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return otherwise

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, ValueError):
                await self._listen()
            if self.status is not None:
                self._take(None)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_SECONDS)
        async with self._session.get("/events", timeout=timeout) as response:
            if response.status != 200:
                return
            async for line in response.content:
                if line.startswith(b"data:"):
                    self._take(json.loads(line[5:]))

    def _hear(self, *, silent: bool) -> None:
        if silent != self.silent:
            self.silent = silent
            self._on_change()

    def _take(self, status: dict[str, Any] | None) -> None:
        self.status = status
        self.silent = False
        if status is not None:
            self.answered.set()
        self._on_change()
