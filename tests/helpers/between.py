"""Between a browser and the desk: TLS ends here, so that every byte is seen, and may be another.

Whoever controls the office's server can do whatever this does. Requests go to the real desk, and
what it answers comes back, as `lie` has changed it. Nothing that goes either way is left out of
`exchanges`. What is packed on the way (gzip) is unpacked there, to be read and changed, and the
browser gets it packed again.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, TCPConnector, hdrs, web
from multidict import CIMultiDict
from small_office import hang_up

from camerad.office.server.certificates import KeyPairFiles, make_authority, make_certificate
from tests.waiting import DEADLINE

HOST: Final = "127.0.0.1"
PATIENCE: Final = DEADLINE
_OF_ONE_HOP: Final = (hdrs.CONNECTION, hdrs.TRANSFER_ENCODING, hdrs.CONTENT_LENGTH, hdrs.DATE)


@dataclass
class Exchange:
    """A request and its answer. answer, status and answer_fields may be changed on the way.
    answer: unpacked, whatever its fields say."""

    method: str
    path: str
    fields: CIMultiDict[str]
    body: bytes
    status: int = 0
    answer_fields: CIMultiDict[str] = field(default_factory=CIMultiDict)
    answer: bytes = b""

    @property
    def sent(self) -> bytes:
        """What left the browser."""
        head = [f"{self.method} {self.path}", *(f"{n}: {v}" for n, v in self.fields.items())]
        return "\n".join(head).encode() + b"\n\n" + self.body

    @property
    def got(self) -> bytes:
        """What the browser got."""
        head = [str(self.status), *(f"{n}: {v}" for n, v in self.answer_fields.items())]
        return "\n".join(head).encode() + b"\n\n" + self.answer


Lie = Callable[[Exchange], None]


def tell_the_truth(_exchange: Exchange) -> None:
    """The answer as it is."""


def make_between(root: Path) -> Between:
    """One whose certificate is by the authority ``root/ca.pem``, which is nobody's."""
    authority = KeyPairFiles(f"{root}/ca.pem", f"{root}/ca.key")
    own = KeyPairFiles(f"{root}/between.pem", f"{root}/between.key")
    now = datetime.now(UTC)
    make_authority(authority, "nobody's", now)
    make_certificate(authority, own, ["localhost"], now)
    return Between(own.certificate, own.key, authority.certificate)


class Between:
    """certificate, key: of this end, files in PEM; authority: whose certificate that is. desk: port
    of the real one, to be set before anybody asks."""

    def __init__(self, certificate: str, key: str, authority: str) -> None:
        self.authority = authority
        self.desk = 0
        self.lie: Lie = tell_the_truth
        self.exchanges: list[Exchange] = []
        self.port = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    @property
    def origin(self) -> str:
        """The page's address."""
        return f"https://localhost:{self.port}"

    def close(self) -> None:
        """End every connection."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with ClientSession(connector=TCPConnector(ssl=False), auto_decompress=False) as way:
            self._way = way
            runner = web.ServerRunner(web.Server(self._pass_on), shutdown_timeout=1)
            await runner.setup()
            site = web.TCPSite(runner, HOST, 0, ssl_context=self._tls)
            await site.start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            await self._ended.wait()
            # A browser that keeps connections for later says nothing when they end.
            for one in runner.server.connections if runner.server else ():
                if one.transport is not None:
                    one.transport.abort()
            await runner.cleanup()
        await hang_up()

    async def _pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        exchange = Exchange(
            request.method, request.path_qs, CIMultiDict(request.headers), await request.read()
        )
        self.exchanges.append(exchange)
        fields = CIMultiDict(exchange.fields)
        for name in _OF_ONE_HOP:
            fields.popall(name, None)
        async with self._way.request(
            exchange.method,
            f"https://{HOST}:{self.desk}{exchange.path}",
            headers=fields,
            data=exchange.body or None,
            allow_redirects=False,
        ) as answer:
            exchange.status, exchange.answer = answer.status, await answer.read()
            exchange.answer_fields = CIMultiDict(answer.headers)
        for name in _OF_ONE_HOP:
            exchange.answer_fields.popall(name, None)
        coding = exchange.answer_fields.get(hdrs.CONTENT_ENCODING)
        assert coding in (None, "gzip"), coding
        if coding:
            exchange.answer = gzip.decompress(exchange.answer)
        self.lie(exchange)
        body = gzip.compress(exchange.answer) if coding else exchange.answer
        return web.Response(status=exchange.status, headers=exchange.answer_fields, body=body)
