"""Requests that a supervisor approves before somebody is given a recording (``two_for_viewing``).

A request is for one person's one viewing of one recording, or for one package, with the reason and
the case that the supervisor sees: whoever says something else asks anew. What goes into one package
is asked for once, all of it or none. Nobody approves their own. An approval is an entry of the
office's ledger before it counts.

An approval is of whoever gave it: it counts as long as they are a supervisor here, and not if they
were withdrawn since, restored or not. Until somebody approves anew the request waits.

Asking, approving and giving are one decision each (`DeskLedger.deciding`): of two who use one
approval one gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from camerad.base.clock import SECOND, Clock
from camerad.office.desk import people
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.roles import WITH_FOOTAGE, DeskRole
from camerad.office.desk.route_table import Route, Visit
from camerad.office.desk.tokens import Grant, Tokens
from camerad.office.state.state_tables import viewing_requests

MOST_GRANTS: Final = 2000
SHARE: Final = 100
"""Of grants, and of requests, that one person may have at once."""
_REQUEST_US: Final = 72 * 3600 * SECOND


class ApproveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which request is approved: its name."""

    name: str


class ViewingRequests:
    """state: the desk's. ledger: the office's. Thread-safe. Methods with `rows` are part of the
    caller's transaction. Everything raises BusyError and StorageError."""

    def __init__(self, state: DeskState, ledger: DeskLedger, clock: Clock) -> None:
        self._state = state
        self._ledger = ledger
        self._clock = clock
        self._requests = Tokens(viewing_requests, Grant, MOST_GRANTS)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        supervisor = frozenset((DeskRole.SUPERVISOR,))
        yield Route("GET", "/api/viewing-requests", WITH_FOOTAGE, self._list)
        yield Route("POST", "/api/viewing-requests/approve", supervisor, self._approve, ApproveBody)

    def ask(self, rows: Connection, wanted: Sequence[Grant], now: int) -> None:
        """Ask a supervisor for each of these, which were not asked for yet."""
        if not wanted:
            return
        check_room(rows, self._requests, wanted[0].person, now, len(wanted))
        for one in wanted:
            request = msgspec.structs.replace(one, until_us=now + _REQUEST_US)
            self._requests.issue(rows, request, now)

    def find(self, rows: Connection, wanted: Grant, now: int) -> tuple[str, Grant | None]:
        """The request for exactly this, and its name; ("", None) if there is none."""
        for name, one in self._waiting(rows, now):
            if _asked_for(one) == _asked_for(wanted):
                return name, one
        return "", None

    def use_up(self, rows: Connection, name: str) -> None:
        """Delete an approved request: the recording is given."""
        self._requests.drop(rows, viewing_requests.c.name == name)

    def _waiting(self, rows: Connection, now: int) -> Iterator[tuple[str, Grant]]:
        """Every request, and its name; approved, if that counts now."""
        for name, one in self._requests.records(rows, now):
            if one.approved_by and not _may_approve(rows, one):
                yield name, msgspec.structs.replace(one, approved_by="", approver="")
            else:
                yield name, one

    async def _list(self, visit: Visit) -> list[dict[str, object]]:
        """Requests that wait: one's own, and a supervisor's all."""
        supervises = visit.person is not None and DeskRole.SUPERVISOR in visit.person.roles

        def collect() -> list[dict[str, object]]:
            with self._state.reading() as rows:
                found = list(self._waiting(rows, self._clock.wall_us()))
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
            now, name = self._clock.wall_us(), visit.body.name
            with self._ledger.deciding() as decision:
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

        return await asyncio.to_thread(approve)


def is_approved(request: Grant | None) -> bool:
    """Whether a supervisor approved it."""
    return request is not None and bool(request.approved_by)


def requests_for(wanted: Sequence[Grant]) -> list[Grant]:
    """By what a supervisor is asked for these, which are given together: by one for a package, by
    one for each that is viewed."""
    if wanted[0].purpose == "view":
        return list(wanted)
    first, *others = sorted(one.recording for one in wanted)
    return [msgspec.structs.replace(wanted[0], recording=first, others=tuple(others))]


def check_room(rows: Connection, grants: Tokens[Grant], person: str, now: int, more: int) -> None:
    """Check that a person may have so many more. Raises RefusedRequestError."""
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
