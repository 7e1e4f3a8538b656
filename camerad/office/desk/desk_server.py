"""The desk's part of the office's server, put together.

=======================================  =====================================================
`route_table`                            who may ask for what; what every answer forbids browsers
`sign_in_routes`, `passkeys`             people come in and go
`openid_routes`, `openid_provider`       the same by the city's account, if the settings have one
`redeeming`                              so that no stranger keeps others from that
`people_routes`, `people`, `sessions`    who there is, what they may, who is signed in
`recording_routes`                       find recordings, hold and release them
`viewing_routes`, `viewing_requests`     a recording is given to somebody, sealed, for a reason
`case_routes`, `cases`                   what belongs to a file of the office's
`package_routes`                         what a package for the prosecutor has besides recordings
`camera_routes`                          how the cameras are; one is withdrawn, or taken back
`camera_offers`                          cameras are offered settings and updates
`camera_sheets`                          labels and badges are printed
`entry_routes`                           who did what; what was and will be deleted
`report_routes`                          what came of the cameras, in figures that name nobody
`page_files`                             the page itself
`desk_ledger`, `desk_state`              entries and rows, written as one decision
`tokens`, `file_import`                  secrets of sessions and links; files of older versions
`own_loop`, `desk_locks`                 threads: the desk's own, and not all of them for who waits
=======================================  =====================================================

It listens at a port of its own: the docks' network need not reach the desk, nor the desk's network
the docks. It runs on a loop and threads of its own: people who wait keep no camera waiting. Like
the rest of the server it has no key that opens footage (O1).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from camerad.base.clock import Clock
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import SigningKey
from camerad.office.desk.admission import Admission
from camerad.office.desk.camera_offers import CameraOffers
from camerad.office.desk.camera_routes import CameraRoutes
from camerad.office.desk.camera_sheets import CameraSheets
from camerad.office.desk.case_routes import CaseRoutes
from camerad.office.desk.cases import Cases
from camerad.office.desk.challenges import Challenges
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_locks import THREADS
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.entry_routes import EntryRoutes
from camerad.office.desk.openid_provider import OpenidProvider, ProviderAwayError
from camerad.office.desk.openid_routes import FLOW_US, OpenidRoutes
from camerad.office.desk.own_loop import OwnLoop
from camerad.office.desk.package_routes import PackageRoutes
from camerad.office.desk.page_files import PageFiles
from camerad.office.desk.passkeys import Passkeys
from camerad.office.desk.people_routes import PeopleRoutes
from camerad.office.desk.recording_history import RecordingHistory
from camerad.office.desk.recording_routes import RecordingRoutes, RecordingSources
from camerad.office.desk.redeeming import KNOWN_US, Redeeming
from camerad.office.desk.report_routes import ReportRoutes
from camerad.office.desk.route_table import Guard, Route, refuse_no_request
from camerad.office.desk.sessions import Sessions
from camerad.office.desk.sign_in_routes import SignInRoutes
from camerad.office.desk.tokens import tidy_all
from camerad.office.desk.viewing_routes import ViewingRoutes, ViewingRules
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.server.cameras import Cameras
from camerad.office.server.desk_settings import DeskSettings
from camerad.office.server.entrance import Entrance, listen, make_runner, open_entrance, tls_context
from camerad.office.server.office_settings import OfficeFile
from camerad.office.server.openid_settings import RETURN_PATH
from camerad.office.server.refusal_log import RefusalLog
from camerad.office.server.start_check import check_directory
from camerad.office.state.database import DatabaseUnavailableError
from camerad.office.state.database_settings import url_of

_log = logging.getLogger(__name__)
END_SECONDS: Final = 3.0
TIDY_SECONDS: Final = 3600.0
"""Between two looks for what people held for a while."""
LONGEST_LINE: Final = 4096
MOST_FIELDS: Final = 60
"""Header fields of a request. A browser sends some 20."""


class Desk:
    """settings: of the office, with a section `desk`. key: signs the office's ledger. port: where
    it listens."""

    def __init__(
        self, settings: OfficeFile, desk: DeskSettings, key: SigningKey, clock: Clock
    ) -> None:
        self._settings = settings
        self._desk = desk
        self.port = desk.port
        directory = str(settings.directory)
        cameras = self._cameras = Cameras(str(settings.register))
        self._state = DeskState(settings.index, directory)
        self._sessions = Sessions(self._state, desk, clock)
        self._passkeys = Passkeys(self._state, desk.url, clock)
        self._ledger = DeskLedger(directory, self._state, cameras, key, clock)
        files = OfficeFiles(directory, key.public, str(settings.register))
        self._index = RecordingIndex(url_of(settings.index, directory), files)
        self._clock = clock
        self._key, self._own = key, key.public
        self._provider = (
            None
            if desk.openid is None
            else OpenidProvider(desk.openid, desk.url + RETURN_PATH, clock)
        )
        self._looking: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None
        self._entrance: Entrance | None = None
        self._loop: OwnLoop | None = None

    def routes(self) -> Iterator[Route]:
        """Everything that can be asked for."""
        directory = str(self._settings.directory)
        yield from PageFiles().routes()
        admission = Admission(self._sessions, self._ledger, self._clock, self._desk)
        yield from SignInRoutes(
            self._state, self._passkeys, self._sessions, self._ledger, admission
        ).routes()
        yield from OpenidRoutes(
            self._provider,
            Challenges(self._state, self._clock, FLOW_US),
            self._state,
            self._sessions,
            ledger=self._ledger,
            admission=admission,
            redeeming=Redeeming(Challenges(self._state, self._clock, KNOWN_US), self._clock),
            clock=self._clock,
        ).routes()
        yield from PeopleRoutes(
            self._state, self._sessions, self._ledger, admission, self._clock
        ).routes()
        cases = Cases(directory, self._index)
        history = RecordingHistory(directory, self._own, self._cameras, self._index)
        known = RecordingSources(directory, self._cameras, self._index, history, cases)
        yield from RecordingRoutes(known, self._ledger).routes()
        yield from CaseRoutes(cases, self._ledger, history, self._clock).routes()
        yield from PackageRoutes(directory, self._own).routes()
        register = str(self._settings.register)
        yield from CameraRoutes(directory, register, self._ledger, self._clock).routes()
        yield from CameraOffers(self._settings, self._sessions, self._ledger, self._clock).routes()
        yield from CameraSheets(register, self._clock).routes()
        yield from EntryRoutes(self._index, self._state, self._clock).routes()
        rules = ViewingRules(self._sessions, cases, self._desk.two_for_viewing)
        yield from ViewingRoutes(directory, self._state, self._ledger, rules, self._clock).routes()
        yield from ReportRoutes(
            directory, self._cameras, self._key, self._ledger, self._clock
        ).routes()

    def tidy(self) -> float:
        """Remove what people held for a while, and what is over; returns after how many seconds to
        do so again. Raises LockHeldError, NotMountedError and StorageError."""
        check_directory(str(self._settings.directory))
        with self._state.writing() as rows:
            tidy_all(rows, self._clock.wall_us())
        return TIDY_SECONDS

    async def open(self) -> None:
        """Begin to answer. Raises ListenError and StorageError."""
        try:
            await asyncio.to_thread(self._state.open)
        except DatabaseUnavailableError as error:
            # Cameras are served all the same; each request of the desk tries again.
            _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        self._loop = OwnLoop("desk", THREADS)
        await self._loop.run(self._open())

    async def _open(self) -> None:
        tls, trial = self._settings.tls, self._desk.is_trial
        context = None if trial else tls_context(str(tls.certificate), str(tls.key))
        guard = Guard(
            self._desk.url,
            str(self._settings.directory),
            self._sessions,
            RefusalLog(self._clock),
        )
        app = guard.make_app(self.routes())
        self._runner = make_runner(app, end_seconds=END_SECONDS)
        listener = listen("127.0.0.1" if trial else self._desk.host, self._desk.port)
        self.port = listener.getsockname()[1]
        self._entrance = await open_entrance(
            self._runner,
            listener,
            context,
            longest_line=LONGEST_LINE,
            most_fields=MOST_FIELDS,
            refuse=refuse_no_request,
        )
        _log.info(
            "people reach the desk at %s, here at port %d",
            self._desk.url,
            self.port,
            extra=MessageId.SERVING.extra,
        )
        if self._provider is not None:
            self._looking = asyncio.create_task(self._look(self._provider))

    async def close(self) -> None:
        """End. Safe to call again."""
        self._ledger.end()
        loop, self._loop = self._loop, None
        if loop is not None:
            await loop.run(self._close())
            await loop.stop()
        self._index.close()
        self._state.close()

    async def _close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._entrance is not None:
            await self._entrance.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._entrance is not None:
            await self._entrance.cut_off()
            self._entrance = None

    async def _look(self, provider: OpenidProvider) -> None:
        """Say it at once if nobody can sign in by the provider. Everything else goes on."""
        try:
            await provider.look()
        except ProviderAwayError as error:
            _log.warning(
                "nobody can sign in by OpenID Connect now: %s",
                printable(error),
                extra=MessageId.OPENID.extra,
            )
