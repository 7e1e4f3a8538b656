"""The part of the control socket that concerns shifts. The requests are in
`camerad.control.server`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from aiohttp import web

from camerad.control.routes import body
from camerad.daemon.shift_manager import Shifts


class _Shift(msgspec.Struct, forbid_unknown_fields=True):
    wearer: str | None


class OnShift(Protocol):
    """What these requests need of the daemon."""

    @property
    def shifts(self) -> Shifts:
        """Who wears the camera."""


class ShiftRequests:
    """Answers them. What cannot be becomes 409, with the reason."""

    def __init__(self, daemon: OnShift) -> None:
        self._daemon = daemon

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to these requests."""
        router.add_post("/shift", self._shift)

    async def _shift(self, request: web.Request) -> web.Response:
        asked = await body(request, _Shift)
        shifts = self._daemon.shifts
        refused = shifts.end() if asked.wearer is None else shifts.begin(asked.wearer)
        if refused is not None:
            return web.json_response({"refused": refused}, status=409)
        return web.json_response({"shift": shifts.status()})
