"""Lets requests wait for the end of an ingest, so that cameras need not poll."""

from __future__ import annotations

import asyncio
import contextlib


class IngestEnds:
    """Of each camera, that something of it was dealt with. loop: on which requests are answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._next: dict[str, asyncio.Future[None]] = {}

    def next(self, kid: str) -> asyncio.Future[None]:
        """Is done when the next recording of this camera has been dealt with. On the loop; several
        may wait for it, and none may cancel it."""
        return self._next.setdefault(kid, self._loop.create_future())

    def tell(self, kid: str) -> None:
        """A recording of this camera has been dealt with. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, with all that waited
            self._loop.call_soon_threadsafe(self._tell, kid)

    def _tell(self, kid: str) -> None:
        found = self._next.pop(kid, None)
        if found is not None and not found.done():
            found.set_result(None)
