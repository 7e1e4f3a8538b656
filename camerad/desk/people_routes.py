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

from camerad.base.clock import Clock
from camerad.desk.admission import Admission
from camerad.desk.desk_ledger import DeskLedger
from camerad.desk.desk_refusals import DeskRefusal, refused
from camerad.desk.people import PERSON_ID, DeskPerson, People, PeopleError, restored
from camerad.desk.roles import DeskRole, RolesError, read_roles
from camerad.desk.route_table import Route, Visit
from camerad.desk.sessions import Sessions
from camerad.vault.refusals import RefusedRequestError

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
    """people, sessions: of the desk. ledger: the office's. admission: writes how sessions end."""

    def __init__(
        self,
        people: People,
        sessions: Sessions,
        ledger: DeskLedger,
        admission: Admission,
        clock: Clock,
    ) -> None:
        self._people = people
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
            sessions = self._sessions.counts()
            return [_listed(one, sessions[one.id]) for one in self._people.list_all()]

        return await asyncio.to_thread(collect)

    async def _add(self, visit: Visit) -> GivenLink:
        body: AddBody = visit.body

        def add() -> GivenLink:
            roles = _roles(body.roles)
            if not PERSON_ID.fullmatch(body.id):
                raise refused(DeskRefusal.BAD_ID)
            if self._people.find(body.id) is not None:
                raise refused(DeskRefusal.ID_TAKEN)
            self._sessions.check_room_for_link()

            def note(added: DeskPerson) -> None:
                self._note(visit, added.id, "added", roles)

            try:
                self._people.add(body.id, body.name, roles, self._clock.wall_us(), note)
            except PeopleError:
                taken = self._people.find(body.id) is not None  # by another request, meanwhile
                raise refused(DeskRefusal.ID_TAKEN if taken else DeskRefusal.BAD_ID) from None
            return GivenLink(body.id, self._sessions.make_link(body.id, visit.who))

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
            person = self._may_have_link(visit.body.id)
            self._sessions.check_room_for_link()
            self._note(visit, person.id, "link", frozenset(person.roles))
            link = self._sessions.make_link(person.id, visit.who)
            try:
                self._may_have_link(person.id)
            except RefusedRequestError:  # came in meanwhile
                self._sessions.drop_links_of(person.id)
                raise
            return GivenLink(person.id, link)

        return await asyncio.to_thread(make)

    async def _sign_out(self, visit: Visit) -> ListedPerson:
        def end() -> ListedPerson:
            person = self._find(visit.body.id)
            if self._sessions.count_of(person.id):
                roles = tuple(map(str, person.roles))
                by = {"person": person.id, "who": visit.who, "what": "signed_out", "roles": roles}
                out = {"who": person.id, "what": "out", "how": "by_administrator"}
                self._admission.write_end([("rights", by), ("signed", out)])
                self._sessions.end_all_of(person.id)
            return _listed(person, self._sessions.count_of(person.id))

        return await asyncio.to_thread(end)

    async def _change(
        self, visit: Visit, what: str, change: Callable[[DeskPerson], DeskPerson]
    ) -> ListedPerson:
        def carry_out() -> ListedPerson:
            person = self._find(visit.body.id)
            if person.id == visit.who:
                raise refused(DeskRefusal.NOT_ALLOWED)

            def note(changed: DeskPerson) -> None:
                self._note(visit, changed.id, what, frozenset(changed.roles))

            try:
                changed = self._people.change(person.id, change, note)
            except PeopleError:
                raise refused(DeskRefusal.LAST_ADMINISTRATOR) from None
            self._sessions.drop_links_of(person.id)
            self._sessions.end_all_of(person.id)
            return _listed(changed, self._sessions.count_of(changed.id))

        return await asyncio.to_thread(carry_out)

    def _may_have_link(self, person: str) -> DeskPerson:
        found = self._find(person)
        if not found.active:
            raise refused(DeskRefusal.NOT_ALLOWED)
        if not found.is_new:
            raise refused(DeskRefusal.LINK_BY_COMMAND)
        return found

    def _find(self, person: str) -> DeskPerson:
        found = self._people.find(person)
        if found is None:
            raise refused(DeskRefusal.NOT_THERE)
        return found

    def _note(self, visit: Visit, person: str, what: str, roles: frozenset[DeskRole]) -> None:
        said = tuple(sorted(map(str, roles)))
        self._ledger.append("rights", person=person, who=visit.who, what=what, roles=said)


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
