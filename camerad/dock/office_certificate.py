"""Explains to a technician why a server's certificate is not taken for the office's.

OpenSSL alone decides that; this only says what it decided, and about which certificates.
"""

from __future__ import annotations

import ssl
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from camerad.base.text import printable
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.dock.errors import OfficeFault, OfficeUnavailableError

_FAULTS: Final = {
    9: OfficeFault.TIME,
    10: OfficeFault.TIME,
    62: OfficeFault.NAME,
    64: OfficeFault.NAME,
}
"""By the codes of X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED, _HOSTNAME_MISMATCH and
_IP_ADDRESS_MISMATCH of OpenSSL (X509_STORE_CTX_get_error(3ssl))."""
_LONGEST: Final = 100
_WORDS: Final = {
    OfficeFault.AUTHORITY: (
        "the server's certificate is not by the authority that this camera trusts",
        "Compare the camera's SHA-256 with the fingerprint that 'camerad office init DIR "
        "--config FILE' shows at the office: if it is another, give the camera a new file "
        "with the office's authority ('camerad provision new --office-ca FILE'); if it is the "
        "same, something else answers at this address",
    ),
    OfficeFault.TIME: (
        "the server's certificate does not count now, by the camera's clock",
        "Compare the camera's clock ('camerad status') with these dates: if the clock is right, "
        "have the office's server make its certificate anew ('camerad office init DIR --config "
        "FILE')",
    ),
    OfficeFault.NAME: (
        "the server's certificate is for another address",
        "Compare office.url in the camera's configuration with url in the office's settings",
    ),
}


def refused(
    url: str, ca: str, error: ssl.SSLCertVerificationError, shown: bytes | None
) -> OfficeUnavailableError:
    """The error that says why. ca: the authority's certificate that the camera has, PEM. shown: the
    server's, DER; None if it could not be had."""
    fault = _FAULTS.get(error.verify_code, OfficeFault.AUTHORITY)
    trusted = _described(x509.load_pem_x509_certificate(ca.encode("ascii")))
    whose, server = "its certificate could not be looked at", dict.fromkeys(trusted, "?")
    if shown is not None:
        try:
            server = _described(x509.load_der_x509_certificate(shown))
        except ValueError:
            pass  # what answers there may show anything
        else:
            whose = (
                "the server's certificate is for {subject}, by {issuer}, from {begins} to {ends}, "
                "SHA-256 {sha256}"
            ).format_map(server)
    ours = (
        "the camera trusts {subject} (office.ca), from {begins} to {ends}, SHA-256 {sha256}"
    ).format_map(trusted)
    why, cure = _WORDS[fault]
    return OfficeUnavailableError(
        f"{url}: {why} ({printable(error.verify_message)}): {whose}; {ours}. {cure}",
        trouble=HandoverTrouble.CERTIFICATE,
        fault=fault,
        details={
            "trusted": trusted["sha256"],
            "issuer": server["issuer"],
            "shown": server["sha256"],
            "begins": server["begins"],
            "ends": server["ends"],
        },
    )


def _described(certificate: x509.Certificate) -> dict[str, str]:
    """A certificate for people. sha256: its fingerprint, as openssl and `camerad office init` show
    it. begins, ends: dates."""
    return {
        "subject": printable(certificate.subject.rfc4514_string())[:_LONGEST],
        "issuer": printable(certificate.issuer.rfc4514_string())[:_LONGEST],
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        "begins": f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        "ends": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
    }
