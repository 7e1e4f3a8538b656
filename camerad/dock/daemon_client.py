"""Client of the camera's daemon, over its control socket alone.

Whoever asks needs the roles `read` and `hand_over` (`camerad.control.access`). Requests change
two things: a recording is acknowledged, and settings wait for the next start. Each needs the
office's own signature.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, Final

import msgspec

from camerad.base.errors import ControlError
from camerad.control.client import refusal, request
from camerad.dock.errors import OfficeAnswerError
from camerad.store.listing import INTERRUPTED, RECORDING

PATIENCE_SECONDS: Final = 60.0
"""A ledger is written between fragments of a running recording."""
SIGN_SECONDS: Final = 10.0
MOST_ATTEMPTS: Final = 10
"""At a daemon that says that it was asked too often."""
BUSY_SECONDS: Final = 1.0


class ToHandOver(msgspec.Struct, frozen=True):
    """A recording that no office has acknowledged. final: SHA-256 of its last statement, None while
    it has no end."""

    id: str
    path: str
    final: str | None


class DaemonClient:
    """Asks the daemon behind a control socket. pause: waits so many seconds, or raises.

    Raises ControlError if the daemon does not answer, and what
    `camerad.control.client.refusal` makes of its refusal.
    """

    def __init__(self, socket: str, pause: Callable[[float], None]) -> None:
        self._socket = socket
        self._pause = pause
        self._kid: str | None = None

    def to_hand_over(self, also: Collection[str] = ()) -> list[ToHandOver]:
        """The recordings without acknowledgement: those with a mark first, then the newest. also:
        ids of others, which the office lost; those of them that are here still."""
        found = self._ask("GET", "/recordings", None, PATIENCE_SECONDS)
        try:
            return [
                ToHandOver(
                    str(one["id"]),
                    str(one["path"]),
                    None if one["state"] in (RECORDING, INTERRUPTED) else one["final"],
                )
                for one in found
                if not one["acknowledged"] or one["id"] in also
            ]
        except (KeyError, TypeError) as error:
            raise self._stranger(error) from error

    def accept(self, token: bytes) -> list[str]:
        """Hand in a receipt of the office's; which recordings are acknowledged by it that were not
        before. Raises OfficeAnswerError if it is none."""
        body = {"receipt": token.decode("ascii", "replace")}
        answer = self._ask("POST", "/dock/receipt", body, PATIENCE_SECONDS)
        return [str(one) for one in answer.get("acknowledged", [])]

    def check_in(self) -> bytes:
        """What the camera says of itself, signed."""
        answer = self._ask("POST", "/dock/check-in", {}, PATIENCE_SECONDS)
        try:
            return str(answer["statement"]).encode("ascii")
        except (KeyError, ValueError) as error:
            raise self._stranger(error) from error

    def offer_settings(self, offer: bytes) -> str | None:
        """Hand in a settings file of the office's. None if the camera keeps it for its next start,
        else why it never takes it."""
        body = {"offer": offer.decode("ascii", "replace")}
        refused = self._ask("POST", "/dock/settings", body, PATIENCE_SECONDS).get("refused")
        return None if refused is None else str(refused)

    def show_log(self, log: dict[str, Any]) -> str | None:
        """Hand in what the office shows of its log. None if the camera cosigned it, else why not:
        a word of `camerad.transparency.camera_witness.Dispute`. Raises OfficeAnswerError if it is
        no log."""
        dispute = self._ask("POST", "/dock/log", {"log": log}, PATIENCE_SECONDS).get("dispute")
        return None if dispute is None else str(dispute)

    # ------------------------------------------------------------------ a Signer

    @property
    def kid(self) -> str:
        """Thumbprint of the device's key."""
        if self._kid is None:
            self._kid = str(self._ask("GET", "/identity", None, SIGN_SECONDS).get("thumbprint", ""))
        return self._kid

    def sign(self, base: bytes) -> bytes:
        """See `camerad.dock.office_client.Signer`."""
        body = {"base": base.decode("ascii", "replace")}
        answer = self._ask("POST", "/dock/signature", body, SIGN_SECONDS)
        try:
            return base64.b64decode(str(answer["signature"]), validate=True)
        except (KeyError, ValueError) as error:
            raise self._stranger(error) from error

    # ------------------------------------------------------------------ asking

    def _ask(self, method: str, target: str, body: dict[str, Any] | None, seconds: float) -> Any:
        for attempt in range(MOST_ATTEMPTS):
            if attempt:
                self._pause(BUSY_SECONDS)
            status, answer = request(self._socket, method, target, body, seconds)
            if status != HTTPStatus.TOO_MANY_REQUESTS:
                break
        if status == HTTPStatus.OK:
            return answer
        said = answer.get("error", status) if isinstance(answer, dict) else status
        if target in ("/dock/receipt", "/dock/log") and status == HTTPStatus.CONFLICT:
            raise OfficeAnswerError(str(said))
        raise refusal(status, str(said))

    def _stranger(self, error: Exception) -> ControlError:
        return ControlError(
            f"what listens at {self._socket} does not answer as this version's daemon ({error}): "
            "the camera's daemon and what hands over have to be of one version"
        )
