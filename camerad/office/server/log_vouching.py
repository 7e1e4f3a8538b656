"""The newest cosignature of each outside witness, and the newest stamp of each authority.

All of it is read from the files in the log's directory, in which the jobs keep what they were
given (`camerad.office.jobs.vouching_jobs`, `camerad.office.jobs.vouching_jobs`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.clock import DAY, SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.office.server.office_settings import OfficeFile
from camerad.store.locations import office_place
from camerad.transparency import checkpoints
from camerad.transparency.checkpoints import SignedCheckpoint, cosigned_at
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.policy import NamedWitness, read_policy
from camerad.transparency.stamp_files import DIRECTORY as STAMPS
from camerad.transparency.stamp_files import last_stamps

LATE_US: Final = DAY + DAY // 24
"""One that is asked each day has answered within this time."""
_WITNESSES: Final = "witnesses"
"""In the log's directory: a checkpoint for each witness, as it cosigned it last."""


class Vouching(msgspec.Struct, frozen=True):
    """What a witness or an authority vouched for last. name: in the policy, or its host. size:
    entries of the log, at_us: wall time by its own clock; None if there is nothing yet. stamped:
    whether it is an authority. late: it has not vouched for more than a day."""

    name: str
    stamped: bool
    size: int | None
    at_us: int | None
    late: bool


class LogVouching:
    """settings: with the policy and the authorities. clock: says how long one is away, by wall time
    only where that is trusted."""

    def __init__(self, settings: OfficeFile, clock: Clock) -> None:
        self._policy = settings.witnesses
        self._authorities = settings.time_stamps
        self._log = OfficeLog(office_place(str(settings.directory)).ledger)
        self._clock = clock
        self._began_us = clock.now_us()

    def list_all(self) -> list[Vouching]:
        """One for each that the server asks. Raises StorageError and PolicyError."""
        return [*self._witnesses(), *self._stamps()]

    def late(self) -> tuple[str, ...]:
        """Names of those that are late; "" among them if the other witnesses are no quorum. Raises
        StorageError and PolicyError."""
        known = self.list_all()
        late = tuple(one.name for one in known if one.late)
        counting = [one.name for one in known if not one.late and not one.stamped]
        if self._policy is None or read_policy(str(self._policy)).is_quorum(counting):
            return late
        return (*late, "")

    def _witnesses(self) -> Iterator[Vouching]:
        for one in () if self._policy is None else read_policy(str(self._policy)).witnesses:
            if one.url:
                note = cosigned_by_witness(self._log.directory, one)
                line = None if note is None else one.key.find(note)
                if note is None or line is None:
                    yield self._vouching(one.name, None, None)
                else:
                    at_us = cosigned_at(line) * SECOND
                    yield self._vouching(one.name, note.checkpoint.size, at_us)

    def _stamps(self) -> Iterator[Vouching]:
        stamps = last_stamps(os.path.join(self._log.directory, STAMPS))
        for host in (one.host for one in self._authorities):
            last = stamps.get(host)
            if last is None:
                yield self._vouching(host, None, None, stamped=True)
            else:
                yield self._vouching(host, last.size, last.time_us, stamped=True)

    def _vouching(
        self, name: str, size: int | None, at_us: int | None, *, stamped: bool = False
    ) -> Vouching:
        now = self._clock.moment()
        since_us = now.boot_us - self._began_us if at_us is None else now.wall_us - at_us
        late = since_us > LATE_US and (at_us is None or now.trusted)
        return Vouching(name, stamped, size, at_us, late)


def cosigned_by_witness(log_directory: str, witness: NamedWitness) -> SignedCheckpoint | None:
    """What a witness has cosigned last; None if it has nothing yet. Raises StorageError."""
    path = witness_file(log_directory, witness)
    if not file_status.exists(path):
        return None
    try:
        note = checkpoints.parse(read_plain(path, "checkpoint").decode())
        return note if witness.key.find(note) is not None else None
    except ValueError as error:
        raise StorageError(f"{path}: {error}; remove it: the witness cosigns again") from error


def witness_file(log_directory: str, witness: NamedWitness) -> str:
    """Where that is kept."""
    name = hashlib.sha256(str(witness.key).encode()).hexdigest()
    return os.path.join(log_directory, _WITNESSES, name)
