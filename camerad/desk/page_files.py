"""The page itself: files of the package, read once, and nothing that a person made.

Pages have no data in them, so anyone may fetch them. Names come from the package, never from a
request.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Final

from aiohttp import web

from camerad.desk.maker_files import maker_files
from camerad.desk.route_table import IMPORT_MAP, PLAYER, Answer, Open, Route, Visit
from camerad.office import player_modules
from camerad.office.player_page import NAME, player_page

_KINDS: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_START: Final = "index.html"
_IMPORTS: Final = "IMPORT_MAP"
"""Where the start has the player's import map."""
_PACKAGE: Final = "/page/package/"
"""Where that is which makes a package for the prosecutor; it comes when somebody makes one."""


class PageFiles:
    """The files of ``camerad/desk/pages``; below ``package/`` what makes a package, with the page
    that goes into each; below ``player/`` those of the player."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes]] = {}
        for one in (resources.files("camerad.desk") / "pages").iterdir():
            content = one.read_bytes()
            if one.name == _START:
                content = content.replace(_IMPORTS.encode(), IMPORT_MAP.encode())
            self._files[f"/page/{one.name}"] = _KINDS[one.name.rpartition(".")[2]], content
        for name, content in maker_files().items():
            self._files[_PACKAGE + name] = _KINDS["js"], content
        # To be put into a package, and not to be opened here.
        self._files[_PACKAGE + NAME] = "application/octet-stream", player_page()
        for name, content in player_modules.module_files().items():
            self._files[PLAYER + name] = _KINDS[name.rpartition(".")[2]], content

    def routes(self) -> Iterator[Route]:
        """The start, and one for each file."""
        yield Route("GET", "/", Open.TO_ANYONE, self._answer(f"/page/{_START}"))
        for name in sorted(self._files):
            yield Route("GET", name, Open.TO_ANYONE, self._answer(name))

    def _answer(self, name: str) -> Answer:
        kind, content = self._files[name]

        async def answer(_visit: Visit) -> web.Response:
            charset = "utf-8" if kind.startswith("text/") else None
            return web.Response(body=content, content_type=kind, charset=charset)

        return answer
