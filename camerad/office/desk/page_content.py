"""The files of the desk's page, byte by byte, and the policy that browsers enforce on it.

All of it is of the package, and nothing here needs the libraries of a server: so a person who has
this version of camerad from elsewhere can compare what a server sends with it (``camerad office
player-hash``).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from camerad.evidence import player_modules, sheet_page
from camerad.evidence.player_page import NAME, player_page

START: Final = "index.html"
PAGE: Final = "/page/"
PLAYER: Final = "/page/player/"
"""Where the player's modules are (`camerad.evidence.player_modules`)."""
ACCESS: Final = "/page/access/"
"""Where that is which answers requests for access."""
PACKAGE: Final = "/page/package/"
"""Where that is which makes a package for the prosecutor, with the page that goes into each."""
IMPORT_MAP: Final = player_modules.import_map(PLAYER)
"""What the start carries inline: names of modules and where they are, which is no code."""
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"script-src 'self' {player_modules.csp_hash(IMPORT_MAP)}",
        f"style-src 'self' {player_modules.csp_hash(sheet_page.STYLE)}",
        "img-src 'self' data:",
        "media-src blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Content-Security-Policy of every answer, but a separate document (`oversight_routes`). The one
style that may be inline is that of a sheet (`sheet_page`), which the page opens in a separate tab,
to be printed."""
_IMPORTS: Final = "IMPORT_MAP"
"""Where the start has the player's import map."""


@cache
def maker_files() -> dict[str, bytes]:
    """The modules that make a package for the prosecutor in a tab, by their names. They have the
    office's key in their hands: so their SHA-256 are published with those of the player. The page
    of the sheet is that of `camerad evidence export`."""
    folder = Path(__file__).parent / "package_maker"
    page = f"export const SHEET_PAGE = {json.dumps(sheet_page.PAGE.template)};\n"
    made = _modules_in(folder)
    return dict(sorted((made | {"sheet_page.js": page.encode()}).items()))


def _modules_in(folder: Path) -> dict[str, bytes]:
    made = {path.name: path.read_bytes() for path in folder.glob("*.js")}
    return made | player_modules.translations(folder)


@cache
def page_content() -> dict[str, bytes]:
    """Every file of the page, by the path of its address; the start is at ``/`` besides."""
    folder = Path(__file__).parent / "pages"
    files = {one.name: one.read_bytes() for one in folder.iterdir() if one.suffix != ".json"}
    files[START] = files[START].replace(_IMPORTS.encode(), IMPORT_MAP.encode())
    files |= player_modules.translations(folder)
    found = {PAGE + name: content for name, content in files.items()}
    access = _modules_in(folder.with_name("access_page"))
    found |= {ACCESS + name: content for name, content in access.items()}
    found |= {PACKAGE + name: content for name, content in maker_files().items()}
    found[PACKAGE + NAME] = player_page()
    found |= {PLAYER + name: content for name, content in player_modules.module_files().items()}
    return dict(sorted(found.items()))
