"""Cameras that the office has revoked: lost, stolen or broken ones, whose requests are refused.

A row each. Its entry is in the office's ledger before (`camerad.ledger.camera_entries`), so rows
that were lost are rebuilt from the ledger (`RevokedCameras.rebuild`), except for entries in expired
epochs.

What came before stays: what the camera has signed still verifies, and a complete upload is
ingested. A part that is just arriving does not count any more, no room is kept for the rest of its
upload, and that is not counted as one that is under way. On the camera nothing changes but that its
uploads are refused.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from camerad.base import file_status
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey, Thumbprint, is_thumbprint
from camerad.evidence import office_key_file
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.ledger.camera_entries import CameraEntry
from camerad.ledger.ledger_lines import contents_in, entry_in, tokens_in
from camerad.office.state.columns import record_of
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_copy import is_imported, mark_import
from camerad.office.state.state_tables import revoked_cameras
from camerad.store.locations import Place, office_place

WHYS: Final = ("lost", "stolen", "broken", "other")
"""Why a camera is revoked, as the ledger names it."""
_REBUILT: Final = "revoked cameras of the ledger"
_SPELLED: Final = jws.spellings(b'"kind":"camera"')
_IS_REVOKED: Final = "SELECT 1 FROM revoked_cameras WHERE camera = ?"


class Revocation(msgspec.Struct, frozen=True):
    """at_us: wall time. who: id of the person. why: one of `WHYS`. reason: one line about it."""

    at_us: int
    who: str
    why: str
    reason: str


class RevokedCameras:
    """Thread-safe. kid: thumbprint of a camera's key. Everything raises StorageError. rows: of a
    transaction that excludes others, in which the entry of the ledger is written."""

    def __init__(self, state: OfficeState) -> None:
        self._state = state

    def is_revoked(self, kid: Thumbprint) -> bool:
        """Whether the camera is revoked. Asked at every request."""
        return self._state.has_row(_IS_REVOKED, kid)

    def find(self, kid: Thumbprint) -> Revocation | None:
        """How the camera was revoked; None if it was not."""
        return self.list_all().get(kid)

    def list_all(self) -> dict[Thumbprint, Revocation]:
        """All of them, by their cameras' thumbprints."""
        with self._state.reading() as rows:
            return _read_all(rows)

    def put(self, rows: Connection, kid: Thumbprint, revocation: Revocation) -> bool:
        """Revoke a camera; returns False if it was revoked before."""
        if not is_thumbprint(kid):
            raise ValueError(f"{kid!r} is no thumbprint")
        if kid in _read_all(rows):
            return False
        values = msgspec.structs.asdict(revocation)
        rows.execute(insert(revoked_cameras).values(camera=kid, **values))
        return True

    def remove(self, rows: Connection, kid: Thumbprint) -> bool:
        """Take a camera back; returns False if it was not revoked."""
        gone = delete(revoked_cameras).where(revoked_cameras.c.camera == kid)
        return bool(rows.execute(gone).rowcount)

    def rebuild(self, root: str, key: PublicKey | None, *, once: bool = False) -> list[str]:
        """Revoke the cameras that the ledger says are revoked and that have no row; returns their
        names. root: the office's directory. key: the office's, None if it is not at hand. once:
        only in a database of which this was not asked before. Raises OfficeKeyError if another key
        has signed the ledger."""
        with self._state.writing() as rows:  # so that no decision comes between
            if once and is_imported(rows, _REBUILT):
                return []
            place = office_place(root)
            keys = office_key_file.ledger_keys(place, key)
            if keys.problem:
                raise OfficeKeyError(keys.problem)
            names = [
                said.name
                for kid, (at_us, said) in _last_entries(place, keys.ring).items()
                if self.put(rows, kid, Revocation(at_us, said.who, said.why, said.reason))
            ]
            mark_import(rows, _REBUILT)
        return sorted(names)


def _read_all(rows: Connection) -> dict[Thumbprint, Revocation]:
    found = rows.execute(select(revoked_cameras)).mappings()
    named = ((dict(one), one["camera"]) for one in found)
    return {kid: record_of(one, Revocation) for one, kid in named if is_thumbprint(kid)}


def _last_entries(place: Place, keys: KeyRing) -> dict[Thumbprint, tuple[int, CameraEntry]]:
    """The last entries about revoked cameras, with their wall times."""
    if not file_status.is_directory(place.ledger):
        return {}
    found: dict[Thumbprint, tuple[int, CameraEntry]] = {}
    last = 0
    for number, content in contents_in(place.ledger):
        for token in tokens_in(content):
            entry = entry_in(token, keys) if any(one in token for one in _SPELLED) else None
            if entry is None or entry.epoch != number or entry.sequence <= last:
                continue
            last, said = entry.sequence, entry.facts
            if isinstance(said, CameraEntry) and is_thumbprint(said.kid):
                found.pop(said.kid, None)
                if said.what == "withdrawn":
                    found[said.kid] = (entry.clock.wall_us, said)
    return found
