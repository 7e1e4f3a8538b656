"""Requests by which an administrator manages people, and data protection sees who may what.

Each change is an entry of the ledger before it takes effect; what is refused is none. Nobody
changes their own roles. A link signs in whoever has it, so an administrator makes one only for
somebody who has never come in: in whose name nothing was done. For everybody else the command makes
it (`camerad office people link`), which is for those who run the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import msgspec
from sqlalchemy import Connection

from camerad.base.clock import Clock
from camerad.office.desk import people
from camerad.office.desk.admission import Admission
from camerad.office.desk.desk_ledger import Decision, DeskLedger
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.people import PERSON_ID, DeskPerson, PeopleError, restored
from camerad.office.desk.roles import DeskRole, RolesError, read_roles
from camerad.office.desk.route_table import Route, Visit
from camerad.office.desk.sessions import Sessions

SEES_PEOPLE = frozenset((DeskRole.ADMINISTRATOR, DeskRole.DATA_PROTECTION))
MANAGES = frozenset((DeskRole.ADMINISTRATOR,))


class ListedPerson(msgspec.Struct, frozen=True):
    """One person, without what only their authenticator needs. is_new: they have never come in, so
    an administrator makes links for them. lost: whether their file cannot be read."""

    id: str
    name: str
    roles: tuple[str, ...]
    passkeys: tuple[str, ...]
    added_us: int
    withdrawn_us: int | None
    sessions: int
    openid: bool
    is_new: bool
    lost: bool


class AddBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody new."""

    id: str
    name: str
    roles: tuple[str, ...]


class RolesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody's roles from now on."""

    id: str
    roles: tuple[str, ...]


class PersonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a request is about."""

    id: str


class GivenLink(msgspec.Struct, frozen=True):
    """The secret of a link, which is shown once."""

    id: str
    link: str


class PeopleRoutes:
    """state, sessions: of the desk. ledger: the office's. admission: writes how sessions end."""

    def __init__(
        self,
        state: DeskState,
        sessions: Sessions,
        ledger: DeskLedger,
        admission: Admission,
        clock: Clock,
    ) -> None:
        self._state = state
        self._sessions = sessions
        self._ledger = ledger
        self._admission = admission
        self._clock = clock

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/people", SEES_PEOPLE, self._list)
        yield Route("POST", "/api/people/add", MANAGES, self._add, AddBody)
        yield Route("POST", "/api/people/roles", MANAGES, self._set_roles, RolesBody)
        yield Route("POST", "/api/people/link", MANAGES, self._make_link, PersonBody)
        yield Route("POST", "/api/people/withdraw", MANAGES, self._withdraw, PersonBody)
        yield Route("POST", "/api/people/restore", MANAGES, self._restore, PersonBody)
        yield Route("POST", "/api/people/sign-out", MANAGES, self._sign_out, PersonBody)

    async def _list(self, _visit: Visit) -> list[ListedPerson]:
        def collect() -> list[ListedPerson]:
            with self._state.reading() as rows:
                sessions = self._sessions.counts(rows)
                return [_listed(one, sessions[one.id]) for one in people.list_all(rows)]

        return await asyncio.to_thread(collect)

    async def _add(self, visit: Visit) -> GivenLink:
        body: AddBody = visit.body

        def add() -> GivenLink:
            roles = _roles(body.roles)
            if not PERSON_ID.fullmatch(body.id):
                raise refused(DeskRefusal.BAD_ID)
            with self._ledger.deciding() as decision:
                rows = decision.rows
                if people.find(rows, body.id) is not None:
                    raise refused(DeskRefusal.ID_TAKEN)
                try:
                    people.add(rows, body.id, body.name, roles, self._clock.wall_us())
                except PeopleError:
                    raise refused(DeskRefusal.BAD_ID) from None
                link = self._sessions.make_link(rows, body.id, visit.who)
                _note(decision, visit, body.id, "added", roles)
            return GivenLink(body.id, link)

        return await asyncio.to_thread(add)

    async def _set_roles(self, visit: Visit) -> ListedPerson:
        roles = _roles(visit.body.roles)

        def change(one: DeskPerson) -> DeskPerson:
            return msgspec.structs.replace(one, roles=tuple(sorted(roles)))

        return await self._change(visit, "roles", change)

    async def _withdraw(self, visit: Visit) -> ListedPerson:
        now = self._clock.wall_us()

        def change(one: DeskPerson) -> DeskPerson:
            if one.withdrawn_us is not None:
                return one
            return msgspec.structs.replace(one, withdrawn_us=now)

        return await self._change(visit, "withdrawn", change)

    async def _restore(self, visit: Visit) -> ListedPerson:
        def change(one: DeskPerson) -> DeskPerson:
            return one if one.withdrawn_us is None else restored(one)

        return await self._change(visit, "restored", change)

    async def _make_link(self, visit: Visit) -> GivenLink:
        def make() -> GivenLink:
            with self._ledger.deciding() as decision:
                person = _find(decision.rows, visit.body.id)
                if not person.active:
                    raise refused(DeskRefusal.NOT_ALLOWED)
                if not person.is_new:
                    raise refused(DeskRefusal.LINK_BY_COMMAND)
                link = self._sessions.make_link(decision.rows, person.id, visit.who)
                _note(decision, visit, person.id, "link", frozenset(person.roles))
            return GivenLink(person.id, link)

        return await asyncio.to_thread(make)

    async def _sign_out(self, visit: Visit) -> ListedPerson:
        def end() -> ListedPerson:
            with self._state.reading() as rows:
                person = _find(rows, visit.body.id)
                count = self._sessions.count_of(rows, person.id)
            if count:
                roles = tuple(map(str, person.roles))
                by = {"person": person.id, "who": visit.who, "what": "signed_out", "roles": roles}
                out = {"who": person.id, "what": "out", "how": "by_administrator"}
                self._admission.write_end([("rights", by), ("signed", out)])
                self._sessions.end_all_of(person.id)
            return _listed(person, 0)

        return await asyncio.to_thread(end)

    async def _change(
        self, visit: Visit, what: str, change: Callable[[DeskPerson], DeskPerson]
    ) -> ListedPerson:
        def carry_out() -> ListedPerson:
            with self._ledger.deciding() as decision:
                rows = decision.rows
                person = _find(rows, visit.body.id)
                if person.id == visit.who:
                    raise refused(DeskRefusal.NOT_ALLOWED)
                try:
                    changed = people.change(rows, person.id, change)
                except PeopleError:
                    raise refused(DeskRefusal.LAST_ADMINISTRATOR) from None
                self._sessions.drop_all_of(rows, person.id)
                if changed != person:
                    _note(decision, visit, changed.id, what, frozenset(changed.roles))
            return _listed(changed, 0)

        return await asyncio.to_thread(carry_out)


def _find(rows: Connection, person: str) -> DeskPerson:
    found = people.find(rows, person)
    if found is None:
        raise refused(DeskRefusal.NOT_THERE)
    return found


def _note(
    decision: Decision, visit: Visit, person: str, what: str, roles: frozenset[DeskRole]
) -> None:
    said = tuple(sorted(map(str, roles)))
    decision.append("rights", person=person, who=visit.who, what=what, roles=said)


def _roles(names: tuple[str, ...]) -> frozenset[DeskRole]:
    try:
        return read_roles(names)
    except RolesError:
        raise refused(DeskRefusal.ROLES_APART) from None


def _listed(person: DeskPerson, sessions: int) -> ListedPerson:
    return ListedPerson(
        person.id,
        person.name,
        tuple(map(str, person.roles)),
        tuple(one.label for one in person.passkeys),
        person.added_us,
        person.withdrawn_us,
        sessions,
        person.openid is not None,
        person.is_new,
        person.is_lost,
    )
