"""A proxy before an S3 store that takes orders about locks and forgets them."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

HOST: Final = "127.0.0.1"
_HOP: Final = ("connection", "transfer-encoding", "keep-alive")


class Lie(Enum):
    """What it takes and forgets."""

    LOCKS = "locks"
    """Locks, and nobody can see them."""
    SHOWN_LOCKS = "shown locks"
    """Locks, and it shows the last one that it was told, so that only a deletion tells."""
    HOLDS = "holds"
    """Legal holds, and it shows them."""
    DELETIONS = "deletions"
    """Deletions: it says that it has done what it has not."""
    NOTHING = "nothing"
    """It is honest."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate has gone; it is the one that tells."""


class LyingStore:
    """endpoint: where it listens."""

    def __init__(self, endpoint: str, lie: Lie, context: ssl.SSLContext | None = None) -> None:
        self._target = urlsplit(endpoint)
        self.lie = lie
        self.shown: dict[str, dict[str, str]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *said: object) -> None:
                """Nobody reads it."""

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                status, headers, answer = outer.answer(
                    self.command, self.path, dict(self.headers.items()), body
                )
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in _HOP and name.lower() != "content-length":
                        self.send_header(name, value)
                size = {name.lower(): value for name, value in headers}.get("content-length")
                self.send_header(
                    "Content-Length", size or "0" if self.command == "HEAD" else str(len(answer))
                )
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

        for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
            setattr(Handler, f"do_{method}", Handler._any)

        self._server = _Server((HOST, 0), Handler)
        scheme, host = ("http", HOST) if context is None else ("https", "localhost")
        if context is not None:
            self._server.socket = context.wrap_socket(
                self._server.socket,
                server_side=True,
                do_handshake_on_connect=False,  # but by whoever answers, who closes it as well
            )
        self.endpoint = f"{scheme}://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """What it answers, by what the store says or by itself."""
        parts = urlsplit(path)
        query = parse_qs(parts.query, keep_blank_values=True)
        about_lock = method == "PUT" and "retention" in query
        about_hold = method == "PUT" and "legal-hold" in query
        shown = self.shown.setdefault(parts.path, {})
        if about_lock and self.lie in (Lie.LOCKS, Lie.SHOWN_LOCKS):
            if self.lie is Lie.SHOWN_LOCKS and not shown:
                text = body.decode()
                until = text.partition("<RetainUntilDate>")[2].partition("<")[0]
                shown |= {"mode": "COMPLIANCE", "retain-until-date": until}
            return 200, [], b""
        if about_hold and self.lie is Lie.HOLDS:
            shown["legal-hold"] = "ON" if b">ON<" in body else "OFF"
            return 200, [], b""
        if method == "DELETE" and self.lie is Lie.DELETIONS:
            return 204, [], b""
        connection = http.client.HTTPConnection(
            self._target.hostname or "", self._target.port, timeout=30
        )
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            got = connection.getresponse()
            status, found, answer = got.status, got.getheaders(), got.read()
        finally:
            connection.close()
        if method == "HEAD" and shown:
            told = {f"x-amz-object-lock-{name}": value for name, value in shown.items()}
            found = [one for one in found if one[0].lower() not in told] + list(told.items())
        return status, found, answer


@contextmanager
def lying_store(endpoint: str, lie: Lie, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A proxy that lies; yields its address. context: of TLS."""
    made = LyingStore(endpoint, lie, context)
    try:
        yield made.endpoint
    finally:
        made.close()
