"""The camera's state, from server-sent events of the control socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from camerad.base.errors import CameradError, ControlError, NoDaemonError
from camerad.control.client import refusal

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
