"""Where bodycam-sim listens, and whom it answers beyond this machine: guests with a token, by TLS.

On a loopback address bodycam-sim answers every program of this machine, without either. On any
other address whoever is in the same network could press its buttons and look through a visitor's
camera. So there it speaks TLS only, with a certificate that is made anew at each start, and asks
everybody for a token, which is made anew as well: 128 random bits. The address that the terminal
prints has it (``/?token=...``); the first page that is opened by it gets it as a cookie, and is led
to the address without it, so that it stands in no list of visited pages. A program sends it as
``Authorization: Bearer TOKEN``. Without it the answer is 401, whatever was asked.

Nobody else has signed the certificate, so a browser warns once. What the terminal prints with the
address is the certificate's SHA-256, by which one can compare.
"""

from __future__ import annotations

import datetime
import hmac
import ipaddress
import os
import secrets
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any, Final

import segno
from aiohttp import web
from camerad.base.errors import EX_UNAVAILABLE
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hw_mocks.sim import SimError
from hw_mocks.sim.origin import Handler

LOOPBACK: Final = "127.0.0.1"
COOKIE: Final = "bodycam-sim-token"
TOKEN: Final = "token"  # noqa: S105 - the name of a parameter
TOKEN_BYTES: Final = 16
DAYS: Final = 30
"""How long a certificate is valid: longer than anybody lets a simulator run."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on one address of this machine; port 0: any free one.

    Raises SimError if there is no such address or the port is in use, and for an address that
    stands for all of them: nobody would know by which name the camera is asked.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SimError(f"{host} is no address: {error.strerror}", EX_UNAVAILABLE) from None
    if ipaddress.ip_address(address[0]).is_unspecified:
        raise SimError(
            f"{host} stands for every address; name the one that your guests reach "
            "(hostname -I lists those of this machine)",
            EX_UNAVAILABLE,
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise SimError(
            f"port {port} of {host} cannot be used: {error.strerror}; end the "
            "program that listens there (another bodycam-sim?), or name another port with "
            "--port (make run PORT=N)",
            EX_UNAVAILABLE,
        ) from None
    return listener


def is_private(listener: socket.socket) -> bool:
    """Whether only programs of this machine reach it."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


class Guests:
    """Who comes from elsewhere to `host`, an address or a name. Everything is made anew."""

    def __init__(self, host: str) -> None:
        self.host: Final = host
        self.token: Final = secrets.token_urlsafe(TOKEN_BYTES)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(host, key)
        self.fingerprint: Final = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        """SHA-256 of the certificate, as browsers show it."""
        self.context: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # The ssl module takes a key from a file only; this one is readable for nobody else, and
        # gone before anybody connects.
        with tempfile.TemporaryDirectory(prefix="bodycam-sim-") as folder:
            path = Path(folder) / "server.pem"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(private + certificate.public_bytes(Encoding.PEM))
            self.context.load_cert_chain(path)

    def address(self, url: str) -> str:
        """What a guest opens, for a server at `url`."""
        return f"{url}/?{TOKEN}={self.token}"

    def welcome(self, url: str) -> str:
        """Lines for the terminal: the address, as text and to be scanned, and the fingerprint."""
        address = self.address(url)
        drawn = segno.make(address, micro=False)
        light_on_dark = "\n".join(
            "".join(" ▀▄█"[(not top) + 2 * (not bottom)] for top, bottom in zip(*two, strict=True))
            for two in _pairs([list(row) for row in drawn.matrix_iter(border=2)])
        )
        return (
            f"{light_on_dark}\nGuests open {address}\n"
            "The browser warns once, because nobody has signed the certificate; its SHA-256 is\n"
            f"{self.fingerprint}"
        )

    def check(self) -> Any:
        """A middleware that answers nobody without the token."""

        @web.middleware
        async def only_with_token(request: web.Request, handler: Handler) -> web.StreamResponse:
            given = request.query.get(TOKEN)
            if given is not None and request.path == "/" and self._is_token(given):
                # Led on with all else that the address says.
                others = {key: value for key, value in request.query.items() if key != TOKEN}
                response = web.HTTPSeeOther(str(request.rel_url.with_query(others)))
                response.set_cookie(
                    COOKIE, self.token, httponly=True, secure=True, samesite="Lax", path="/"
                )
                raise response
            bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not any(map(self._is_token, (request.cookies.get(COOKIE, ""), bearer))):
                raise web.HTTPUnauthorized(
                    text="open the address that the terminal of bodycam-sim prints, with its token"
                )
            return await handler(request)

        return only_with_token

    def _is_token(self, given: str) -> bool:
        # What is no UTF-8 in a request stands for itself.
        return hmac.compare_digest(given.encode(errors="surrogateescape"), self.token.encode())


def _pairs(rows: list[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Rows two by two; an odd last one has a light one below."""
    if len(rows) % 2:
        rows = [*rows, [0] * len(rows[0])]
    return list(zip(rows[::2], rows[1::2], strict=True))


def _certificate(host: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    try:
        name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bodycam-sim")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
