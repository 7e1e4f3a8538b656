"""The offload's client for a device: lists its recordings, and hands in the office's receipt.

The device signs a receipt over copies that were read back, with the head of its ledger. Only what a
receipt names is acknowledged (`camerad.evidence.offload`). A receipt that the office's server
signed (`camerad.office.server.ingest`) counts alike, where the device knows the office's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from camerad.base.errors import EX_USAGE, CameradError
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.ledger.ledger_state import LedgerState
from camerad.store import receipts
from camerad.store.locations import Place
from camerad.store.receipts import CopiedRecording, Receipt
from camerad.store.store import Store


class OffloadError(CameradError, ValueError):
    """Error raised when an offload cannot begin; the text says what to do."""

    exit_code = EX_USAGE


class OffloadSource(Protocol):
    """The device whose recordings are offloaded, whether its daemon runs or not."""

    @property
    def place(self) -> Place:
        """Its state directory."""

    @property
    def key(self) -> PublicKey:
        """The key that it signs with."""

    @property
    def keys(self) -> KeyRing:
        """That key, and those before it."""

    @property
    def receipt_keys(self) -> KeyRing:
        """The keys whose receipts it accepts: its own, and its office's if it knows that."""

    def state(self) -> LedgerState:
        """What its ledger says."""

    def sign(self, device: str, directory: str, copied: Sequence[CopiedRecording]) -> bytes:
        """A receipt over these copies: see `sign_receipt`."""

    def acknowledge(self, token: bytes) -> None:
        """Take note of a receipt: see `accept_receipt`."""


class OwnedDevice:
    """A device whose daemon does not run. store: its store, claimed. key: its private key. office:
    the keys of its office, whose receipts count as well; none if it does not know them."""

    def __init__(
        self, store: Store, key: SigningKey, keys: KeyRing, office: KeyRing | None = None
    ) -> None:
        self._store = store
        self._signing = key
        self.keys: Final = keys
        self.receipt_keys: Final = KeyRing([*keys.values(), *(office or {}).values()])

    @property
    def place(self) -> Place:
        """Its state directory."""
        return self._store.place

    @property
    def key(self) -> PublicKey:
        """The key that it signs with."""
        return self._signing.public

    def state(self) -> LedgerState:
        """What its ledger says."""
        return self._store.ledger.state

    def sign(self, device: str, directory: str, copied: Sequence[CopiedRecording]) -> bytes:
        """See `sign_receipt`."""
        return sign_receipt(self._store, self._signing, device, directory, copied)

    def acknowledge(self, token: bytes) -> None:
        """See `accept_receipt`."""
        accept_receipt(self._store, self.receipt_keys, token)


def sign_receipt(
    store: Store, key: SigningKey, device: str, directory: str, copied: Sequence[CopiedRecording]
) -> bytes:
    """The device's receipt for these copies in the office's directory of that id.

    Raises OffloadError if the ledger does not know the recording of a copy, or knows another end of
    it; ValueError if there are no copies or too many.
    """
    for one in copied:
        known = store.ledger.state.recordings.get(one.id)
        if known is None or known.final != one.final:
            raise OffloadError(
                f"{one.id}: the copy ends with {one.final}, which the ledger does not know; "
                "restart the daemon, which compares files and ledger, and look at its log"
            )
    boot_id, now = store.ledger.now()
    receipt = Receipt(
        device=device,
        kid=key.public.thumbprint,
        directory=directory,
        recordings=tuple(copied),
        head=store.ledger.head,
        boot_id=boot_id,
        clock=now,
    )
    return receipts.sign(key, receipt)


def accept_receipt(store: Store, keys: KeyRing, token: bytes) -> list[str]:
    """Write into the ledger that a receipt's recordings are acknowledged; returns the ids of those
    that were not before.

    keys: the device's own, and its office's where it knows that: who signs with one of them decides
    what the device may delete. A receipt is about what the ledger knows by the SHA-256 of its end;
    any other recording is passed over, and so is one that is gone. Raises JwsError if it is no
    receipt by one of `keys`, and StorageError.
    """
    receipt = receipts.parse(token, keys)
    sha256 = jws.digest(token)
    acknowledged = []
    for one in receipt.recordings:
        known = store.ledger.state.recordings.get(one.id)
        if known is None or not known.here or known.final != one.final:
            continue
        if known.acknowledged is None:
            store.ledger.append("acknowledged", id=one.id, final=one.final, receipt=sha256)
            acknowledged.append(one.id)
    return acknowledged
