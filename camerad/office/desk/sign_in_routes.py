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
from camerad.office.desk.admission import Admission, Me, drop_cookie, rights_entry
from camerad.office.desk.desk_parts import DeskParts
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError, refused
from camerad.office.desk.passkeys import BrowserAnswer, Passkeys, counter_rose
from camerad.office.desk.people import DeskPerson, with_passkey
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
        yield Route("POST", "/api/link/look", anyone, self._look_at_link, LinkBody)
        yield Route("POST", "/api/link/ask", anyone, self._ask_new, LinkBody)
        yield Route("POST", "/api/link/enrol", anyone, self._enrol, EnrolBody)
        yield Route("POST", "/api/link/sign-in", anyone, self._sign_in_by_link, LinkBody)
        yield Route("POST", "/api/sign-out", anyone, self._sign_out, Nothing)

    def _me(self, visit: Visit) -> Me | None:
        """Who is signed in, for a page that has just begun; null if nobody is."""
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

    def _look_at_link(self, visit: Visit) -> Me:
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
