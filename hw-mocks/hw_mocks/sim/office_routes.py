"""The way from the camera's page to the office's: who comes in as whom."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

from hw_mocks.sim import SimError
from hw_mocks.sim.dock import PEOPLE, Dock


class OfficeRoutes:
    """Answers GET /office/PERSON with the way to the office's page, as one of `PEOPLE`."""

    def __init__(self, dock: Dock | None) -> None:
        self._dock = dock

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to this."""
        router.add_get("/office/{person}", self._enter)

    async def _enter(self, request: web.Request) -> NoReturn:
        person = request.match_info["person"]
        if self._dock is None or person not in PEOPLE:
            raise web.HTTPNotFound(text=f"{person}: nobody of this name works in an office here")
        try:
            link = await self._dock.link(person)
        except SimError as error:
            raise web.HTTPConflict(text=str(error)) from None
        raise web.HTTPSeeOther(link)
