"""The daemon's part: it carries out what `camerad provision apply` has left for it.

Only the daemon writes the ledger, and only it makes and destroys the device's key.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.provisioning import orders

if TYPE_CHECKING:
    from camerad.ledger.ledger import Ledger

_log = logging.getLogger(__name__)


class OrderExecution:
    """The orders that the ledger does not know yet.

    directory: `device.provision_dir`; without one there are none. state_dir: the daemon's. Orders
    that cannot be read are logged: they must not keep a camera from recording.
    """

    def __init__(self, directory: Path | None, state_dir: str) -> None:
        self._state_dir = state_dir
        self._untold: tuple[orders.LedgerOrder, ...] = ()
        if directory is not None:
            try:
                self._untold = orders.untold_orders(str(directory), state_dir)
            except StorageError as error:
                _log.error(
                    "what the office's file did is not told to the ledger: %s",
                    error,
                    extra=MessageId.PROVISION_REFUSED.extra,
                )

    @property
    def retired_keys(self) -> frozenset[str]:
        """Thumbprints of the device's keys that are given up."""
        return frozenset(one.retires for one in self._untold if one.retires is not None)

    def write_to(self, ledger: Ledger) -> None:
        """Have the ledger say so, and remember that it does. Raises StorageError; what was told is
        told again then, if the power is lost before it could be remembered."""
        for order in self._untold:
            ledger.append("provisioned", **order.facts)
            orders.remember_told(self._state_dir, order)
        self._untold = ()
