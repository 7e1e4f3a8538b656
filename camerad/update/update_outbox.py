"""The daemon's part: the ledger says what became of an update.

At its start, and from then on whenever the file has changed: a trial is confirmed while the daemon
runs.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.ledger import outbox
from camerad.update.update_file import FOLDER, NAME, Fact, UpdateFile

if TYPE_CHECKING:
    from camerad.ledger.ledger import Ledger

log = logging.getLogger(__name__)

TOLD: Final = "update-told"
"""In the daemon's state directory: id of the last fact that is in the ledger."""


class UpdateOutbox:
    """provision_dir: `device.provision_dir`; without one there are no updates. state_dir: the
    daemon's. Facts that cannot be read are logged: they must not keep a camera from recording."""

    def __init__(self, provision_dir: Path | None, state_dir: str) -> None:
        self._kept = None if provision_dir is None else UpdateFile(str(provision_dir / FOLDER))
        self._told = os.path.join(state_dir, TOLD)
        self._seen: tuple[int, int] | None = None

    def tell(self, ledger: Ledger) -> None:
        """Have the ledger say what it does not yet. Raises StorageError; what was told is told
        again then, if the power is lost before it could be remembered."""
        now = self._stamp()
        if self._kept is None or now is None or now == self._seen:
            return
        for fact in self._untold(self._kept):
            ledger.append(
                "updated",
                outcome=fact.outcome,
                version=fact.version,
                before=fact.before,
                slot=fact.slot,
            )
            outbox.remember(self._told, fact)
        self._seen = now

    def _stamp(self) -> tuple[int, int] | None:
        """What tells the file from the one before; None: there is none."""
        if self._kept is None:
            return None
        try:
            found = os.stat(os.path.join(self._kept.directory, NAME))
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _untold(self, kept: UpdateFile) -> tuple[Fact, ...]:
        try:
            return outbox.untold(kept.read().facts, self._told)
        except StorageError as error:
            log.error(
                "what became of an update is not told to the ledger: %s",
                error,
                extra=MessageId.UPDATE_FAILED.extra,
            )
            return ()
