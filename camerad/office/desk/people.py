"""People of the desk: ids, names, passkeys, and roles, which say who may do what (O6).

A person has one role or several. Administration and footage are apart: a person who manages people
cannot also open recordings, so no single person can give themselves a right to look.

Of a passkey only its public half is there. A person is withdrawn and never removed, since the
ledger names them, and no other person gets their id. Every change is an entry of the office's
ledger besides (`camerad.ledger.people_entries`), before the change is committed
(`camerad.office.state.office_state`).

What a person holds for a while (a session, a request that was approved) is theirs by their
`handle`. A restored person has another one, so nothing of before counts.

A person without roles may do nothing (`is_lost`): their record could not be read when it was
imported. An administrator withdraws them or chooses their roles anew, or they are added anew.

Times are wall time, microseconds since 1970. Every function is part of the caller's transaction.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from camerad.base.text import folded, is_plain, looks_empty, printable
from camerad.container.keys import encode_base64url
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.state.columns import record_of
from camerad.office.state.state_tables import passkeys, people

PERSON_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)
MOST_PEOPLE: Final = 1000
"""Withdrawn ones included."""
MOST_PASSKEYS: Final = 10
"""Of one person."""


class DeskRole(StrEnum):
    """Roles of people at the desk; a person may have several."""

    SHIFT_LEAD = "shift_lead"
    """Hands cameras out: sees them, and no recording."""
    DESK = "desk"
    """Finds, holds, views and hands over recordings."""
    SUPERVISOR = "supervisor"
    """Does what `DESK` does, releases holds and approves viewings."""
    DATA_PROTECTION = "data_protection"
    """Sees what was done and deleted, and the report; no footage."""
    ADMINISTRATOR = "administrator"
    """Manages people and cameras; no footage."""


EVERY_ROLE: Final = frozenset(DeskRole)
WITH_FOOTAGE: Final = frozenset((DeskRole.DESK, DeskRole.SUPERVISOR))
"""Roles that recordings are open to."""


def read_roles(names: Collection[str]) -> frozenset[DeskRole]:
    """The roles with these names. Raises RefusalError if there is none, one is unknown, or they do
    not go together."""
    try:
        roles = frozenset(map(DeskRole, names))
    except ValueError:
        known = ", ".join(DeskRole)
        raise _roles_apart(f"{', '.join(names)}: roles are {known}") from None
    if not roles:
        raise _roles_apart(f"a person needs a role: {', '.join(DeskRole)}")
    if DeskRole.ADMINISTRATOR in roles and roles & WITH_FOOTAGE:
        raise _roles_apart(
            "a person who manages people cannot also open recordings: give administrator to one "
            "person, and desk or supervisor to another"
        )
    return roles


class Passkey(msgspec.Struct, frozen=True):
    """A credential of WebAuthn. id: base64url. data: what the authenticator attested (WebAuthn,
    6.5.2), its public key among it, base64url. sign_count: as it said last. label: how the person
    calls it."""

    id: str
    data: str
    sign_count: int
    label: str
    added_us: int


class OpenidAccount(msgspec.Struct, frozen=True):
    """An account at the city's provider. issuer, subject: as its tokens have them (`iss`, `sub`): a
    provider gives a subject to no other person later, which holds of no user name and no address of
    mail."""

    issuer: str
    subject: str


class DeskPerson(msgspec.Struct, frozen=True):
    """id: as the ledger names them. handle: 32 random bytes, base64url, by which authenticators
    know the person, and which says nothing about them; see above. withdrawn_us: since when they may
    nothing; None if they may. came_us: when they first came in; None if they have not yet, and 0 in
    a record that is from before this was kept: they may have. openid: the account that they
    connected; None if none."""

    id: str
    name: str
    roles: tuple[DeskRole, ...]
    handle: str
    added_us: int
    passkeys: tuple[Passkey, ...] = ()
    withdrawn_us: int | None = None
    came_us: int | None = 0
    openid: OpenidAccount | None = None

    @property
    def active(self) -> bool:
        """Whether they may sign in."""
        return self.withdrawn_us is None and not self.is_lost

    @property
    def is_lost(self) -> bool:
        """Whether it is unknown what they may; see above."""
        return not self.roles

    @property
    def is_new(self) -> bool:
        """Whether they have never come in: nothing was done in their name."""
        return self.came_us is None and not self.passkeys and self.openid is None

    def passkey(self, credential: str) -> Passkey | None:
        """Their passkey of this id; None if it is not theirs."""
        return next((one for one in self.passkeys if one.id == credential), None)


def find(rows: Connection, person: str) -> DeskPerson | None:
    """The person of this id; None if there is none."""
    return next(iter(_read(rows, person)), None)


def get(rows: Connection, person: str) -> DeskPerson:
    """The person of this id. Raises RefusalError if there is none."""
    found = find(rows, person)
    if found is None:
        raise RefusalError(
            DeskRefusal.NOT_THERE, f"{printable(person)}: there is no person of this id"
        )
    return found


def list_all(rows: Connection) -> list[DeskPerson]:
    """All people, by id."""
    return _read(rows)


def meant(rows: Connection, said: str) -> tuple[str, ...]:
    """Ids of the people who are meant by an id, a name or a part of one; what was said, if there
    are none: the ledger may still name them."""
    called = {one.id: (folded(one.id), folded(one.name)) for one in list_all(rows)}
    wanted = folded(said)
    for is_called in (
        lambda one: wanted in called[one],
        lambda one: any(wanted in name for name in called[one]),
    ):
        if found := tuple(filter(is_called, called)):
            return found
    return (said.strip(),)


def by_passkey(rows: Connection, credential: str) -> tuple[DeskPerson, Passkey] | None:
    """The person of a passkey, and the passkey. credential: its id."""
    owner = rows.execute(select(passkeys.c.person).where(passkeys.c.id == credential)).scalar()
    person = None if owner is None else find(rows, owner)
    passkey = None if person is None else person.passkey(credential)
    return None if person is None or passkey is None else (person, passkey)


def by_account(rows: Connection, account: OpenidAccount) -> DeskPerson | None:
    """The person who connected this account, of those who may sign in."""
    found = (one for one in list_all(rows) if one.openid == account and one.active)
    return next(found, None)


def add(
    rows: Connection, person: str, name: str, roles: frozenset[DeskRole], now_us: int
) -> DeskPerson:
    """Add a person. Raises RefusalError."""
    chosen = tuple(sorted(read_roles(roles)))
    if not PERSON_ID.fullmatch(person):
        raise RefusalError(
            DeskRefusal.BAD_ID,
            f"{printable(person)}: an id has up to 40 of a-z, 0-9, dot, dash and underscore, "
            "and begins with a letter or a digit",
        )
    there = list_all(rows)
    if any(one.id == person and not one.is_lost for one in there):
        raise RefusalError(
            DeskRefusal.ID_TAKEN,
            f"{person}: a person has this id already, or had it; choose another one",
        )
    name = name.strip()
    if looks_empty(name) or not is_plain(name):
        raise RefusalError(
            DeskRefusal.BAD_ID, "a name is one line of up to 200 characters that print"
        )
    if len(there) >= MOST_PEOPLE:
        raise RefusalError(
            DeskRefusal.BAD_ID, f"there are {MOST_PEOPLE} people already, which is the most"
        )
    added = DeskPerson(person, name, chosen, new_handle(), now_us, came_us=None)
    write(rows, added)
    return added


def change(rows: Connection, person: str, how: Callable[[DeskPerson], DeskPerson]) -> DeskPerson:
    """Change a person; returns them as they are then. how: makes the new record of the present one,
    and may raise. Raises RefusalError if there is no such person, or if no administrator would be
    left."""
    known = get(rows, person)
    changed = how(known)
    if changed == known:
        return known
    others = [one for one in list_all(rows) if one.id != person]
    if _manages(known) and not any(map(_manages, [*others, changed])):
        raise RefusalError(
            DeskRefusal.LAST_ADMINISTRATOR,
            f"{person} is the only administrator: make another person one before",
        )
    write(rows, changed)
    return changed


def write(rows: Connection, person: DeskPerson) -> None:
    """Write a whole record, in the place of the one that is there."""
    said: dict[str, Any] = msgspec.to_builtins(person)
    keys = said.pop("passkeys")
    rows.execute(delete(passkeys).where(passkeys.c.person == person.id))
    rows.execute(delete(people).where(people.c.id == person.id))
    rows.execute(insert(people).values(**said))
    if keys:
        rows.execute(insert(passkeys), [one | {"person": person.id} for one in keys])


def _read(rows: Connection, person: str | None = None) -> list[DeskPerson]:
    them = select(people).order_by(people.c.id)
    keys = select(passkeys).order_by(passkeys.c.added_us, passkeys.c.id)
    if person is not None:
        them, keys = them.where(people.c.id == person), keys.where(passkeys.c.person == person)
    found = rows.execute(them).mappings().all()
    theirs: dict[str, list[Passkey]] = {one["id"]: [] for one in found}
    for one in rows.execute(keys).mappings():
        theirs[one["person"]].append(record_of(one, Passkey))
    return [record_of(one, DeskPerson, passkeys=theirs[one["id"]]) for one in found]


def with_passkey(person: DeskPerson, passkey: Passkey) -> DeskPerson:
    """The person with one passkey more, or one that is there as it is now. Raises RefusalError."""
    others = tuple(one for one in person.passkeys if one.id != passkey.id)
    if len(others) >= MOST_PASSKEYS:
        raise RefusalError(
            DeskRefusal.TOO_MANY, f"{person.id} has {MOST_PASSKEYS} passkeys, which is the most"
        )
    return msgspec.structs.replace(person, passkeys=(*others, passkey))


def restored(person: DeskPerson) -> DeskPerson:
    """The person as one who may sign in again, with a link alone: their passkeys may have gone with
    a thief, and their account may be another person's by now."""
    came_us = None if person.is_new else person.came_us or person.added_us
    return msgspec.structs.replace(
        person,
        withdrawn_us=None,
        passkeys=(),
        openid=None,
        came_us=came_us,
        handle=new_handle(),
    )


def lost(person: str) -> DeskPerson:
    """A person whose record cannot be read; see above."""
    return DeskPerson(person, person, (), new_handle(), 0)


def new_handle() -> str:
    """Another handle; see `DeskPerson`."""
    return encode_base64url(secrets.token_bytes(32))


def _manages(person: DeskPerson) -> bool:
    return person.active and DeskRole.ADMINISTRATOR in person.roles


def _roles_apart(text: str) -> RefusalError:
    return RefusalError(DeskRefusal.ROLES_APART, text)
