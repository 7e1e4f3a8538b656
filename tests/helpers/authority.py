"""An authority of a test's own, and certificates by it.

They have all that RFC 5280 asks for, which Python 3.13 checks by default.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SIGNS: Final = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Authority:
    """pem: its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def context(
        self, directory: Path, address: str = "127.0.0.1", day: datetime | None = None
    ) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate for this address, valid around that day."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.IPAddress(ipaddress.ip_address(address))
        made = _builder("server", self.certificate.subject, key, day)
        made = made.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        made = made.add_extension(x509.BasicConstraints(False, None), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        made = made.add_extension(issuer, critical=False)
        file = directory / "server.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        file.write_bytes(private + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def for_stamps(self, name: str, day: datetime | None = None) -> tuple[str, str]:
        """Key and certificate of a time-stamp authority (RFC 3161, 2.3), valid around that day."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(name, self.certificate.subject, key, day)
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        made = made.add_extension(use, critical=True)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return private.decode(), certificate.decode()


def authority(*, ca: bool = True) -> Authority:
    """A new one, valid for centuries. ca: whether its certificate says that it is one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "office")])
    made = _builder("office", name, key, None, timedelta(days=300 * 365))
    made = made.add_extension(x509.BasicConstraints(ca, None), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    made = made.add_extension(identifier, critical=False)
    if ca:
        made = made.add_extension(_SIGNS, critical=True)
    return Authority(key, made.sign(key, hashes.SHA256()))


def _builder(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    day: datetime | None,
    span: timedelta = timedelta(days=1),
) -> x509.CertificateBuilder:
    day = day or datetime.now(UTC)
    begin = max(day - span, datetime(1960, 1, 1, tzinfo=UTC))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(day + span)
    )
