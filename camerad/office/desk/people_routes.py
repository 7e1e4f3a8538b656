"""Requests about people: who there is, and who may what.

An administrator manages people, and data protection sees who may what. Each change is an entry of
the ledger before it takes effect; what is refused is none. No person changes their own roles. A
link signs in the person who has it, so an administrator makes one only for a person who has never
come in: in whose name nothing was done. For all others the command makes it (`camerad office people
link`), which is for those who run the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.office.desk import people
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.people import DeskPerson, DeskRole, read_roles, restored
from camerad.office.desk.route_table import DeskParts, Route, Visit
from camerad.office.desk.sign_in_routes import Admission, rights_entry

SEES_PEOPLE: Final = frozenset((DeskRole.ADMINISTRATOR, DeskRole.DATA_PROTECTION))
MANAGES: Final = frozenset((DeskRole.ADMINISTRATOR,))


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
    """A new person."""

    id: str
    name: str
    roles: tuple[str, ...]


class RolesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The roles of a person from now on."""

    id: str
    roles: tuple[str, ...]


class PersonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The person whom a request is about."""

    id: str


class GivenLink(msgspec.Struct, frozen=True):
    """The secret of a link, which is shown once."""

    id: str
    link: str


class PeopleRoutes:
    """admission: writes how sessions end."""

    def __init__(self, desk: DeskParts, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/people", SEES_PEOPLE, self._list)
        yield Route("POST", "/api/people/add", MANAGES, self._add, AddBody)
        yield Route("POST", "/api/people/roles", MANAGES, self._set_roles, RolesBody)
        yield Route("POST", "/api/people/link", MANAGES, self._make_link, PersonBody)
        yield Route("POST", "/api/people/withdraw", MANAGES, self._withdraw, PersonBody)
        yield Route("POST", "/api/people/restore", MANAGES, self._restore, PersonBody)
        yield Route("POST", "/api/people/sign-out", MANAGES, self._sign_out, PersonBody)

    def _list(self, _visit: Visit) -> list[ListedPerson]:
        with self._desk.state.reading() as rows:
            sessions = self._desk.sessions.counts(rows)
            return [_listed(one, sessions[one.id]) for one in people.list_all(rows)]

    def _add(self, visit: Visit) -> GivenLink:
        body: AddBody = visit.body
        roles = read_roles(body.roles)
        with self._desk.ledger.deciding() as decision:
            rows = decision.rows
            if people.find(rows, body.id) is not None:  # the command alone adds a lost one anew
                raise refused(DeskRefusal.ID_TAKEN)
            person = people.add(rows, body.id, body.name, roles, self._desk.clock.wall_us())
            link = self._desk.sessions.make_link(rows, person.id, visit.who)
            decision.append_all([rights_entry(person, "added", visit.who)])
        return GivenLink(body.id, link)

    def _set_roles(self, visit: Visit) -> ListedPerson:
        roles = tuple(sorted(read_roles(visit.body.roles)))
        return self._change(visit, "roles", lambda one: replace(one, roles=roles))

    def _withdraw(self, visit: Visit) -> ListedPerson:
        def change(one: DeskPerson) -> DeskPerson:
            if one.withdrawn_us is not None:
                return one
            return replace(one, withdrawn_us=self._desk.clock.wall_us())

        return self._change(visit, "withdrawn", change)

    def _restore(self, visit: Visit) -> ListedPerson:
        def change(one: DeskPerson) -> DeskPerson:
            return one if one.withdrawn_us is None else restored(one)

        return self._change(visit, "restored", change)

    def _make_link(self, visit: Visit) -> GivenLink:
        with self._desk.ledger.deciding() as decision:
            person = people.get(decision.rows, visit.body.id)
            if not person.active:
                raise refused(DeskRefusal.NOT_ALLOWED)
            if not person.is_new:
                raise refused(DeskRefusal.LINK_BY_COMMAND)
            link = self._desk.sessions.make_link(decision.rows, person.id, visit.who)
            decision.append_all([rights_entry(person, "link", visit.who)])
        return GivenLink(person.id, link)

    def _sign_out(self, visit: Visit) -> ListedPerson:
        sessions = self._desk.sessions
        with self._desk.state.reading() as rows:
            person = people.get(rows, visit.body.id)
            count = sessions.counts(rows)[person.id]
        if count:
            by = rights_entry(person, "signed_out", visit.who)
            out = {"who": person.id, "what": "out", "how": "by_administrator"}
            self._admission.write_end([by, ("signed", out)])
            sessions.end_all_of(person.id)
        return _listed(person, 0)

    def _change(
        self, visit: Visit, what: str, change: Callable[[DeskPerson], DeskPerson]
    ) -> ListedPerson:
        with self._desk.ledger.deciding() as decision:
            rows = decision.rows
            person = people.get(rows, visit.body.id)
            if person.id == visit.who:
                raise refused(DeskRefusal.NOT_ALLOWED)
            changed = people.change(rows, person.id, change)
            self._desk.sessions.drop_all_of(rows, person.id)
            if changed != person:
                decision.append_all([rights_entry(changed, what, visit.who)])
        return _listed(changed, 0)


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
