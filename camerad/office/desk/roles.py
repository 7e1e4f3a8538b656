"""Who may do what at the desk (O6): roles, and what each is for.

A person has one role or several. Administration and footage are apart: a person who manages people
cannot also open recordings, so no single person can give themselves a right to look.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError


class DeskRole(StrEnum):
    """What a person is at the desk."""

    SHIFT_LEAD = "shift_lead"
    """Hands cameras out: sees them, and no recording."""
    DESK = "desk"
    """Finds, holds, views and hands over recordings."""
    SUPERVISOR = "supervisor"
    """The same; also releases holds and approves viewings."""
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
        raise _wrong(f"{', '.join(names)}: roles are {known}") from None
    if not roles:
        raise _wrong(f"a person needs a role: {', '.join(DeskRole)}")
    if DeskRole.ADMINISTRATOR in roles and roles & WITH_FOOTAGE:
        raise _wrong(
            "a person who manages people cannot also open recordings: give administrator to one "
            "person, and desk or supervisor to another"
        )
    return roles


def _wrong(text: str) -> RefusalError:
    return RefusalError(DeskRefusal.ROLES_APART, text)
