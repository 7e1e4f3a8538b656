"""The section about the office's server, to which a docked camera uploads its recordings.

Declared like all others (`camerad.config.sections`, of whose `ConfigFile` it is a part). The camera
uses `Office`, which has the key that a provisioning file leaves to its own section.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from camerad.config.fields import Matches, Range

KEY: Final = r"[A-Za-z0-9_-]{43}"
"""An Ed25519 public key: 32 bytes in base64url."""
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT: Final = (
    r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
)
URL: Final = rf"https://(?=.{{1,250}}$)({_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])(:{_PORT})?"
"""As a browser shows it, without a path: what a request's signature covers begins with it."""
_PEM: Final = (
    r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n){2,100}"
    r"([A-Za-z0-9+/]{1,64}={0,2}\n)?-----END CERTIFICATE-----\n?"
)
"""RFC 7468, 3, in its strict form, which is what openssl writes."""


class OfficeServer(msgspec.Struct, frozen=True):
    """The office's server. Without this section the camera hands over nothing by its dock."""

    url: Annotated[
        str,
        "Its address, without a path.",
        Matches(URL, "an address without a path, such as https://office.example:8443,"),
    ]
    ca: Annotated[
        str,
        "Certificate (PEM) of the authority that its certificate is by. The camera trusts no other "
        "one.",
        Matches(
            _PEM,
            "one certificate in PEM, as `openssl x509` writes it, behind `ca: |` and indented,",
        ),
    ]
    key: Annotated[
        str | None,
        "The server's public key (Ed25519), which signs receipts. Left out in a provisioning file: "
        "it is provision.office_key.",
        Matches(KEY, "a public key as provision.office_key has it (43 characters)"),
    ] = None
    mbit_per_second: Annotated[
        int,
        "How fast the camera sends at the most, so that several in their docks leave others room.",
        Range(1, 10_000, "megabits per second"),
    ] = 100


class Office(msgspec.Struct, frozen=True):
    """The office's server as it holds on this camera; the fields are those of `OfficeServer`."""

    url: str
    ca: str
    key: str
    mbit_per_second: int
