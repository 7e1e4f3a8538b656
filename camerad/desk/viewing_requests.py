"""Requests that a supervisor approves before somebody is given a recording (``two_for_viewing``).

A request is for one person's one viewing of one recording, or for one package, with the reason and
the case that the supervisor sees: whoever says something else asks anew. What goes into one package
is asked for once, all of it or none. Nobody approves their own. An approval is an entry of the
office's ledger before it counts.

An approval is of whoever gave it: it counts as long as they are a supervisor here, and not if they
were withdrawn since, restored or not. Until somebody approves anew the request waits.

Whoever asks, approves or is given something does it in a turn (`ViewingRequests.turn`), so that of
two who use one approval one gets it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from camerad.base.clock import SECOND, Clock
from camerad.desk.desk_ledger import PATIENCE_US, BusyError, DeskLedger
from camerad.desk.desk_locks import DeskLocks
from camerad.desk.desk_refusals import DeskRefusal, refused
from camerad.desk.people import People
from camerad.desk.roles import WITH_FOOTAGE, DeskRole
from camerad.desk.route_table import Route, Visit
from camerad.desk.secrets_store import SecretKind, SecretsStore
from camerad.vault.directory_locks import LockHeldError

MOST_GRANTS: Final = 2000
SHARE: Final = 100
"""Of grants, and of requests, that one person may have at once."""
_REQUEST_US: Final = 72 * 3600 * SECOND


class ApproveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which request is approved: its name."""

    name: str


class Grant(msgspec.Struct, frozen=True):
    """What was granted, or waits to be. session: name of the session that it is good in. handle: of
    the person. approver: that of who approved it. others: what a request asks for besides, in the
    order of their ids, all of it or none. judged: a tab has said what it found."""

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
    judged: bool = False

    @property
    def recordings(self) -> tuple[str, ...]:
        """All that it is about."""
        return self.recording, *self.others


class ViewingRequests:
    """directory: the office's. ledger: its ledger. people: who there is.

    Any thread may use it. Everything raises BusyError and StorageError."""

    def __init__(self, directory: str, ledger: DeskLedger, people: People, clock: Clock) -> None:
        self._ledger = ledger
        self._people = people
        self._clock = clock
        self._requests = SecretsStore(directory, SecretKind.VIEWING_REQUESTS, Grant, MOST_GRANTS)
        self._locks = DeskLocks(directory)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        supervisor = frozenset((DeskRole.SUPERVISOR,))
        yield Route("GET", "/api/viewing-requests", WITH_FOOTAGE, self._list)
        yield Route("POST", "/api/viewing-requests/approve", supervisor, self._approve, ApproveBody)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else asks, approves or is given something meanwhile. Raises BusyError."""
        try:
            with self._locks.hold("desk viewings", PATIENCE_US / SECOND):
                yield
        except LockHeldError as error:
            raise BusyError(str(error)) from error

    def ask(self, wanted: Sequence[Grant], now: int) -> None:
        """Have a supervisor asked for each of these, which nobody was asked for yet."""
        if not wanted:
            return
        check_room(self._requests, wanted[0].person, now, len(wanted))
        for one in wanted:
            self._requests.issue(msgspec.structs.replace(one, until_us=now + _REQUEST_US), now)

    def find(self, wanted: Grant, now: int) -> tuple[str, Grant | None]:
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

    def use_up(self, name: str) -> None:
        """It was approved, and what it is for was given."""
        self._requests.drop(name)

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
            with self.turn():
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


def is_approved(request: Grant | None) -> bool:
    """Whether what was asked for may be given."""
    return request is not None and bool(request.approved_by)


def requests_for(wanted: Sequence[Grant]) -> list[Grant]:
    """By what a supervisor is asked for these, which are given together: by one for a package, by
    one for each that is viewed."""
    if wanted[0].purpose == "view":
        return list(wanted)
    first, *others = sorted(one.recording for one in wanted)
    return [msgspec.structs.replace(wanted[0], recording=first, others=tuple(others))]


def check_room(store: SecretsStore[Grant], person: str, now: int, more: int) -> None:
    """Refuses before anything is written that there would be no room for. more: how many."""
    there = [one.person for _, one in store.records(now)]
    if len(there) + more > MOST_GRANTS or there.count(person) + more > SHARE:
        raise refused(DeskRefusal.TOO_MANY)


def _asked_for(one: Grant) -> tuple[str, ...]:
    """Whose request it is, and what a supervisor sees of it and decides about."""
    return one.handle, one.person, *one.recordings, one.purpose, one.reason, one.case
