"""What a provisioning file says of the office's server: its address, and by whom its certificate
is.
"""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from camerad.base.errors import ConfigError
from camerad.base.safe_read import read_plain
from camerad.container.keys import PublicKey, encode_base64url

_LARGEST: Final = 64 * 1024
_SECTION: Final = """
# The office's server, to which the camera hands its recordings over in its dock; by this user.
office:
  url: "{url}"
{key}  ca: |
{ca}
access:
  hand_over: [user:camerad-upload]
"""


class ServerSpec(msgspec.Struct, frozen=True):
    """url: the server's address. ca: certificate, in PEM, of the authority that its own is by. key:
    by which it signs receipts, None if that is the one that signs the file."""

    url: str
    ca: str
    key: PublicKey | None = None


def read_authority(path: str) -> str:
    """The certificate of an authority in a file, in PEM as `office.ca` has it. Raises ConfigError
    if it is none, or one of several, and StorageError."""
    data = read_plain(path, "certificate", _LARGEST + 1, linked=True)
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ConfigError(
            [f"{path}: this is no certificate in PEM; name that of the office's authority"]
        ) from None
    if len(found) != 1:
        raise ConfigError(
            [f"{path}: there are {len(found)} certificates in it; name a file with the authority's"]
        )
    if not _is_authority(found[0]):
        raise ConfigError(
            [
                f"{path}: this is no authority's certificate (basicConstraints says CA: false, or "
                "nothing); name that by which the server's own is signed"
            ]
        )
    return found[0].public_bytes(Encoding.PEM).decode("ascii")


def section_text(server: ServerSpec) -> str:
    """The section of a provisioning file that names the server, and who hands over to it."""
    ca = "".join(f"    {line}\n" for line in server.ca.splitlines())
    key = "" if server.key is None else f"  key: {encode_base64url(server.key.raw)}\n"
    url = server.url.replace("\\", "\\\\").replace('"', '\\"')
    return _SECTION.format(url=url, key=key, ca=ca)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
