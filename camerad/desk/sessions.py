"""Who is signed in: sessions, and the links that are good for one.

A session ends when its person signs out, is withdrawn, loses a role, or connects another account
than the one that opened it; after it was idle for so long, and after a day's work in any case. Its
cookie is out of reach of scripts, and is sent to no other site and by none.

That a session was used is noted once a minute. Where that cannot be written, on a full disk, the
session still counts, as long as it would if it were idle since.

Signing out always works. Where the file of a session cannot be removed, as on storage that became
read-only, the session counts no more here all the same, and its browser gives the cookie up; the
file goes when the storage takes a change again. Until then it stays what it was for another server
on the directory, and for this one after a restart: for whoever has copied the cookie before, the
session then counts until it would have ended for idleness, since nobody could note a use of it.

Times are wall time, microseconds since 1970.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.state_file import SkippedFiles
from camerad.desk.desk_locks import DeskLocks
from camerad.desk.people import DeskPerson, OpenidAccount, People
from camerad.desk.roles import DeskRole
from camerad.desk.secrets_store import SECRET, SecretKind, SecretsStore, TooManyError, name_of
from camerad.vault.desk_settings import DeskSettings
from camerad.vault.directory_locks import LockHeldError

COOKIE: Final = "__Host-camerad-desk"
BY_OPENID: Final = "openid"
MOST_SESSIONS: Final = 2000
MOST_OF_ONE: Final = 50
"""Sessions of one person, so that nobody takes the place of all the others."""
MOST_LINKS: Final = 1000
LINK_US: Final = 72 * 3600 * SECOND
"""How long a link is good for: over a weekend."""
_NOTED_US: Final = 60 * SECOND
"""How exactly it is noted when a session was used last. A clock that was set back by more than that
ends sessions: nobody knows then for how long they were idle."""


class Session(msgspec.Struct, frozen=True):
    """until_us: from then on it counts no more if it is not used. end_us: nor then in any case.
    roles: those that it began with; with others, the person signs in anew. how: "passkey", "link"
    or "openid". handle: that of the person. account: the one that opened it, if one did; with
    another, the person signs in anew."""

    person: str
    began_us: int
    used_us: int
    until_us: int
    end_us: int
    roles: tuple[DeskRole, ...]
    how: str
    handle: str = ""
    account: OpenidAccount | None = None


class Link(msgspec.Struct, frozen=True):
    """What a one-time link is for: its person adds a passkey with it, and is signed in. made_by: id
    of who had it made, "" for the command."""

    person: str
    made_by: str
    until_us: int


class Sessions:
    """root: the office's directory. people: who there is. settings: how long a session lasts. Any
    thread may use it. Everything raises StorageError."""

    def __init__(self, root: str, people: People, settings: DeskSettings, clock: Clock) -> None:
        self._people = people
        self._idle_us = settings.idle_minutes * 60 * SECOND
        self._longest_us = settings.longest_hours * 3600 * SECOND
        self._clock = clock
        self._sessions = SecretsStore(root, SecretKind.SESSIONS, Session, MOST_SESSIONS)
        self._links = SecretsStore(root, SecretKind.LINKS, Link, MOST_LINKS)
        self._locks = DeskLocks(root)
        self._unnoted = SkippedFiles("that somebody uses the desk is not noted")
        self._unremoved = SkippedFiles(
            "somebody is signed out, and the file of their session stays"
        )
        self._turn = threading.Lock()
        # Sessions that were ended and whose files are there still, and when each is over in any
        # case; and of which nothing but the storage kept the file.
        self._ended: dict[str, int] = {}
        self._removable: set[str] = set()

    def check_room(self, person: str) -> None:
        """That this person may be signed in now. Raises TooManyError."""
        now = self._clock.wall_us()
        self._sessions.check_room(now)
        if sum(one.person == person for _, one in self._counting(now)) >= MOST_OF_ONE:
            raise TooManyError(f"{person} is signed in {MOST_OF_ONE} times already; sign out first")

    def begin(self, person: DeskPerson, how: str) -> str:
        """Sign somebody in; returns the secret for the cookie. Raises TooManyError."""
        now = self._clock.wall_us()
        end = now + self._longest_us
        until = min(now + self._idle_us, end)
        account = person.openid if how == BY_OPENID else None
        return self._sessions.issue(
            Session(person.id, now, now, until, end, person.roles, how, person.handle, account),
            now,
        )

    def find(self, secret: str) -> tuple[Session, DeskPerson] | None:
        """Whose session this is, which is used now; None if it counts no more."""
        now = self._clock.wall_us()
        if self._is_ended(secret):
            return None
        session = self._sessions.find(secret, now)
        if session is None:
            self._sessions.tidy_one(secret, now)
            return None
        person = self._people.find(session.person)
        unused_us = now - session.used_us
        if person is None or not _counts(session, person) or unused_us < -_NOTED_US:
            self._end(name_of(secret), session.end_us)
            return None
        if abs(unused_us) >= _NOTED_US:
            until = min(now + self._idle_us, session.end_us)
            try:
                renewed = self._sessions.renew(
                    name_of(secret),
                    now,
                    lambda one: msgspec.structs.replace(one, used_us=now, until_us=until),
                )
            except StorageError as error:
                self._unnoted.tell(error)
                return session, person
            if renewed is None:  # ended meanwhile
                return None
            session = renewed
            self._remove_ended(now)
        return session, person

    def whose(self, secret: str) -> str | None:
        """Id of the person whose session counts now; None if it counts no more. That is no use."""
        if self._is_ended(secret):
            return None
        session = self._sessions.find(secret, self._clock.wall_us())
        if session is None:
            return None
        person = self._people.find(session.person)
        return None if person is None or not _counts(session, person) else person.id

    def end(self, secret: str) -> bool:
        """Sign out, whether the storage takes it or not; returns whether somebody was signed in by
        it."""
        session = self._sessions.find(secret, self._clock.wall_us())
        if session is None or self._is_ended(secret):
            return False
        return self._end(name_of(secret), session.end_us)

    def end_all_of(self, person: str) -> int:
        """Sign somebody out everywhere; returns of how many sessions."""
        found = self._counting(self._clock.wall_us())
        there = [(name, session) for name, session in found if session.person == person]
        return sum(self._end(name, session.end_us) for name, session in there)

    def end_of_former_account(self, person: DeskPerson) -> None:
        """End what another account than theirs opened: somebody else may have it."""
        for name, session in self._counting(self._clock.wall_us()):
            if session.person == person.id and not _is_by_account_of(person, session):
                self._end(name, session.end_us)

    def counts(self) -> Counter[str]:
        """How many sessions each person has, by their id; each session is read once."""
        found = self._counting(self._clock.wall_us())
        return Counter(session.person for _, session in found)

    def count_of(self, person: str) -> int:
        """How many sessions somebody has."""
        return self.counts()[person]

    def make_link(self, person: str, made_by: str) -> str:
        """The secret of a link for somebody; one that they had counts no more. Raises
        TooManyError."""
        now = self._clock.wall_us()
        self.drop_links_of(person)
        return self._links.issue(Link(person, made_by, now + LINK_US), now)

    def check_room_for_link(self) -> None:
        """That a link may be made now. Raises TooManyError."""
        self._links.check_room(self._clock.wall_us())

    def drop_links_of(self, person: str) -> None:
        """Have no link of somebody count any more."""
        for name, link in self._links.records(self._clock.wall_us()):
            if link.person == person:
                self._links.drop(name)

    @contextlib.contextmanager
    def using_link(self, secret: str) -> Iterator[DeskPerson | None]:
        """Whose link this is, until the end of the context, in which nobody else uses it: what has
        to come before `use_link`, such as an entry, is done in it. Raises LockHeldError."""
        if not SECRET.fullmatch(secret):
            yield None
            return
        with self._locks.hold(f"desk use of link {name_of(secret)}"):
            yield self.look_at_link(secret)

    def look_at_link(self, secret: str) -> DeskPerson | None:
        """Whose link this is; None if it is good for nothing."""
        link = self._links.find(secret, self._clock.wall_us())
        return None if link is None else self._active(link.person)

    def use_link(self, secret: str) -> DeskPerson | None:
        """The same, and the link is used up."""
        link = self._links.take(secret, self._clock.wall_us())
        return None if link is None else self._active(link.person)

    def _counting(self, now_us: int) -> Iterator[tuple[str, Session]]:
        """Sessions that count now, each with the name of its secret."""
        for name, session in self._sessions.records(now_us):
            if name not in self._ended:
                yield name, session

    def _is_ended(self, secret: str) -> bool:
        return (
            bool(self._ended)
            and SECRET.fullmatch(secret) is not None
            and (name_of(secret) in self._ended)
        )

    def _end(self, name: str, end_us: int) -> bool:
        """Have a session count no more, which is over then in any case; returns whether it did."""
        with self._turn:
            self._ended[name] = end_us
        try:
            was = self._sessions.drop(name)
        except (StorageError, LockHeldError) as error:
            self._unremoved.tell(error)
            if isinstance(error, StorageError):
                with self._turn:
                    self._removable.add(name)
            return True
        with self._turn:
            self._ended.pop(name, None)
        return was

    def _remove_ended(self, now_us: int) -> None:
        """Remove the files of sessions that were ended: the storage has just taken a change."""
        with self._turn:
            self._ended = {name: end for name, end in self._ended.items() if now_us < end}
            names, self._removable = self._removable & self._ended.keys(), set()
            sessions = [(name, self._ended[name]) for name in names]
        for name, end_us in sessions:
            self._end(name, end_us)

    def _active(self, person: str) -> DeskPerson | None:
        found = self._people.find(person)
        return found if found is not None and found.active else None


def _counts(session: Session, person: DeskPerson) -> bool:
    same = person.handle == session.handle and person.roles == session.roles
    return person.active and same and _is_by_account_of(person, session)


def _is_by_account_of(person: DeskPerson, session: Session) -> bool:
    return session.account in (None, person.openid)
