"""Locks of cameras: one request of a camera at a time, where each takes a shared thread.

A request waits on the event loop, and not on a thread: there are few of those, and one camera
would have all of them wait for its earlier requests.
"""

from __future__ import annotations

import asyncio


class CameraTurns:
    """For the event loop."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}

    def of(self, kid: str) -> asyncio.Lock:
        """The lock of a registered camera. kid: thumbprint of its key."""
        return self._locks.setdefault(kid, asyncio.Lock())
