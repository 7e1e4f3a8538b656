"""The player's modules for a page: files, import map and fingerprints.

The modules lie in ``camerad/evidence/player`` as plain files. Those of others (``vendor``) import
each other by the names of their packages, which a browser knows from an *import map* only; a page
has to carry it inline, and to name its SHA-256 in its Content-Security-Policy.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "player"
VENDOR: Final = "vendor"
_MANIFEST: Final = FOLDER / VENDOR / "manifest.json"
_KINDS: Final = {".js": "text/javascript", ".css": "text/css"}


@cache
def module_files() -> dict[str, bytes]:
    """Every file that a page may ask for, by its path below the folder, in ascending order."""
    paths = sorted(path for path in FOLDER.rglob("*") if path.suffix in _KINDS)
    return {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in paths}


def media_type(name: str) -> str:
    """The media type of a file of `module_files`."""
    return f"{_KINDS[Path(name).suffix]}; charset=utf-8"


@cache
def vendored_names() -> dict[str, str]:
    """What modules call the files of packages, and where these lie below the folder."""
    manifest: dict[str, Any] = json.loads(_MANIFEST.read_text(encoding="utf-8"))
    names = {}
    for package in manifest["packages"]:
        name = package["name"]
        for file in package["files"]:
            if file.endswith(".js"):
                names[f"{name}/{file}"] = f"{VENDOR}/{name}/{file}"
        main = package["main"]
        if main is not None:
            names[name] = f"{VENDOR}/{name}/{main}"
        elif "index.js" in package["files"]:
            names[name] = f"{VENDOR}/{name}/index.js"
    return names


def import_map(prefix: str) -> str:
    """The import map of a page that has the modules below the address `prefix`, which ends in a
    slash: the text of its ``<script type="importmap">``."""
    found = {name: prefix + path for name, path in sorted(vendored_names().items())}
    return json.dumps({"imports": found}, separators=(",", ":"))


def csp_hash(text: str) -> str:
    """How a Content-Security-Policy names an inline script or style."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
