"""Somebody is let in: what every way of signing in has in common, after it knows who it is.

The order: entries of the ledger, then the session, then its cookie. A session that the browser had
before ends (session fixation), with an entry. That somebody known was refused is an entry once a
minute, person and way at the most, so that nobody can fill the ledger.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.desk.desk_ledger import DeskLedger
from camerad.desk.desk_refusals import DeskRefusal, refused
from camerad.desk.people import DeskPerson, People
from camerad.desk.route_table import Visit
from camerad.desk.sessions import COOKIE, Sessions
from camerad.vault.desk_settings import DeskSettings

_log = logging.getLogger(__name__)

_REFUSED_US: Final = 60 * SECOND

Entry = tuple[str, dict[str, Any]]
"""Kind and facts of an entry of the ledger."""


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
    """people, sessions: of the desk. ledger: the office's. settings: how long a session lasts. Any
    thread may use it."""

    def __init__(
        self,
        people: People,
        sessions: Sessions,
        ledger: DeskLedger,
        clock: Clock,
        settings: DeskSettings,
    ) -> None:
        self._people = people
        self._sessions = sessions
        self._ledger = ledger
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        self._refused_us: dict[tuple[str, str], int] = {}

    def describe(self, person: DeskPerson, end_us: int | None = None) -> Me:
        """Somebody, as the page is told. end_us: when the session ends in any case, wall time; None
        if it begins now."""
        settings = self._settings
        left = settings.longest_hours * 3600
        if end_us is not None:
            left = max(0, (end_us - self._clock.wall_us()) // SECOND)
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

    def come(self, one: DeskPerson) -> DeskPerson:
        """Somebody with a link, as one who has come in. Raises RefusedRequestError."""
        if not one.active:
            raise refused(DeskRefusal.LINK_USED)
        if one.came_us is not None:
            return one
        return msgspec.structs.replace(one, came_us=self._clock.wall_us())

    def take_link(self, link: str) -> None:
        """Use it up. Raises RefusedRequestError."""
        if self._sessions.use_link(link) is None:  # another one was made meanwhile
            raise refused(DeskRefusal.LINK_USED)

    def write(self, visit: Visit, person: DeskPerson, how: str, *before: Entry) -> None:
        """The entries of a sign-in, after those in `before`: that whoever sat here before goes, and
        that this person is in. Raises BusyError and StorageError."""
        signed_in = ("signed", {"who": person.id, "what": "in", "how": how})
        self._ledger.append_all([*before, *self._end_of_former(visit), signed_in])

    def write_end(self, entries: Sequence[Entry]) -> None:
        """The entries of a session's end, before it. Where the storage takes them no more, the log
        says that they are missing: nobody stays signed in because it is full. Raises BusyError."""
        try:
            self._ledger.append_all(entries)
        except StorageError as error:
            _log.error(
                "somebody is signed out, and the ledger does not say so: %s",
                printable(error),
                extra=MessageId.STORAGE.extra,
            )

    def write_refused(self, person: str, how: str) -> None:
        """The entry that somebody known was refused. Raises BusyError and StorageError."""
        now, which = self._clock.now_us(), (person, how)
        with self._lock:
            if now < self._refused_us.get(which, now - _REFUSED_US) + _REFUSED_US:
                return
            self._refused_us[which] = now
        try:
            self._ledger.append("signed", who=person, what="refused", how=how)
        except BaseException:
            with self._lock:
                self._refused_us.pop(which, None)
            raise

    def let_in(self, visit: Visit, person: DeskPerson, how: str) -> web.Response:
        """The answer with the cookie; the entry was written before. Who was withdrawn since then,
        and perhaps restored, which takes passkeys and account, is not let in. Raises
        RefusedRequestError and TooManyError."""
        former = visit.request.cookies.get(COOKIE, "")
        if former:
            self._sessions.end(former)
        secret = self._sessions.begin(person, how)
        found = self._people.find(person.id)
        if found is None or not found.active or not _has_what(person, found):
            self._sessions.end(secret)
            raise refused(DeskRefusal.NOT_SIGNED_IN)
        response = web.Response(
            body=msgspec.json.encode(self.describe(person)), content_type="application/json"
        )
        response.set_cookie(
            COOKIE,
            secret,
            path="/",
            secure=True,
            httponly=True,
            samesite="Strict",
        )
        return response

    def _end_of_former(self, visit: Visit) -> list[Entry]:
        """What is written about whoever sat here before: a session is never taken on."""
        found = self._sessions.find(visit.request.cookies.get(COOKIE, ""))
        if found is None:
            return []
        return [("signed", {"who": found[0].person, "what": "out", "how": "replaced"})]


def _has_what(before: DeskPerson, now: DeskPerson) -> bool:
    keeps = all(now.passkey(one.id) is not None for one in before.passkeys)
    return keeps and before.openid == now.openid and before.handle == now.handle
