"""Serves the metrics to Prometheus: ``GET /metrics``, plain HTTP, on a separate listener.

By default it listens on loopback. It is not where cameras reach the server, so the docks' network
never sees it. It answers from memory alone, and has few connections: a client that fills them keeps
Prometheus out, and no camera.
"""

from __future__ import annotations

import socket
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from camerad.base import http_expectations
from camerad.office.server.alert_settings import MetricsSettings
from camerad.office.server.connection_limiter import ConnectionLimiter, StartError

_BACKLOG: Final = 8
_END_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 10.0
"""How long a head may take."""
_MOST: Final = 8
"""Connections."""


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
