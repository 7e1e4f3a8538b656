"""Requests of people and about them: sign-in by passkey, links, sign-out; who may what.

A sign-in is one decision (`DeskLedger.deciding`): its entry is written before the cookie is given
and its link used up, so if the entry cannot be written now, the link stays good. A sign-out is
carried out even if the storage is full. An entry too is that a known passkey was refused, for its
signature or its counter. An unknown one (of another page), or a link that is used up, is refused
without one, so that a stranger cannot fill the ledger.

An administrator manages people, and data protection sees who may what. Each change is an entry of
the ledger before it takes effect; what is refused is none. No person changes their own roles. A
link signs in the person who has it, so an administrator makes one only for a person who has never
come in: in whose name nothing was done. For all others the command makes it (`camerad office people
link`), which is for those who run the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec.structs import replace

from camerad.base.text import is_plain
from camerad.office.desk import people
from camerad.office.desk.admission import Admission, Me, drop_cookie, rights_entry
from camerad.office.desk.desk_ledger import Decision, Entry
from camerad.office.desk.desk_parts import DeskParts
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError, refused
from camerad.office.desk.passkeys import BrowserAnswer, Passkeys, counter_rose
from camerad.office.desk.people import DeskPerson, DeskRole, read_roles, restored, with_passkey
from camerad.office.desk.route_table import Open, Route, Visit
from camerad.office.desk.sessions import COOKIE

BY_PASSKEY: Final = "passkey"
BY_LINK: Final = "link"


class PasskeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser's authenticator answered."""

    answer: BrowserAnswer


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secret of a one-time link."""

    link: str


class EnrolBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link, and the passkey that was made with it. label: how the person calls it."""

    link: str
    answer: BrowserAnswer
    label: str


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a request that says nothing more."""


class Still(msgspec.Struct, frozen=True):
    """Whose session counts. person: their id."""

    person: str


class SignInRoutes:
    """passkeys: of the desk. admission: lets people in."""

    def __init__(self, desk: DeskParts, passkeys: Passkeys, admission: Admission) -> None:
        self._desk = desk
        self._passkeys = passkeys
        self._admission = admission
        self._ending: dict[str, asyncio.Task[None]] = {}

    def routes(self) -> Iterator[Route]:
        """All of them."""
        anyone = Open.TO_ANYONE
        yield Route("GET", "/api/me", anyone, self._me)
        yield Route("GET", "/api/session", anyone, self._still)
        yield Route("POST", "/api/sign-in/ask", anyone, self._ask, Nothing)
        yield Route("POST", "/api/sign-in", anyone, self._sign_in, PasskeyAnswer)
        yield Route("POST", "/api/link/look", anyone, self._find_link, LinkBody)
        yield Route("POST", "/api/link/ask", anyone, self._ask_new, LinkBody)
        yield Route("POST", "/api/link/enrol", anyone, self._enrol, EnrolBody)
        yield Route("POST", "/api/link/sign-in", anyone, self._sign_in_by_link, LinkBody)
        yield Route("POST", "/api/sign-out", anyone, self._sign_out, Nothing)

    def _me(self, visit: Visit) -> Me | None:
        """Who is signed in, for a page that has just begun; null if there is none."""
        found = self._desk.sessions.find(visit.secret)
        return None if found is None else self._admission.describe(found[1], found[0].end_us)

    def _still(self, visit: Visit) -> Still | None:
        """Whether the session counts, for a page that asks every few seconds; that is no use."""
        person = self._desk.sessions.whose(visit.secret)
        return None if person is None else Still(person)

    def _ask(self, _visit: Visit) -> dict[str, Any]:
        return self._passkeys.ask_known()

    def _sign_in(self, visit: Visit) -> web.Response:
        try:
            person, passkey, challenge = self._passkeys.check_known(visit.body.answer)
        except RefusalError as error:
            if error.about:
                self._admission.write_refused(error.about, BY_PASSKEY)
            raise

        def count(one: DeskPerson) -> DeskPerson:
            known = one.passkey(passkey.id)
            if not one.active or known is None:  # not any more
                raise refused(DeskRefusal.PASSKEY)
            if not counter_rose(known.sign_count, passkey.sign_count):  # another one was quicker
                raise refused(DeskRefusal.PASSKEY)
            return with_passkey(one, passkey)

        with self._desk.ledger.deciding() as decision:
            self._passkeys.use_up(decision.rows, challenge)
            person = people.change(decision.rows, person.id, count)
            return self._admission.let_in(decision, visit, person, BY_PASSKEY)

    def _find_link(self, visit: Visit) -> Me:
        return self._admission.describe(self._admission.check_link(visit.body.link))

    def _ask_new(self, visit: Visit) -> dict[str, Any]:
        return self._passkeys.ask_new(self._admission.check_link(visit.body.link))

    def _enrol(self, visit: Visit) -> web.Response:
        body: EnrolBody = visit.body
        if body.label and not is_plain(body.label):
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        found = self._admission.check_link(body.link)
        passkey, challenge = self._passkeys.check_new(found, body.answer, body.label)
        with self._desk.ledger.deciding() as decision:
            self._admission.use_link(decision.rows, body.link)
            self._passkeys.use_up(decision.rows, challenge)

            def add(one: DeskPerson) -> DeskPerson:
                if people.by_passkey(decision.rows, passkey.id) is not None:
                    raise refused(DeskRefusal.PASSKEY)
                return with_passkey(self._admission.come(one), passkey)

            person = people.change(decision.rows, found.id, add)
            rights = rights_entry(person, "passkey_added")
            return self._admission.let_in(decision, visit, person, BY_PASSKEY, rights)

    def _sign_in_by_link(self, visit: Visit) -> web.Response:
        self._admission.check_link(visit.body.link)
        with self._desk.ledger.deciding() as decision:
            found = self._admission.use_link(decision.rows, visit.body.link)
            person = people.change(decision.rows, found.id, self._admission.come)
            return self._admission.let_in(decision, visit, person, BY_LINK)

    async def _sign_out(self, visit: Visit) -> web.Response:
        """One entry for one session, however many of its tabs ask; who is not signed in is out."""
        secret = visit.secret
        ending = self._ending.get(secret)
        if ending is None:
            ending = self._ending[secret] = asyncio.create_task(
                asyncio.to_thread(self._end, secret)
            )
            ending.add_done_callback(lambda _: self._ending.pop(secret))
        await asyncio.shield(ending)
        response = web.json_response({})
        drop_cookie(response, COOKIE)
        return response

    def _end(self, secret: str) -> None:
        found = self._desk.sessions.find(secret)
        if found is not None:
            out = ("signed", {"who": found[0].person, "what": "out", "how": "asked"})
            self._admission.write_end([out])
            self._desk.sessions.end(secret)


# --------------------------------------------------------------------------------- administration

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
            people.add(rows, body.id, body.name, roles, self._desk.clock.wall_us())
            link = self._desk.sessions.make_link(rows, body.id, visit.who)
            _note(decision, visit, body.id, "added", roles)
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
            _note(decision, visit, person.id, "link", person.roles)
        return GivenLink(person.id, link)

    def _sign_out(self, visit: Visit) -> ListedPerson:
        sessions = self._desk.sessions
        with self._desk.state.reading() as rows:
            person = people.get(rows, visit.body.id)
            count = sessions.counts(rows)[person.id]
        if count:
            by = _rights(visit, person.id, "signed_out", person.roles)
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
                _note(decision, visit, changed.id, what, changed.roles)
        return _listed(changed, 0)


def _rights(visit: Visit, person: str, what: str, roles: Iterable[DeskRole]) -> Entry:
    said = tuple(sorted(map(str, roles)))
    return "rights", {"person": person, "who": visit.who, "what": what, "roles": said}


def _note(
    decision: Decision, visit: Visit, person: str, what: str, roles: Iterable[DeskRole]
) -> None:
    decision.append_all([_rights(visit, person, what, roles)])


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
