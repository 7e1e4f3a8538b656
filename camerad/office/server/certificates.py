"""The office's own certificate authority, and the certificate by which cameras know its server.

The authority signs servers of this office and nothing else: it may sign no further authority. Its
private key is needed only where a certificate is made. Keys are ECDSA on P-256, which every TLS
library knows.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from camerad.base import durable_files, file_status
from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.safe_read import read_plain

AUTHORITY_DAYS: Final = 7300
CERTIFICATE_DAYS: Final = 825
"""The longest that common TLS clients accept."""
RENEW_DAYS: Final = 120
"""So many days before its end a certificate is made anew."""
_EARLIER: Final = timedelta(days=1)
"""It counts since yesterday: a camera's clock may be behind."""
_LARGEST: Final = 64 * 1024
_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644
_LONGEST_NAME: Final = 64
"""Letters of a common name (RFC 5280, upper bounds)."""


class CertificateError(CameradError, ValueError):
    """Error raised when a certificate or its key cannot be used; the text says which."""

    exit_code = EX_CONFIG


class KeyPairFiles(msgspec.Struct, frozen=True):
    """A certificate and its private key, both files in PEM."""

    certificate: str
    key: str


class Issuer(msgspec.Struct, frozen=True):
    """A certificate authority that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def check_authority(files: KeyPairFiles) -> None:
    """That an authority that was made before is still there: cameras trust it and no other one.
    Raises CertificateError if its certificate is gone, and StorageError."""
    if not file_status.exists(files.certificate):
        raise CertificateError(
            f"{files.certificate}: the authority is gone, and cameras trust no other one: put it "
            "and its key back from their backup. If they are lost: --new-authority, and then every "
            "camera needs a new file"
        )


def make_authority(files: KeyPairFiles, name: str, now: datetime) -> bool:
    """Make an authority, unless one is there; returns whether it was made. name: of the office, for
    people. The directory has to be there. Raises CertificateError if one is there that ends within
    `RENEW_DAYS`, and StorageError."""
    if file_status.exists(files.certificate):
        end = read_certificate(files.certificate).not_valid_after_utc
        if end < now + timedelta(days=RENEW_DAYS):
            raise CertificateError(
                f"{files.certificate}: this authority ends on {end:%Y-%m-%d}; move it and its key "
                "away, run this again, and give every camera a new file with the new authority"
            )
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_NAME])])
    certificate = (
        _begun(subject, subject, key.public_key(), now, now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files, [certificate], key)
    return True


def read_authority(files: KeyPairFiles) -> Issuer:
    """An authority that was made before. Raises CertificateError and StorageError."""
    certificate = read_certificate(files.certificate)
    if not file_status.exists(files.key):
        raise CertificateError(
            f"{files.key}: the authority's key is needed, and is not here. Put authority.key back "
            "from where you keep it, run this again, then take it away again"
        )
    try:
        key = serialization.load_pem_private_key(
            read_plain(files.key, "authority's key", _LARGEST), None
        )
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{files.key}: this is no private key in PEM: {error}") from None
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or key.public_key() != certificate.public_key()
    ):
        raise CertificateError(
            f"{files.key}: this is not the key of {files.certificate}; put the right one back from "
            "its copy"
        )
    return Issuer(certificate, key)


def make_certificate(
    authority: KeyPairFiles, files: KeyPairFiles, names: Sequence[str], now: datetime
) -> bool:
    """Make a certificate for a server, unless a good one is there; returns whether it was made.

    names: of the server, or its addresses. Good is one by this authority, with these names, and not
    near its end. Raises CertificateError and StorageError.
    """
    certificate = read_certificate(authority.certificate)
    if file_status.exists(files.certificate) and file_status.exists(files.key):
        there = read_certificate(files.certificate)
        if is_good(there, certificate, names, now):
            return False
    issuer = read_authority(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_LONGEST_NAME])])
    # Clients trust it for no longer than its authority.
    end = min(
        now + timedelta(days=CERTIFICATE_DAYS) - _EARLIER, issuer.certificate.not_valid_after_utc
    )
    made = (
        _begun(subject, issuer.certificate.subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .sign(issuer.key, hashes.SHA256())
    )
    _write(files, [made], key)
    return True


def is_good(
    certificate: x509.Certificate,
    authority: x509.Certificate,
    names: Sequence[str],
    now: datetime,
) -> bool:
    """Whether a server's certificate needs not be made anew."""
    try:
        certificate.verify_directly_issued_by(authority)
        there = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return set(there) == set(_general(names)) and (
        certificate.not_valid_after_utc - now > timedelta(days=RENEW_DAYS)
    )


def read_certificate(path: str) -> x509.Certificate:
    """The first certificate in a file. Raises CertificateError and StorageError."""
    return read_certificates(path)[0]


def read_certificates(path: str) -> list[x509.Certificate]:
    """Those in a file: the server's own, and those above it. Raises as `read_certificate`."""
    try:
        return x509.load_pem_x509_certificates(
            read_plain(path, "certificate", _LARGEST, linked=True)
        )
    except ValueError:
        raise CertificateError(
            f"{path}: this is no certificate in PEM: put it back from its backup; the server's own "
            "may also be deleted, together with its key, and 'camerad office init DIR "
            "--config FILE' makes another"
        ) from None


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, as browsers and openssl show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    begin = now.astimezone(UTC).replace(microsecond=0) - _EARLIER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end.astimezone(UTC).replace(microsecond=0))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    """Names and addresses as a certificate has them. Raises CertificateError."""
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            try:
                found.append(x509.DNSName(name.lower()))
            except ValueError as error:
                raise CertificateError(
                    f"{name}: this is no name of a server: {error}; name it in ASCII"
                ) from None
    return found


def _write(
    files: KeyPairFiles, chain: Sequence[x509.Certificate], key: ec.EllipticCurvePrivateKey
) -> None:
    """The key first: without it a certificate is worth nothing."""
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    durable_files.publish(os.path.abspath(files.key), private, mode=_PRIVATE)
    public = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    durable_files.publish(os.path.abspath(files.certificate), public, mode=_PUBLIC)
