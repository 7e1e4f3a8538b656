"""Client of the daemon's control socket."""

from __future__ import annotations

import http
import http.client
import json
import os
import socket
from typing import Any, Final

from camerad.base.errors import (
    CameradError,
    ClosedSocketError,
    ControlError,
    NoDaemonError,
    NotAllowedError,
    NotNowError,
)

SOCKET_NAME: Final = "control.sock"
"""Of the socket, in the daemon's runtime directory."""
DEFAULT_SOCKET: Final = "/run/camerad/control.sock"
TIMEOUT_SECONDS: Final = 5.0


def default_socket() -> str:
    """``$CAMERAD_SOCKET``, or that of an installed camera."""
    return os.environ.get("CAMERAD_SOCKET", DEFAULT_SOCKET)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("camerad", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def request(
    path: str,
    method: str,
    target: str,
    body: dict[str, Any] | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> tuple[int, dict[str, Any]]:
    """Ask the daemon behind the socket at `path`; returns HTTP status and JSON answer.

    timeout: how long it may take to answer, seconds. Raises ControlError saying what to do without
    an answer in time. For an answer that is no success, see `refusal`.
    """
    status, answer = _ask(path, method, target, body, timeout)
    try:
        return status, json.loads(answer)
    except ValueError as error:
        raise _stranger(path, error) from error


def get_text(path: str, target: str, timeout: float = TIMEOUT_SECONDS) -> str:
    """The daemon's answer to a GET, in plain text. Raises ControlError as `request` does, and what
    `refusal` makes of the daemon's own sentence if it refuses."""
    status, answer = _ask(path, "GET", target, None, timeout)
    try:
        if status == http.HTTPStatus.OK:
            return answer.decode()
        raise refusal(status, str(json.loads(answer)["error"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _stranger(path, error) from error


def refusal(status: int, text: str) -> CameradError:
    """The error that says so, by why the daemon refused: its exit code tells whether this user may
    not, or whether it is worth another attempt."""
    match status:
        case http.HTTPStatus.FORBIDDEN:
            return NotAllowedError(text)
        case http.HTTPStatus.CONFLICT | http.HTTPStatus.TOO_MANY_REQUESTS:
            return NotNowError(text)
        case _:
            return ControlError(text)


def _stranger(path: str, error: Exception) -> ControlError:
    return ControlError(
        f"what listens at {path} does not answer as a camera's daemon does ({error}): name the "
        "daemon's socket with --socket"
    )


def _ask(
    path: str, method: str, target: str, body: dict[str, Any] | None, timeout: float
) -> tuple[int, bytes]:
    connection = _UnixConnection(path, timeout)
    try:
        if body is None:
            connection.request(method, target)
        else:
            kind = {"Content-Type": "application/json"}
            connection.request(method, target, json.dumps(body), kind)
        response = connection.getresponse()
        return response.status, response.read()
    except (FileNotFoundError, ConnectionRefusedError):
        # Refused: what a daemon that was killed has left behind, or no socket at all.
        raise NoDaemonError(
            f"no daemon listens at {path}: start the camera ('systemctl start camerad'), or, if "
            "its socket is elsewhere, name that with --socket"
        ) from None
    except PermissionError:
        raise ClosedSocketError(
            f"this user may not use the socket {path}: join the group that owns it ('ls -l {path}' "
            "names it), or run this with sudo"
        ) from None
    except TimeoutError as error:
        raise ControlError(
            f"the daemon at {path} did not answer within {timeout:g} s: try again, and look at its "
            "log ('journalctl -u camerad')"
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _stranger(path, error) from error
    finally:
        connection.close()
