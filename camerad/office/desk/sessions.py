"""Sessions of people at the desk, and one-time links.

A session ends when its person signs out, is withdrawn, loses a role, or connects another account
than the one that opened it; after it was idle for so long, and after a day's work in any case. Its
cookie is out of reach of scripts, and is sent to no other site and by none.

The use of a session is noted once a minute, by one statement that waits for no other writer. Where
that cannot be written, on a full disk, the session still counts, as long as it would if it were
idle since.

Signing out always works. Where a session's row cannot be deleted, as on storage that became
read-only, this server refuses the session all the same, and its browser gives the cookie up; the
row is deleted when the storage takes a change again. Until then it counts at another server, and
at this one after a restart: a copied cookie is good there until the session ends for idleness,
since no use of it can be noted.

Times are wall time, microseconds since 1970.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import NotNowError, StorageError
from camerad.base.state_file import SkippedFiles
from camerad.office.desk import people
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.people import DeskPerson
from camerad.office.desk.tokens import SECRET, Link, Session, Tokens, name_of
from camerad.office.server.desk_settings import DeskSettings
from camerad.office.state import state_tables
from camerad.office.state.office_state import OfficeState

COOKIE: Final = "__Host-camerad-desk"
BY_OPENID: Final = "openid"
MOST_SESSIONS: Final = 2000
MOST_OF_ONE: Final = 50
"""Sessions of one person, so that one person does not use up the places of all others."""
MOST_LINKS: Final = 1000
LINK_US: Final = 72 * 3600 * SECOND
"""How long a link is good for: over a weekend."""
AGAIN_US: Final = 2 * SECOND
"""After how long what takes longer asks again whether its person is signed in still (`check`)."""
_NOTED_US: Final = 60 * SECOND
"""How exactly it is noted when a session was used last. A clock that was set back by more than that
ends sessions, since their idle time is unknown then."""


class Sessions:
    """settings: how long a session lasts. Thread-safe. Methods with `rows` are part of the caller's
    transaction. Everything raises StorageError and NotNowError."""

    def __init__(self, state: OfficeState, settings: DeskSettings, clock: Clock) -> None:
        self._state = state
        self._idle_us = settings.idle_minutes * 60 * SECOND
        self._longest_us = settings.longest_hours * 3600 * SECOND
        self._clock = clock
        self._sessions = Tokens(state_tables.sessions, Session, MOST_SESSIONS)
        self._links = Tokens(state_tables.links, Link, MOST_LINKS)
        self._unnoted = SkippedFiles("the use of a session is not noted")
        self._unremoved = SkippedFiles("a person is signed out, and the row of their session stays")
        self._lock = threading.Lock()
        self._ended: dict[str, int] = {}
        """Names of sessions that ended and whose rows are there still, and when each ends in any
        case."""

    def begin(self, rows: Connection, person: DeskPerson, how: str) -> str:
        """Sign a person in; returns the secret for the cookie. Raises RefusalError."""
        now = self._clock.wall_us()
        if self.count_of(rows, person.id) >= MOST_OF_ONE:
            raise RefusalError(
                DeskRefusal.TOO_MANY,
                f"{person.id} is signed in {MOST_OF_ONE} times already; sign out first",
            )
        end = now + self._longest_us
        until = min(now + self._idle_us, end)
        account = person.openid if how == BY_OPENID else None
        session = Session(
            person.id, now, now, until, end, person.roles, how, person.handle, account
        )
        return self._sessions.issue(rows, session, now)

    def find(self, secret: str) -> tuple[Session, DeskPerson] | None:
        """The session of a secret and its person; it is used now. None if it does not count."""
        with self._state.reading() as rows:
            found = self.peek(rows, secret)
        now = self._clock.wall_us()
        if found is None or abs(now - found[0].used_us) < _NOTED_US:
            return found
        session, person = found
        until = min(now + self._idle_us, session.end_us)
        try:
            with self._state.noting() as rows:
                noted = self._sessions.change(
                    rows, name_of(secret), now, used_us=now, until_us=until
                )
        except (StorageError, NotNowError) as error:
            self._unnoted.tell(error)
            return found
        if not noted:  # it ended meanwhile
            return None
        self._delete_ended(now)
        return msgspec.structs.replace(session, used_us=now, until_us=until), person

    def peek(self, rows: Connection, secret: str) -> tuple[Session, DeskPerson] | None:
        """Find the same; this does not count as use of the session."""
        now = self._clock.wall_us()
        session = self._sessions.find(rows, secret, now)
        if session is None or name_of(secret) in self._ended:
            return None
        person = people.find(rows, session.person)
        if person is None or not _counts(session, person) or now < session.used_us - _NOTED_US:
            return None
        return session, person

    def whose(self, secret: str) -> str | None:
        """Id of the person whose session counts; None if it does not. That is no use."""
        if not SECRET.fullmatch(secret):
            return None
        with self._state.reading() as rows:
            found = self.peek(rows, secret)
        return None if found is None else found[1].id

    def check(self, secret: str) -> None:
        """Use a session. Raises RefusalError if it does not count any more."""
        if self.find(secret) is None:
            raise RefusalError(DeskRefusal.NOT_SIGNED_IN, "the session has ended")

    def end(self, secret: str) -> bool:
        """Sign out, even if the storage takes no change; returns whether a session ended."""
        with self._state.reading() as rows:
            session = self._sessions.find(rows, secret, self._clock.wall_us())
        name = name_of(secret)
        if session is None or name in self._ended:
            return False
        self._end({name: session.end_us})
        return True

    def end_all_of(self, person: str) -> int:
        """Sign a person out everywhere, even if the storage takes no change; returns the number of
        sessions that ended."""
        with self._state.reading() as rows:
            there = {name: one.end_us for name, one in self._counting(rows) if one.person == person}
        self._end(there)
        return len(there)

    def drop(self, rows: Connection, secret: str) -> None:
        """End a session as part of a transaction."""
        self._sessions.drop(rows, state_tables.sessions.c.name == name_of(secret))

    def drop_all_of(self, rows: Connection, person: str) -> None:
        """End all sessions and links of a person as part of a transaction."""
        self._sessions.drop(rows, state_tables.sessions.c.person == person)
        self.drop_links_of(rows, person)

    def drop_of_former_account(self, rows: Connection, person: DeskPerson) -> None:
        """End what another account than theirs opened: another person may have it."""
        for name, session in self._counting(rows):
            if session.person == person.id and not _is_by_account_of(person, session):
                self._sessions.drop(rows, state_tables.sessions.c.name == name)

    def counts(self, rows: Connection) -> Counter[str]:
        """How many sessions each person has, by their id."""
        return Counter(session.person for _, session in self._counting(rows))

    def count_of(self, rows: Connection, person: str) -> int:
        """How many sessions a person has."""
        return self.counts(rows)[person]

    def make_link(self, rows: Connection, person: str, made_by: str) -> str:
        """The secret of a link for a person; an older link of theirs is deleted. Raises
        RefusalError."""
        self.drop_links_of(rows, person)
        now = self._clock.wall_us()
        return self._links.issue(rows, Link(person, made_by, now + LINK_US), now)

    def drop_links_of(self, rows: Connection, person: str) -> None:
        """Delete the links of a person."""
        self._links.drop(rows, state_tables.links.c.person == person)

    def find_link(self, rows: Connection, secret: str) -> DeskPerson | None:
        """The person of a link, if it counts and they may sign in."""
        return _active(rows, self._links.find(rows, secret, self._clock.wall_us()))

    def take_link(self, rows: Connection, secret: str) -> DeskPerson | None:
        """The same, and the link is used up."""
        return _active(rows, self._links.take(rows, secret, self._clock.wall_us()))

    def _counting(self, rows: Connection) -> list[tuple[str, Session]]:
        found = self._sessions.records(rows, self._clock.wall_us())
        return [one for one in found if one[0] not in self._ended]

    def _end(self, sessions: Mapping[str, int]) -> None:
        """End sessions: by deleting their rows, else in the memory of this server."""
        with self._lock:
            self._ended |= sessions
        try:
            self._delete(sessions)
        except (StorageError, NotNowError) as error:
            self._unremoved.tell(error)

    def _delete_ended(self, now_us: int) -> None:
        """Delete the rows of sessions that ended: the storage has just taken a change."""
        with self._lock:
            self._ended = {name: end for name, end in self._ended.items() if now_us < end}
            left = dict(self._ended)
        if left:
            self._end(left)

    def _delete(self, sessions: Mapping[str, int]) -> None:
        with self._state.writing() as rows:
            self._sessions.drop(rows, state_tables.sessions.c.name.in_(sessions))
        with self._lock:
            self._ended = {one: end for one, end in self._ended.items() if one not in sessions}


def _active(rows: Connection, link: Link | None) -> DeskPerson | None:
    found = None if link is None else people.find(rows, link.person)
    return found if found is not None and found.active else None


def _counts(session: Session, person: DeskPerson) -> bool:
    same = person.handle == session.handle and person.roles == session.roles
    return person.active and same and _is_by_account_of(person, session)


def _is_by_account_of(person: DeskPerson, session: Session) -> bool:
    return session.account in (None, person.openid)
