"""Control: HTTP on a Unix socket, for the command line, the simulator, and curl.

    curl --unix-socket /run/camerad/control.sock http://camerad/status
    curl --unix-socket /run/camerad/control.sock -X POST http://camerad/intents/record

=====================  ====================================================================
GET /status            what the camera does now, as one JSON object
GET /events            the same object at every change, as server-sent events (WHATWG HTML,
                       section 9.2), at first the present one
POST /intents/{name}   carry out an intent as if a button had asked for it: 202 when it was
                       taken, 409 when it was refused, with the reason
GET /health            how its parts do: camera, microphone, display, outputs, buttons; see
                       `camerad.daemon.status_reporter.StatusReporter.health`. For users who
                       may configure
GET /metrics           counters without personal data, as Prometheus reads them
GET /recordings        the recordings in the store: flagged first, then the newest
GET /identity          the device's id and its public key, as JWK
GET /ledger/head       the ledger's head: epoch, sequence, sha256
POST /shift            body {"wearer": id}: begin the shift of this wearer; {"wearer": null}:
                       end the shift
POST /recordings/{id}/hold     keep a recording; body {"reason": ..., "who": ...}
POST /recordings/{id}/release  end that; body {"who": ..., "reason": ... or left out}
POST /purge            delete what is due now; answers {"complete", "deleted", "reasons"}: whether
                       all of it is deleted, what was, why something may be kept beyond its day
POST /acknowledge      sign a receipt over copies at an office; body {"directory": id,
                       "recordings": [{"id", "final", "sha256", "bytes"}]}. Then, with the body
                       {"receipt": ...}: note that it is written down beside the copies
POST /dock/signature   body {"base": text}: sign the signature base (RFC 9421) of a request to the
                       office's server; answers {"signature": base64}. For the upload
                       process, as the next
POST /dock/receipt     body {"receipt": token}: take note of a receipt that the office signed;
                       answers {"acknowledged": [id, ...]}, those that were not before
POST /dock/progress    body {"state", "done", "total", "trouble"}: progress of the upload
                       (`camerad.behaviour.dock_progress`); answers {"shown": ...}, which is what
                       `handover` in /status says then
POST /dock/check-in    body {}: sign how the camera is; answers {"statement": token}
POST /dock/settings    body {"offer": token}: keep a settings file of the office's for the next
                       start; answers {"refused": why}, null if it is kept
=====================  ====================================================================

A request that the store refuses is answered with 409 and one sentence, and with 503 if its storage
fails.

The socket belongs to the daemon's user and one group (mode 0660). What each of those who may open
it may do there depends on who they are (`camerad.control.access`); what they may not is answered
with 403. Requests are bounded in size, number, rate and time, for each user apart, and none of them
touches a thread that footage passes through.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from aiohttp import web

from camerad.base import http_expectations
from camerad.base.errors import CameradError, ControlError
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour.budget import CONTROL_END_SECONDS
from camerad.behaviour.stages import Intent
from camerad.config.control_section import Access
from camerad.config.office_section import Office
from camerad.control.access import RATE, Peer, Permissions, Rates, peer_of, role_of
from camerad.control.client import SOCKET_NAME
from camerad.control.dock_routes import LARGEST_OFFER, SETTINGS_PATH, DockRequests
from camerad.control.listener import BACKLOG, ControlSocket, claim_socket
from camerad.control.metrics import CONTENT_TYPE
from camerad.control.routes import (
    CurrentShift,
    DockProgress,
    ProgressRequests,
    ShiftRequests,
    StoreRequests,
    refusal_of,
)

if TYPE_CHECKING:
    from camerad.container.keys import SigningKey
    from camerad.store.store import Store

log = Log(__name__)
_T = TypeVar("_T")

# aiohttp logs a traceback for bytes that are no HTTP; the peer gets its 400 all the same.
_parser_log = logging.getLogger("camerad.control.server.parser")
_parser_log.setLevel(logging.CRITICAL)

MAX_BODY: Final = 16 * 1024
MAX_LISTENERS: Final = 32
MAX_CONNECTIONS: Final = 128
"""At once; a further one is closed as soon as it is made."""
MAX_OF_ONE_USER: Final = 32
"""Of those, a user who is neither root nor the daemon's own has at most so many,"""
MAX_OF_OTHERS: Final = 96
"""and all such users together, so that they cannot lock the technician out."""
MAX_LISTENERS_OF_OTHERS: Final = 16
KEEP_ALIVE_SECONDS: Final = 15.0
"""How often a listener is written to at the least."""
REQUEST_SECONDS: Final = 10.0
"""How long the head of a request may take, from the beginning of its connection or the end of the
request before, and how long its body may."""
LINGER_SECONDS: Final = 1.0
"""How long what follows a refused request is still read, so that the answer arrives."""


class ControlledCamera(Protocol):
    """The daemon's interface for control. Everything is called on the event loop."""

    def status(self) -> dict[str, Any]:
        """The camera's status, ready for JSON."""

    def health(self) -> dict[str, Any]:
        """Health of its parts, ready for JSON."""

    def intend(self, intent: Intent, source: str) -> str | None:
        """Carry out an intent; returns why it was refused, or None."""

    async def list_recordings(self) -> list[dict[str, Any]]:
        """The recordings in the store, flagged first, then the newest, ready for JSON."""

    @property
    def device(self) -> str:
        """The device's id."""

    @property
    def shifts(self) -> CurrentShift:
        """Who wears the camera."""

    @property
    def handover(self) -> DockProgress:
        """How handing over goes."""

    def metrics(self) -> str:
        """Counters in Prometheus' text format."""

    def disputes(self, *, holds: bool) -> None:
        """Whether the camera disputes what its office shows of its log."""

    def counters(self) -> dict[str, Any]:
        """The same, as `camerad.control.metrics.Metrics.dump` gives them."""

    def ask(self, work: Callable[[Store, SigningKey], _T]) -> Awaitable[_T]:
        """Have `work` done with the store and the device's key, on the store's thread."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is JSON with one sentence; a mistake in camerad is logged and contained."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.text or error.reason}, status=error.status)
    except (ConnectionResetError, asyncio.CancelledError):
        raise
    except Exception:
        log.exception(MessageId.MISTAKE, "control: %s %s failed", request.method, request.path)
        return web.json_response({"error": "internal error; see the daemon's log"}, status=500)


class _Door(asyncio.Protocol):
    """Where a connection begins: it is known now whose it is, and before anything is read of it,
    `admit` says what speaks with it, or that it is turned away."""

    def __init__(self, admit: Callable[[asyncio.BaseTransport], asyncio.Protocol | None]) -> None:
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol = self._admit(transport)
        if protocol is None:
            transport.close()
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class Control:
    """The server. `changed` is called by the daemon after every change of the status. entrance: its
    socket, if that was taken before. office: whose requests it signs, None if there is none.
    provision_dir: `device.provision_dir`."""

    def __init__(
        self,
        daemon: ControlledCamera,
        runtime_dir: str,
        group: str | None,
        access: Access = Access(),
        entrance: ControlSocket | None = None,
        *,
        office: Office | None = None,
        provision_dir: Path | None = None,
    ) -> None:
        self._daemon = daemon
        self._runtime_dir = runtime_dir
        self._entrance = entrance
        self._path = os.path.join(runtime_dir, SOCKET_NAME)
        self._group = group
        self._access = access
        self._dock = DockRequests(daemon, office, provision_dir)
        self._permissions = Permissions(Access(read=(), press=()), None)
        self._rates = Rates()
        self._listeners: dict[asyncio.Queue[str], bool] = {}
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._closing = asyncio.Event()

    @property
    def path(self) -> str:
        """Path of the Unix socket."""
        return self._path

    async def open(self) -> None:
        """Begin to answer. Raises ControlError as `camerad.control.listener.claim_socket` does."""
        entrance = self._entrance or claim_socket(self._runtime_dir, self._group, self._access)
        self._permissions = entrance.permissions
        app = web.Application(middlewares=[_plain_errors, self._guard], client_max_size=MAX_BODY)
        app.router.add_get("/status", self._status)
        app.router.add_get("/health", self._health)
        app.router.add_get("/events", self._events)
        app.router.add_get("/recordings", self._recordings)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/intents/{name}", self._intent)
        StoreRequests(self._daemon).add_to(app.router)
        self._dock.add_to(app.router)
        ProgressRequests(lambda: self._daemon.handover).add_to(app.router)
        ShiftRequests(lambda: self._daemon.shifts).add_to(app.router)
        # No access log: requests are private.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=CONTROL_END_SECONDS,
            logger=_parser_log,
            keepalive_timeout=REQUEST_SECONDS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        try:
            await http_expectations.set_up(self._runner, http_expectations.in_json)
            self._server = await asyncio.get_running_loop().create_unix_server(
                self._protocol, sock=entrance.listener, backlog=BACKLOG
            )
        except OSError as error:
            entrance.close()
            raise ControlError(f"{self._path}: cannot listen: {error.strerror}") from error

    def _protocol(self) -> asyncio.Protocol:
        return _Door(self._admit)

    def _admit(self, transport: asyncio.BaseTransport) -> asyncio.Protocol | None:
        """What speaks with a peer that has just connected; None: it is turned away."""
        server = self._runner.server if self._runner is not None else None
        peer = peer_of(transport)
        if server is None or self._closing.is_set():
            # Accepted just before: closing the others would miss this one.
            return None
        if peer is None or len(server.connections) >= MAX_CONNECTIONS:
            return None
        if not self._permissions.is_own(peer):
            there = (peer_of(one.transport) for one in server.connections)
            others = [one.uid for one in there if one and not self._permissions.is_own(one)]
            if len(others) >= MAX_OF_OTHERS or others.count(peer.uid) >= MAX_OF_ONE_USER:
                return None
            if not self._rates.take(peer.uid, asyncio.get_running_loop().time()):
                return None
        return server()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only who may, not too often, and with a body that comes in time."""
        peer = peer_of(request.transport)
        # Of what was found to be asked for, not of how it was spelled.
        resource = request.match_info.route.resource
        path = "" if resource is None else resource.canonical
        role = role_of(request.method, path)
        if peer is None or not self._permissions.may(peer, role):
            raise web.HTTPForbidden(
                text=f"this user may not {role.value} here: add the user, or a group of theirs, "
                f"to access.{role.value} in the camera's configuration, or run this with "
                "sudo"
            )
        if not self._may_now(peer):
            raise web.HTTPTooManyRequests(text=f"at most {RATE:g} requests in a second")
        if path == SETTINGS_PATH:
            request = request.clone(client_max_size=LARGEST_OFFER)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await request.read()
        except (web.RequestPayloadError, ConnectionError):
            # Also of a peer that sends no more, but may still hear.
            raise web.HTTPBadRequest(text="the body of the request is damaged") from None
        except TimeoutError:
            raise web.HTTPRequestTimeout(
                text=f"the body of the request did not come within {REQUEST_SECONDS:g} s"
            ) from None
        return await handler(request)

    def _may_now(self, peer: Peer) -> bool:
        if self._permissions.is_own(peer):
            return True
        return self._rates.take(peer.uid, asyncio.get_running_loop().time())

    def changed(self) -> None:
        """Tell every listener of /events the present status; one that is slow misses some."""
        if not self._listeners:
            return
        line = self._line()
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(line)

    def _line(self) -> str:
        return f"data: {json.dumps(self._daemon.status())}\n\n"

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._daemon.status())

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response(self._daemon.health())

    async def _recordings(self, _request: web.Request) -> web.Response:
        try:
            return web.json_response(await self._daemon.list_recordings())
        except CameradError as error:
            raise refusal_of(error) from error

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._daemon.metrics().encode(), headers={"Content-Type": CONTENT_TYPE}
        )

    async def _intent(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            intent = Intent(name)
        except ValueError:
            known = ", ".join(sorted(known.value for known in Intent))
            raise web.HTTPNotFound(text=f"no intent {name[:40]!r}; there are: {known}") from None
        refused = self._daemon.intend(intent, "control")
        if refused is not None:
            return web.json_response({"refused": refused}, status=409)
        return web.json_response(self._daemon.status(), status=202)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        peer = peer_of(request.transport)
        own = peer is not None and self._permissions.is_own(peer)
        others = list(self._listeners.values()).count(False)
        if len(self._listeners) >= MAX_LISTENERS or (not own and others >= MAX_LISTENERS_OF_OTHERS):
            raise web.HTTPServiceUnavailable(
                text=(f"{len(self._listeners)} listeners are connected already: end one first")
            )
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=16)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        self._listeners[queue] = own
        try:
            await response.prepare(request)
            await response.write(self._line().encode())
            while not self._closing.is_set():
                try:
                    line = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    line = ":\n\n"
                await response.write(line.encode())
        except ConnectionResetError:
            log.debug(MessageId.DETAIL, "control: a listener went away")
        finally:
            self._listeners.pop(queue, None)
        return response

    async def close(self) -> None:
        """Stop listening and remove the socket; safe to call again."""
        self._closing.set()
        self.changed()
        if self._server is not None:
            # A turn in between: asyncio never closes what it has accepted and not yet begun when
            # its server closes.
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener.fileno())
            await asyncio.sleep(0)
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
