"""Parts of a page with the player: modules, import map, fingerprints, a recording's statements.

The modules lie in ``camerad/evidence/player`` as plain files. Those of others (``vendor``) import
each other by the names of their packages, which a browser knows from an *import map* only; a page
has to carry it inline, and to name its SHA-256 in its Content-Security-Policy.

The chain of signatures leads through statements that lie between the fragments. A tab that has them
all at once needs no request for each. The server that sends them need not be trusted: the tab
checks each signature, and reads what is not here from the recording itself. `statement_extents` is
a row of extents: offset in the file (8 bytes), length (4 bytes; both big-endian), and the bytes. An
extent reaches from the end of a sealed member's content to the beginning of the next one's:
padding, statements and archive headers. Of half a second of footage that is some 3 KB.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from camerad.container import ustar
from camerad.container.chain import TORN_NAME

FOLDER: Final = Path(__file__).parent / "player"
VENDOR: Final = "vendor"
_MANIFEST: Final = FOLDER / VENDOR / "manifest.json"
_KINDS: Final = {".js": "text/javascript", ".css": "text/css"}


@cache
def module_files() -> dict[str, bytes]:
    """Every file that a page may ask for, by its path below the folder, in ascending order."""
    paths = [path for path in FOLDER.rglob("*") if path.suffix in _KINDS]
    found = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in paths}
    return dict(sorted((found | translations(FOLDER)).items()))


def translations(folder: Path) -> dict[str, bytes]:
    """The modules that are made of a folder's translations, by their names."""
    return {
        f"{path.stem}.js": b"export const TRANSLATIONS = %b;\n" % path.read_bytes().rstrip()
        for path in folder.glob("translations*.json")
    }


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


_HEAD: Final = struct.Struct(">QI")
_SEALED: Final = ".age"
_LONGEST: Final = 4 << 20
"""Of an extent: statements are shorter, and what is longer is read from the recording."""


def statement_extents(file: BinaryIO) -> Iterator[bytes]:
    """The answer, extent by extent. Ends where the file is not as a recording's is, or ends.

    file: at any position, and binary. Raises OSError.
    """
    size = file.seek(0, os.SEEK_END)
    begin = at = 0
    while at + ustar.BLOCK <= size:
        file.seek(at)
        try:
            member = ustar.parse(file.read(ustar.BLOCK))
        except ustar.TarError:
            break  # the archive's end, or what only the judge can say something about
        content = at + ustar.BLOCK
        at = content + member.blocks_bytes
        if member.name.endswith(_SEALED) or member.name == TORN_NAME:
            yield from _extent(file, begin, content)
            begin = content + member.size
    yield from _extent(file, begin, min(at + 2 * ustar.BLOCK, size))


def _extent(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    if 0 < end - begin <= _LONGEST:
        file.seek(begin)
        data = file.read(end - begin)
        yield _HEAD.pack(begin, len(data)) + data
