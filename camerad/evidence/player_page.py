"""Builds ``player.html``: player and judge in one file, without a network.

It goes into every package for the prosecutor, and opens from a disk (``file://``), where a page can
load nothing that lies beside it. So everything is in it: the modules as ``data:`` addresses in an
import map, and the style. The same version makes the same bytes, whose SHA-256 is published
(``camerad office player-hash``); nothing of a package is in it.

Its Content-Security-Policy names the SHA-256 of everything that may run: the import map, the one
line that imports the page's module, and each module, which the import map's ``integrity`` ties to
it. Every request is forbidden: ``default-src 'none'``. A browser that does not know ``integrity``
runs nothing (before Chromium 127, Firefox 138); the page then says which one is needed. Modules
cannot import each other by relative names from ``data:`` addresses, so those are written as names
that the import map knows; nothing else of them is changed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import PurePosixPath
from typing import Final

from camerad.base.words import N_, languages, words_in
from camerad.evidence.player_modules import VENDOR, csp_hash, module_files, vendored_names

NAME: Final = "player.html"
"""What the page is called in a package."""
_ENTRY: Final = "package_page.js"
_STYLE: Final = "player.css"
_OWN: Final = "camerad/"
"""What names of our modules begin with, in the import map."""
_RELATIVE: Final = re.compile(
    r"""^((?:import|export)\b[^;"'=(]*)(["'])(\.{1,2}/[^"']+)\2;""", re.MULTILINE
)
_BOOT: Final = f'import "{_OWN}{_ENTRY}";'
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>camerad</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<script type="importmap">{imports}</script>
</head>
<body>
{too_old}
<script type="module">{boot}</script>
</body>
</html>
"""


_TOO_OLD: Final = N_(
    "If this stays here, the browser is too old, or JavaScript is switched off. Needed is Firefox "
    "from 138 on, or Chromium, Chrome or Edge from 137 on."
)


@cache
def player_page() -> bytes:
    """The page."""
    files = module_files()
    style = files[_STYLE].decode()
    sources = {
        _name(path): _named(path, content.decode())
        for path, content in files.items()
        if path.endswith(".js")
    }
    addresses = {name: _address(source) for name, source in sources.items()}
    hashes = {addresses[name]: csp_hash(source) for name, source in sources.items()}
    for name, path in vendored_names().items():
        addresses.setdefault(name, addresses[_name(path)])
    imports = json.dumps(
        {
            "imports": dict(sorted(addresses.items())),
            "integrity": {address: said.strip("'") for address, said in sorted(hashes.items())},
        },
        separators=(",", ":"),
    )
    runs = sorted({csp_hash(imports), csp_hash(_BOOT), *hashes.values()})
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(runs)}",
            f"style-src {csp_hash(style)}",
            "img-src data:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
    too_old = "\n".join(
        f'<p lang="{one}">{words_in(one).gettext(_TOO_OLD)}</p>' for one in languages()
    )
    page = _PAGE.format(policy=policy, style=style, imports=imports, boot=_BOOT, too_old=too_old)
    return page.encode()


def player_hash() -> str:
    """SHA-256 of the page, in hexadecimal, as it is published."""
    return hashlib.sha256(player_page()).hexdigest()


def _name(path: str) -> str:
    """What a file of the player is called in the import map."""
    return path.removeprefix(f"{VENDOR}/") if path.startswith(f"{VENDOR}/") else _OWN + path


def _named(path: str, source: str) -> str:
    """A module whose relative imports are names of the import map."""
    folder = PurePosixPath(path).parent

    def name(found: re.Match[str]) -> str:
        parts: list[str] = []
        for part in (folder / found[3]).parts:
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        return f'{found[1]}"{_name("/".join(parts))}";'

    return _RELATIVE.sub(name, source)


def _address(source: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(source.encode()).decode("ascii")
