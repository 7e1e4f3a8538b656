"""The office's server, put together from parts.

==========================================  ======================================================
`connection_limiter`                        connections, counted; TLS
`refusals`, `authentication`                every error is one sentence; who asks
`upload_routes`, `uploads`, `part_upload`   recordings come, by tus
`ingest_queue`, `ingest`                    they are checked, stored, read back and receipted
`receipt_routes`, `ledger_routes`           a camera asks for receipts, and brings its ledger
`check_in_routes`, `check_ins`              a camera says how it is, and hears what there is for it
`offer_routes`                              it fetches that: settings, an update
`server_metrics`                            what Prometheus is shown
`cameras`                                   the register
==========================================  ======================================================

`camerad.office.replicas` makes a replica of every recording, locked until its day.
`camerad.office.jobs` adds the jobs that run beside the requests.

Everything is bounded: connections, heads, bodies, pieces, parts at once, nonces, and the threads
that check recordings. The event loop waits for no storage but that of the register, which it looks
at.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

import msgspec
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from camerad.base import durable_files
from camerad.base.async_utils import EventLoop, done_before, watched
from camerad.base.clock import Clock
from camerad.base.message_ids import MessageId
from camerad.base.sd_notify import notify
from camerad.base.text import count, printable, room
from camerad.container.keys import PublicKey, SigningKey, Thumbprint
from camerad.container.recording_ids import RecordingId
from camerad.evidence import office_key_file
from camerad.evidence.holdings import directory_id
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.office.replicas.replicas import PROBE_SECONDS, Replicas, open_replicas
from camerad.office.replicas.shared_directory import SharedDirectory
from camerad.office.server.authentication import Authentication
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.office.server.check_in_routes import CheckInRoutes
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.connection_limiter import (
    ConnectionLimiter,
    StartError,
    listen,
    make_runner,
    open_limited,
    tls_context,
)
from camerad.office.server.ingest import Ingest, IngestEvent
from camerad.office.server.ingest_queue import THREADS, THREADS_WITH_COPIES, IngestQueue
from camerad.office.server.ledger_copy import LedgerCopies
from camerad.office.server.ledger_routes import LedgerRoutes
from camerad.office.server.lost_recordings import LostRecordings
from camerad.office.server.nonces import Nonces
from camerad.office.server.offer_routes import OfferRoutes
from camerad.office.server.offers import Offers
from camerad.office.server.office_settings import OfficeFile
from camerad.office.server.preflight import free_room
from camerad.office.server.receipt_routes import IngestEnds, ReceiptRoutes
from camerad.office.server.refusal_log import CameraTurns, RefusalLog
from camerad.office.server.refusals import Handler, plain_errors, refuse_bytes
from camerad.office.server.revoked_cameras import RevokedCameras
from camerad.office.server.server_metrics import MetricsListener, ServerMetrics
from camerad.office.server.state_import import open_state
from camerad.office.server.upload_limits import GIB, UploadLimits
from camerad.office.server.upload_routes import UploadRoutes
from camerad.office.server.uploads import INCOMING, Declaration, Uploads
from camerad.office.state.database import DatabaseUnavailableError
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import OFFICE, check_directories, office_place
from camerad.transparency.office_log import OfficeLog

log = logging.getLogger(__name__)

LONGEST_LINE: Final = 2048
"""Bytes of a request's first line, and of one header field; Signature-Input has some 400."""
MOST_FIELDS: Final = 40
"""Header fields of a request. A camera sends some 12."""
LARGEST_BODY: Final = 1 << 20
"""Of what is not read in pieces."""
SWITCH_SECONDS: Final = 0.0005
"""How long Python lets a thread that computes go on while another waits: one that reads a camera's
ledger computes for minutes, and a click at the desk waits some hundred times."""
END_SECONDS: Final = 5.0
"""At the end: how long requests have, what is cut off then to leave, and then, together, a
recording that is being ingested and what is done beside the requests."""

HAS_IT: Final = "the office has this recording; ask for its receipt"


class Beside(Protocol):
    """What the same process runs besides, such as the desk's page."""

    async def open(self) -> None:
        """Begin, once the server has begun."""

    async def close(self) -> None:
        """End. Safe to call again, and without `open`."""

    def tidy(self) -> float:
        """Remove what is over, before `open` too; returns after how many seconds to do so again. It
        blocks. Raises CameradError."""


class ServerParts(msgspec.Struct, frozen=True):
    """Parts of the server that jobs work with. state: of the office. queue: has a complete upload
    taken over. replicas: None without any. registry: of the metrics. shared: keeps the directory of
    one of several servers as the others have it."""

    state: OfficeState
    cameras: Cameras
    uploads: Uploads
    key: SigningKey
    queue: Callable[[Thumbprint, Declaration], None]
    replicas: Replicas | None
    registry: CollectorRegistry
    shared: SharedDirectory | None


class Jobs(Protocol):
    """Jobs that run beside the requests (`camerad.office.jobs`)."""

    def start(self, parts: ServerParts) -> None:
        """Begin all of them."""

    def ingested(self, event: IngestEvent) -> None:
        """A recording was dealt with. Any thread may call it, before `start` too."""

    def end(self, seconds: float) -> None:
        """End all of them; what is being done has so long, together. It blocks. Safe to call
        again."""


class Vault:
    """The server. settings: as `camerad.office.server.office_settings.load` read them. clock: whose
    moments say whether wall time is trusted. beside: begins and ends with it, as do the jobs.
    state: of the office, shared with `beside`; closed at the end."""

    def __init__(
        self,
        settings: OfficeFile,
        clock: Clock,
        beside: Beside | None = None,
        jobs: Jobs | None = None,
        state: OfficeState | None = None,
    ) -> None:
        self._settings = settings
        self._state = state or open_state(settings.index, str(settings.directory))
        self._beside = beside
        self._clock = clock
        self._claim: int | None = None
        self._runner: web.AppRunner | None = None
        self._limiter: ConnectionLimiter | None = None
        self._queue: IngestQueue | None = None
        self._ledgers: LedgerRoutes | None = None
        self._copies: Replicas | None = None
        self._shared: SharedDirectory | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = EventLoop()
        self._metrics = ServerMetrics()
        self._jobs = jobs
        self._listener: MetricsListener | None = None
        self._begins_with = ""
        self.port = settings.listen.port
        """Where it listens."""

    @property
    def metrics_port(self) -> int | None:
        """Where Prometheus asks; None if nowhere."""
        return None if self._listener is None else self._listener.port

    async def open(self) -> None:
        """Begin to answer. Cancelled, it leaves nothing open.

        Raises StartError, OfficeKeyError, RegisterError, ReplicaError and StorageError.
        """
        self._threads.attach()
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        settings = self._settings
        directory = str(settings.directory)
        key = office_key_file.load_key(str(settings.office_key))
        if key is None:
            raise OfficeKeyError(
                f"{settings.office_key}: there is no key; name the office's with office_key"
            )
        context = tls_context(str(settings.tls.certificate), str(settings.tls.key))
        check_directories(office_place(directory), all_of_it=False)
        threads = self._threads
        self._claim = await threads.in_thread(lambda: _claim(directory))
        cameras = Cameras(str(settings.register))
        receive = settings.receive
        limits = UploadLimits(
            camera=receive.camera_gib * GIB,
            reserve=receive.reserve_gib * GIB,
            unfinished_days=receive.unfinished_days,
        )
        free = room(await threads.in_thread(lambda: free_room(directory)))
        known = count(len(cameras.list_all()), "camera")
        self._begins_with = f"{known} in the register, {free} free"
        state = self._state
        revoked = RevokedCameras(state)
        copies = self._copies = await threads.in_thread(
            lambda: open_replicas(settings.second_copy, self._clock, state)
        )
        if copies is not None:
            await copies.probe_at_start(threads, PROBE_SECONDS)
        shared = store = None
        if settings.several_servers and copies is not None:
            store = copies.store
            shared = self._shared = SharedDirectory(directory, state, store, self._clock)
            await threads.in_thread(lambda: shared.join(lambda: directory_id(directory)))
        holdings = CameraHoldings(directory, cameras, state, shared)
        uploads = Uploads(directory, state, limits, self._clock, store)
        await threads.in_thread(lambda: _prepare(revoked, uploads, directory, key.public))
        ingest = await threads.in_thread(
            lambda: Ingest(
                holdings,
                uploads,
                key,
                self._clock,
                tell=self._ingested,
                replica=None if copies is None else copies.secure,
            )
        )
        ends = IngestEnds(asyncio.get_running_loop())
        take = self._metrics.timed(ingest.take)
        most = THREADS if copies is None else THREADS_WITH_COPIES
        queue = self._queue = IngestQueue(take, self._clock, ends.tell, threads=most)
        refusals, turns = RefusalLog(self._clock), CameraTurns(asyncio.Lock)
        nonces = Nonces(self._clock.wall_us(), one_of_several=settings.several_servers)
        guard = Authentication(
            settings.url,
            cameras,
            nonces,
            self._clock,
            refusals,
            directory=directory,
            revoked=revoked,
        )
        app = self._make_app(guard, refusals)
        UploadRoutes(
            uploads,
            lambda kid, declared: _queue_up(ingest, queue, kid, declared),
            still=guard.check_not_revoked,
            turns=turns,
            most=receive.uploads,
            why_not=lambda kid, recording: _why_not(ingest, kid, recording),
        ).add_to(app.router)
        ReceiptRoutes(ingest, uploads, turns, queue.ensure, ends, due_in=queue.due_in).add_to(
            app.router
        )
        if copies is not None:
            copies.when_back(queue.wake_failed)
        offers = Offers(state, directory)
        OfferRoutes(offers, settings.updates, turns, self._clock).add_to(app.router)
        CheckInRoutes(
            CheckIns(state, cameras, self._clock),
            LostRecordings(holdings, ingest, uploads),
            offers,
            still=guard.check_not_revoked,
            turns=turns,
            log=OfficeLog(office_place(directory).ledger),
            key=key,
            clock=self._clock,
        ).add_to(app.router)
        self._ledgers = LedgerRoutes(
            LedgerCopies(holdings, uploads.has_room),
            lambda kid: self._ledger_came(ingest, queue, kid),
            guard.check_not_revoked,
        )
        self._ledgers.add_to(app.router)
        await self._listen(app, context)
        if settings.metrics is not None:
            self._listener = MetricsListener(settings.metrics, self._metrics.registry)
            await self._listener.open()
        queue.start()
        if self._jobs is not None:
            self._jobs.start(
                ServerParts(
                    state=state,
                    cameras=cameras,
                    uploads=uploads,
                    key=key,
                    queue=queue.ensure,
                    replicas=copies,
                    registry=self._metrics.registry,
                    shared=shared,
                )
            )
        if self._beside is not None:
            await self._beside.open()

    def _ingested(self, event: IngestEvent) -> None:
        self._metrics.count_ingest(event)
        if self._jobs is not None:
            self._jobs.ingested(event)

    @web.middleware
    async def _refresh(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer by what other servers have changed up to now."""
        if self._shared is not None:
            await asyncio.to_thread(self._shared.refresh)
        return await handler(request)

    def _ledger_came(self, ingest: Ingest, queue: IngestQueue, kid: Thumbprint) -> None:
        # At once, since the camera's next question is whether it still waits.
        ingest.ledger_came(kid)
        self._background(asyncio.to_thread(_queue_pending, ingest, queue, kid))

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the requests; a mistake of ours in it is raised on the loop."""
        task = watched(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _make_app(self, guard: Authentication, refusals: RefusalLog) -> web.Application:
        app = web.Application(
            middlewares=[
                self._metrics.count_refusals,
                plain_errors(refusals),
                guard.middleware,
                self._refresh,
            ],
            client_max_size=LARGEST_BODY,
        )
        app.on_response_prepare.append(guard.add_nonce)
        app.on_response_prepare.append(_call_it_camerad)
        app.on_response_prepare.append(_close_behind_what_is_not_read)
        return app

    async def _listen(self, app: web.Application, context: ssl.SSLContext) -> None:
        self._runner = make_runner(app, end_seconds=END_SECONDS)
        listener = listen(self._settings.listen.host, self._settings.listen.port)
        self.port = listener.getsockname()[1]
        self._limiter = await open_limited(
            self._runner,
            listener,
            context,
            longest_line=LONGEST_LINE,
            most_fields=MOST_FIELDS,
            refuse=refuse_bytes,
        )

    async def close(self) -> None:
        """Accept nothing more, let requests and running ingests end for a few seconds, cut
        off the rest, and give up the directory. Safe to call again."""
        for task in self._tasks:
            task.cancel()
        if self._beside is not None:
            await self._beside.close()
        if self._limiter is not None:
            await self._limiter.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._limiter is not None:
            await self._limiter.cut_off()
            self._limiter = None
        if self._ledgers is not None:
            self._ledgers.close()
            self._ledgers = None
        if self._listener is not None:
            await self._listener.close()
            self._listener = None
        queue, self._queue = self._queue, None
        # Not on the threads that requests share: all of those may wait for the storage.
        ending = []
        if (jobs := self._jobs) is not None:
            ending.append(self._threads.in_thread(lambda: jobs.end(END_SECONDS)))
        if queue is not None:
            ending.append(self._threads.in_thread(lambda: queue.close(END_SECONDS)))
        await asyncio.gather(*ending)
        if self._copies is not None:
            self._copies.close()
            self._copies = None
        if self._shared is not None:
            self._shared.close()
        self._state.close()
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, which also end a start that is under way, and tell the
        service manager. Raises as `open`."""
        ended = asyncio.Event()
        sys.setswitchinterval(SWITCH_SECONDS)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        if not await done_before(self.open(), ended):
            log.info("the server ends, which was still starting", extra=MessageId.SERVING.extra)
            return
        try:
            log.info(
                "ready: cameras reach %s here, at port %d; %s",
                self._settings.url,
                self.port,
                self._begins_with,
                extra=MessageId.SERVING.extra,
            )
            notify("READY=1")
            await ended.wait()
            notify("STOPPING=1")
            log.info("the server ends", extra=MessageId.SERVING.extra)
        finally:
            await self.close()


async def _call_it_camerad(_request: web.Request, response: web.StreamResponse) -> None:
    """Name camerad as the server, instead of its libraries and their versions."""
    response.headers[hdrs.SERVER] = "camerad"


async def _close_behind_what_is_not_read(
    request: web.Request, response: web.StreamResponse
) -> None:
    """Close the connection after an answer to an unread body: the next request would stand
    behind it."""
    if not request.content.is_eof():
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()


def _prepare(revoked: RevokedCameras, uploads: Uploads, directory: str, key: PublicKey) -> None:
    """Open the database; cameras of the ledger stay revoked in a new one. While it does not answer,
    the server runs, and each request tries again."""
    try:
        revoked.rebuild(directory, key, once=True)
        uploads.tidy()
    except DatabaseUnavailableError as error:
        log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)


def _claim(directory: str) -> int:
    """Make sure that no other server works there. Raises StartError and StorageError."""
    incoming = os.path.join(directory, OFFICE, INCOMING)
    durable_files.make_directory(incoming)
    try:
        return durable_files.lock_directory(incoming)
    except BlockingIOError as error:
        raise StartError(
            f"{directory}: another server works in this directory; end it first. Several servers "
            "have a directory each"
        ) from error


def _queue_up(
    ingest: Ingest, queue: IngestQueue, kid: Thumbprint, declaration: Declaration
) -> None:
    # What waits for the ledger is queued when that comes, and not at every question of its client.
    if not ingest.is_waiting(kid, declaration.recording):
        queue.add(kid, declaration)


def _queue_pending(ingest: Ingest, queue: IngestQueue, kid: Thumbprint) -> None:
    for declaration in ingest.pending(kid):
        queue.add(kid, declaration)


def _why_not(ingest: Ingest, kid: Thumbprint, recording: RecordingId) -> str | None:
    """Why a recording is not to be brought, if it is not."""
    if ingest.is_waiting(kid, recording):
        return None
    if ingest.receipt(kid, recording) is not None:
        return HAS_IT
    return ingest.refusal(kid, recording)
