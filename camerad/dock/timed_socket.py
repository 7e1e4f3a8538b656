"""A TLS connection as `http.client` takes it for a socket, with a bound on each call and on all."""

from __future__ import annotations

import io
import re
import ssl
from typing import Final

from camerad.base.clock import SECOND, Clock

SILENCE_SECONDS: Final = 30.0
"""How long the server may say nothing and take nothing."""
INVITATION_SECONDS: Final = 2.0
"""How long a server may take to say that a body may come; one that does not is sent it."""
_LONGEST_INVITATION: Final = 4096


class TimedSocket:
    """A connection, encrypted already or not yet, whose every call is bounded.

    deadline_us: of `clock`, for all calls; the caller sets it anew for each request. Every method
    raises TimeoutError behind it, or if nothing moves for `SILENCE_SECONDS`, and OSError.
    """

    def __init__(self, channel: ssl.SSLSocket, clock: Clock) -> None:
        self._channel = channel
        self._clock = clock
        self._read = b""
        self.deadline_us = 0

    def handshake(self) -> None:
        """Agree on keys, and on who the server is."""
        self._bound()
        self._channel.do_handshake()

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER), once there is a handshake; trusted or not."""
        return self._channel.getpeercert(binary_form=True)

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._bound()
        self._channel.sendall(data)

    def is_invited(self) -> bool:
        """Whether a body is to be sent: the server says so (RFC 9110, 10.1.1), or says nothing for
        a while. Otherwise its answer is there, and it never cost a body."""
        until_us = self._clock.now_us() + round(INVITATION_SECONDS * SECOND)
        while (end := self._read.find(b"\r\n\r\n")) < 0 and len(self._read) < _LONGEST_INVITATION:
            left = (min(until_us, self.deadline_us) - self._clock.now_us()) / SECOND
            self._channel.settimeout(max(0.01, left))
            try:
                data = self._channel.recv(_LONGEST_INVITATION)
            except TimeoutError:
                return True
            if not data:
                return False
            self._read += data
        if not re.match(rb"HTTP/1\.1 100\D", self._read):
            return False
        self._read = self._read[end + 4 :]
        return True

    def receive_into(self, buffer: memoryview) -> int:
        """Receive some bytes; 0 at the end."""
        if self._read:
            count = min(len(buffer), len(self._read))
            buffer[:count], self._read = self._read[:count], self._read[count:]
            return count
        self._bound()
        return self._channel.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What the server says from here on."""
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Whoever made the connection closes it: its answer is still to be read."""

    def _bound(self) -> None:
        left = (self.deadline_us - self._clock.now_us()) / SECOND
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._channel.settimeout(min(left, SILENCE_SECONDS))


class _Incoming(io.RawIOBase):
    """The stream of what the server says."""

    def __init__(self, channel: TimedSocket) -> None:
        super().__init__()
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._channel.receive_into(buffer)
