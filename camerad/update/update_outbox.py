"""The daemon's part of an update: writes its outcome into the ledger.

It does so at its start, and then whenever the file has changed: a trial is confirmed while the
daemon runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.ledger.outbox import LedgerOutbox
from camerad.update.update_file import FOLDER, NAME, UpdateFile, UpdateOutcome

if TYPE_CHECKING:
    from camerad.ledger.ledger import Ledger

log = Log(__name__)

DELIVERED: Final = "update-told"
"""In the daemon's state directory: id of the last outcome that is in the ledger."""


class UpdateOutbox:
    """provision_dir: `device.provision_dir`; without one there are no updates. state_dir: the
    daemon's. What cannot be read is logged: it must not keep a camera from recording."""

    def __init__(self, provision_dir: Path | None, state_dir: str) -> None:
        self._file = None if provision_dir is None else UpdateFile(str(provision_dir / FOLDER))
        self._outbox = LedgerOutbox("updated", os.path.join(state_dir, DELIVERED))
        self._seen: tuple[int, int] | None = None

    def write_to(self, ledger: Ledger) -> None:
        """Write into the ledger what it does not have yet. Raises StorageError; the next call then
        goes on."""
        now = self._stamp()
        if self._file is None or now is None or now == self._seen:
            return
        self._outbox.deliver(self._pending(self._file), ledger)
        self._seen = now

    def _stamp(self) -> tuple[int, int] | None:
        """The file's version; None if there is none."""
        if self._file is None:
            return None
        try:
            found = os.stat(os.path.join(self._file.directory, NAME))
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _pending(self, file: UpdateFile) -> tuple[UpdateOutcome, ...]:
        try:
            return self._outbox.pending(file.read().facts)
        except StorageError as error:
            log.error(
                MessageId.UPDATE_FAILED,
                "the outcome of an update is missing in the ledger: %s",
                error,
            )
            return ()
