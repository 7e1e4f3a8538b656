"""The desk's part of the office's server, put together.

=====================================  =======================================================
`route_table`                          who may ask for what; what every answer forbids browsers
`passkeys`, `sign_in_routes`           people come in and go
`openid_routes`, `openid_provider`     the same by the city's account, if the settings have one
`people_routes`, `people`, `sessions`  who there is, what they may, who is signed in
`recording_routes`                     find recordings, hold and release them
`viewing_routes`                       a recording is given to a person, sealed, for a reason
`cases`                                what belongs to a file of the office's
`camera_routes`                        how cameras are, labels and badges; settings and updates
`oversight_routes`                     who did what; deletions; the report, without names
`access_routes`                        a person asks what was recorded of them
`trial_routes`                         a pilot: what was drawn, and what is noted
`page_content`                         the page itself
`desk_ledger`, `office_state`          entries and rows, written as one decision
`tokens`, `file_import`                secrets of sessions and links; files of older versions
=====================================  =======================================================

It listens at a separate port: the docks' network need not reach the desk, nor the desk's network
the docks. It runs on a separate loop and threads: people who wait keep no camera waiting. Like
the rest of the server it has no key that opens footage (O1).
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web

from camerad.base.clock import Clock
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import SigningKey
from camerad.evidence.player_page import NAME
from camerad.office.desk.access_routes import AccessRoutes
from camerad.office.desk.camera_routes import CameraRoutes
from camerad.office.desk.cases import CaseRoutes, Cases
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_refusals import RefusalError
from camerad.office.desk.file_import import open_state
from camerad.office.desk.openid_provider import OpenidProvider
from camerad.office.desk.openid_routes import OpenidRoutes
from camerad.office.desk.oversight_routes import EntryRoutes, ReportRoutes
from camerad.office.desk.page_content import PACKAGE, PAGE, START, page_content
from camerad.office.desk.passkeys import Passkeys
from camerad.office.desk.people_routes import PeopleRoutes
from camerad.office.desk.recording_history import RecordingHistory
from camerad.office.desk.recording_routes import RecordingRoutes
from camerad.office.desk.route_table import (
    Answer,
    DeskParts,
    Guard,
    Open,
    Route,
    Visit,
    refuse_no_request,
)
from camerad.office.desk.sessions import Sessions
from camerad.office.desk.sign_in_routes import Admission, SignInRoutes
from camerad.office.desk.tokens import tidy_all
from camerad.office.desk.trial_routes import TrialRoutes
from camerad.office.desk.viewing_routes import ViewingRoutes
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.server.cameras import Cameras
from camerad.office.server.connection_limiter import (
    ConnectionLimiter,
    listen,
    make_runner,
    open_limited,
    tls_context,
)
from camerad.office.server.desk_settings import RETURN_PATH, DeskSettings
from camerad.office.server.office_settings import OfficeFile
from camerad.office.server.preflight import check_directory
from camerad.office.server.refusal_log import RefusalLog
from camerad.office.state.database import DatabaseUnavailableError
from camerad.office.state.database_settings import url_of
from camerad.office.state.office_state import OfficeState
from camerad.office.state.waiting_room import THREADS

_log = logging.getLogger(__name__)
END_SECONDS: Final = 3.0
TIDY_SECONDS: Final = 3600.0
"""Between two looks for what people held for a while."""
LONGEST_LINE: Final = 4096
MOST_FIELDS: Final = 60
"""Header fields of a request. A browser sends some 20."""
_KINDS: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_T = TypeVar("_T")


class Desk:
    """settings: of the office, with a section `desk`. key: signs the office's ledger. port: where
    it listens."""

    def __init__(
        self,
        settings: OfficeFile,
        desk: DeskSettings,
        key: SigningKey,
        clock: Clock,
        state: OfficeState | None = None,
    ) -> None:
        self.port = desk.port
        directory, register = str(settings.directory), str(settings.register)
        cameras = Cameras(register)
        state = state or open_state(settings.index, directory)
        self._parts = DeskParts(
            settings,
            desk,
            key,
            clock,
            cameras,
            state,
            Sessions(state, desk, clock),
            DeskLedger(directory, state, cameras, key, clock),
            RecordingIndex(
                url_of(settings.index, directory), OfficeFiles(directory, key.public, register)
            ),
        )
        self._provider = (
            None
            if desk.openid is None
            else OpenidProvider(desk.openid, desk.url + RETURN_PATH, clock)
        )
        self._looking: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None
        self._limiter: ConnectionLimiter | None = None
        self._loop: OwnLoop | None = None

    def routes(self) -> Iterator[Route]:
        """Everything that can be asked for."""
        desk = self._parts
        admission = Admission(desk)
        cases, history = Cases(desk.directory, desk.index), RecordingHistory(desk)
        yield from _page_routes()
        yield from SignInRoutes(
            desk, Passkeys(desk.state, desk.desk.url, desk.clock), admission
        ).routes()
        yield from OpenidRoutes(desk, self._provider, admission).routes()
        yield from PeopleRoutes(desk, admission).routes()
        yield from RecordingRoutes(desk, cases, history).routes()
        yield from CaseRoutes(desk, cases, history).routes()
        yield from CameraRoutes(desk).routes()
        yield from EntryRoutes(desk).routes()
        yield from AccessRoutes(desk, history).routes()
        yield from ViewingRoutes(desk, cases).routes()
        yield from ReportRoutes(desk).routes()
        yield from TrialRoutes(desk).routes()

    def tidy(self) -> float:
        """Remove what people held for a while, and what is over; returns after how many seconds to
        do so again. Raises NotNowError, NotMountedError and StorageError."""
        check_directory(self._parts.directory)
        with self._parts.state.writing() as rows:
            tidy_all(rows, self._parts.clock.wall_us())
        return TIDY_SECONDS

    async def open(self) -> None:
        """Begin to answer. Raises StartError and StorageError."""
        try:
            await asyncio.to_thread(self._parts.state.open)
        except DatabaseUnavailableError as error:
            # Cameras are served all the same; each request of the desk tries again.
            _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        self._loop = OwnLoop("desk", THREADS)
        await self._loop.run(self._open())

    async def _open(self) -> None:
        tls, trial = self._parts.settings.tls, self._parts.desk.is_trial
        context = None if trial else tls_context(str(tls.certificate), str(tls.key))
        guard = Guard(
            self._parts.desk.url,
            self._parts.directory,
            self._parts.sessions,
            RefusalLog(self._parts.clock),
        )
        app = guard.make_app(self.routes())
        self._runner = make_runner(app, end_seconds=END_SECONDS)
        listener = listen("127.0.0.1" if trial else self._parts.desk.host, self._parts.desk.port)
        self.port = listener.getsockname()[1]
        self._limiter = await open_limited(
            self._runner,
            listener,
            context,
            longest_line=LONGEST_LINE,
            most_fields=MOST_FIELDS,
            refuse=refuse_no_request,
        )
        _log.info(
            "people reach the desk at %s, here at port %d",
            self._parts.desk.url,
            self.port,
            extra=MessageId.SERVING.extra,
        )
        if self._provider is not None:
            self._looking = asyncio.create_task(self._look(self._provider))

    async def close(self) -> None:
        """End. Safe to call again."""
        self._parts.ledger.end()
        loop, self._loop = self._loop, None
        if loop is not None:
            await loop.run(self._close())
            await loop.stop()
        self._parts.index.close()
        self._parts.state.close()

    async def _close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._limiter is not None:
            await self._limiter.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._limiter is not None:
            await self._limiter.cut_off()
            self._limiter = None

    async def _look(self, provider: OpenidProvider) -> None:
        """Warn at once if the provider does not answer. Everything else goes on."""
        try:
            await provider.check()
        except RefusalError as error:
            _log.warning(
                "sign-in by OpenID Connect does not work now: %s",
                printable(error),
                extra=MessageId.OPENID.extra,
            )


def _page_routes() -> Iterator[Route]:
    """The files of the page, and its start, to which a provider sends browsers back as well.

    They have no data in them, so anyone may fetch them, and no secret stands beside what is packed
    for a slow line. Names come from the package, never from a request.
    """
    for start in ("/", RETURN_PATH):
        yield Route("GET", start, Open.TO_ANYONE, _answer(PAGE + START))
    for name in page_content():
        yield Route("GET", name, Open.TO_ANYONE, _answer(name))


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(page_content()[name], mtime=0)


def _answer(name: str) -> Answer:
    kind, content = _KINDS[name.rpartition(".")[2]], page_content()[name]
    if name == PACKAGE + NAME:  # to be put into a package, and not to be opened here
        kind = "application/octet-stream"
    charset = "utf-8" if kind.startswith("text/") else None

    async def answer(visit: Visit) -> web.Response:
        if "gzip" not in visit.request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            return web.Response(body=content, content_type=kind, charset=charset)
        packed = await asyncio.to_thread(_packed, name)
        headers = {hdrs.CONTENT_ENCODING: "gzip"}
        return web.Response(body=packed, content_type=kind, charset=charset, headers=headers)

    return answer


class OwnLoop:
    """An event loop on a separate thread, with separate threads for what waits for storage.
    name: of its threads. threads: the most at once of ``asyncio.to_thread`` on it.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(threads, name))
        self._thread = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run `work` on it, from another loop; returns what that returns, and raises what it
        raises. Cancelled, it cancels the work."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def stop(self) -> None:
        """End what still runs on it, and the loop. Threads that wait for storage are not waited
        for."""
        await self.run(_cancel_the_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
