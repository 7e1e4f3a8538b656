"""Requests by which somebody is given a recording to look at it, or to take it along (O5).

What is given is the file as it is kept, sealed: the server could not open it (O1). First comes the
reason, then the entry in the office's ledger, then the first byte. What was granted is good for its
person, in their session, for one recording and some hours. Where the office wants two for a
viewing (``desk.two_for_viewing``), a supervisor approves it before; nobody approves their own. What
was approved is one person's one viewing of one recording, with the reason and the case that the
supervisor saw: whoever says something else asks anew. An approval is an entry before it counts, and
is used up after the entry of the viewing, so that nobody loses it where the store is busy.

Several recordings of the same time are given together, to be seen side by side: one reason, and an
entry for each of them, all written before the first byte of any. Where two are needed, each has to
be approved; until then none is given, and no approval is used up. All that goes into one package is
given together as well, and there a supervisor is asked once, for all of it or none: whoever has
other recordings in the package asks anew.

An approval is of whoever gave it: it counts as long as they are a supervisor here, and not if they
were withdrawn since, restored or not. Until somebody approves anew the request waits.

All of that happens in turns (`DeskLocks`), so that of two who use one approval one gets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.base.safe_read import open_plain
from camerad.base.text import is_plain, looks_empty
from camerad.desk.cases import Cases
from camerad.desk.desk_ledger import PATIENCE_US, BusyError, DeskLedger
from camerad.desk.desk_locks import DeskLocks
from camerad.desk.desk_refusals import DeskRefusal, refused
from camerad.desk.people import People
from camerad.desk.recording_routes import recording_of
from camerad.desk.roles import WITH_FOOTAGE, DeskRole
from camerad.desk.route_table import Route, Visit
from camerad.desk.sealed_answer import send_file, send_pieces
from camerad.desk.secrets_store import SecretKind, SecretsStore, name_of
from camerad.desk.sessions import Sessions
from camerad.office.statement_extents import statement_extents
from camerad.store.locations import is_id, office_place
from camerad.vault.directory_locks import LockHeldError

_KINDS: Final = {"view": "viewed", "download": "downloaded"}
"""Entries of the ledger, by what somebody wants a recording for."""
VIEWING: Final = "Viewing"
"""Header field with the secret of what was granted."""
_TOGETHER: Final = 200
"""Extents that are read and sent at once, each some kilobytes."""
MOST_GRANTS: Final = 2000
SHARE: Final = 100
"""Of grants, and of requests, that one person may have at once."""
TOGETHER: Final = {"view": (2, 4), "download": (1, 50)}
"""How many recordings are given together, from and to: to be seen side by side, or in one
package."""
_GRANT_US: Final = 4 * 3600 * SECOND
_REQUEST_US: Final = 72 * 3600 * SECOND


class GrantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody wants a recording for. purpose: "view" or "download". case: its number, ""
    without one."""

    reason: str
    purpose: str
    case: str = ""


class TogetherBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which recordings somebody wants together, and what for. purpose: "view", side by side, or
    "download", in one package. case: as above."""

    recordings: tuple[str, ...]
    reason: str
    purpose: str = "view"
    case: str = ""


class ApproveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which request is approved: its name."""

    name: str


class Grant(msgspec.Struct, frozen=True):
    """What was granted, or waits to be. session: name of the session that it is good in. handle: of
    the person. approver: that of who approved it. others: what a request asks for besides, in the
    order of their ids, all of it or none."""

    person: str
    session: str
    recording: str
    purpose: str
    reason: str
    case: str
    until_us: int
    approved_by: str = ""
    handle: str = ""
    approver: str = ""
    others: tuple[str, ...] = ()

    @property
    def recordings(self) -> tuple[str, ...]:
        """All that it is about."""
        return self.recording, *self.others


class Granted(msgspec.Struct, frozen=True):
    """viewing: the secret, "" while a supervisor has to approve. bytes: of the file."""

    viewing: str
    bytes: int


class GrantedTogether(msgspec.Struct, frozen=True):
    """viewings: a secret for each recording, in their order; none while a supervisor has to approve
    one of them. waiting: how many have to be approved still."""

    viewings: tuple[str, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class ViewingRules:
    """By what somebody is given a recording. people: who there is. sessions: who is signed in.
    cases: of the desk. two: a supervisor approves each viewing."""

    people: People
    sessions: Sessions
    cases: Cases
    two: bool


class ViewingRoutes:
    """directory: the office's. ledger: its ledger."""

    def __init__(
        self, directory: str, ledger: DeskLedger, rules: ViewingRules, clock: Clock
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._two = rules.two
        self._clock = clock
        self._grants = SecretsStore(directory, SecretKind.VIEWINGS, Grant, MOST_GRANTS)
        self._requests = SecretsStore(directory, SecretKind.VIEWING_REQUESTS, Grant, MOST_GRANTS)
        self._people = rules.people
        self._cases = rules.cases
        self._sessions = rules.sessions
        self._locks = DeskLocks(directory)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        one = "/api/recordings/{recording}"
        supervisor = frozenset((DeskRole.SUPERVISOR,))
        yield Route("POST", f"{one}/viewing", WITH_FOOTAGE, self._ask, GrantBody)
        yield Route("POST", "/api/viewings", WITH_FOOTAGE, self._ask_together, TogetherBody)
        yield Route("GET", f"{one}/content", WITH_FOOTAGE, self._content)
        yield Route("GET", f"{one}/statements", WITH_FOOTAGE, self._statements)
        yield Route("GET", "/api/viewing-requests", WITH_FOOTAGE, self._list)
        yield Route("POST", "/api/viewing-requests/approve", supervisor, self._approve, ApproveBody)

    async def _ask(self, visit: Visit) -> Granted:
        recording = recording_of(visit.request)

        def grant() -> Granted:
            size = os.path.getsize(self._path(recording))
            if visit.body.purpose not in _KINDS:
                raise refused(DeskRefusal.NOT_UNDERSTOOD)
            viewings, _ = self._grant(visit, (recording,), visit.body.purpose)
            return Granted(viewings[0] if viewings else "", size)

        return await asyncio.to_thread(grant)

    async def _ask_together(self, visit: Visit) -> GrantedTogether:
        wanted: tuple[str, ...] = visit.body.recordings
        least, most = TOGETHER.get(visit.body.purpose, (1, 0))
        if not least <= len(wanted) <= most or len(set(wanted)) < len(wanted):
            raise refused(DeskRefusal.NOT_UNDERSTOOD)

        def grant() -> GrantedTogether:
            for one in wanted:
                if not is_id(one):
                    raise refused(DeskRefusal.NOT_THERE)
                self._path(one)
            return GrantedTogether(*self._grant(visit, wanted, visit.body.purpose))

        return await asyncio.to_thread(grant)

    def _grant(
        self, visit: Visit, recordings: Sequence[str], purpose: str
    ) -> tuple[tuple[str, ...], int]:
        """The secrets of what is granted, of all of them or of none; and how many a supervisor has
        to approve before."""
        reason, case = visit.body.reason.strip(), visit.body.case.strip()
        if looks_empty(reason) or not is_plain(reason) or not is_plain(visit.body.case):
            raise refused(DeskRefusal.REASON_NEEDED)
        if case and self._cases.find(case) is None:
            raise refused(DeskRefusal.NO_SUCH_CASE)
        now = self._clock.wall_us()
        session, until = name_of(visit.secret), now + _GRANT_US
        wanted = [
            Grant(visit.who, session, one, purpose, reason, case, until, handle=visit.handle)
            for one in recordings
        ]
        with self._turn():
            asked = [(one, *self._requested(one, now)) for one in _requests_for(wanted)]
            waiting = [one for one in asked if self._two and not _is_approved(one[2])]
            if waiting:
                self._request([one for one, _, request in waiting if request is None], now)
                return (), sum(len(one.recordings) for one, _, _ in waiting)
            _check_room(self._grants, visit.who, now, len(wanted))
            for request, _, there in asked:
                for recording in request.recordings:
                    self._ledger.give(
                        _KINDS[purpose],
                        recording,
                        who=visit.who,
                        role=_role(visit),
                        reason=reason,
                        case=case,
                        approved_by="" if there is None else there.approved_by,
                    )
            for _, name, there in asked:
                if there is not None:
                    self._requests.drop(name)
            return tuple(self._grants.issue(one, now) for one in wanted), 0

    def _request(self, wanted: Sequence[Grant], now: int) -> None:
        """Have a supervisor asked for each of these, which nobody was asked for yet."""
        if not wanted:
            return
        _check_room(self._requests, wanted[0].person, now, len(wanted))
        for one in wanted:
            self._requests.issue(msgspec.structs.replace(one, until_us=now + _REQUEST_US), now)

    def _requested(self, wanted: Grant, now: int) -> tuple[str, Grant | None]:
        """The request for exactly this, and its name; ("", None) if there is none."""
        for name, one in self._waiting(now):
            if _asked_for(one) == _asked_for(wanted):
                return name, one
        return "", None

    def _waiting(self, now: int) -> Iterator[tuple[str, Grant]]:
        """Every request, and its name; approved, if that counts now."""
        for name, one in self._requests.records(now):
            if one.approved_by and not self._may_approve(one):
                yield name, msgspec.structs.replace(one, approved_by="", approver="")
            else:
                yield name, one

    def _may_approve(self, one: Grant) -> bool:
        """Whether who approved it still is who they were."""
        found = self._people.find(one.approved_by)
        if found is None or not found.active or found.handle != one.approver:
            return False
        return DeskRole.SUPERVISOR in found.roles

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Nobody else asks, approves or is given something meanwhile. Raises BusyError."""
        try:
            with self._locks.hold("desk viewings", PATIENCE_US / SECOND):
                yield
        except LockHeldError as error:
            raise BusyError(str(error)) from error

    async def _list(self, visit: Visit) -> list[dict[str, object]]:
        """Requests that wait: one's own, and a supervisor's all."""
        supervises = visit.person is not None and DeskRole.SUPERVISOR in visit.person.roles

        def collect() -> list[dict[str, object]]:
            found = self._waiting(self._clock.wall_us())
            mine = ((name, one) for name, one in found if supervises or one.handle == visit.handle)
            return [
                {
                    "name": name,
                    "person": one.person,
                    "recording": one.recording,
                    "recordings": one.recordings,
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
            with self._turn():
                found = dict(self._waiting(now)).get(visit.body.name)
                if found is None:
                    raise refused(DeskRefusal.NOT_THERE)
                if found.person == visit.who:
                    raise refused(DeskRefusal.NOT_ALLOWED)
                if not found.approved_by:
                    said = {"who": visit.who, "person": found.person}
                    said |= {"reason": found.reason, "case": found.case}
                    self._ledger.append_all(
                        [("viewing_approved", {"id": one} | said) for one in found.recordings]
                    )
                    approved = msgspec.structs.replace(
                        found, approved_by=visit.who, approver=visit.handle
                    )
                    self._requests.change(visit.body.name, approved)
            return {"approved": True}

        return await asyncio.to_thread(approve)

    async def _content(self, visit: Visit) -> web.StreamResponse:
        """A recording's file, or the range of it that is asked for (RFC 9110, 14)."""
        path = await asyncio.to_thread(self._granted, visit)

        async def still_may() -> None:
            await asyncio.to_thread(self._check_still, visit)

        return await send_file(visit.request, path, self._clock, still_may)

    async def _statements(self, visit: Visit) -> web.StreamResponse:
        """All statements at once, so that a seek asks for none (`statement_extents`)."""
        path = await asyncio.to_thread(self._granted, visit)

        async def still_may() -> None:
            await asyncio.to_thread(self._check_still, visit)

        response = web.StreamResponse()
        response.content_type = "application/octet-stream"
        with await asyncio.to_thread(open_plain, path, "recording") as file:
            pieces = _together(statement_extents(file))
            return await send_pieces(visit.request, response, pieces, self._clock, still_may)

    def _check_still(self, visit: Visit) -> None:
        """Refuses whoever is signed out or withdrawn since, or whose grant has ended."""
        if self._sessions.find(visit.secret) is None:
            raise refused(DeskRefusal.NOT_SIGNED_IN)
        self._granted(visit)

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


def _is_approved(request: Grant | None) -> bool:
    return request is not None and bool(request.approved_by)


def _asked_for(one: Grant) -> tuple[str, ...]:
    """Whose request it is, and what a supervisor sees of it and decides about."""
    return one.handle, one.person, *one.recordings, one.purpose, one.reason, one.case


def _requests_for(wanted: Sequence[Grant]) -> list[Grant]:
    """By what a supervisor is asked for these, which are given together: by one for a package, by
    one for each that is viewed."""
    if wanted[0].purpose == "view":
        return list(wanted)
    first, *others = sorted(one.recording for one in wanted)
    return [msgspec.structs.replace(wanted[0], recording=first, others=tuple(others))]


def _check_room(store: SecretsStore[Grant], person: str, now: int, more: int) -> None:
    """Refuses before anything is written that there would be no room for. more: how many."""
    there = [one.person for _, one in store.records(now)]
    if len(there) + more > MOST_GRANTS or there.count(person) + more > SHARE:
        raise refused(DeskRefusal.TOO_MANY)


def _together(extents: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, in larger pieces."""
    while some := b"".join(itertools.islice(extents, _TOGETHER)):
        yield some
