"""Secrets that people and pages hold for a while: links, sessions, viewings, challenges.

The row of a secret is named by the secret's SHA-256, so neither the database nor a backup has a
secret. A secret is 32 random bytes in base64url. It stands for its row until `until_us`, or until
the row is taken: a row is deleted by one statement, so of several who take it one gets it. Expired
rows are deleted within the hour (`tidy_all`).

Times are wall time, microseconds since 1970, of the office's server, whose clock is set by the
network. If that clock is set back, secrets count for as much longer; idleness bounds sessions
besides (`camerad.office.desk.sessions`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.people import DeskRole, OpenidAccount
from camerad.office.state import state_tables
from camerad.office.state.columns import record_of

SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_EXPIRING: Final = (
    state_tables.sessions,
    state_tables.links,
    state_tables.answers,
    state_tables.viewings,
    state_tables.viewing_requests,
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
