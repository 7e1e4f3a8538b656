"""The stored provisioning state of a camera, and the order of its writes.

docs/provisioning.md has the invariants. A decision has one file, `PENDING`, with all that
follows from it; from the instant at which that has its name everything is done from it alone, and
may be done again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.safe_read import read_plain
from camerad.base.state_file import read_json, write_json
from camerad.provisioning import orders
from camerad.provisioning.orders import LedgerOrder
from camerad.provisioning.provisioning_status import ACCEPTED, PENDING, REFUSED

PUBLISH: Final = "publish"
CONFIG: Final = "camerad.yaml"
TIME: Final = "timesyncd.conf"
SSH: Final = "authorized_keys"
WIFI: Final = "wpa_supplicant-wlan0.conf"
NETWORK: Final = "dock.network"
OFFER: Final = "offer.json"
OFFICE: Final = "office-url"
"""Is there if the camera has an office's server; what has a network begins in the dock for it."""

_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644
_MODES: Final[Mapping[str, int]] = {
    **dict.fromkeys((CONFIG, TIME, SSH, NETWORK, OFFICE), _PUBLIC),
    WIFI: _PRIVATE,
}
"""Everything that a decision may make, and who may read it."""
_LARGEST: Final = 1024 * 1024

_UNPROVISIONED: Final = """\
# Nothing has been applied from a card yet: this camera does not record. `camerad provision
# apply` writes the configuration here.
policy: generic
device:
  provision_dir: {directory}
"""


class AcceptedFile(msgspec.Struct, frozen=True):
    """A file that was applied, and what follows from it.

    office_key: the office's public key, in base64url; it is pinned. sha256: of the file. secret:
    there was one in it, so that free room on the card is to be overwritten. left: names of other
    files on the card in which it stands too. made: content of the files to be made, by name. offer:
    SHA-256 of the offer that it was (`camerad.provisioning.settings_offer`), "" of a file on the
    card.
    """

    order: LedgerOrder
    office_key: str
    serial: int
    sha256: str
    secret: bool
    left: tuple[str, ...]
    made: dict[str, str]
    offer: str = ""


class OfferOutcome(msgspec.Struct, frozen=True):
    """Outcome of the last offer, for the daemon. sha256: of the offer. why: for which reason it was
    refused, None if it was applied."""

    sha256: str
    why: str | None


def read_offer_outcome(directory: str) -> OfferOutcome | None:
    """Outcome of the last offer; None if there was none. Raises StorageError: StateFileError if
    what is there makes no sense."""
    path = os.path.join(directory, OFFER)
    return read_json(path, OfferOutcome, "outcome of an offer", _LARGEST, "remove the file")


class ProvisioningState:
    """directory: where it is kept; it must be there. Everything raises StorageError."""

    def __init__(self, directory: str) -> None:
        self.directory: Final = os.path.abspath(directory)

    @property
    def pending(self) -> AcceptedFile | None:
        """The provisioning under way. Raises StateFileError."""
        return self._decision(PENDING)

    @property
    def accepted(self) -> AcceptedFile | None:
        """The last finished provisioning. Raises StateFileError."""
        return self._decision(ACCEPTED)

    def remove_unpublished(self) -> None:
        """Remove what was not put into place when the power was lost."""
        durable_files.remove_unpublished(self.directory, linked=True)

    def store_decision(self, decision: AcceptedFile) -> None:
        """From here on the decision holds."""
        write_json(self._path(PENDING), decision, mode=_PRIVATE)

    def carry_out(self, decision: AcceptedFile) -> None:
        """Make everything that follows from a decision, except on the card."""
        for name, mode in _MODES.items():
            if name in decision.made:
                self._put(name, decision.made[name].encode(), mode)
            else:
                self._take_away(name)
        self._take_away(REFUSED)
        orders.add_order(self.directory, decision.order)

    def mark_carried_out(self) -> None:
        """The decision is carried out, and the card is told once the camera runs."""
        self.ask_to_publish()
        durable_files.rename(self._path(PENDING), self._path(ACCEPTED))

    def ask_to_publish(self) -> None:
        """The card is told once the camera runs (`camerad.provisioning.publishing`)."""
        self._put(PUBLISH, b"", _PUBLIC)

    def refuse(self, order: LedgerOrder, why: str) -> None:
        """Nothing is changed; it is said why."""
        orders.add_order(self.directory, order)
        self.mark_refused(why)
        self.ask_to_publish()

    def mark_refused(self, why: str) -> None:
        """Have the camera show that something is the matter with what lies on the card."""
        self._put(REFUSED, why.encode(), _PUBLIC)

    def tell_offer(self, outcome: OfferOutcome) -> None:
        """Have the daemon know what became of an offer."""
        self._put(OFFER, msgspec.json.encode(outcome), _PUBLIC)

    def refuse_offer(self, order: LedgerOrder, outcome: OfferOutcome) -> None:
        """Nothing is changed; the ledger says why, and the office hears of it."""
        orders.add_order(self.directory, order)
        self.tell_offer(outcome)

    def clear_refusal(self) -> None:
        """There is nothing on the card."""
        self._take_away(REFUSED)

    def write_unprovisioned(self) -> None:
        """Make a configuration with which a camera starts that has not been set up."""
        text = _UNPROVISIONED.format(directory=self.directory)
        for name, mode in _MODES.items():
            if name == CONFIG:
                self._put(name, text.encode(), mode)
            else:
                self._take_away(name)

    # ------------------------------------------------------------------ files

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _decision(self, name: str) -> AcceptedFile | None:
        remedy = "set the camera up by a file with provision.reset, or flash its card anew"
        return read_json(self._path(name), AcceptedFile, "decision", _LARGEST, remedy)

    def _put(self, name: str, content: bytes, mode: int) -> None:
        """Publish a file, unless it has that content: a card lives by what is not written to it."""
        path = self._path(name)
        if file_status.exists(path) and read_plain(path, name, _LARGEST) == content:
            return
        durable_files.publish(path, content, mode=mode)

    def _take_away(self, name: str) -> None:
        path = self._path(name)
        if file_status.exists(path):
            durable_files.remove(path, missing_ok=True)
