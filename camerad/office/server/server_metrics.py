"""Metrics of the requests for Prometheus, and the listener that shows them by plain HTTP.

A separate registry: it shows only these metrics and what the jobs add
(`camerad.office.jobs.job_metrics`). A time is given as seconds since the Unix epoch,
as is Prometheus' custom, so that the age is `time() - ...` there, and goes on growing if the server
hangs. No label has a value that a camera or a stranger chooses, but the names of registered
cameras.

Every method may be called on any thread. It sets numbers in memory and touches no storage, so a
scrape waits for nothing.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.aiohttp import make_aiohttp_handler

from camerad.base import http_expectations
from camerad.office.server.alert_settings import MetricsSettings
from camerad.office.server.connection_limiter import ConnectionLimiter, StartError
from camerad.office.server.ingest import IngestEvent

SECONDS: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Upper bounds of the histogram of ingests: from a short clip to tens of gigabytes."""
_BACKLOG: Final = 8
_END_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 10.0
"""How long a head may take."""
_MOST: Final = 8
"""Connections."""
_P = ParamSpec("_P")
_T = TypeVar("_T")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ServerMetrics:
    """All of them, in `registry`."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"camerad_office_{name}", about, labels, registry=own)

        self._ingests = counter("ingests", "Uploads that were dealt with.", "outcome")
        self._seconds = Histogram(
            "camerad_office_ingest_seconds",
            "How long an upload took to be dealt with.",
            buckets=SECONDS,
            registry=own,
        )
        self._receipts = counter("receipts_signed", "Receipts that were signed.")
        self._refused = counter("requests_refused", "Requests that were refused.", "status")
        for outcome in ("taken", "compared", "quarantined", "failed"):
            self._ingests.labels(outcome)

    def count_ingest(self, event: IngestEvent) -> None:
        """Count the event of an ingest."""
        if event is IngestEvent.SIGNED:
            self._receipts.inc()
        else:
            self._ingests.labels(str(event)).inc()

    def timed(self, take: Callable[_P, _T]) -> Callable[_P, _T]:
        """`take`, with its time measured and its failures counted."""

        def timed(*arguments: _P.args, **named: _P.kwargs) -> _T:
            began = time.monotonic()
            try:
                return take(*arguments, **named)
            except BaseException:
                self._ingests.labels("failed").inc()
                raise
            finally:
                self._seconds.observe(time.monotonic() - began)

        return timed

    @web.middleware
    async def count_refusals(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Count the answers that are refusals, by their status; the outermost middleware."""
        answer = await handler(request)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self._refused.labels(str(answer.status)).inc()
        return answer


class MetricsListener:
    """settings: the section ``metrics``. registry: what is shown. port: where it listens."""

    def __init__(self, settings: MetricsSettings, registry: CollectorRegistry) -> None:
        self._settings = settings
        app = web.Application()
        app.router.add_get("/metrics", make_aiohttp_handler(registry, disable_compression=True))
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_END_SECONDS,
            keepalive_timeout=_IDLE_SECONDS,
        )
        self._limiter: ConnectionLimiter | None = None
        self.port = settings.port

    async def open(self) -> None:
        """Begin to answer. Raises StartError."""
        host, port = self._settings.host, self._settings.port
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            family, _, _, _, address = found[0]
            listener = socket.create_server(address, family=family, backlog=_BACKLOG)
        except OSError as error:
            raise StartError(
                f"cannot listen for Prometheus at {host}, port {port}: "
                f"{error.strerror or error}; end what listens there, or change metrics in the "
                "office's settings"
            ) from error
        self.port = listener.getsockname()[1]
        server = await http_expectations.set_up(self._runner, http_expectations.in_json)
        self._limiter = ConnectionLimiter(server, listener, None, _MOST)
        self._limiter.open()

    async def close(self) -> None:
        """End. Safe to call again."""
        if self._limiter is not None:
            await self._limiter.close()
        await self._runner.cleanup()
        if self._limiter is not None:
            await self._limiter.cut_off()
            self._limiter = None
