"""Requests by which somebody is given a recording to look at it, or to take it along (O5).

What is given is the file as it is kept, sealed: the server could not open it (O1). First comes the
reason, then the entry in the office's ledger, then the first byte. What was granted is good for its
person, in their session, for one recording and some hours. Where the office wants two for a
viewing (``desk.two_for_viewing``), a supervisor approves it before; nobody approves their own.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.base.safe_read import open_plain
from camerad.base.text import is_plain
from camerad.desk.desk_ledger import DeskLedger
from camerad.desk.desk_refusals import DeskRefusal, refused
from camerad.desk.recording_routes import recording_of
from camerad.desk.roles import WITH_FOOTAGE, DeskRole
from camerad.desk.route_table import Route, Visit
from camerad.desk.secrets_store import SecretsStore, name_of
from camerad.office.statement_extents import statement_extents
from camerad.store.locations import office_place
from camerad.vault.desk_settings import DeskSettings

_KINDS: Final = {"view": "viewed", "download": "downloaded"}
"""Entries of the ledger, by what somebody wants a recording for."""
VIEWING: Final = "Viewing"
"""Header field with the secret of what was granted."""
_TOGETHER: Final = 200
"""Extents that are read and sent at once, each some kilobytes."""
MOST_GRANTS: Final = 2000
_GRANT_US: Final = 4 * 3600 * SECOND
_REQUEST_US: Final = 72 * 3600 * SECOND


class GrantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody wants a recording for. purpose: "view" or "download". case: its number, ""
    without one."""

    reason: str
    purpose: str
    case: str = ""


class ApproveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which request is approved: its name."""

    name: str


class Grant(msgspec.Struct, frozen=True):
    """What was granted, or waits to be. session: name of the session that it is good in."""

    person: str
    session: str
    recording: str
    purpose: str
    reason: str
    case: str
    until_us: int
    approved_by: str = ""


class Granted(msgspec.Struct, frozen=True):
    """viewing: the secret, "" while a supervisor has to approve. bytes: of the file."""

    viewing: str
    bytes: int


class ViewingRoutes:
    """directory: the office's. ledger: its ledger. settings: of the desk."""

    def __init__(
        self, directory: str, ledger: DeskLedger, settings: DeskSettings, clock: Clock
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._two = settings.two_for_viewing
        self._clock = clock
        self._grants = SecretsStore(directory, "viewings", Grant, MOST_GRANTS)
        self._requests = SecretsStore(directory, "viewing-requests", Grant, MOST_GRANTS)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        one = "/api/recordings/{recording}"
        supervisor = frozenset((DeskRole.SUPERVISOR,))
        yield Route("POST", f"{one}/viewing", WITH_FOOTAGE, self._ask, GrantBody)
        yield Route("GET", f"{one}/content", WITH_FOOTAGE, self._content)
        yield Route("GET", f"{one}/statements", WITH_FOOTAGE, self._statements)
        yield Route("GET", "/api/viewing-requests", WITH_FOOTAGE, self._list)
        yield Route("POST", "/api/viewing-requests/approve", supervisor, self._approve, ApproveBody)

    async def _ask(self, visit: Visit) -> Granted:
        recording = recording_of(visit.request)
        return await asyncio.to_thread(self._grant, visit, recording)

    def _grant(self, visit: Visit, recording: str) -> Granted:
        body: GrantBody = visit.body
        reason = body.reason.strip()
        if not reason or not is_plain(reason) or not is_plain(body.case):
            raise refused(DeskRefusal.REASON_NEEDED)
        if body.purpose not in _KINDS:
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        size = os.path.getsize(self._path(recording))
        now = self._clock.wall_us()
        session = name_of(visit.secret)
        wanted = Grant(
            visit.who, session, recording, body.purpose, reason, body.case, now + _GRANT_US
        )
        approved = self._approved(wanted, now)
        if self._two and approved is None:
            self._file(wanted, now)
            return Granted("", size)
        by = "" if approved is None else approved.approved_by
        self._ledger.give(
            _KINDS[body.purpose],
            recording,
            who=visit.who,
            role=_role(visit),
            reason=reason,
            case=body.case,
            approved_by=by,
        )
        return Granted(self._grants.issue(wanted, now), size)

    def _approved(self, wanted: Grant, now: int) -> Grant | None:
        """The approved request of the same person for the same recording, which is used up."""
        for name, one in self._requests.records(now):
            same = (one.person, one.recording, one.purpose) == (
                wanted.person,
                wanted.recording,
                wanted.purpose,
            )
            if same and one.approved_by and self._requests.drop(name):
                return one
        return None

    def _file(self, wanted: Grant, now: int) -> None:
        for _, one in self._requests.records(now):
            if (one.person, one.recording, one.purpose) == (
                wanted.person,
                wanted.recording,
                wanted.purpose,
            ):
                return  # it waits already
        self._requests.issue(msgspec.structs.replace(wanted, until_us=now + _REQUEST_US), now)

    async def _list(self, visit: Visit) -> list[dict[str, object]]:
        """Requests that wait: one's own, and a supervisor's all."""
        supervises = visit.person is not None and DeskRole.SUPERVISOR in visit.person.roles

        def collect() -> list[dict[str, object]]:
            found = self._requests.records(self._clock.wall_us())
            mine = ((name, one) for name, one in found if supervises or one.person == visit.who)
            return [
                {
                    "name": name,
                    "person": one.person,
                    "recording": one.recording,
                    "purpose": one.purpose,
                    "reason": one.reason,
                    "case": one.case,
                    "approved_by": one.approved_by,
                }
                for name, one in mine
            ]

        return await asyncio.to_thread(collect)

    async def _approve(self, visit: Visit) -> dict[str, bool]:
        def approve() -> dict[str, bool]:
            now = self._clock.wall_us()
            found = dict(self._requests.records(now)).get(visit.body.name)
            if found is None:
                raise refused(DeskRefusal.NOT_THERE)
            if found.person == visit.who:
                raise refused(DeskRefusal.NOT_ALLOWED)
            self._requests.change(
                visit.body.name, msgspec.structs.replace(found, approved_by=visit.who)
            )
            return {"approved": True}

        return await asyncio.to_thread(approve)

    async def _content(self, visit: Visit) -> web.FileResponse:
        """A recording's file, or the range of it that is asked for (RFC 9110, 14)."""
        return web.FileResponse(await asyncio.to_thread(self._granted, visit))

    async def _statements(self, visit: Visit) -> web.StreamResponse:
        """All statements at once, so that a seek asks for none (`statement_extents`)."""
        path = await asyncio.to_thread(self._granted, visit)
        response = web.StreamResponse()
        response.content_type = "application/octet-stream"
        with await asyncio.to_thread(open_plain, path, "recording") as file:
            extents = statement_extents(file)
            await response.prepare(visit.request)
            while some := await asyncio.to_thread(_next_of, extents):
                await response.write(some)
        await response.write_eof()
        return response

    def _granted(self, visit: Visit) -> str:
        """The file that the request may have."""
        recording = recording_of(visit.request)
        grant = self._grants.find(visit.request.headers.get(VIEWING, ""), self._clock.wall_us())
        mine = (visit.who, name_of(visit.secret), recording)
        if grant is None or (grant.person, grant.session, grant.recording) != mine:
            raise refused(DeskRefusal.NOT_ALLOWED)
        return self._path(recording)

    def _path(self, recording: str) -> str:
        """Raises NotThereError."""
        return office_place(self._directory).find(recording)


def _role(visit: Visit) -> str:
    """By which role somebody is given a recording."""
    supervises = visit.person is not None and DeskRole.SUPERVISOR in visit.person.roles
    return (DeskRole.SUPERVISOR if supervises else DeskRole.DESK).value


def _next_of(pieces: Iterator[bytes]) -> bytes:
    """The next pieces; b"" if there is none left."""
    return b"".join(itertools.islice(pieces, _TOGETHER))
