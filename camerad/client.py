"""Asks the daemon through its control socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
from typing import Any, Final

from camerad.errors import ControlError, NoDaemonError

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

    timeout: how long it may take to answer, seconds. Raises ControlError saying what to do if
    nobody answers, or not in time.
    """
    connection = _UnixConnection(path, timeout)
    try:
        if body is None:
            connection.request(method, target)
        else:
            kind = {"Content-Type": "application/json"}
            connection.request(method, target, json.dumps(body), kind)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (FileNotFoundError, ConnectionRefusedError):
        # Refused: what a daemon that was killed has left behind, or no socket at all.
        raise NoDaemonError(
            f"no daemon listens at {path}: start the camera ('systemctl start camerad'), or, if "
            "its socket is elsewhere, name that with --socket"
        ) from None
    except PermissionError:
        raise ControlError(
            f"this user may not use the socket {path}: join the group that owns it ('ls -l {path}' "
            "names it), or run this with sudo"
        ) from None
    except TimeoutError as error:
        raise ControlError(
            f"the daemon at {path} did not answer within {timeout:g} s: try again, and look at its "
            "log ('journalctl -u camerad')"
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ControlError(
            f"what listens at {path} does not answer as a camera's daemon does ({error}): name the "
            "daemon's socket with --socket"
        ) from error
    finally:
        connection.close()
