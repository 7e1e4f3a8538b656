"""A page with the player in it, and recordings for it, on loopback: what a desk serves."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from camerad.evidence import player_modules
from camerad.evidence.player_modules import statement_extents
from tests.waiting import DEADLINE

PREFIX: Final = "/player/"
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d+)")
_MAP: Final = player_modules.import_map(PREFIX)
PAGE: Final = f"""<!DOCTYPE html>
<html lang="LANGUAGE"><head><meta charset="utf-8"><title>Player</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{PREFIX}player.css">
<link rel="icon" href="data:,">
<script type="importmap">{_MAP}</script>
<script type="module" src="/page.js"></script>
</head><body class="camerad-page"><main><h1>Player</h1><div id="player"></div></main></body></html>
"""
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; connect-src 'self'; media-src blob:; "
    f"script-src 'self' {player_modules.csp_hash(_MAP)}; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SCRIPT: Final = f"""
import {{ ExtentSource }} from "{PREFIX}extents.js";
import {{ RangeSource }} from "{PREFIX}evidence/source.js";
import {{ HeldKey }} from "{PREFIX}key_file.js";
import {{ mountPlayer }} from "{PREFIX}player.js";
import {{ wordsOf }} from "{PREFIX}words.js";

const extents = new URLSearchParams(location.search).get("extents") === "yes";
const parameters = new URLSearchParams(location.search);
const source = new RangeSource(`/recordings/${{parameters.get("recording")}}`);
async function statements() {{
  const answer = await fetch(`/statements/${{parameters.get("recording")}}`);
  return new Uint8Array(await answer.arrayBuffer());
}}
const bytes = Uint8Array.from(parameters.get("key").match(/../g), (pair) => parseInt(pair, 16));
window.viewed = [];
window.identity = new HeldKey();
window.began = performance.now();
function mount(source) {{
  window.player = mountPlayer(document.getElementById("player"), {{
    source,
    key: bytes,
    identity: window.identity,
    words: wordsOf(document.documentElement.lang),
    registered: parameters.get("registered") ?? "",
    onViewed: (piece) => window.viewed.push(piece),
  }});
}}
mount(extents ? new ExtentSource(source, statements()) : source);
window.next = (name) => {{
  window.player.close();
  mount(new RangeSource(`/recordings/${{name}}`));
}};
"""


@dataclass
class PlayerServer:
    """recordings: what is served, by name: bytes, or a file. asked: each request, method and path
    with its range. sent: bytes of recordings."""

    recordings: dict[str, bytes | Path] = field(default_factory=dict)
    statements: dict[str, bytes | Path] = field(default_factory=dict)
    """Of which recordings it gives another's statements."""
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    sent: int = 0
    fails: bool = False
    """Whether it answers to questions for recordings that it cannot."""

    def page(
        self,
        recording: str,
        key: bytes,
        language: str = "en",
        *,
        extents: bool = False,
        registered: str = "",
    ) -> str:
        """The address of the page that plays a recording with a camera's public key. extents: with
        the statements all at once. registered: whose the office's register says the key is."""
        said = f"?recording={recording}&key={key.hex()}{'&extents=yes' * extents}"
        said += f"&registered={registered}" * bool(registered)
        return f"{self.url}/{language}{said}"


@contextlib.contextmanager
def player_server(**recordings: bytes | Path) -> Iterator[PlayerServer]:
    """Serve recordings, and the page that plays them, while the block runs."""
    world = PlayerServer(dict(recordings))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else each answer waits 40 ms for the other end to acknowledge its headers.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            world.asked.append((self.path, self.headers.get("Range", "")))
            if path in ("/de", "/en"):
                self._answer(200, "text/html", PAGE.replace("LANGUAGE", path[1:]).encode())
            elif path == "/page.js":
                self._answer(200, "text/javascript", SCRIPT.encode())
            elif path.startswith(PREFIX):
                files = player_modules.module_files()
                name = path.removeprefix(PREFIX)
                self._answer(200, player_modules.media_type(name), files[name])
            elif path.startswith("/statements/"):
                name = path.removeprefix("/statements/")
                recording = world.statements.get(name, world.recordings[name])
                is_file = isinstance(recording, Path)
                with recording.open("rb") if is_file else io.BytesIO(recording) as file:
                    said = b"".join(statement_extents(file))
                self._answer(200, "application/octet-stream", said)
            else:
                self._part(world.recordings[path.removeprefix("/recordings/")])

        def do_POST(self) -> None:
            world.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(204, "text/plain", b"")

        def _part(self, recording: bytes | Path) -> None:
            if world.fails:
                self._answer(503, "text/plain", b"")
                return
            said = _RANGE.fullmatch(self.headers["Range"])
            assert said is not None
            begin, end = int(said[1]), int(said[2]) + 1
            if isinstance(recording, Path):
                size = recording.stat().st_size
                with recording.open("rb") as file:
                    file.seek(begin)
                    data = file.read(end - begin)
            else:
                size, data = len(recording), recording[begin:end]
            world.sent += len(data)
            part = f"bytes {begin}-{begin + len(data) - 1}/{size}"
            self._answer(206, "application/x-tar", data, {"Content-Range": part})

        def _answer(
            self, status: int, kind: str, body: bytes, more: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            headers = {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}
            headers["Content-Security-Policy"] = POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            # Whoever closes a page asks for nothing more.
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join(DEADLINE)
