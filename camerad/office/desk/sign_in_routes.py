"""Requests by which people come in and go: sign-in by passkey, links, sign-out.

A sign-in is one decision (`DeskLedger.deciding`): its entry is written before the cookie is given
and its link used up, so if the entry cannot be written now, the link stays good. A sign-out is
carried out even if the storage is full. An entry too is
that a known passkey was refused, for its signature or its counter. What nobody knows (a passkey of
another page, a link that is used up) is refused without one, so that a stranger cannot fill the
ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from aiohttp import web

from camerad.base.text import is_plain
from camerad.office.desk import people
from camerad.office.desk.admission import Admission, Me
from camerad.office.desk.desk_ledger import Decision, DeskLedger
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.passkey_answers import BrowserAnswer
from camerad.office.desk.passkeys import CopiedOrForgedError, PasskeyError, Passkeys
from camerad.office.desk.people import DeskPerson, PeopleError, with_passkey
from camerad.office.desk.route_table import Open, Route, Visit
from camerad.office.desk.sessions import COOKIE, Sessions

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
    """state, passkeys, sessions: of the desk. ledger: the office's. admission: lets them in."""

    def __init__(
        self,
        state: DeskState,
        passkeys: Passkeys,
        sessions: Sessions,
        ledger: DeskLedger,
        admission: Admission,
    ) -> None:
        self._state = state
        self._passkeys = passkeys
        self._sessions = sessions
        self._ledger = ledger
        self._admission = admission
        self._ending: dict[str, asyncio.Task[None]] = {}

    def routes(self) -> Iterator[Route]:
        """All of them."""
        anyone = Open.TO_ANYONE
        yield Route("GET", "/api/me", anyone, self._me)
        yield Route("GET", "/api/session", anyone, self._still)
        yield Route("POST", "/api/sign-in/ask", anyone, self._ask, Nothing)
        yield Route("POST", "/api/sign-in", anyone, self._sign_in, PasskeyAnswer)
        yield Route("POST", "/api/link/look", anyone, self._look_at_link, LinkBody)
        yield Route("POST", "/api/link/ask", anyone, self._ask_new, LinkBody)
        yield Route("POST", "/api/link/enrol", anyone, self._enrol, EnrolBody)
        yield Route("POST", "/api/link/sign-in", anyone, self._sign_in_by_link, LinkBody)
        yield Route("POST", "/api/sign-out", anyone, self._sign_out, Nothing)

    async def _me(self, visit: Visit) -> Me | None:
        """Who is signed in, for a page that has just begun; null if nobody is."""
        secret = visit.request.cookies.get(COOKIE, "")
        found = await asyncio.to_thread(self._sessions.find, secret)
        if found is None:
            return None
        session, person = found
        return self._admission.describe(person, session.end_us)

    async def _still(self, visit: Visit) -> Still | None:
        """Whether the session counts, for a page that asks every few seconds; that is no use."""
        secret = visit.request.cookies.get(COOKIE, "")
        person = await asyncio.to_thread(self._sessions.whose, secret)
        return None if person is None else Still(person)

    async def _ask(self, _visit: Visit) -> dict[str, Any]:
        return await asyncio.to_thread(self._passkeys.ask_known)

    async def _sign_in(self, visit: Visit) -> web.Response:
        return await asyncio.to_thread(self._checked_sign_in, visit)

    def _checked_sign_in(self, visit: Visit) -> web.Response:
        try:
            person, passkey, challenge = self._passkeys.check_known(visit.body.answer)
        except CopiedOrForgedError as error:
            self._admission.write_refused(error.person, BY_PASSKEY)
            raise refused(DeskRefusal.PASSKEY) from None
        except PasskeyError:
            raise refused(DeskRefusal.PASSKEY) from None

        def count(one: DeskPerson) -> DeskPerson:
            known = one.passkey(passkey.id)
            if not one.active or known is None:  # not any more
                raise refused(DeskRefusal.PASSKEY)
            counts = max(passkey.sign_count, known.sign_count)
            if counts and passkey.sign_count <= known.sign_count:  # another answer was quicker
                raise refused(DeskRefusal.PASSKEY)
            return with_passkey(one, passkey)

        with self._ledger.deciding() as decision:
            self._use_up(decision, challenge)
            person = people.change(decision.rows, person.id, count)
            return self._admission.let_in(decision, visit, person, BY_PASSKEY)

    async def _look_at_link(self, visit: Visit) -> Me:
        return self._admission.describe(await asyncio.to_thread(self._whose, visit.body.link))

    async def _ask_new(self, visit: Visit) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            return self._passkeys.ask_new(self._whose(visit.body.link))

        return await asyncio.to_thread(ask)

    async def _enrol(self, visit: Visit) -> web.Response:
        return await asyncio.to_thread(self._checked_enrolment, visit)

    def _checked_enrolment(self, visit: Visit) -> web.Response:
        body: EnrolBody = visit.body
        if body.label and not is_plain(body.label):
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        found = self._whose(body.link)
        try:
            passkey, challenge = self._passkeys.check_new(found, body.answer, body.label)
        except PasskeyError:
            raise refused(DeskRefusal.PASSKEY) from None
        with self._ledger.deciding() as decision:
            self._use_link(decision, body.link)
            self._use_up(decision, challenge)

            def add(one: DeskPerson) -> DeskPerson:
                if people.by_passkey(decision.rows, passkey.id) is not None:
                    raise refused(DeskRefusal.PASSKEY)
                return with_passkey(self._admission.come(one), passkey)

            try:
                person = people.change(decision.rows, found.id, add)
            except PeopleError:
                raise refused(DeskRefusal.TOO_MANY) from None
            added = {"person": person.id, "who": person.id, "what": "passkey_added"}
            rights = ("rights", added | {"roles": tuple(map(str, person.roles))})
            return self._admission.let_in(decision, visit, person, BY_PASSKEY, rights)

    async def _sign_in_by_link(self, visit: Visit) -> web.Response:
        return await asyncio.to_thread(self._checked_link, visit)

    def _checked_link(self, visit: Visit) -> web.Response:
        self._whose(visit.body.link)
        with self._ledger.deciding() as decision:
            found = self._use_link(decision, visit.body.link)
            person = people.change(decision.rows, found.id, self._admission.come)
            return self._admission.let_in(decision, visit, person, BY_LINK)

    def _use_link(self, decision: Decision, link: str) -> DeskPerson:
        """The person of a link, which is used up with every other one of theirs."""
        person = self._sessions.take_link(decision.rows, link)
        if person is None:  # another request was quicker
            raise refused(DeskRefusal.LINK_USED)
        self._sessions.drop_links_of(decision.rows, person.id)
        return person

    def _use_up(self, decision: Decision, challenge: bytes) -> None:
        try:
            self._passkeys.use_up(decision.rows, challenge)
        except PasskeyError:
            raise refused(DeskRefusal.PASSKEY) from None

    async def _sign_out(self, visit: Visit) -> web.Response:
        """One entry for one session, however many of its tabs ask; who is not signed in is out."""
        secret = visit.request.cookies.get(COOKIE, "")
        ending = self._ending.get(secret)
        if ending is None:
            ending = self._ending[secret] = asyncio.create_task(
                asyncio.to_thread(self._end, secret)
            )
            ending.add_done_callback(lambda _: self._ending.pop(secret))
        await asyncio.shield(ending)
        response = web.json_response({})
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return response

    def _end(self, secret: str) -> None:
        found = self._sessions.find(secret)
        if found is not None:
            out = ("signed", {"who": found[0].person, "what": "out", "how": "asked"})
            self._admission.write_end([out])
            self._sessions.end(secret)

    def _whose(self, link: str) -> DeskPerson:
        with self._state.reading() as rows:
            person = self._sessions.look_at_link(rows, link)
        if person is None:
            raise refused(DeskRefusal.LINK_USED)
        return person
