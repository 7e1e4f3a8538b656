"""Requests by which people come in and go: sign-in by passkey, links, sign-out.

A sign-in is an entry of the ledger before the cookie is given; so is a refused one of somebody whom
the office knows. What nobody knows (a passkey of another page, a link that is used up) is refused
without one, so that a stranger cannot fill the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from aiohttp import web

from camerad.desk.desk_ledger import DeskLedger
from camerad.desk.desk_refusals import DeskRefusal, refused
from camerad.desk.passkey_answers import BrowserAnswer
from camerad.desk.passkeys import PasskeyError, Passkeys
from camerad.desk.people import DeskPerson, People, PeopleError, with_passkey
from camerad.desk.route_table import Open, Route, Visit
from camerad.desk.sessions import COOKIE, Sessions

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


class Me(msgspec.Struct, frozen=True):
    """Who is signed in."""

    id: str
    name: str
    roles: tuple[str, ...]
    passkeys: int


class SignInRoutes:
    """people, passkeys, sessions: of the desk. ledger: the office's."""

    def __init__(
        self, people: People, passkeys: Passkeys, sessions: Sessions, ledger: DeskLedger
    ) -> None:
        self._people = people
        self._passkeys = passkeys
        self._sessions = sessions
        self._ledger = ledger

    def routes(self) -> Iterator[Route]:
        """All of them."""
        anyone, signed_in = Open.TO_ANYONE, Open.TO_SIGNED_IN
        yield Route("GET", "/api/me", anyone, self._me)
        yield Route("POST", "/api/sign-in/ask", anyone, self._ask, Nothing)
        yield Route("POST", "/api/sign-in", anyone, self._sign_in, PasskeyAnswer)
        yield Route("POST", "/api/link/look", anyone, self._look_at_link, LinkBody)
        yield Route("POST", "/api/link/ask", anyone, self._ask_new, LinkBody)
        yield Route("POST", "/api/link/enrol", anyone, self._enrol, EnrolBody)
        yield Route("POST", "/api/link/sign-in", anyone, self._sign_in_by_link, LinkBody)
        yield Route("POST", "/api/sign-out", signed_in, self._sign_out, Nothing)

    async def _me(self, visit: Visit) -> Me | None:
        """Who is signed in, for a page that has just begun; null if nobody is."""
        secret = visit.request.cookies.get(COOKIE, "")
        found = await asyncio.to_thread(self._sessions.find, secret)
        return None if found is None else _me(found[1])

    async def _ask(self, _visit: Visit) -> dict[str, Any]:
        return await asyncio.to_thread(self._passkeys.ask_known)

    async def _sign_in(self, visit: Visit) -> web.Response:
        return await asyncio.to_thread(self._checked_sign_in, visit)

    def _checked_sign_in(self, visit: Visit) -> web.Response:
        try:
            person, passkey = self._passkeys.check_known(visit.body.answer)
        except PasskeyError:
            raise refused(DeskRefusal.PASSKEY) from None
        self._people.change(person.id, lambda one: with_passkey(one, passkey))
        return self._let_in(visit, person, BY_PASSKEY)

    async def _look_at_link(self, visit: Visit) -> Me:
        return _me(await asyncio.to_thread(self._whose, visit.body.link))

    async def _ask_new(self, visit: Visit) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            return self._passkeys.ask_new(self._whose(visit.body.link))

        return await asyncio.to_thread(ask)

    async def _enrol(self, visit: Visit) -> web.Response:
        return await asyncio.to_thread(self._checked_enrolment, visit)

    def _checked_enrolment(self, visit: Visit) -> web.Response:
        body: EnrolBody = visit.body
        person = self._whose(body.link)
        try:
            passkey = self._passkeys.check_new(person, body.answer, body.label)
        except PasskeyError:
            raise refused(DeskRefusal.PASSKEY) from None
        if self._people.by_passkey(passkey.id) is not None:
            raise refused(DeskRefusal.PASSKEY)
        if self._sessions.use_link(body.link) is None:  # somebody else was quicker
            raise refused(DeskRefusal.LINK_USED)
        roles = tuple(map(str, person.roles))
        self._ledger.append(
            "rights", person=person.id, who=person.id, what="passkey_added", roles=roles
        )
        try:
            changed = self._people.change(person.id, lambda one: with_passkey(one, passkey))
        except PeopleError:
            raise refused(DeskRefusal.TOO_MANY) from None
        return self._let_in(visit, changed, BY_PASSKEY)

    async def _sign_in_by_link(self, visit: Visit) -> web.Response:
        def check() -> web.Response:
            person = self._sessions.use_link(visit.body.link)
            if person is None:
                raise refused(DeskRefusal.LINK_USED)
            return self._let_in(visit, person, BY_LINK)

        return await asyncio.to_thread(check)

    async def _sign_out(self, visit: Visit) -> web.Response:
        def end() -> None:
            if self._sessions.end(visit.secret):
                self._ledger.append("signed", who=visit.who, what="out", how="asked")

        await asyncio.to_thread(end)
        response = web.json_response({})
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return response

    def _whose(self, link: str) -> DeskPerson:
        person = self._sessions.look_at_link(link)
        if person is None:
            raise refused(DeskRefusal.LINK_USED)
        return person

    def _let_in(self, visit: Visit, person: DeskPerson, how: str) -> web.Response:
        self._ledger.append("signed", who=person.id, what="in", how=how)
        former = visit.request.cookies.get(COOKIE, "")
        if former:  # of whoever sat here before: a session is never taken on
            self._sessions.end(former)
        response = web.Response(
            body=msgspec.json.encode(_me(person)), content_type="application/json"
        )
        response.set_cookie(
            COOKIE,
            self._sessions.begin(person, how),
            path="/",
            secure=True,
            httponly=True,
            samesite="Strict",
        )
        return response


def _me(person: DeskPerson) -> Me:
    return Me(person.id, person.name, tuple(map(str, person.roles)), len(person.passkeys))
