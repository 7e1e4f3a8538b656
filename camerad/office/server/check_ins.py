"""The last report of each camera about itself (`camerad.store.check_in`).

A row holds the statement as the camera signed it, and when it arrived by the server's clock. A
statement that is not newer than the row counts for nothing, even with a later wall time. The
camera's ledger says which is newer, since it only grows, and every start of a daemon makes it
longer; where it did not grow, boot time does, within one boot. So a statement that was kept back
cannot make a camera look as it was once. The counters that a report needs are kept in the same
transaction (`camerad.office.report.camera_readings`).
"""

from __future__ import annotations

import logging
from typing import Protocol

import msgspec
from sqlalchemy import Connection, delete, insert, select

from camerad.base.clock import Clock
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, PublicKey, Thumbprint
from camerad.evidence.camera_register import RegisteredCamera
from camerad.office.report import camera_readings
from camerad.office.report.camera_readings import Reading, follows
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_tables import check_ins
from camerad.store import check_in
from camerad.store.check_in import CheckIn

_log = logging.getLogger(__name__)


class KeyFinder(Protocol):
    """Knows which cameras count: `camerad.office.server.cameras.Cameras`."""

    def key(self, kid: Thumbprint) -> PublicKey:
        """The camera's key. Raises UnregisteredError."""

    def find(self, kid: Thumbprint) -> RegisteredCamera:
        """The camera itself. Raises UnregisteredError."""


class ArrivedCheckIn(msgspec.Struct, frozen=True):
    """arrived_us: microseconds since 1970 by the server's clock. said: as the camera signed it."""

    arrived_us: int
    said: CheckIn


def arrival_times(state: OfficeState) -> dict[str, int]:
    """When the last check-in of each camera arrived, microseconds since 1970, by thumbprint. Raises
    StorageError."""
    with state.reading() as rows:
        found = rows.execute(select(check_ins.c.camera, check_ins.c.arrived_us))
        return {one.camera: one.arrived_us for one in found}


class CheckIns:
    """state: the office's. cameras: its register. clock: the server's. Thread-safe. kid: thumbprint
    of the camera's key. Everything raises UnregisteredError for a key that is not in the register,
    and StorageError."""

    def __init__(self, state: OfficeState, cameras: KeyFinder, clock: Clock) -> None:
        self._state = state
        self._cameras = cameras
        self._clock = clock

    def take(self, kid: Thumbprint, token: bytes) -> CheckIn:
        """Keep a statement as the camera's last, durably. Raises UploadError if it is none that
        this camera signed, or not newer than the last one."""
        key = self._cameras.key(kid)
        try:
            said = check_in.parse(token, KeyRing([key]))
        except JwsError as error:
            raise UploadError(UploadRefusal.BAD_CHECK_IN, str(error)) from error
        with self._state.writing() as rows:
            last = self._read(rows, kid)
            if last is not None and not follows(said, last.said):
                raise UploadError(
                    UploadRefusal.STALE_CHECK_IN,
                    "this check-in is not newer than the last one of its camera: it was sent "
                    "twice or kept back, or the camera's card was put back to an earlier state",
                )
            new = Reading(key.thumbprint, self._clock.wall_us(), said, token)
            camera_readings.keep(rows, key, new, last)
            rows.execute(delete(check_ins).where(check_ins.c.camera == key.thumbprint))
            rows.execute(
                insert(check_ins).values(
                    camera=key.thumbprint,
                    arrived_us=new.arrived_us,
                    statement=token.decode("ascii"),
                )
            )
        if last is not None:
            self._log_refusals(self._cameras.find(kid).name, said, last.said)
        return said

    def last(self, kid: Thumbprint) -> ArrivedCheckIn | None:
        """The last one; None if the camera was never seen, or the row cannot be read, which the log
        says."""
        with self._state.reading() as rows:
            found = self._read(rows, kid)
        return None if found is None else ArrivedCheckIn(found.arrived_us, found.said)

    def _read(self, rows: Connection, kid: Thumbprint) -> Reading | None:
        keys = KeyRing([self._cameras.key(kid)])
        chosen = select(check_ins.c.arrived_us, check_ins.c.statement)
        found = rows.execute(chosen.where(check_ins.c.camera == kid)).first()
        if found is None:
            return None
        token = found.statement.encode()
        try:
            said = check_in.parse(token, keys)
        except JwsError as error:
            _log.warning(
                "the last check-in of %s is none of its camera (%s); the next one replaces it",
                kid,
                printable(error),
                extra=MessageId.CHECK_IN.extra,
            )
            return None
        return Reading(kid, found.arrived_us, said, token)

    def _log_refusals(self, name: str, said: CheckIn, before: CheckIn) -> None:
        """Log what a camera has refused since. name: in the register; the camera chooses its own
        itself."""
        for one in said.refused_offers:
            if one not in before.refused_offers:
                _log.warning(
                    "camera %s does not take what it was offered (%s): %s",
                    name,
                    one.kind,
                    one.text,
                    extra=MessageId.CHECK_IN.extra,
                )
