"""The desk's part of the office's server, put together.

=======================================  =====================================================
`route_table`                            who may ask for what; what every answer forbids browsers
`sign_in_routes`, `passkeys`             people come in and go
`people_routes`, `people`, `sessions`    who there is, what they may, who is signed in
`recording_routes`, `index_reader`       find recordings, hold and release them
`viewing_routes`                         a recording is given to somebody, sealed, for a reason
`case_routes`, `cases`                   what belongs to a file of the office's
`package_routes`                         what a package for the prosecutor has besides recordings
`camera_routes`                          how the cameras are
`entry_routes`                           who did what; what was and will be deleted
`page_files`                             the page itself
`desk_ledger`                            all of that, written down
=======================================  =====================================================

It listens at a port of its own: the docks' network need not reach the desk, nor the desk's network
the docks. Like the rest of the server it has no key that opens footage (O1).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp import web

from camerad.base.clock import Clock
from camerad.base.message_ids import MessageId
from camerad.container.keys import SigningKey
from camerad.desk.camera_routes import CameraRoutes
from camerad.desk.case_routes import CaseRoutes
from camerad.desk.cases import Cases
from camerad.desk.desk_ledger import DeskLedger
from camerad.desk.entry_routes import EntryRoutes
from camerad.desk.index_reader import IndexReader
from camerad.desk.package_routes import PackageRoutes
from camerad.desk.page_files import PageFiles
from camerad.desk.passkeys import Passkeys
from camerad.desk.people import People
from camerad.desk.people_routes import PeopleRoutes
from camerad.desk.recording_routes import RecordingRoutes, RecordingSources
from camerad.desk.route_table import Guard, Route
from camerad.desk.sessions import Sessions
from camerad.desk.sign_in_routes import SignInRoutes
from camerad.desk.viewing_routes import ViewingRoutes
from camerad.index.index_settings import url_of
from camerad.index.office_knowledge import OfficeFiles
from camerad.vault.cameras import Cameras
from camerad.vault.desk_settings import DeskSettings
from camerad.vault.entrance import Entrance, listen, make_runner, tls_context
from camerad.vault.office_settings import OfficeFile

_log = logging.getLogger(__name__)
END_SECONDS: Final = 3.0
THREADS: Final = 64
"""For requests that wait for storage: half as many as there are connections."""
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
        self._people = People(directory)
        self._sessions = Sessions(directory, self._people, desk, clock)
        self._passkeys = Passkeys(directory, self._people, desk.url, clock)
        self._ledger = DeskLedger(directory, cameras, key, clock)
        files = OfficeFiles(directory, key.public, str(settings.register))
        self._index = IndexReader(url_of(settings.index, directory), files)
        self._clock = clock
        self._own = key.public
        self._runner: web.AppRunner | None = None
        self._entrance: Entrance | None = None

    def routes(self) -> Iterator[Route]:
        """Everything that can be asked for."""
        directory = str(self._settings.directory)
        yield from PageFiles().routes()
        yield from SignInRoutes(
            self._people, self._passkeys, self._sessions, self._ledger, self._clock
        ).routes()
        yield from PeopleRoutes(self._people, self._sessions, self._ledger, self._clock).routes()
        cases = Cases(directory)
        known = RecordingSources(directory, self._own, self._cameras, self._index, cases)
        yield from RecordingRoutes(known, self._ledger).routes()
        yield from CaseRoutes(cases, self._ledger, self._clock).routes()
        yield from PackageRoutes(directory, self._own).routes()
        yield from CameraRoutes(directory, str(self._settings.register), self._clock).routes()
        yield from EntryRoutes(self._index, self._clock).routes()
        yield from ViewingRoutes(directory, self._ledger, self._desk, self._clock).routes()

    async def open(self) -> None:
        """Begin to answer. Raises ListenError and StorageError."""
        # Whoever waits for the store, for ten seconds at the most, keeps a thread.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "desk"))
        await asyncio.to_thread(self._tidy)
        tls, trial = self._settings.tls, self._desk.is_trial
        context = None if trial else tls_context(str(tls.certificate), str(tls.key))
        app = Guard(self._desk.url, self._sessions).make_app(self.routes())
        self._runner = make_runner(
            app, end_seconds=END_SECONDS, longest_line=LONGEST_LINE, most_fields=MOST_FIELDS
        )
        await self._runner.setup()
        if self._runner.server is None:
            raise RuntimeError("aiohttp has set up no server")
        listener = listen("127.0.0.1" if trial else self._desk.host, self._desk.port)
        self.port = listener.getsockname()[1]
        self._entrance = Entrance(self._runner.server, listener, context)
        self._entrance.open()
        _log.info(
            "people reach the desk at %s, here at port %d",
            self._desk.url,
            self.port,
            extra=MessageId.SERVING.extra,
        )

    async def close(self) -> None:
        """End. Safe to call again."""
        self._ledger.end()
        if self._entrance is not None:
            await self._entrance.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._entrance is not None:
            await self._entrance.cut_off()
            self._entrance = None
        self._index.close()

    def _tidy(self) -> None:
        self._sessions.tidy()
        self._passkeys.tidy()
