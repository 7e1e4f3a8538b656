"""The daemon's part: carries out the orders of `camerad provision apply`.

Only the daemon writes the ledger, and only it makes and destroys the device's key.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.provisioning import orders
from camerad.provisioning.provisioning_status import OFFERED

if TYPE_CHECKING:
    from camerad.ledger.ledger import Ledger

_log = logging.getLogger(__name__)


class OrderExecution:
    """The orders that the ledger does not know yet.

    directory: `device.provision_dir`; without one there are none. state_dir: the daemon's. Orders
    that cannot be read are logged: they must not keep a camera from recording.
    """

    def __init__(self, directory: Path | None, state_dir: str) -> None:
        self._directory = directory
        self._state_dir = state_dir
        self._outbox = orders.outbox(state_dir)
        self._pending: tuple[orders.LedgerOrder, ...] = ()
        if directory is not None:
            try:
                self._pending = orders.pending_orders(str(directory), state_dir)
            except StorageError as error:
                _log.error(
                    "the effect of the office's file is missing in the ledger: %s",
                    error,
                    extra=MessageId.PROVISION_REFUSED.extra,
                )

    @property
    def retired_keys(self) -> frozenset[str]:
        """Thumbprints of the device's keys that are given up."""
        return frozenset(one.retires for one in self._pending if one.retires is not None)

    def write_to(self, ledger: Ledger) -> None:
        """Write them into the ledger, and note that it has them. Raises StorageError; after a loss
        of power in between, the next start writes one of them once more."""
        self._outbox.deliver(self._pending, ledger)
        self._pending = ()

    def settle_offer(self) -> None:
        """Let go of settings that came through the dock, if this start has decided about them: the
        next one need not look at them."""
        if not os.path.lexists(os.path.join(self._state_dir, OFFERED)):
            return
        from camerad.provisioning.offered_settings import (  # noqa: PLC0415 - slow to import
            OfferedSettings,
        )

        try:
            OfferedSettings(self._state_dir, self._directory).status()
        except StorageError as error:
            _log.error(
                "the settings from the dock could not be read: %s",
                error,
                extra=MessageId.PROVISION_REFUSED.extra,
            )
