"""Why the certificate that a server shows is not taken for the office's, in a technician's words.

What is trusted is decided by OpenSSL alone; this only says what it decided, and about what.
"""

from __future__ import annotations

import ssl
from enum import Enum
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from camerad.base.text import printable
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.dock.errors import OfficeUnavailableError


class CertificateFault(Enum):
    """What is wrong with it."""

    AUTHORITY = "authority"
    """It is not by the authority that the camera trusts."""
    TIME = "time"
    """It, or its authority, does not count yet, or no longer, by the camera's clock."""
    NAME = "name"
    """It is for another address."""


_FAULTS: Final = {
    9: CertificateFault.TIME,
    10: CertificateFault.TIME,
    62: CertificateFault.NAME,
    64: CertificateFault.NAME,
}
"""By the codes of X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED, _HOSTNAME_MISMATCH and
_IP_ADDRESS_MISMATCH of OpenSSL (X509_STORE_CTX_get_error(3ssl))."""


class ShownCertificate(msgspec.Struct, frozen=True):
    """A certificate for people. sha256: its fingerprint, as openssl and `camerad office init` show
    it. begins, ends: dates."""

    subject: str
    issuer: str
    sha256: str
    begins: str
    ends: str

    @classmethod
    def of(cls, certificate: x509.Certificate) -> ShownCertificate:
        """What a certificate says of itself."""
        return cls(
            printable(certificate.subject.rfc4514_string())[:_LONGEST],
            printable(certificate.issuer.rfc4514_string())[:_LONGEST],
            certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
            f"{certificate.not_valid_before_utc:%Y-%m-%d}",
            f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        )


_LONGEST: Final = 100


class OfficeCertificateError(OfficeUnavailableError):
    """Error raised when a server's certificate is not taken for the office's.

    trusted: the authority's, which the camera has. shown: the server's; None if it could not be
    looked at. told: by OpenSSL.
    """

    def __init__(
        self,
        text: str,
        fault: CertificateFault,
        trusted: ShownCertificate,
        shown: ShownCertificate | None,
        told: str,
    ) -> None:
        super().__init__(text, trouble=HandoverTrouble.CERTIFICATE)
        self.fault = fault
        self.trusted = trusted
        self.shown = shown
        self.told = told


def refused(
    url: str, ca: str, error: ssl.SSLCertVerificationError, shown: bytes | None
) -> OfficeCertificateError:
    """The error that says why. ca: the authority's certificate that the camera has, PEM. shown: the
    server's, DER; None if it could not be looked at."""
    fault = _FAULTS.get(error.verify_code, CertificateFault.AUTHORITY)
    trusted = ShownCertificate.of(x509.load_pem_x509_certificate(ca.encode("ascii")))
    server = _parsed(shown)
    if server is None:
        whose = "its certificate could not be looked at"
    else:
        whose = (
            f"the server's certificate is for {server.subject}, by {server.issuer}, from "
            f"{server.begins} to {server.ends}, SHA-256 {server.sha256}"
        )
    ours = (
        f"the camera trusts {trusted.subject} (office.ca), from {trusted.begins} to "
        f"{trusted.ends}, SHA-256 {trusted.sha256}"
    )
    why, cure = _WORDS[fault]
    told = printable(error.verify_message)
    text = f"{url}: {why} ({told}): {whose}; {ours}. {cure}"
    return OfficeCertificateError(text, fault, trusted, server, told)


_WORDS: Final = {
    CertificateFault.AUTHORITY: (
        "the server's certificate is not by the authority that this camera trusts",
        "Compare the camera's SHA-256 with the fingerprint that 'camerad office init DIR "
        "--config FILE' shows at the office: if it is another, give the camera a new file "
        "with the office's authority ('camerad provision new --office-ca FILE'); if it is the "
        "same, something else answers at this address",
    ),
    CertificateFault.TIME: (
        "the server's certificate does not count now, by the camera's clock",
        "Compare the camera's clock ('camerad status') with these dates: if the clock is right, "
        "have the office's server make its certificate anew ('camerad office init DIR --config "
        "FILE')",
    ),
    CertificateFault.NAME: (
        "the server's certificate is for another address",
        "Compare office.url in the camera's configuration with url in the office's settings",
    ),
}


def _parsed(shown: bytes | None) -> ShownCertificate | None:
    if shown is None:
        return None
    try:
        return ShownCertificate.of(x509.load_der_x509_certificate(shown))
    except ValueError:
        return None  # what answers there may show anything
