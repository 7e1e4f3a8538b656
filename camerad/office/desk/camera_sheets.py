"""What is printed for cameras and for those who wear them: labels, and badges.

Labels are a page of their own, with nothing in it that the Content-Security-Policy would have to
allow. Badges bear wearer's ids: those come with a POST, so that they stand in no address, and the
server keeps none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.base.words import languages, words_in
from camerad.behaviour.badge import is_wearer
from camerad.evidence import camera_register
from camerad.evidence.badge_drawing import draw_badge
from camerad.evidence.camera_register import Register
from camerad.evidence.labels import STYLE, render_labels
from camerad.office.desk.camera_routes import HANDS_OUT
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.route_table import Open, Route, Visit

MOST_BADGES: Final = 50
"""In one request."""
STYLE_PATH: Final = "/page/labels.css"
_LINKED: Final = (
    f'<link rel="stylesheet" href="{STYLE_PATH}">\n'
    '<script type="module" src="/page/print.js"></script>'
)


class BadgesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom badges are for: wearer's ids."""

    wearers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_BADGES)]


class DrawnBadge(msgspec.Struct, frozen=True):
    """svg: of its own size, `camerad.evidence.badge_drawing`."""

    wearer: str
    svg: str


class CameraSheets:
    """register: file with the office's cameras."""

    def __init__(self, register: str, clock: Clock) -> None:
        self._register = register
        self._clock = clock

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", STYLE_PATH, Open.TO_ANYONE, self._style)
        yield Route("GET", "/sheets/labels", HANDS_OUT, self._labels)
        yield Route("POST", "/api/badges", HANDS_OUT, self._badges, BadgesBody)

    async def _style(self, _visit: Visit) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css", charset="utf-8")

    async def _labels(self, visit: Visit) -> web.Response:
        """A label for each camera, or for those whose keys the address names."""
        language = visit.request.query.get("language", "")
        words = words_in(language if language in languages() else "de")
        wanted = frozenset(visit.request.query.getall("camera", ()))
        made = datetime.fromtimestamp(self._clock.wall_us() / SECOND, UTC).astimezone()

        def render() -> str:
            known = camera_register.read(self._register, made=True).cameras
            chosen = tuple(one for one in known if not wanted or one.thumbprint in wanted)
            return render_labels(Register(chosen), words, made, linked=_LINKED)

        page = await asyncio.to_thread(render)
        return web.Response(text=page, content_type="text/html", charset="utf-8")

    async def _badges(self, visit: Visit) -> list[DrawnBadge]:
        body: BadgesBody = visit.body
        if not all(map(is_wearer, body.wearers)):
            raise refused(DeskRefusal.BAD_WEARER)

        def draw() -> list[DrawnBadge]:
            return [DrawnBadge(one, draw_badge(one).decode()) for one in body.wearers]

        return await asyncio.to_thread(draw)
