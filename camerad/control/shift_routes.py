"""Routes of the control socket for shifts. The requests are in `camerad.control.server`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from aiohttp import web

from camerad.control.routes import parse_body


class _Shift(msgspec.Struct, forbid_unknown_fields=True):
    wearer: str | None


class CurrentShift(Protocol):
    """The shift manager."""

    def begin(self, wearer: str) -> str | None:
        """Begin a shift; returns why it does not count, or None."""

    def end(self) -> str | None:
        """End the shift; returns why that does not count, or None."""

    def status(self) -> dict[str, Any] | None:
        """The present shift, ready for JSON; None if there is none."""


class ShiftRequests:
    """Answers them. What cannot be becomes 409, with the reason."""

    def __init__(self, shifts: Callable[[], CurrentShift]) -> None:
        self._shifts = shifts

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to these requests."""
        router.add_post("/shift", self._shift)

    async def _shift(self, request: web.Request) -> web.Response:
        asked = await parse_body(request, _Shift)
        shifts = self._shifts()
        refused = shifts.end() if asked.wearer is None else shifts.begin(asked.wearer)
        if refused is not None:
            return web.json_response({"refused": refused}, status=409)
        return web.json_response({"shift": shifts.status()})
