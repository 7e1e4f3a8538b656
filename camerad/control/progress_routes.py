"""Routes of the control socket for the upload's progress. The requests are in
`camerad.control.server`.

What is told reaches lights and display, so it is words of a table and two numbers, and no text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Protocol

import msgspec
from aiohttp import web

from camerad.base.errors import CameradError
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.control.routes import parse_body, refusal_of

_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class _Progress(msgspec.Struct, forbid_unknown_fields=True):
    state: HandoverState
    done: _Count
    total: _Count
    trouble: HandoverTrouble | None = None


class DockProgress(Protocol):
    """Who keeps it; see `camerad.daemon.handover_monitor.HandoverMonitor`."""

    async def hear(self, word: HandoverProgress) -> dict[str, Any] | None:
        """Take the process's word; what is shown of handing over then, ready for JSON."""


class ProgressRequests:
    """Answers them with what is shown, which may be less than what was told."""

    def __init__(self, progress: Callable[[], DockProgress]) -> None:
        self._progress = progress

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to these requests."""
        router.add_post("/dock/progress", self._tell)

    async def _tell(self, request: web.Request) -> web.Response:
        told = await parse_body(request, _Progress)
        if told.done > told.total or (told.state is HandoverState.FAILED) is (told.trouble is None):
            raise web.HTTPBadRequest(
                text="done is at most total, and failed has a trouble, which nothing else has"
            )
        word = HandoverProgress(told.state, told.done, told.total, told.trouble)
        try:
            return web.json_response({"shown": await self._progress().hear(word)})
        except CameradError as error:
            raise refusal_of(error) from error
