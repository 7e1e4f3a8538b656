"""Lets people in: the part that all ways of signing in share, once it is known who signs in.

The order: entries of the ledger, then the session, then its cookie; entries and session are one
decision (`DeskLedger.deciding`). A session that the browser had before ends (session fixation),
with an entry. The refusal of a known person is an entry once a minute, person and way at the most,
so that a stranger cannot fill the ledger.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.office.desk.desk_ledger import Decision, Entry
from camerad.office.desk.desk_parts import DeskParts
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.people import DeskPerson
from camerad.office.desk.route_table import Visit, json_answer
from camerad.office.desk.sessions import COOKIE

_log = logging.getLogger(__name__)

_REFUSED_US: Final = 60 * SECOND


class Me(msgspec.Struct, frozen=True):
    """Who is signed in. openid: whether their account of the city is connected. idle_seconds: after
    so long without a request the session ends; left_seconds: after so long in any case.
    two_for_viewing: whether a supervisor approves viewings."""

    id: str
    name: str
    roles: tuple[str, ...]
    passkeys: int
    openid: bool
    idle_seconds: int
    left_seconds: int
    two_for_viewing: bool


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
        )

    def check_link(self, link: str) -> DeskPerson:
        """The person of a link that counts. Raises RefusedRequestError."""
        with self._desk.state.reading() as rows:
            return _there(self._desk.sessions.find_link(rows, link))

    def use_link(self, rows: Connection, link: str) -> DeskPerson:
        """The person of a link, which is used up with every other one of theirs. Raises
        RefusedRequestError."""
        person = _there(self._desk.sessions.take_link(rows, link))
        self._desk.sessions.drop_links_of(rows, person.id)
        return person

    def come(self, one: DeskPerson) -> DeskPerson:
        """The person of a link, once they have come in. Raises RefusedRequestError."""
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


def rights_entry(person: DeskPerson, what: str) -> Entry:
    """The entry of what a person did about their own rights."""
    said = {"person": person.id, "who": person.id, "what": what}
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
