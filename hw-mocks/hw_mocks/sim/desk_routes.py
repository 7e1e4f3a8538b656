"""The evidence desk's part of the simulator's HTTP."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from hw_mocks.sim.board import NotNow
from hw_mocks.sim.bodies import body_of
from hw_mocks.sim.control import ControlClient
from hw_mocks.sim.desk import FILM_SUFFIX, Desk, Finding


class DeskRoutes:
    """Answers /api/verify, /api/open, /api/change and /api/films, as `hw_mocks.sim.server` says."""

    def __init__(self, desk: Desk, control: ControlClient) -> None:
        self._desk = desk
        self._control = control

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to this."""
        router.add_post("/api/verify", self._verify)
        router.add_post("/api/open", self._open)
        router.add_post("/api/change", self._change)
        router.add_get("/api/films/{name}", self._film)

    async def _verify(self, request: web.Request) -> web.Response:
        recording = await self._asked_for(request)
        return await self._at_the_desk(self._desk.verify(recording["id"]))

    async def _open(self, request: web.Request) -> web.Response:
        recording = await self._asked_for(request)
        return await self._at_the_desk(self._desk.open(recording["id"], recording["bytes"]))

    async def _change(self, request: web.Request) -> web.Response:
        recording = await self._asked_for(request)
        return await self._at_the_desk(self._desk.change(recording["id"], recording["path"]))

    async def _at_the_desk(self, work: Coroutine[Any, Any, Finding]) -> web.Response:
        try:
            return web.json_response(await work)
        except NotNow as error:
            raise web.HTTPConflict(text=str(error)) from None

    async def _asked_for(self, request: web.Request) -> dict[str, Any]:
        """The recording whose id the request names, as the daemon lists it."""
        name = (await body_of(request, "id")).get("id")
        recordings = await self._control.recordings()
        if recordings is None:
            raise web.HTTPServiceUnavailable(text="the daemon does not answer")
        for recording in recordings:
            if recording["id"] == name:
                return dict(recording)
        raise web.HTTPNotFound(text=f"id: {name!r} is no recording of this camera")

    async def _film(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        film = self._desk.film(name.removesuffix(FILM_SUFFIX))
        if film is None or not name.endswith(FILM_SUFFIX) or "/" in name:
            raise web.HTTPNotFound(text=f"{name}: not opened, or no longer here; open it again")
        return web.FileResponse(film)
