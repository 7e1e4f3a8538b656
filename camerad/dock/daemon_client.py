"""Client of the camera's daemon, over its control socket alone.

The caller needs the roles `read` and `hand_over` (`camerad.control.access`). Requests change
two things: a recording is acknowledged, and settings wait for the next start. Each needs the
office's own signature.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import select
import socket
from collections.abc import Callable, Collection, Iterator
from http import HTTPStatus
from typing import Any, Final

import msgspec

from camerad.base.errors import CameradError, ControlError, NoDaemonError
from camerad.control.client import refusal, request
from camerad.dock.errors import OfficeAnswerError
from camerad.store.listing import INTERRUPTED, RECORDING

SILENCE_SECONDS: Final = 60.0
"""The daemon writes at the least every fifteen."""
LONGEST_LINE: Final = 256 * 1024


class EventStream:
    """Listens at one control socket. `interrupt` is called from any thread, or a signal's handler,
    and is for good."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stopped = False
        # No lock: a signal's handler would wait for the very code that it interrupts.
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._channel: socket.socket | None = None

    def interrupt(self) -> None:
        """End `states`, whatever it waits for."""
        self._stopped = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake, b"!")
        channel = self._channel
        if channel is not None:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)

    def pause(self, seconds: float) -> bool:
        """Wait so long, or until `interrupt`; whether it may go on."""
        select.select([self._woken], [], [], seconds)
        return not self._stopped

    def close(self) -> None:
        """Let go of what it waits by; it is of no use afterwards."""
        os.close(self._woken)
        os.close(self._wake)

    def states(self) -> Iterator[dict[str, Any]]:
        """Each state of the camera, at first the present one, until the daemon ends or `interrupt`.

        Raises NoDaemonError if none listens, and ControlError if it goes silent, refuses, or says
        something else.
        """
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel = channel
        try:
            channel.settimeout(SILENCE_SECONDS)
            channel.connect(self._path)
            if not self._stopped:
                yield from self._read(channel)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoDaemonError(f"no daemon listens at {self._path}") from None
        except CameradError:
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            if not self._stopped:
                raise ControlError(
                    f"the daemon at {self._path} does not tell the camera's state ({error}); look "
                    "at its log ('journalctl -u camerad')"
                ) from error
        finally:
            self._channel = None
            channel.close()

    def _read(self, channel: socket.socket) -> Iterator[dict[str, Any]]:
        channel.sendall(b"GET /events HTTP/1.1\r\nHost: camerad\r\n\r\n")
        with http.client.HTTPResponse(channel, method="GET") as response:
            response.begin()
            if response.status != HTTPStatus.OK:
                text = response.read(LONGEST_LINE).decode(errors="replace")
                raise refusal(response.status, f"{self._path}: {text}")
            while line := response.readline(LONGEST_LINE):
                if line.startswith(b"data: "):
                    state = json.loads(line[6:])
                    if not isinstance(state, dict):
                        raise ValueError("no state of a camera")
                    yield state


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

    def show_log(self, log: str) -> tuple[bool, str | None]:
        """Hand in what the office shows of its log: whether the camera cosigned it just now, and
        why it disputes it, a word of `camerad.transparency.camera_witness.Dispute`. Raises
        OfficeAnswerError if it is no answer to the last check-in."""
        answer = self._ask("POST", "/dock/log", {"log": log}, PATIENCE_SECONDS)
        dispute = answer.get("dispute")
        return bool(answer.get("cosigned")), None if dispute is None else str(dispute)

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
