"""Requests by which somebody is given a recording to look at it, or to take it along (O5).

What is given is the file as it is kept, sealed: the server could not open it (O1). First comes the
reason, then the entry in the office's ledger, then the first byte. What was granted is good for its
person, in their session, for one recording and some hours. Where the office wants two for a
viewing (``desk.two_for_viewing``), a supervisor approves it before: see
`camerad.office.desk.viewing_requests`. An approval is used up by the decision that gives the
recording, so nobody loses it where the store is busy.

Several recordings of the same time are given together, to be seen side by side: one reason, and an
entry for each of them, all written before the first byte of any. Where two are needed, each has to
be approved; until then none is given, and no approval is used up. All that goes into one package is
given together as well.

The tab checks what it was given, and says what it found: that is an entry as well, once for each
grant, in that person's name. The server could not find it itself, and does not claim to.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from camerad.base.clock import SECOND, Clock
from camerad.base.safe_read import open_plain
from camerad.base.text import is_plain, looks_empty
from camerad.container.keys import THUMBPRINT
from camerad.container.recording_ids import is_id
from camerad.evidence.player_modules import statement_extents
from camerad.office.desk.cases import Cases
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.recording_routes import recording_of
from camerad.office.desk.roles import WITH_FOOTAGE, DeskRole
from camerad.office.desk.route_table import Route, Visit
from camerad.office.desk.sealed_answer import send_file, send_pieces
from camerad.office.desk.sessions import Sessions
from camerad.office.desk.tokens import Grant, Tokens, name_of
from camerad.office.desk.viewing_requests import (
    MOST_GRANTS,
    ViewingRequests,
    check_room,
    is_approved,
    requests_for,
)
from camerad.office.state.state_tables import viewings
from camerad.store import deletable
from camerad.store.locations import office_place

_KINDS: Final = {"view": "viewed", "download": "downloaded"}
"""Entries of the ledger, by what somebody wants a recording for."""
VIEWING: Final = "Viewing"
"""Header field with the secret of what was granted."""
_TOGETHER: Final = 200
"""Extents that are read and sent at once, each some kilobytes."""
TOGETHER: Final = {"view": (2, 4), "download": (1, 50)}
"""How many recordings are given together, from and to: to be seen side by side, or in one
package."""
_GRANT_US: Final = 4 * 3600 * SECOND


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


class VerdictBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tab found of a recording that it was given: see `JudgedEntry`."""

    verdict: Literal["authentic", "qualified", "not_authentic", "unreadable"]
    key: Annotated[str, msgspec.Meta(pattern=rf"\A{THUMBPRINT.pattern}\Z")]
    final: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")]


class Granted(msgspec.Struct, frozen=True):
    """viewing: the secret, "" while a supervisor has to approve. bytes: of the file."""

    viewing: str
    bytes: int


class GrantedTogether(msgspec.Struct, frozen=True):
    """viewings: a secret for each recording, in their order; none while a supervisor has to approve
    one of them. waiting: how many have to be approved still."""

    viewings: tuple[str, ...]
    waiting: int


class ViewingRules(msgspec.Struct, frozen=True):
    """By what somebody is given a recording. sessions: who is signed in. cases: of the desk. two: a
    supervisor approves each viewing."""

    sessions: Sessions
    cases: Cases
    two: bool


class ViewingRoutes:
    """directory: the office's. state: the desk's. ledger: the office's."""

    def __init__(
        self,
        directory: str,
        state: DeskState,
        ledger: DeskLedger,
        rules: ViewingRules,
        clock: Clock,
    ) -> None:
        self._state = state
        self._directory = directory
        self._ledger = ledger
        self._two = rules.two
        self._clock = clock
        self._grants = Tokens(viewings, Grant, MOST_GRANTS)
        self._requests = ViewingRequests(state, ledger, clock)
        self._cases = rules.cases
        self._sessions = rules.sessions

    def routes(self) -> Iterator[Route]:
        """All of them."""
        one = "/api/recordings/{recording}"
        yield Route("POST", f"{one}/viewing", WITH_FOOTAGE, self._ask, GrantBody)
        yield Route("POST", "/api/viewings", WITH_FOOTAGE, self._ask_together, TogetherBody)
        yield Route("POST", f"{one}/verdict", WITH_FOOTAGE, self._note_verdict, VerdictBody)
        yield Route("GET", f"{one}/content", WITH_FOOTAGE, self._content)
        yield Route("GET", f"{one}/statements", WITH_FOOTAGE, self._statements)
        yield from self._requests.routes()

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
        if case:
            known = self._cases.find(case)
            if known is None:
                raise refused(DeskRefusal.NO_SUCH_CASE)
            case = known.number
        now = self._clock.wall_us()
        session, until = name_of(visit.secret), now + _GRANT_US
        wanted = [
            Grant(visit.who, session, one, purpose, reason, case, until, handle=visit.handle)
            for one in recordings
        ]
        with self._ledger.deciding(recordings) as decision:
            rows, store = decision.rows, decision.store
            asked = [(one, *self._requests.find(rows, one, now)) for one in requests_for(wanted)]
            waiting = [one for one in asked if self._two and not is_approved(one[2])]
            if waiting:
                new = [one for one, _, request in waiting if request is None]
                self._requests.ask(rows, new, now)
                return (), sum(len(one.recordings) for one, _, _ in waiting)
            for one in recordings:
                deletable.find_kept(store.place, store.ledger.state, one)
            check_room(rows, self._grants, visit.who, now, len(wanted))
            for _, name, there in asked:
                if there is not None:
                    self._requests.use_up(rows, name)
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
        return given, 0

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

    async def _note_verdict(self, visit: Visit) -> dict[str, bool]:
        """Write what a tab found of what was granted; of each grant that counts once."""

        def note() -> dict[str, bool]:
            with self._ledger.deciding() as decision:
                name, grant = self._grant_of(decision.rows, visit)
                if grant.judged:
                    return {"written": False}
                self._grants.change(decision.rows, name, self._clock.wall_us(), judged=True)
                said = msgspec.structs.asdict(visit.body)
                decision.append("judged", id=grant.recording, who=visit.who, **said)
            return {"written": True}

        return await asyncio.to_thread(note)

    def _check_still(self, visit: Visit) -> None:
        """Refuses whoever is signed out or withdrawn since, or whose grant has ended."""
        if self._sessions.find(visit.secret) is None:
            raise refused(DeskRefusal.NOT_SIGNED_IN)
        self._granted(visit)

    def _granted(self, visit: Visit) -> str:
        """The file that the request may have."""
        with self._state.reading() as rows:
            _, grant = self._grant_of(rows, visit)
        return self._path(grant.recording)

    def _grant_of(self, rows: Connection, visit: Visit) -> tuple[str, Grant]:
        """The grant that the request names, which has to be theirs, and its name."""
        secret = visit.request.headers.get(VIEWING, "")
        grant = self._grants.find(rows, secret, self._clock.wall_us())
        mine = (visit.who, name_of(visit.secret), recording_of(visit.request))
        if grant is None or (grant.person, grant.session, grant.recording) != mine:
            raise refused(DeskRefusal.NOT_ALLOWED)
        return name_of(secret), grant

    def _path(self, recording: str) -> str:
        """Raises NotThereError."""
        return office_place(self._directory).find(recording)


def _role(visit: Visit) -> str:
    """By which role somebody is given a recording."""
    supervises = visit.person is not None and DeskRole.SUPERVISOR in visit.person.roles
    return (DeskRole.SUPERVISOR if supervises else DeskRole.DESK).value


def _together(extents: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, in larger pieces."""
    while some := b"".join(itertools.islice(extents, _TOGETHER)):
        yield some
