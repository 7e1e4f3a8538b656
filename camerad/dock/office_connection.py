"""One kept HTTPS connection to the office, bounded in time and ended on demand.

It is `http.client` and `ssl` of the standard library: a client of some thousand lines that is in
memory already would otherwise be a second one of megabytes. It runs on a thread of its own beside a
camera on a board of 512 MB; nothing in here waits without a bound, and nothing is awaited.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.text import printable
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.config.office_section import Office
from camerad.dock.errors import HandoverStoppedError, OfficeFault, OfficeUnavailableError
from camerad.dock.request_bodies import Body
from camerad.exchange.pace import Pace

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
        """Does nothing: the answer is still to be read, and the connection's maker closes it."""

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


CONNECT_SECONDS: Final = 10.0
"""How long it may take to find an address of the server's, and to be let in there."""
ANSWER_SECONDS: Final = 60.0
"""How long a request may take, beside the time that its body needs."""
SLOWEST: Final = 32 * 1024
"""Bytes of a body that have to go in a second, or it is given up."""
LARGEST_ANSWER: Final = 64 << 10
"""Bytes of an answer that are read, unless the request expects more: none is so long otherwise, and
JSON of some megabytes becomes a hundred in memory."""
_HTTPS: Final = 443
_CLOSED: Final = "the office's server closed the connection"
_LOOK_SECONDS: Final = 0.05
_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL (X509_VERIFY_PARAM_set_flags(3ssl)); `ssl` has no name for
it."""


class OfficeRequest(msgspec.Struct, frozen=True):
    """A request. path: behind the office's address. headers: all but Host and Content-Length.
    largest: bytes of its answer that are read."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Body | None = None
    largest: int = LARGEST_ANSWER


class OfficeAnswer(msgspec.Struct, frozen=True):
    """An answer, read to its end. headers: by their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Traffic(msgspec.Struct):
    """Bytes of bodies that were given to the connection."""

    sent: int = msgspec.field(default=0)


def trusting(ca: str, *, check_time: bool) -> ssl.SSLContext:
    """What a connection to the office has to hold against: certificates by this authority alone.

    ca: certificate in PEM. check_time: whether certificates count only within their time. A camera
    whose clock nothing vouches for cannot ask that: it would never reach its office, from which the
    time comes. Raises OfficeUnavailableError if `ca` is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise OfficeUnavailableError(
            f"office.ca in the camera's configuration is no certificate ({error}): have the office "
            "make the camera's file again ('camerad provision new --office-ca FILE')",
            trouble=HandoverTrouble.CERTIFICATE,
        ) from error
    if not check_time:
        context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    return context


class OfficeConnection:
    """Used on one thread; `interrupt` is called from any other.

    context: see `trusting`. Everything raises HandoverStoppedError from the instant of `interrupt`
    on, OfficeUnavailableError if the server cannot be reached or does not answer in time, and
    StorageError if a body cannot be read.
    """

    def __init__(self, office: Office, context: ssl.SSLContext, clock: Clock) -> None:
        address = urlsplit(office.url)
        self._url = office.url
        self._ca = office.ca
        self._host = address.hostname or ""
        self._port = address.port or _HTTPS
        self._authority = address.netloc
        self._context = context
        self._clock = clock
        self._pace = Pace(office.mbit_per_second, clock.now_us())
        self._kept: tuple[http.client.HTTPConnection, TimedSocket] | None = None
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._stopped = threading.Event()
        self.traffic = Traffic()

    # ------------------------------------------------------------------ from any thread

    def interrupt(self) -> None:
        """End whatever is under way, for good: no byte more is sent. Returns at once."""
        self._stopped.set()
        with self._lock:
            if self._channel is not None:
                # Not SSLSocket.shutdown, behind which a write of the other thread goes unencrypted.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._channel, socket.SHUT_RDWR)

    # ------------------------------------------------------------------ on its thread

    def raise_if_stopped(self) -> None:
        """Raises HandoverStoppedError after `interrupt`."""
        if self._stopped.is_set():
            raise HandoverStoppedError("the hand-over was told to stop")

    def pause(self, seconds: float) -> None:
        """Wait so long, or until `interrupt`."""
        self._stopped.wait(seconds)
        self.raise_if_stopped()

    def exchange(self, request: OfficeRequest) -> OfficeAnswer:
        """Send a request, on the kept connection if there is one, and read its answer.

        If a kept connection turns out to be closed before a byte of the answer came, and the
        request has no body, it is sent once more: servers close what was silent for a while.
        """
        again = self._kept is not None and request.body is None
        while True:
            try:
                return self._once(request)
            except ConnectionResetError as error:
                if not again:
                    raise self._unreached(_CLOSED) from error
                again = False

    def close(self) -> None:
        """Close the connection, if there is one; the next request makes another."""
        self._kept = None
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _once(self, request: OfficeRequest) -> OfficeAnswer:
        self.raise_if_stopped()
        done = False
        try:
            answer = self._attempt(request)
            done = True
            return answer
        except (StorageError, OfficeUnavailableError, HandoverStoppedError):
            self.raise_if_stopped()
            raise
        except ConnectionError as error:
            self.raise_if_stopped()
            raise ConnectionResetError(_CLOSED) from error
        except http.client.IncompleteRead as error:
            self.raise_if_stopped()
            raise self._unreached("the office's server broke off its answer") from error
        except TimeoutError as error:
            self.raise_if_stopped()
            raise self._unreached(
                "the server did not answer in time: look whether it runs, and at its network"
            ) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.raise_if_stopped()
            broken = isinstance(error, ssl.SSLError) and self._kept is not None
            if broken or isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
                raise ConnectionResetError(_CLOSED) from error
            raise OfficeUnavailableError(
                f"{self._url}: what answers there is not the office's server "
                f"({printable(str(error))}): compare office.url in the camera's configuration with "
                "url in the office's settings"
            ) from error
        finally:
            if not done:
                self.close()

    def _attempt(self, request: OfficeRequest) -> OfficeAnswer:
        length = 0 if request.body is None else request.body.length
        needed = ANSWER_SECONDS + length / SLOWEST
        now_us = self._clock.now_us()
        connect_us = now_us + round(CONNECT_SECONDS * SECOND)
        connection, timed = self._kept or self._connect(connect_us)
        timed.deadline_us = now_us + round(needed * SECOND)
        connection.putrequest(request.method, request.path, skip_host=True)
        connection.putheader("Host", self._authority)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        if request.body is not None:
            connection.putheader("Content-Length", str(length))
            connection.putheader("Expect", "100-continue")
        refused: OSError | None = None
        invited = True
        try:
            connection.endheaders()
            if request.body is not None:
                invited = timed.is_invited()
                if invited:
                    self._send(connection, request.body)
        except ConnectionError as error:
            # A server that will not have a body answers before its end, and may close then.
            refused = error
        try:
            answer = self._answer(connection, request.largest)
        except (OSError, http.client.HTTPException):
            if refused is not None:
                raise refused from None
            raise
        if not invited:
            self.close()  # what was announced never came
        return answer

    def _send(self, connection: http.client.HTTPConnection, body: Body) -> None:
        for piece in body.pieces():
            self.raise_if_stopped()
            wait = self._pace.take(len(piece), self._clock.now_us())
            if wait:
                self.pause(wait)
            connection.send(piece)
            self.traffic.sent += len(piece)

    def _answer(self, connection: http.client.HTTPConnection, largest: int) -> OfficeAnswer:
        response = connection.getresponse()
        body = response.read(largest + 1)
        if len(body) > largest:
            raise ValueError(f"an answer of more than {largest >> 10} KiB")
        if response.length:
            raise http.client.IncompleteRead(body, response.length)
        headers = {name.lower(): value for name, value in response.getheaders()}
        if not response.isclosed() or connection.sock is None:
            self.close()
        return OfficeAnswer(response.status, headers, body)

    # ------------------------------------------------------------------ connecting

    def _connect(self, until_us: int) -> tuple[http.client.HTTPConnection, TimedSocket]:
        timed = self._wrapped(self._context, until_us)
        try:
            timed.handshake()
        except ssl.SSLCertVerificationError as error:
            # Two megabytes that a camera whose office is well needs not have in memory.
            from camerad.dock.office_certificate import refused  # noqa: PLC0415

            self.close()
            raise refused(self._url, self._ca, error, self._shown_certificate()) from error
        made = http.client.HTTPConnection(self._host, self._port)
        made.auto_open = 0
        made.sock = timed
        self._kept = made, timed
        return self._kept

    def _wrapped(self, context: ssl.SSLContext, until_us: int) -> TimedSocket:
        """A connection, before its handshake."""
        channel = self._dial(context, until_us)
        self.raise_if_stopped()
        timed = TimedSocket(channel, self._clock)
        timed.deadline_us = until_us
        return timed

    def _shown_certificate(self) -> bytes | None:
        """The certificate (DER) that was refused, so that the log can name it; None if it cannot be
        had. Over this connection nothing is sent, since nothing is trusted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            until_us = self._clock.now_us() + round(CONNECT_SECONDS * SECOND)
            timed = self._wrapped(context, until_us)
            timed.handshake()
            return timed.certificate
        except (OSError, OfficeUnavailableError):
            self.raise_if_stopped()
            return None
        finally:
            self.close()

    def _dial(self, context: ssl.SSLContext, until_us: int) -> ssl.SSLSocket:
        """A connection to the first of the server's addresses that lets one in."""
        failure: OSError | None = None
        for family, address in self._addresses(until_us):
            # Wrapped before it is connected: what the peer has reset by then would be lost inside
            # of the library, where it cannot be closed.
            channel = context.wrap_socket(
                socket.socket(family, socket.SOCK_STREAM),
                server_hostname=self._host,
                do_handshake_on_connect=False,
            )
            with self._lock:
                self._channel = channel
            try:
                self.raise_if_stopped()
                channel.settimeout(max(0.1, (until_us - self._clock.now_us()) / SECOND))
                channel.connect(address)
                channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                failure = error
                self.close()
                self.raise_if_stopped()
            else:
                return channel
        why = "it has no address" if failure is None else str(failure.strerror or failure)
        raise self._unreached(
            f"the office's server cannot be reached ({why}): look whether it runs, and at the "
            "dock's network"
        )

    def _addresses(self, until_us: int) -> list[tuple[socket.AddressFamily, Any]]:
        """The server's addresses. The library that is asked cannot be interrupted, so that is done
        on a thread that is left alone once time is up."""
        found: list[tuple[socket.AddressFamily, Any]] = []
        failures: list[OSError | UnicodeError] = []
        done = threading.Event()

        def ask() -> None:
            try:
                told = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                found.extend((family, address) for family, _, _, _, address in told)
            except (OSError, UnicodeError) as error:
                failures.append(error)
            finally:
                done.set()

        threading.Thread(target=ask, name="resolver", daemon=True).start()
        while not done.wait(_LOOK_SECONDS):
            self.raise_if_stopped()
            if self._clock.now_us() >= until_us:
                break
        self.raise_if_stopped()
        if done.is_set() and not failures:
            return found
        why = str(failures[0]) if failures else "no answer in time"
        raise OfficeUnavailableError(
            f"{self._url}: the name {self._host} has no address ({why}): look at the dock's "
            "network, and at office.url in the camera's configuration",
            trouble=HandoverTrouble.NETWORK,
            fault=OfficeFault.ADDRESS,
        )

    def _unreached(self, why: str) -> OfficeUnavailableError:
        return OfficeUnavailableError(f"{self._url}: {why}", trouble=HandoverTrouble.NETWORK)
