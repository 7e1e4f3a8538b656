"""Accepts TLS connections, with a limit per network that counts before TLS begins.

Where all places are taken, the network that has most of them gives one up to a network that has
fewer; otherwise a connection is closed as soon as it is made. So strangers who only open
connections keep no camera out, unless they come from more networks than there are places.

Bytes that are no HTTP come to no middleware: their answer is made here, in the listener's
words, and names neither a library nor what came.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from aiohttp import web

from camerad.base import http_expectations
from camerad.base.errors import EX_UNAVAILABLE, CameradError
from camerad.base.message_ids import MessageId

log = logging.getLogger(__name__)

# aiohttp logs a traceback for bytes that are no HTTP; the peer gets a 400 all the same.
_parser_log = logging.getLogger("camerad.office.server.connection_limiter.parser")
_parser_log.setLevel(logging.CRITICAL)

MOST: Final = 128
"""Connections at once."""
BACKLOG: Final = 64
HANDSHAKE_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 30.0
"""How long a head may take, from the beginning of its connection or the end of the request
before."""
LINGER_SECONDS: Final = 2.0
"""How long what follows a refused request is still read, so that the answer arrives."""
UNSENT_SECONDS: Final = 60
"""How long a peer may leave what was sent to it unread."""
_NETWORK: Final = 64
"""Bits of an IPv6 address that name the network (RFC 4291, 2.5.4): its owner has all addresses."""
_PAUSE_SECONDS: Final = 1.0
"""After the system had no more of something; the next connection waits meanwhile."""


class StartError(CameradError, OSError):
    """Error raised when the server cannot listen, or another one works in its directory."""

    exit_code = EX_UNAVAILABLE


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or later with this certificate; both are files in PEM. Raises StartError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # The empty password, so that OpenSSL never asks for one.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise StartError(
            f"{certificate}, {key}: cannot be used as a certificate and its private key in PEM: "
            f"{error}; make them with 'camerad office init DIR --config FILE', or name "
            "others under tls"
        ) from error
    return context


def listen(host: str | None, port: int) -> socket.socket:
    """A socket that listens there. host: None for every address. Raises StartError."""
    every = host is None
    try:
        if every and not socket.has_dualstack_ipv6():
            return socket.create_server(("", port), backlog=BACKLOG)
        if every:
            return socket.create_server(
                ("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartError(
            f"cannot listen at {host or 'every address'}, port {port}: {error.strerror or error}; "
            "end what listens there, or choose another port"
        ) from error


def network_of(address: str) -> str:
    """What a stranger at this address is counted by: an IPv4 address, or an IPv6 network."""
    try:
        said = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(said, ipaddress.IPv4Address):
        return str(said)
    if said.ipv4_mapped is not None:  # a socket for both kinds names them so
        return str(said.ipv4_mapped)
    return str(ipaddress.ip_network((int(said), _NETWORK), strict=False))


def make_runner(app: web.Application, *, end_seconds: float) -> web.AppRunner:
    """What runs an application here. end_seconds: what requests have at the end."""
    return web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=end_seconds)


async def open_limited(
    runner: web.AppRunner,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    *,
    longest_line: int,
    most_fields: int,
    refuse: Callable[[int], web.Response],
) -> ConnectionLimiter:
    """Accept connections for what `runner` runs. context: as of `ConnectionLimiter`. The others:
    as of `Connection`."""
    server = await http_expectations.set_up(runner, refuse)
    limiter = ConnectionLimiter(
        server,
        listener,
        context,
        connect=lambda: Connection(
            server, longest_line=longest_line, most_fields=most_fields, refuse=refuse
        ),
    )
    limiter.open()
    return limiter


class Connection(web.RequestHandler):
    """One connection to `server`. longest_line: bytes of a request's first line, and of one header
    field. most_fields: header fields of a request. refuse: makes the answer to what comes to no
    handler, by its status: 400 for bytes that are no HTTP.

    It writes no access log, which would say who was where and when, no traceback for bytes that are
    no HTTP, and unpacks no body.
    """

    __slots__ = ("_refuse",)

    def __init__(
        self,
        server: web.Server,
        *,
        longest_line: int,
        most_fields: int,
        refuse: Callable[[int], web.Response],
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # which it takes, and logs nothing
            logger=_parser_log,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=longest_line,
            max_field_size=longest_line,
            max_headers=most_fields,
            auto_decompress=False,
        )
        self._refuse = refuse

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what no handler answered. Raises ConnectionError if some of one was
        sent."""
        super().handle_error(request, status, exc, message)
        answer = self._refuse(status)
        answer.force_close()
        return answer


class ConnectionLimiter:
    """Accepts connections at a socket, and hands those that may come in to `server`.

    context: of TLS; None for plain HTTP. most: connections at once. connect: makes what speaks with
    each, if `server` is not to.
    """

    def __init__(
        self,
        server: web.Server,
        listener: socket.socket,
        context: ssl.SSLContext | None,
        most: int = MOST,
        *,
        connect: Callable[[], asyncio.Protocol] | None = None,
    ) -> None:
        self._server = server
        self._connect = server if connect is None else connect
        self._listener = listener
        self._context = context
        self._most = most
        self._shaking: dict[asyncio.Task[None], str] = {}
        self._pausing: asyncio.TimerHandle | None = None
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        listener.setblocking(False)

    def open(self) -> None:
        """Begin to accept."""
        # By a callback: a task that is cancelled just when it was given a connection loses it.
        self._pausing = None
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Accept no more, and end handshakes; connections that came in go on. Safe to call
        again."""
        if self._pausing is not None:
            self._pausing.cancel()
        if self._listener.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        tasks = list(self._shaking)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def cut_off(self) -> None:
        """End every connection that is left, without waiting for its peer."""
        for transport in list(self._transports):
            transport.abort()
        # A transport gives its socket back in the loop's next turn, TLS in the one after.
        for _ in range(3):
            await asyncio.sleep(0)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, address = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it has gone again
        except OSError as error:
            log.warning(
                "cannot accept a connection: %s; it is tried again",
                error.strerror,
                extra=MessageId.SCARCE.extra,
            )
            loop.remove_reader(self._listener)
            self._pausing = loop.call_later(_PAUSE_SECONDS, self.open)
            return
        connection.setblocking(False)
        peer = network_of(str(address[0]))
        if self._has_place(peer):
            task = loop.create_task(self._shake(connection))
            self._shaking[task] = peer
            task.add_done_callback(lambda done: self._shaken(done, connection))
        else:
            connection.close()

    def _shaken(self, task: asyncio.Task[None], connection: socket.socket) -> None:
        del self._shaking[task]
        if task.cancelled():
            # Maybe before it began.
            connection.close()

    def _has_place(self, network: str) -> bool:
        """Whether one more of this network may come in, at the expense of another if need be: of
        what came last from the network with most."""
        enders: defaultdict[str, list[Callable[[], object]]] = defaultdict(list)
        for one in self._server.connections:
            if one.transport is not None and not one.transport.is_closing():
                address = one.transport.get_extra_info("peername")  # none if it has gone already
                there = network_of(str(address[0])) if address else ""
                enders[there].append(one.transport.abort)
        for task, its_network in self._shaking.items():
            if not task.cancelling():
                enders[its_network].append(task.cancel)
        if sum(map(len, enders.values())) < self._most:
            return True
        most = max(enders.values(), key=len)
        if len(most) <= len(enders[network]) + 1:
            return False
        most[-1]()
        return True

    async def _shake(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_SECONDS * 1000
            )
        except OSError:  # the peer has gone already
            connection.close()
            return
        try:
            seconds = None if self._context is None else HANDSHAKE_SECONDS
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                self._connect,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds,
            )
            self._transports.add(transport)
        except OSError as error:  # those of TLS and of time-outs included
            log.debug("no TLS came about: %s", error, extra=MessageId.DETAIL.extra)
        except BaseException:
            connection.close()
            raise
