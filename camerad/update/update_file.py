"""The stored state of an update and its entries for the ledger, in one file.

So neither is ever there without the other. The file lies beside the camera's provisioning: both
systems see it there, and the daemon cannot write it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from camerad.base import durable_files, storage_errors
from camerad.base.message_ids import Log, MessageId
from camerad.base.state_file import StateFileError, read_json, write_json
from camerad.behaviour.update import NONE, UpdateState
from camerad.update.errors import UpdateNotNowError

log = Log(__name__)

FOLDER: Final = "update"
"""In `device.provision_dir`."""
NAME: Final = "update.json"
PENDING: Final = "pending"
"""Name of a marker. It is there while the next start has to look at the update, and sometimes when
it does not have to. Units check for it."""
MOST: Final = 32
"""The most outcomes that are kept; the daemon writes them into the ledger within a minute."""
_LARGEST: Final = 64 * 1024
_PUBLIC: Final = 0o644


class UpdateOutcome(msgspec.Struct, frozen=True):
    """A pending entry of the ledger. outcome: a phase that was reached. before: the version that
    ran when the update began."""

    id: str
    outcome: str
    version: str
    before: str
    slot: str

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the ledger's entry."""
        return {field: value for field, value in asdict(self).items() if field != "id"}


class UpdateRecord(msgspec.Struct, frozen=True):
    """The file."""

    state: UpdateState = NONE
    facts: tuple[UpdateOutcome, ...] = ()


class UpdateFile:
    """directory: where the file is; made if need be. Everything raises StorageError."""

    def __init__(self, directory: str) -> None:
        self.directory: Final = directory
        self._path = os.path.join(directory, NAME)
        self._marker = os.path.join(directory, PENDING)

    def read(self) -> UpdateRecord:
        """The stored state. If it cannot be read, that is logged, and it counts as empty: then no
        update is known and none is confirmed, so the system before goes on."""
        try:
            return (
                read_json(self._path, UpdateRecord, "update", _LARGEST, "it counts as none")
                or UpdateRecord()
            )
        except StateFileError as error:
            log.error(MessageId.UPDATE_FAILED, "%s", error)
            return UpdateRecord()

    @property
    def state(self) -> UpdateState:
        """Progress of the update."""
        return self.read().state

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock under which an installation or a trial begins: two installations at once
        would write one slot.

        Raises UpdateNotNowError, at once, if another process has it.
        """
        try:
            claim = durable_files.lock_directory(self.directory, linked=True)
        except BlockingIOError:
            raise UpdateNotNowError(
                "another command installs an update, or begins its trial: try again when it has "
                "ended"
            ) from None
        try:
            yield
        finally:
            os.close(claim)

    def write(self, state: UpdateState, *, tell: bool) -> None:
        """Keep `state`, durably. tell: the ledger is to have it."""
        record = self.read()
        facts = record.facts
        if tell:
            new = UpdateOutcome(
                secrets.token_hex(16), state.phase.value, state.version, state.before, state.slot
            )
            facts = (*facts, new)[-MOST:]
        if state.pending and not os.path.lexists(self._marker):
            durable_files.publish(self._marker, b"", mode=_PUBLIC)
        if state != record.state or tell:
            write_json(self._path, UpdateRecord(state, facts), mode=_PUBLIC)
        if not state.pending and os.path.lexists(self._marker):
            durable_files.remove(self._marker, missing_ok=True)


def open_update_file(directory: str) -> UpdateFile:
    """The file in `directory`, which is made. Raises StorageError.

    What a loss of power left unpublished stays: another process may be about to publish it. The
    next `write` replaces it.
    """
    with storage_errors.explaining("make the directory", directory):
        os.makedirs(directory, mode=0o755, exist_ok=True)
    return UpdateFile(directory)
