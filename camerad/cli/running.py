"""Changes the ledger of a running device, through its control socket."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import msgspec

from camerad.base.errors import EX_USAGE, CameradError, ControlError, NoDaemonError, StorageError
from camerad.container.keys import KeyRing
from camerad.control.client import refusal, request
from camerad.ledger.ledger import read_ledger
from camerad.ledger.ledger_state import LedgerState
from camerad.store.identity import published
from camerad.store.locations import Place
from camerad.store.purging import Purged
from camerad.store.receipts import CopiedRecording

PATIENCE_SECONDS: Final = 60.0
"""A ledger is written between fragments of a running recording, and a purge takes its time."""


class RefusedError(CameradError, ValueError):
    """Error raised when what the daemon is asked for cannot be; the text is its answer."""

    exit_code = EX_USAGE


class RunningDevice:
    """The same interface as `camerad.store.device_client.OwnedDevice` and, for holds and deletions,
    as
    `camerad.store.store.Store`.

    place: its state directory. socket: where its daemon listens. closed: it is asked because this
    user may not read the recordings; otherwise because another process has them. office: the keys
    of its office, whose receipts the daemon accepts; none if it does not know them. Everything
    raises ControlError if the daemon does not answer, RefusedError if what it is asked for cannot
    be, NotAllowedError if this user may not, NotNowError if it was asked too often, and
    StorageError if its storage fails.
    """

    def __init__(
        self, place: Place, socket: str, *, closed: bool = False, office: KeyRing | None = None
    ) -> None:
        self.place: Final = place
        self._socket = socket
        self._closed = closed
        self.key, former = published(place.root)
        self.keys: Final = KeyRing([self.key, *former])
        self.receipt_keys: Final = KeyRing([*self.keys.values(), *(office or {}).values()])
        self._compare_keys()

    def state(self) -> LedgerState:
        """What its ledger says."""
        return read_ledger(self.place.ledger, self.keys)[0]

    def hold(self, recording: str, reason: str, who: str, *, ground: str = "") -> None:  # noqa: ARG002 - a camera's ledger has none
        """See `Store.hold`."""
        self._post(f"/recordings/{quote(recording)}/hold", {"reason": reason, "who": who})

    def release(self, recording: str, who: str, reason: str | None = None) -> None:
        """See `Store.release`."""
        why = {} if reason is None else {"reason": reason}
        self._post(f"/recordings/{quote(recording)}/release", {"who": who, **why})

    def purge_and_explain(self) -> Purged:
        """See `Store.purge_and_explain`."""
        return Purged.from_json(self._post("/purge", {}))

    def sign(self, device: str, directory: str, copied: Sequence[CopiedRecording]) -> bytes:  # noqa: ARG002 - the daemon knows its own name
        """See `camerad.store.device_client.sign_receipt`."""
        asked = {"directory": directory, "recordings": [msgspec.to_builtins(one) for one in copied]}
        receipt: str = self._post("/acknowledge", asked)["receipt"]
        return receipt.encode("ascii")

    def acknowledge(self, token: bytes) -> None:
        """See `camerad.store.device_client.accept_receipt`."""
        self._post("/acknowledge", {"receipt": token.decode("ascii")})

    def close(self) -> None:
        """There is nothing to let go of."""

    def _compare_keys(self) -> None:
        """Make sure that it is this device's daemon which listens there."""
        root = self.place.root
        try:
            status, answer = request(self._socket, "GET", "/identity")
        except NoDaemonError as error:
            if self._closed:
                why = "this user may not read this store"
                cure = "Run this with sudo"
            else:
                why = "another process has this store: a daemon, or a command such as an offload"
                cure = "Wait until that command ends"
            raise NoDaemonError(
                f"{root}: {why}, and no daemon listens at {self._socket}. {cure}, or name the "
                "socket of the store's daemon with --socket"
            ) from error
        if status != HTTPStatus.OK:
            raise _refusal(
                status,
                f"the daemon at {self._socket} does not say which device it is: "
                f"{answer.get('error', status)}; see 'camerad status'",
            )
        if answer.get("thumbprint") != self.key.thumbprint:
            raise ControlError(
                f"the daemon at {self._socket} is that of another device than the one whose store "
                f"is {root}: --socket and --state have to name the same device"
            )

    def _post(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer = request(self._socket, "POST", target, body, PATIENCE_SECONDS)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(status, str(answer.get("error") or answer.get("refused") or status))
        return answer


def _refusal(status: int, text: str) -> CameradError:
    """The error that says so, with the exit code that the same has where no daemon is asked."""
    match status:
        case HTTPStatus.FORBIDDEN | HTTPStatus.TOO_MANY_REQUESTS:
            return refusal(status, text)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return StorageError(text)
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return CameradError(text)
        case _:
            return RefusedError(text)
