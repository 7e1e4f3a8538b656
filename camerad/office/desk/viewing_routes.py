"""Requests by which a person is given a recording, to look at it or to take it along (O5).

What is given is the file as it is kept, sealed: the server could not open it (O1). First comes the
reason, then the entry in the office's ledger, then the first byte. A grant is good for its person,
in their session, for one recording and some hours; a person who is withdrawn or signed out while an
answer comes gets no more of it.

Several recordings of the same time are given together, to be seen side by side: one reason, and an
entry for each of them, all written before the first byte of any. All that goes into one package is
given together as well.

Where the office wants two for a viewing (``desk.two_for_viewing``), a supervisor approves it
before. A request is for one person's one viewing of one recording, or for one package, with the
reason and the case that the supervisor sees: another reason is another request. No person approves
their own. An approval is an entry of the ledger before it counts. It counts as long as the approver
is a supervisor here, and not if they were withdrawn since, restored or not; until it is approved
anew the request waits. Of several recordings each has to be approved; until then none is given, and
no approval is used up.

Asking, approving and giving are one decision each (`DeskLedger.deciding`): of two who use one
approval one gets it, and none is lost where the store is busy.

The tab checks what it was given, and says what it found: that is an entry as well, once for each
grant, in that person's name. The server could not find it itself, and does not claim to.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, BinaryIO, Final, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace
from sqlalchemy import Connection

from camerad.base.clock import SECOND
from camerad.base.safe_read import open_plain
from camerad.base.text import is_plain, looks_empty
from camerad.container.keys import THUMBPRINT
from camerad.evidence.player_modules import statement_extents
from camerad.office.desk import people
from camerad.office.desk.cases import Cases
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError, refused
from camerad.office.desk.people import WITH_FOOTAGE, DeskRole
from camerad.office.desk.route_table import DeskParts, Route, Visit, recording_id
from camerad.office.desk.sessions import AGAIN_US
from camerad.office.desk.tokens import Grant, Tokens, name_of
from camerad.office.server.refusals import RefusedRequestError
from camerad.office.state.state_tables import viewing_requests, viewings
from camerad.store import deletable
from camerad.store.locations import office_place

_KINDS: Final = {"view": "viewed", "download": "downloaded"}
"""Entries of the ledger, by the purpose of a grant."""
VIEWING: Final = "Viewing"
"""Header field with the secret of what was granted."""
PIECE: Final = 256 * 1024
"""Bytes of a recording that are read and sent at once."""
_NOTHING: Final = re.compile(r"\s*bytes=-0+\s*", re.IGNORECASE)
"""No byte at the end, which aiohttp takes for all of the file."""
_TOGETHER: Final = 200
"""Extents that are read and sent at once, each some kilobytes."""
TOGETHER: Final = {"view": 4, "download": 50}
"""How many recordings are given together at the most: to be seen side by side, or in one
package."""
MOST_GRANTS: Final = 2000
SHARE: Final = 100
"""Of grants, and of requests, that one person may have at once."""
_GRANT_US: Final = 4 * 3600 * SECOND
_REQUEST_US: Final = 72 * 3600 * SECOND
_LISTED: Final = ("person", "recording", "recordings", "purpose", "reason", "case", "approved_by")
"""Fields of a request that the page shows."""


class GrantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which recordings are wanted, together, and what for. case: its number, "" without one."""

    recordings: tuple[str, ...]
    reason: str
    purpose: Literal["view", "download"] = "view"
    case: str = ""


class VerdictBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tab found of a recording that it was given: see `JudgedEntry`."""

    verdict: Literal["authentic", "qualified", "not_authentic", "unreadable"]
    key: Annotated[str, msgspec.Meta(pattern=rf"\A{THUMBPRINT.pattern}\Z")]
    final: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")]


class Granted(msgspec.Struct, frozen=True):
    """viewings: a secret for each recording, in their order; none while a supervisor has to approve
    one of them. waiting: how many have to be approved still."""

    viewings: tuple[str, ...]
    waiting: int


class ApproveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which request is approved: its name."""

    name: str


class ViewingRoutes:
    """cases: of the desk."""

    def __init__(self, desk: DeskParts, cases: Cases) -> None:
        self._desk = desk
        self._cases = cases
        self._grants = Tokens(viewings, Grant, MOST_GRANTS)
        self._requests = Tokens(viewing_requests, Grant, MOST_GRANTS)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        one, supervisor = "/api/recordings/{recording}", frozenset((DeskRole.SUPERVISOR,))
        yield Route("POST", "/api/viewings", WITH_FOOTAGE, self._ask, GrantBody)
        yield Route("POST", f"{one}/verdict", WITH_FOOTAGE, self._note_verdict, VerdictBody)
        yield Route("GET", f"{one}/content", WITH_FOOTAGE, self._content)
        yield Route("GET", f"{one}/statements", WITH_FOOTAGE, self._statements)
        yield Route("GET", "/api/viewing-requests", WITH_FOOTAGE, self._list)
        yield Route("POST", "/api/viewing-requests/approve", supervisor, self._approve, ApproveBody)

    # ------------------------------------------------------------------ ask

    def _ask(self, visit: Visit) -> Granted:
        wanted: tuple[str, ...] = visit.body.recordings
        if not 1 <= len(set(wanted)) == len(wanted) <= TOGETHER[visit.body.purpose]:
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        for one in wanted:
            self._path(recording_id(one))
        return self._grant(visit, wanted)

    def _grant(self, visit: Visit, recordings: Sequence[str]) -> Granted:
        """Grant all of them, or none."""
        purpose = visit.body.purpose
        reason, case = visit.body.reason.strip(), visit.body.case.strip()
        if looks_empty(reason) or not is_plain(reason) or not is_plain(visit.body.case):
            raise refused(DeskRefusal.REASON_NEEDED)
        if case:
            known = self._cases.find(case)
            if known is None:
                raise refused(DeskRefusal.NO_SUCH_CASE)
            case = known.number
        now = self._desk.clock.wall_us()
        session, until = name_of(visit.secret), now + _GRANT_US
        wanted = [
            Grant(visit.who, session, one, purpose, reason, case, until, handle=visit.handle)
            for one in recordings
        ]
        with self._desk.ledger.deciding(recordings) as decision:
            rows, store = decision.rows, decision.store
            asked = [(one, *self._request_for(rows, one, now)) for one in _requests_for(wanted)]
            waiting = [
                (one, there)
                for one, _, there in asked
                if self._desk.desk.two_for_viewing and not (there and there.approved_by)
            ]
            if waiting:
                new = [
                    replace(one, until_us=now + _REQUEST_US) for one, there in waiting if not there
                ]
                _check_room(rows, self._requests, visit.who, now, len(new))
                for one in new:
                    self._requests.issue(rows, one, now)
                return Granted((), sum(len(one.recordings) for one, _ in waiting))
            for recording in recordings:
                deletable.find_kept(store.place, store.ledger.state, recording)
            _check_room(rows, self._grants, visit.who, now, len(wanted))
            self._requests.drop(rows, viewing_requests.c.name.in_([name for _, name, _ in asked]))
            given = tuple(self._grants.issue(rows, one, now) for one in wanted)
            said = {"who": visit.who, "role": _role(visit), "reason": reason, "case": case}
            decision.append_all(
                [
                    (
                        _KINDS[purpose],
                        {"id": one, "approved_by": there.approved_by if there else "", **said},
                    )
                    for request, _, there in asked
                    for one in request.recordings
                ]
            )
        return Granted(given, 0)

    # ------------------------------------------------------------------ look

    async def _content(self, visit: Visit) -> web.StreamResponse:
        """A recording's file, or the range of it that is asked for. The file's tag is made of its
        time of change and its size: a range of another file is never taken for one of this file."""
        path = await asyncio.to_thread(self._granted, visit)
        with await asyncio.to_thread(open_plain, path, "recording") as file:
            state = os.fstat(file.fileno())
            response = web.StreamResponse()
            response.content_type = "application/x-tar"
            response.headers[hdrs.ACCEPT_RANGES] = "bytes"
            response.etag = tag = f"{state.st_mtime_ns:x}-{state.st_size:x}"
            wanted = visit.request.if_match
            if wanted and not {one.value for one in wanted} & {"*", tag}:
                raise _refused(HTTPStatus.PRECONDITION_FAILED)
            start, end = _range_of(visit.request, state.st_size)
            if hdrs.RANGE in visit.request.headers:
                response.set_status(HTTPStatus.PARTIAL_CONTENT)
                response.headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{state.st_size}"
            response.content_length = end - start
            return await self._send(visit, response, _pieces(file, start, end))

    async def _statements(self, visit: Visit) -> web.StreamResponse:
        """All statements at once, so that a seek asks for none (`statement_extents`)."""
        path = await asyncio.to_thread(self._granted, visit)
        response = web.StreamResponse()
        response.content_type = "application/octet-stream"
        with await asyncio.to_thread(open_plain, path, "recording") as file:
            return await self._send(visit, response, _together(statement_extents(file)))

    async def _send(
        self, visit: Visit, response: web.StreamResponse, pieces: Iterator[bytes]
    ) -> web.StreamResponse:
        """An answer piece by piece. Every few seconds it is checked that the person may have the
        rest; where they may not, the connection is cut, and the browser sees that the answer is
        incomplete."""
        clock = self._desk.clock
        await response.prepare(visit.request)
        asked_us = clock.now_us()
        while piece := await asyncio.to_thread(next, pieces, b""):
            if clock.now_us() - asked_us >= AGAIN_US:
                try:
                    await asyncio.to_thread(self._check_still, visit)
                except RefusalError:
                    if visit.request.transport is not None:
                        visit.request.transport.abort()
                    return response
                asked_us = clock.now_us()
            await response.write(piece)
        await response.write_eof()
        return response

    def _check_still(self, visit: Visit) -> None:
        """Refuse a person who is signed out or withdrawn since, or whose grant has ended."""
        self._desk.sessions.check(visit.secret)
        self._granted(visit)

    def _note_verdict(self, visit: Visit) -> dict[str, bool]:
        """Write what a tab found of what was granted; of each grant that counts once."""
        with self._desk.ledger.deciding() as decision:
            name, grant = self._grant_of(decision.rows, visit)
            if grant.judged:
                return {"written": False}
            self._grants.change(decision.rows, name, self._desk.clock.wall_us(), judged=True)
            said = msgspec.structs.asdict(visit.body)
            decision.append("judged", id=grant.recording, who=visit.who, **said)
        return {"written": True}

    def _granted(self, visit: Visit) -> str:
        """The file that the request may have."""
        with self._desk.state.reading() as rows:
            _, grant = self._grant_of(rows, visit)
        return self._path(grant.recording)

    def _grant_of(self, rows: Connection, visit: Visit) -> tuple[str, Grant]:
        """The grant that the request names, which has to be theirs, and its name."""
        secret = visit.request.headers.get(VIEWING, "")
        grant = self._grants.find(rows, secret, self._desk.clock.wall_us())
        mine = (visit.who, name_of(visit.secret), visit.recording)
        if grant is None or (grant.person, grant.session, grant.recording) != mine:
            raise refused(DeskRefusal.NOT_ALLOWED)
        return name_of(secret), grant

    def _path(self, recording: str) -> str:
        """Raises NotThereError."""
        return office_place(self._desk.directory).find(recording)

    # ------------------------------------------------------------------ approve

    def _list(self, visit: Visit) -> list[dict[str, object]]:
        """Requests that wait: one's own, and a supervisor's all."""
        with self._desk.state.reading() as rows:
            found = list(self._waiting(rows, self._desk.clock.wall_us()))
        return [
            {"name": name} | {field: getattr(one, field) for field in _LISTED}
            for name, one in found
            if DeskRole.SUPERVISOR in visit.roles or one.handle == visit.handle
        ]

    def _approve(self, visit: Visit) -> dict[str, bool]:
        now, name = self._desk.clock.wall_us(), visit.body.name
        with self._desk.ledger.deciding() as decision:
            found = dict(self._waiting(decision.rows, now)).get(name)
            if found is None:
                raise refused(DeskRefusal.NOT_THERE)
            if found.person == visit.who:
                raise refused(DeskRefusal.NOT_ALLOWED)
            if not found.approved_by:
                by = {"approved_by": visit.who, "approver": visit.handle}
                self._requests.change(decision.rows, name, now, **by)
                said = {"who": visit.who, "person": found.person}
                said |= {"reason": found.reason, "case": found.case}
                decision.append_all(
                    [("viewing_approved", {"id": one} | said) for one in found.recordings]
                )
        return {"approved": True}

    def _request_for(self, rows: Connection, wanted: Grant, now: int) -> tuple[str, Grant | None]:
        """The request for exactly this, and its name; ("", None) if there is none."""
        for name, one in self._waiting(rows, now):
            if _asked_for(one) == _asked_for(wanted):
                return name, one
        return "", None

    def _waiting(self, rows: Connection, now: int) -> Iterator[tuple[str, Grant]]:
        """Every request, and its name; approved, if that counts now."""
        for name, one in self._requests.records(rows, now):
            if one.approved_by and not _may_approve(rows, one):
                yield name, replace(one, approved_by="", approver="")
            else:
                yield name, one


def _role(visit: Visit) -> str:
    """By which role a person is given a recording."""
    supervises = DeskRole.SUPERVISOR in visit.roles
    return (DeskRole.SUPERVISOR if supervises else DeskRole.DESK).value


def _together(extents: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, in larger pieces."""
    while some := b"".join(itertools.islice(extents, _TOGETHER)):
        yield some


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a range. Ends early if the file was cut off since."""
    file.seek(start)
    while start < end and (piece := file.read(min(PIECE, end - start))):
        start += len(piece)
        yield piece


def _range_of(request: web.Request, size: int) -> tuple[int, int]:
    """Where the asked range begins and ends (RFC 9110, 14): one, or else all of the file. Refused
    if the file has nothing there."""
    if hdrs.RANGE not in request.headers:
        return 0, size
    try:
        asked = request.http_range
    except ValueError:
        asked = slice(size, None)
    start = asked.start or 0
    start = max(0, size + start) if start < 0 else start
    end = size if asked.stop is None else min(asked.stop, size)
    if start >= end or _NOTHING.fullmatch(request.headers[hdrs.RANGE]):
        raise _refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"bytes */{size}")
    return start, end


def _refused(status: HTTPStatus, said: str = "") -> RefusedRequestError:
    headers = {"Content-Range": said} if said else {}
    return RefusedRequestError(status, DeskRefusal.NOT_UNDERSTOOD.value, headers)


def _requests_for(wanted: Sequence[Grant]) -> list[Grant]:
    """By what a supervisor is asked for these, which are given together: by one for a package, by
    one for each that is viewed."""
    if wanted[0].purpose == "view":
        return list(wanted)
    first, *others = sorted(one.recording for one in wanted)
    return [replace(wanted[0], recording=first, others=tuple(others))]


def _check_room(rows: Connection, grants: Tokens[Grant], person: str, now: int, more: int) -> None:
    """Check that a person may have so many more. Raises RefusalError."""
    there = [one.person for _, one in grants.records(rows, now)]
    if len(there) + more > MOST_GRANTS or there.count(person) + more > SHARE:
        raise refused(DeskRefusal.TOO_MANY)


def _may_approve(rows: Connection, one: Grant) -> bool:
    """Whether the approver is still a supervisor, and the same person."""
    found = people.find(rows, one.approved_by)
    if found is None or not found.active or found.handle != one.approver:
        return False
    return DeskRole.SUPERVISOR in found.roles


def _asked_for(one: Grant) -> tuple[str, ...]:
    """Whose request it is, and what a supervisor sees of it and decides about."""
    return one.handle, one.person, *one.recordings, one.purpose, one.reason, one.case
