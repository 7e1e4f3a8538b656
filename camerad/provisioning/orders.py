"""Orders for ledger entries about provisioning: left by `apply`, carried out by the daemon.

Only the daemon writes the ledger and the device's keys. So `camerad provision apply` leaves orders
in its directory, each with an id; the daemon carries out those behind the last one that
it remembers, at its start, and remembers the last of them in its state directory. A loss of power
between the two has an order told twice, never left out.
"""

from __future__ import annotations

import os
import secrets
from typing import Any, Final

from camerad.base.state_file import StateFileError, read_json, write_json
from camerad.ledger.entry_types import Provisioned
from camerad.ledger.outbox import LedgerOutbox

NAME: Final = "orders.json"
DELIVERED: Final = "provision-told"
"""In the daemon's state directory: id of the last order that is in the ledger."""
MOST: Final = 32
"""Orders that are kept; the daemon is started after each, or cannot be."""
_LARGEST: Final = 256 * 1024
_PUBLIC: Final = 0o644


class LedgerOrder(Provisioned, frozen=True, kw_only=True):
    """A pending ledger entry about a decision. id: of this order."""

    id: str

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the ledger's entry."""
        return {name: getattr(self, name) for name in Provisioned.__struct_fields__}

    def says_the_same_as(self, other: LedgerOrder) -> bool:
        """Whether both tell of the same decision, whenever it was."""
        mine = (self.outcome, self.sha256, self.why, self.retires)
        return mine == (other.outcome, other.sha256, other.why, other.retires)


def new_id() -> str:
    """A name for an order, or for the decision that it tells of."""
    return secrets.token_hex(16)


def read_orders(directory: str) -> tuple[LedgerOrder, ...]:
    """All orders that are kept. Raises StorageError: StateFileError if they make no sense."""
    path = os.path.join(directory, NAME)
    return read_json(path, tuple[LedgerOrder, ...], "orders", _LARGEST, "remove the file") or ()


def add_order(directory: str, order: LedgerOrder) -> None:
    """Add an order, durably, unless it is there, or the last one says the same. Raises
    StorageError."""
    try:
        before = read_orders(directory)
    except StateFileError:
        before = ()  # what cannot be read can be written into no ledger
    if any(one.id == order.id for one in before):
        return
    if before and before[-1].says_the_same_as(order):
        return
    write_json(os.path.join(directory, NAME), [*before, order][-MOST:], mode=_PUBLIC)


def outbox(state_dir: str) -> LedgerOutbox:
    """The ledger's progress with the orders. state_dir: the daemon's."""
    return LedgerOutbox("provisioned", os.path.join(state_dir, DELIVERED))


def pending_orders(directory: str, state_dir: str) -> tuple[LedgerOrder, ...]:
    """The orders that the ledger does not have yet. Raises StorageError."""
    return outbox(state_dir).pending(read_orders(directory))
