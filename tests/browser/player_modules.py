"""The player's modules in a browser's tab, from a server on loopback that has files with ranges.

The server may be told to fail, to know no ranges, or to change a file while it is read.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from camerad.evidence.player_modules import import_map

PLAYER: Final = Path(__file__).parents[2] / "camerad" / "evidence" / "player"
HOST: Final = "127.0.0.1"
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d+)")
_PAGE: Final = (
    '<!doctype html><title>Modules</title><link rel="icon" href="data:,">'
    f'<script type="importmap">{import_map("/player/")}</script>'
).encode()


@dataclass
class Shelf:
    """Files that the page may fetch, by their path, each with its entity tag.

    fails: so many requests for a file are answered with 503 from now on. ranges: whether the server
    knows any. asked: how many requests for files there were.
    """

    url: str = ""
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    fails: int = 0
    ranges: bool = True
    asked: int = 0

    def put(self, data: bytes, name: str = "") -> str:
        """Lay a file down, over another one of that name if there is one; returns its path."""
        path = f"/file/{name or len(self.files)}"
        tag = f'"{int(self.files[path][1].strip(chr(34))) + 1 if path in self.files else 0}"'
        self.files[path] = (data, tag)
        return path


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    shelf: Shelf

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(200, _PAGE, {"Content-Type": "text/html"})
        elif self.path in self.shelf.files:
            self._send_file(*self.shelf.files[self.path])
        else:
            module = (PLAYER / self.path.removeprefix("/player/")).resolve()
            assert module.is_relative_to(PLAYER), self.path
            self._send(200, module.read_bytes(), {"Content-Type": "text/javascript"})

    def _send_file(self, data: bytes, tag: str) -> None:
        self.shelf.asked += 1
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if self.shelf.fails > 0:
            self.shelf.fails -= 1
            self._send(503, b"", {})
        elif self.headers.get("If-Match", tag) != tag:
            self._send(412, b"", {})
        elif wanted is None or not self.shelf.ranges:
            self._send(200, data, {})
        elif not data:
            self._send(416, b"", {"Content-Range": "bytes */0"})
        else:
            first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
            said = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": tag}
            self._send(206, data[first : last + 1], said)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving() -> Iterator[Shelf]:
    """A server with an empty shelf."""
    shelf = Shelf()
    handler = type("_Answers", (_Answer,), {"shelf": shelf})
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        server.daemon_threads = True
        shelf.url = f"http://{HOST}:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield shelf
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def page_of(chromium: Browser, shelf: Shelf) -> Iterator[Page]:
    """A page of the server, in which no module has failed at the end."""
    context = chromium.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(shelf.url)
    try:
        yield page
        assert errors == []
    finally:
        context.close()
