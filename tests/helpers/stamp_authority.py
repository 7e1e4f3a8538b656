"""A time-stamp authority of openssl (``openssl ts -reply``) on loopback."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from authority import Authority, authority

_CONFIGURATION = """\
[tsa]
default_tsa = own
[own]
serial = serial
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1, millisecs:500
ess_cert_id_alg = sha256
signer_digest = sha256
"""


class StampServer:
    """directory: its own. name: in its certificate, which is valid for a day around `day`. root:
    signs that certificate. `spoil` changes each answer, and `status` is that of HTTP. `asked` has
    the headers of each request."""

    def __init__(
        self,
        directory: Path,
        name: str,
        day: datetime | None = None,
        root: Authority | None = None,
    ) -> None:
        directory.mkdir()
        self._directory = directory
        key, self.own = (root := root or authority()).for_stamps(name, day)
        self.root = root.pem
        for file, text in (
            ("openssl.cnf", _CONFIGURATION),
            ("serial", "01\n"),
            ("key.pem", key),
            ("own.pem", self.own),
            ("root.pem", self.root),
        ):
            (directory / file).write_text(text, "ascii")
        self.spoil: Callable[[bytes], bytes] = bytes
        self.status = 200
        self.asked: list[dict[str, str]] = []

    @property
    def certificates(self) -> Path:
        """File with its root certificate."""
        return self._directory / "root.pem"

    def stamp(self, query: bytes) -> bytes:
        """The response to a request."""
        (self._directory / "query").write_bytes(query)
        words = "ts -reply -config openssl.cnf -queryfile query -signer own.pem -inkey key.pem"
        made = subprocess.run(
            ["openssl", *words.split(), "-out", "response"],
            cwd=self._directory,
            check=False,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        return self.spoil((self._directory / "response").read_bytes())

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.asked.append(dict(self.headers))
                answer = owner.stamp(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(owner.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsr"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
