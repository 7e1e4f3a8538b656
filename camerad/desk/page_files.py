"""The page itself: files of the package, read once, and nothing that a person made.

Pages have no data in them, so anyone may fetch them. Names come from the package, never from a
request.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web

from camerad.desk.route_table import Answer, Open, Route, Visit

_KINDS: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_START: Final = "index.html"


class PageFiles:
    """The files of ``camerad/desk/pages`` and, below ``player/``, those of
    ``camerad/office/player``."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes]] = {}
        self._collect(resources.files("camerad.desk") / "pages", "")
        player = resources.files("camerad.office") / "player"
        if player.is_dir():
            self._collect(player, "player/")

    def routes(self) -> Iterator[Route]:
        """The start, and one for each file."""
        yield Route("GET", "/", Open.TO_ANYONE, self._answer(_START))
        for name in sorted(self._files):
            yield Route("GET", f"/page/{name}", Open.TO_ANYONE, self._answer(name))

    def _answer(self, name: str) -> Answer:
        kind, content = self._files[name]

        async def answer(_visit: Visit) -> web.Response:
            return web.Response(body=content, content_type=kind, charset="utf-8")

        return answer

    def _collect(self, directory: Traversable, prefix: str) -> None:
        for one in sorted(directory.iterdir(), key=lambda found: found.name):
            if one.is_dir():
                self._collect(one, f"{prefix}{one.name}/")
            elif (kind := _KINDS.get(one.name[one.name.rfind(".") :])) is not None:
                self._files[prefix + one.name] = kind, one.read_bytes()
