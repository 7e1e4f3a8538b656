"""A daemon's end of the control socket, for tests of who asks there."""

from __future__ import annotations

import contextlib
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers on a Unix socket, in JSON unless told in bytes, and logs nothing. What it answers is
    said by `get` and `post`."""

    def get(self) -> None:
        self.answer(404, {"error": f"nothing is at {self.path}"})

    def post(self) -> None:
        self.get()

    def do_GET(self) -> None:
        self.get()

    def do_POST(self) -> None:
        self.post()

    def answer(self, code: int, body: object) -> None:
        self.say(code, json.dumps(body).encode())

    def say(self, code: int, data: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def served(server: socketserver.BaseServer) -> Iterator[None]:
    """While this lasts, the server answers."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server:
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
