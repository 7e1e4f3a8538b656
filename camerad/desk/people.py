"""The people of the desk: who they are, what they may, and by which passkeys they sign in.

``office/desk/people/ID.json``, one file a person, published whole. Of a passkey only its public
half is there. A person is withdrawn and never removed, since the ledger names them, and their id is
nobody else's later. Every change is an entry of the office's ledger besides
(`camerad.ledger.people_entries`); who changes something writes that first.

What somebody holds for a while (a session, a request that was approved) is theirs by their
`handle`. Whoever is restored has another one, and so has who is added in the place of a record that
was lost: neither gets what is left of whoever had the id before.

A file that makes no sense keeps nobody else from anything. In the place of its person stands
somebody without roles and passkeys, who may nothing (`is_lost`), until the file is put back, or
their roles are chosen anew, or they are withdrawn; the log says so once.

Times are wall time, microseconds since 1970.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, state_file
from camerad.base.errors import EX_USAGE, CameradError, StorageError
from camerad.base.storage_errors import explaining
from camerad.base.text import folded, is_plain, looks_empty, printable
from camerad.container.keys import encode_base64url
from camerad.desk.desk_locks import LOCK_SECONDS, DeskLocks
from camerad.desk.roles import DeskRole, read_roles
from camerad.desk.secrets_store import DESK
from camerad.index.office_knowledge import list_versions
from camerad.store.locations import OFFICE

PERSON_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)
MOST_PEOPLE: Final = 1000
"""Withdrawn ones included."""
MOST_PASSKEYS: Final = 10
"""Of one person."""
_PEOPLE: Final = "people"
_ENDING: Final = ".json"
_LARGEST: Final = 65_536
_REMEDY: Final = (
    "put the file back from a backup; or have an administrator withdraw the person or choose their "
    "roles anew at the desk, or add them anew with 'camerad office people add'"
)


class PeopleError(CameradError, ValueError):
    """Error raised when somebody cannot be added or changed like this."""

    exit_code = EX_USAGE


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
    provider gives a subject to nobody else later, which holds of no user name and no address of
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
        """Whether nobody knows what they may; see above."""
        return not self.roles

    @property
    def is_new(self) -> bool:
        """Whether they have never come in: nothing was done in their name."""
        return self.came_us is None and not self.passkeys and self.openid is None

    def passkey(self, credential: str) -> Passkey | None:
        """Their passkey of this id; None if it is not theirs."""
        return next((one for one in self.passkeys if one.id == credential), None)


class People:
    """root: the office's directory. Any thread may use it. Everything raises StorageError, and
    what writes raises LockHeldError."""

    def __init__(self, root: str) -> None:
        self._directory = os.path.join(os.path.abspath(root), OFFICE, DESK, _PEOPLE)
        self._locks = DeskLocks(root)
        self._skipped = state_file.SkippedFiles("somebody cannot sign in at the desk")
        self._owners: tuple[list[tuple[str, int, int, int]], dict[str, str]] = ([], {})

    def find(self, person: str) -> DeskPerson | None:
        """Who has this id; None if nobody."""
        if not PERSON_ID.fullmatch(person):
            return None
        try:
            return state_file.read_json(
                self._path(person), DeskPerson, "desk's record of a person", _LARGEST, _REMEDY
            )
        except state_file.StateFileError as error:
            self._skipped.tell(error)
            return _lost(person)

    def list_all(self) -> list[DeskPerson]:
        """Everybody, by id."""
        return list(self._everybody())

    def meant(self, said: str) -> tuple[str, ...]:
        """Ids of those whom somebody means by an id, a name or a part of one; what was said, if
        nobody is called so: the ledger may still name them."""
        called = {one.id: (folded(one.id), folded(one.name)) for one in self._everybody()}
        wanted = folded(said)
        for is_called in (
            lambda one: wanted in called[one],
            lambda one: any(wanted in name for name in called[one]),
        ):
            if found := tuple(filter(is_called, called)):
                return found
        return (said.strip(),)

    def by_passkey(self, credential: str) -> tuple[DeskPerson, Passkey] | None:
        """Whose passkey this is, and the passkey. credential: its id. Whoever has none reads no
        file by asking: that is for anybody."""
        owner = self._owners_of_passkeys().get(credential)
        person = None if owner is None else self.find(owner)
        passkey = None if person is None else person.passkey(credential)
        return None if person is None or passkey is None else (person, passkey)

    def _owners_of_passkeys(self) -> Mapping[str, str]:
        """Ids of people by those of their passkeys, as long as no file has changed."""
        version = list_versions(self._directory)
        known, owners = self._owners
        if version != known:
            owners = {one.id: person.id for person in self._everybody() for one in person.passkeys}
            self._owners = version, owners
        return owners

    def by_account(self, account: OpenidAccount) -> DeskPerson | None:
        """Who connected this account, of those who may sign in."""
        found = (one for one in self._everybody() if one.openid == account and one.active)
        return next(found, None)

    def check_new(self, person: str, name: str) -> str:
        """That somebody can be added like this; returns the name as it is kept. Raises
        PeopleError."""
        if not PERSON_ID.fullmatch(person):
            raise PeopleError(
                f"{printable(person)}: an id has up to 40 of a-z, 0-9, dot, dash and underscore, "
                "and begins with a letter or a digit"
            )
        there = self.find(person)
        if there is not None and not there.is_lost:
            raise PeopleError(
                f"{person}: somebody has this id already, or had it; choose another one"
            )
        name = name.strip()
        if looks_empty(name) or not is_plain(name):
            raise PeopleError("a name is one line of up to 200 characters that print")
        return name

    def add(
        self,
        person: str,
        name: str,
        roles: frozenset[DeskRole],
        now_us: int,
        note: Callable[[DeskPerson], None] | None = None,
    ) -> DeskPerson:
        """Add somebody. note: as for `change`. Raises PeopleError and RolesError."""
        chosen = tuple(sorted(read_roles(roles)))
        with self._hold():
            name = self.check_new(person, name)
            if len(self.list_all()) >= MOST_PEOPLE:
                raise PeopleError(f"there are {MOST_PEOPLE} people already, which is the most")
            added = DeskPerson(person, name, chosen, _new_handle(), now_us, came_us=None)
            if note is not None:
                note(added)
            self._write(added)
        return added

    def change(
        self,
        person: str,
        change: Callable[[DeskPerson], DeskPerson],
        note: Callable[[DeskPerson], None] | None = None,
    ) -> DeskPerson:
        """Change somebody; returns them as they are then.

        change: makes the new record of the present one, and may raise. note: is given that before
        it counts, and may raise. Raises PeopleError if there is no such person, or if nobody would
        be left who can manage people.
        """
        with self._hold():
            known = self.find(person)
            if known is None:
                raise PeopleError(f"{printable(person)}: there is nobody of this id")
            changed = change(known)
            if changed == known:
                return known
            others = [one for one in self._everybody() if one.id != person]
            if _manages(known) and not any(map(_manages, [*others, changed])):
                raise PeopleError(
                    f"{person} is the only administrator: make somebody else one before"
                )
            if note is not None:
                note(changed)
            self._write(changed)
        return changed

    def _hold(self) -> contextlib.AbstractContextManager[None]:
        return self._locks.hold("desk people", LOCK_SECONDS)

    def _everybody(self) -> Iterator[DeskPerson]:
        if not file_status.is_directory(self._directory):
            return
        with explaining("list the directory", self._directory):
            names = sorted(os.listdir(self._directory))
        for name in names:
            person = name.removesuffix(_ENDING)
            try:
                found = self.find(person) if name.endswith(_ENDING) else None
            except StorageError as error:  # of this file alone, such as an unreadable block
                self._skipped.tell(error)
                found = _lost(person)
            if found is not None:
                yield found

    def _write(self, person: DeskPerson) -> None:
        durable_files.make_directory(self._directory, 0o700)
        state_file.write_json(self._path(person.id), person, mode=0o600)

    def _path(self, person: str) -> str:
        return os.path.join(self._directory, person + _ENDING)


def with_passkey(person: DeskPerson, passkey: Passkey) -> DeskPerson:
    """The person with one passkey more, or one that is there as it is now. Raises PeopleError."""
    others = tuple(one for one in person.passkeys if one.id != passkey.id)
    if len(others) >= MOST_PASSKEYS:
        raise PeopleError(f"{person.id} has {MOST_PASSKEYS} passkeys, which is the most")
    return msgspec.structs.replace(person, passkeys=(*others, passkey))


def restored(person: DeskPerson) -> DeskPerson:
    """The person as one who may sign in again, with a link alone: their passkeys may have gone with
    whoever took them, and their account may be somebody else's by now."""
    came_us = None if person.is_new else person.came_us or person.added_us
    return msgspec.structs.replace(
        person,
        withdrawn_us=None,
        passkeys=(),
        openid=None,
        came_us=came_us,
        handle=_new_handle(),
    )


def _lost(person: str) -> DeskPerson:
    return DeskPerson(person, person, (), _new_handle(), 0)


def _new_handle() -> str:
    return encode_base64url(secrets.token_bytes(32))


def _manages(person: DeskPerson) -> bool:
    return person.active and DeskRole.ADMINISTRATOR in person.roles
