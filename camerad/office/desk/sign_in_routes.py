"""Requests by which people come in and go: by passkey or one-time link; and what all ways share.

The order of each way in: entries of the ledger, then the session, then its cookie; entries and
session are one decision (`DeskLedger.deciding`). So if the entry cannot be written now, no cookie
is given, and the link stays good. A session that the browser had before ends (session fixation),
with an entry. A sign-out is carried out even if the storage is full.

That a known person was refused, for the signature or the counter of their passkey, is an entry once
a minute, person and way at the most. An unknown passkey (of another page), or a link that is used
up, is refused without one. So a stranger cannot fill the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import is_plain, printable
from camerad.office.desk import people
from camerad.office.desk.desk_ledger import Decision, Entry
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError, refused
from camerad.office.desk.passkeys import Passkeys, counter_rose
from camerad.office.desk.people import DeskPerson, with_passkey
from camerad.office.desk.route_table import DeskParts, Open, Route, Visit, json_answer
from camerad.office.desk.sessions import COOKIE
from camerad.office.trial.trials import GOES_ON

_log = logging.getLogger(__name__)

BY_PASSKEY: Final = "passkey"
BY_LINK: Final = "link"
_REFUSED_US: Final = 60 * SECOND


class Me(msgspec.Struct, frozen=True):
    """The person who is signed in. openid: whether their account of the city is connected.
    idle_seconds: after so long without a request the session ends; left_seconds: after so long in
    any case. two_for_viewing: whether a supervisor approves viewings. trial: whether a pilot goes
    on."""

    id: str
    name: str
    roles: tuple[str, ...]
    passkeys: int
    openid: bool
    idle_seconds: int
    left_seconds: int
    two_for_viewing: bool
    trial: bool


class Admission:
    """Lets people in. Thread-safe."""

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._refused_us: dict[tuple[str, str], int] = {}

    def describe(self, person: DeskPerson, end_us: int | None = None) -> Me:
        """A person, as the page is told. end_us: when the session ends in any case, wall time; None
        if it begins now."""
        settings = self._desk.desk
        left = settings.longest_hours * 3600
        if end_us is not None:
            left = max(0, (end_us - self._desk.clock.wall_us()) // SECOND)
        return Me(
            id=person.id,
            name=person.name,
            roles=tuple(map(str, person.roles)),
            passkeys=len(person.passkeys),
            openid=person.openid is not None,
            idle_seconds=settings.idle_minutes * 60,
            left_seconds=left,
            two_for_viewing=settings.two_for_viewing,
            trial=self._desk.state.has_row(GOES_ON),
        )

    def check_link(self, link: str) -> DeskPerson:
        """The person of a link that counts. Raises RefusalError."""
        with self._desk.state.reading() as rows:
            return _there(self._desk.sessions.find_link(rows, link))

    def use_link(self, rows: Connection, link: str) -> DeskPerson:
        """The person of a link, which is used up with every other one of theirs. Raises
        RefusalError."""
        person = _there(self._desk.sessions.take_link(rows, link))
        self._desk.sessions.drop_links_of(rows, person.id)
        return person

    def come(self, one: DeskPerson) -> DeskPerson:
        """The person of a link, once they have come in. Raises RefusalError."""
        if not one.active:
            raise refused(DeskRefusal.LINK_USED)
        if one.came_us is not None:
            return one
        return msgspec.structs.replace(one, came_us=self._desk.clock.wall_us())

    def write_end(self, entries: Sequence[Entry]) -> None:
        """The entries of a session's end, before it. Where the storage takes them no more, the log
        says that they are missing: a full disk keeps no person signed in. Raises
        NotNowError."""
        try:
            self._desk.ledger.append_all(entries)
        except StorageError as error:
            _log.error(
                "a person is signed out, and the ledger does not say so: %s",
                printable(error),
                extra=MessageId.STORAGE.extra,
            )

    def write_refused(self, person: str, how: str) -> None:
        """The entry that a known person was refused. Raises NotNowError and StorageError."""
        now, which = self._desk.clock.now_us(), (person, how)
        with self._lock:
            if now < self._refused_us.get(which, now - _REFUSED_US) + _REFUSED_US:
                return
            self._refused_us[which] = now
        try:
            self._desk.ledger.append("signed", who=person, what="refused", how=how)
        except BaseException:
            with self._lock:
                self._refused_us.pop(which, None)
            raise

    def let_in(
        self, decision: Decision, visit: Visit, person: DeskPerson, how: str, *before: Entry
    ) -> web.Response:
        """Sign a person in, after all other changes of the decision; returns the answer with the
        cookie, which is given when the decision counts. before: entries that come before those of
        the sign-in. Raises RefusalError and StorageError."""
        entries = list(before)
        former = visit.request.cookies.get(COOKIE, "")
        found = self._desk.sessions.peek(decision.rows, former)
        if found is not None:
            entries.append(("signed", {"who": found[0].person, "what": "out", "how": "replaced"}))
            self._desk.sessions.drop(decision.rows, former)
        secret = self._desk.sessions.begin(decision.rows, person, how)
        decision.append_all([*entries, ("signed", {"who": person.id, "what": "in", "how": how})])
        response = json_answer(self.describe(person))
        set_cookie(response, COOKIE, secret)
        return response


def rights_entry(person: DeskPerson, what: str, who: str) -> Entry:
    """The entry of what was done about a person's rights. who: did it."""
    said = {"person": person.id, "who": who, "what": what}
    return "rights", said | {"roles": tuple(map(str, person.roles))}


def set_cookie(response: web.Response, name: str, value: str, lasts_us: int | None = None) -> None:
    """Give a browser a cookie that no script and no other site gets. lasts_us: None until the
    browser is closed."""
    response.set_cookie(
        name,
        value,
        max_age=None if lasts_us is None else lasts_us // SECOND,
        path="/",
        secure=True,
        httponly=True,
        samesite="Strict",
    )


def drop_cookie(response: web.Response, name: str) -> None:
    """Take a cookie of `set_cookie` back."""
    response.del_cookie(name, path="/", secure=True, httponly=True, samesite="Strict")


def _there(person: DeskPerson | None) -> DeskPerson:
    if person is None:
        raise refused(DeskRefusal.LINK_USED)
    return person


class PasskeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser's authenticator answered: a credential of WebAuthn as JSON."""

    answer: dict[str, Any]


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secret of a one-time link."""

    link: str


class EnrolBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link, and the passkey that was made with it. label: how the person calls it."""

    link: str
    answer: dict[str, Any]
    label: str


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a request that says nothing more."""


class Still(msgspec.Struct, frozen=True):
    """The person whose session counts, by id."""

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
            rights = rights_entry(person, "passkey_added", person.id)
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
