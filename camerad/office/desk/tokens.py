"""Secrets that people and pages hold for a while: links, sessions, viewings, challenges.

The row of a secret is named by the secret's SHA-256, so neither the database nor a backup has a
secret. A secret is 32 random bytes in base64url. It stands for its row until `until_us`, or until
the row is taken: a row is deleted by one statement, so of several who take it one gets it. Expired
rows are deleted within the hour (`tidy_all`).

A challenge for a sign-in says when and about what it was made, under a key that all servers of the
office share. So making one takes no room, however many are asked for; only those that were answered
rightly are kept, until they are too old to count. It is good once, at any server.

Times are wall time, microseconds since 1970, of the office's server, whose clock is set by the
network. If that clock is set back, secrets count for as much longer; idleness bounds sessions
besides (`camerad.office.desk.sessions`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from camerad.base.clock import SECOND, Clock
from camerad.container.keys import encode_base64url
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.people import DeskRole, OpenidAccount
from camerad.office.state import state_tables
from camerad.office.state.columns import record_of
from camerad.office.state.office_state import OfficeState

SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
MOST_ANSWERED: Final = 10_000
"""Answers that are kept at once. With so many, all sign-ins are refused until some are too old: one
that is forgotten early would count again."""
CHALLENGE_US: Final = 300 * SECOND
KEY: Final = "challenges"
"""Name of the key's row."""
KEY_BYTES: Final = 32
_TIME_BYTES: Final = 8
_SAID_BYTES: Final = _TIME_BYTES + 16
_DERIVED: Final = b"derived "
"""No time begins like this: what is derived is no challenge's code, nor the other way round."""
_EXPIRING: Final = (
    state_tables.sessions,
    state_tables.links,
    state_tables.answers,
    state_tables.viewings,
    state_tables.viewing_requests,
    state_tables.access_requests,
)


class Expiring(Protocol):
    """The content of a row."""

    @property
    def until_us(self) -> int:
        """Wall time from which on the row does not count."""


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
    """A one-time link: its person adds a passkey with it, and is signed in. made_by: id of who had
    it made, "" for the command."""

    person: str
    made_by: str
    until_us: int


class Answered(msgspec.Struct, frozen=True):
    """A challenge that was answered rightly. until_us: from then on it would not count anyway."""

    until_us: int


class Grant(msgspec.Struct, frozen=True):
    """What was granted, or waits to be. session: name of the session that it is good in. handle: of
    the person. approver: that of who approved it. others: what a request asks for besides, in the
    order of their ids, all of it or none. judged: a tab has said what it found."""

    person: str
    session: str
    recording: str
    purpose: str
    reason: str
    case: str
    until_us: int
    approved_by: str = ""
    handle: str = ""
    approver: str = ""
    others: tuple[str, ...] = ()
    judged: bool = False

    @property
    def recordings(self) -> tuple[str, ...]:
        """All that it is about."""
        return self.recording, *self.others


_T = TypeVar("_T", bound=Expiring)


class Tokens(Generic[_T]):
    """Secrets of one kind. table: of their rows. kind: type of a row's content. most: how many
    there may be at once. Every method is part of the caller's transaction."""

    def __init__(self, table: Table, kind: type[_T], most: int) -> None:
        self._table = table
        self._kind = kind
        self._most = most

    def issue(self, rows: Connection, record: _T, now_us: int) -> str:
        """A new secret for `record`. Raises RefusalError."""
        self.check_room(rows, now_us)
        secret = secrets.token_urlsafe(32)
        said: dict[str, Any] = msgspec.to_builtins(record)
        rows.execute(insert(self._table).values(name=name_of(secret), **said))
        return secret

    def check_room(self, rows: Connection, now_us: int, more: int = 1) -> None:
        """Check that so many more may be issued. Raises RefusalError."""
        counting = select(func.count()).where(self._counts(now_us))
        if (rows.execute(counting).scalar() or 0) + more > self._most:
            raise RefusalError(
                DeskRefusal.TOO_MANY, f"there are {self._most} of these already; try again later"
            )

    def claim(self, rows: Connection, secret: str, until_us: int) -> bool:
        """Have a secret, which a caller chose, be known until then; returns False if it is known
        already. Of several who claim it at once, one gets True."""
        dialect = sqlite if rows.dialect.name == "sqlite" else postgresql
        row = dialect.insert(self._table).values(name=name_of(secret), until_us=until_us)
        return rows.execute(row.on_conflict_do_nothing()).rowcount == 1

    def find(self, rows: Connection, secret: str, now_us: int) -> _T | None:
        """The row of a secret; None if there is none that counts."""
        if not SECRET.fullmatch(secret):
            return None
        found = self.records(rows, now_us, self._table.c.name == name_of(secret))
        return found[0][1] if found else None

    def take(self, rows: Connection, secret: str, now_us: int) -> _T | None:
        """The same, and the row is deleted; of several who take it at once, one gets it."""
        one = self._table.c.name == name_of(secret)
        taking = delete(self._table).where(one, self._counts(now_us)).returning(self._table)
        row = rows.execute(taking).mappings().first() if SECRET.fullmatch(secret) else None
        return None if row is None else record_of(row, self._kind)

    def change(self, rows: Connection, name: str, now_us: int, **values: object) -> bool:
        """Set values in the row of this `name_of`; returns whether there is one that counts."""
        changing = update(self._table).where(self._table.c.name == name, self._counts(now_us))
        return rows.execute(changing.values(**values)).rowcount == 1

    def drop(self, rows: Connection, *where: ColumnElement[bool]) -> int:
        """Delete rows; returns how many."""
        return rows.execute(delete(self._table).where(*where)).rowcount

    def records(
        self, rows: Connection, now_us: int, *where: ColumnElement[bool]
    ) -> list[tuple[str, _T]]:
        """All rows that count, each with its name."""
        asked = select(self._table).where(self._counts(now_us), *where).order_by("until_us", "name")
        found = rows.execute(asked).mappings()
        return [(row["name"], record_of(row, self._kind)) for row in found]

    def _counts(self, now_us: int) -> ColumnElement[bool]:
        return self._table.c.until_us > now_us


def tidy_all(rows: Connection, now_us: int) -> None:
    """Delete every row that has expired."""
    for table in _EXPIRING:
        rows.execute(delete(table).where(table.c.until_us <= now_us))


def name_of(secret: str) -> str:
    """Name of a secret's row."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Challenges:
    """why: the refusal of a challenge that does not count. lasts_us: how long one is valid.
    Thread-safe. Everything raises StorageError and NotNowError."""

    def __init__(
        self, state: OfficeState, clock: Clock, why: DeskRefusal, lasts_us: int = CHALLENGE_US
    ) -> None:
        self._state = state
        self._clock = clock
        self._why = why
        self._lasts_us = lasts_us
        self._answered = Tokens(state_tables.answers, Answered, MOST_ANSWERED)
        self._shared = b""

    def make(self, about: str) -> bytes:
        """A new one. about: what it is for; only there it counts."""
        time = self._clock.wall_us().to_bytes(_TIME_BYTES)
        said = time + secrets.token_bytes(_SAID_BYTES - _TIME_BYTES)
        return said + self._mac(said + about.encode())

    def check(self, challenge: bytes, about: str) -> int:
        """Check that it counts; returns when it was made (wall time, microseconds since 1970).
        Raises RefusalError."""
        said, mac = challenge[:_SAID_BYTES], challenge[_SAID_BYTES:]
        now, made = self._clock.wall_us(), int.from_bytes(challenge[:_TIME_BYTES])
        if not hmac.compare_digest(mac, self._mac(said + about.encode())):
            raise RefusalError(self._why, "this is no answer to what this page asked")
        if not made <= now < made + self._lasts_us or self._is_answered(challenge, now):
            raise RefusalError(self._why, "this took too long, or was answered before: try again")
        return made

    def derive(self, challenge: bytes, what: str) -> str:
        """A secret that goes with a challenge, in base64url: one of them tells neither another one
        nor the challenge."""
        return encode_base64url(self._mac(_DERIVED + what.encode() + b" " + challenge))

    def use_up(self, rows: Connection, challenge: bytes) -> None:
        """Have it count no more, as part of a transaction; of several who do so at once one
        succeeds. Raises RefusalError."""
        now = self._clock.wall_us()
        self._answered.check_room(rows, now)
        if not self._answered.claim(rows, _name(challenge), now + self._lasts_us):
            raise RefusalError(self._why, "this was answered before: try again")

    def _is_answered(self, challenge: bytes, now_us: int) -> bool:
        with self._state.reading() as rows:
            return self._answered.find(rows, _name(challenge), now_us) is not None

    def _mac(self, said: bytes) -> bytes:
        if not self._shared:
            self._shared = self._load_key()
        return hmac.digest(self._shared, said, "sha256")

    def _load_key(self) -> bytes:
        """The key that all servers share; the first server makes it."""
        table = state_tables.server_secrets
        found = select(table.c.value).where(table.c.name == KEY)
        with self._state.reading() as rows:
            key = rows.execute(found).scalar()
        if key is None:
            with self._state.writing() as rows:
                key = rows.execute(found).scalar()  # another server may have been quicker
                if key is None:
                    key = secrets.token_bytes(KEY_BYTES)
                    rows.execute(insert(table).values(name=KEY, value=key))
        return bytes(key)


def _name(challenge: bytes) -> str:
    """The name of a challenge's row: its SHA-256, so that the row does not tell it."""
    return encode_base64url(hashlib.sha256(challenge).digest())
