"""The section ``desk`` of ``office.yaml``: where people reach the desk, and how they sign in.

The provider of OpenID Connect says who a person is, and nothing else: roles stay the desk's own.
The secret is never in the settings themselves; a file beside them has it, which only the server's
user may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from camerad.base.text import is_plain
from camerad.config.fields import ABSOLUTE_PATH, Matches, Range
from camerad.config.settings_reader import SettingsReader

DESK_PORT: Final = 8444
_PORT: Final = (
    r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
"""1 to 65535."""
_ENDS_IN_A_NUMBER: Final = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)\.?$", re.ASCII)
"""What browsers take for an address of IPv4 (WHATWG URL, 3.5)."""
SECTION: Final = "desk.openid"
RETURN_PATH: Final = "/openid"
"""Where the provider sends browsers back to: the address to register there is the desk's, with
this."""
_LONGEST_LABEL: Final = 60
_LINE: Final = Matches(r"[^\x00-\x1f]{1,200}", "one line of up to 200 characters")


class OpenidSettings(msgspec.Struct, frozen=True):
    """Sign-in by the city's account, beside passkeys. People whose role lacks `administrator`
    may use it, once they have connected their account by a link."""

    issuer: Annotated[
        str,
        "The provider's address, letter by letter as it calls itself (`issuer`).",
        Matches(
            r"(https://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
            r"|http://(localhost|127\.0\.0\.1))(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~/%:@!$&'()*+,;=-]*)?",
            "an address such as https://login.city.example/realms/city, without ? and #,",
        ),
    ]
    client_id: Annotated[
        str,
        "What the desk is called at the provider.",
        Matches(r"[!-~]{1,200}", "what the provider shows as client ID"),
    ]
    client_secret_file: Annotated[
        Path, "File with the secret that the provider gave for it, and nothing else.", ABSOLUTE_PATH
    ]
    label: Annotated[
        str,
        "What people call the account, as in: Sign in with ...",
    ]
    ca: Annotated[
        Path | None,
        "Authority that the provider's certificate is by; PEM. Left out: those that this machine "
        "trusts.",
        ABSOLUTE_PATH,
    ] = None
    prompt: Annotated[
        Literal["login", "select_account", "provider"],
        "What the provider is asked to do each time. login: ask for password or factor anew. "
        "select_account: ask which account. provider: as it likes, so a person who sits down at a "
        "computer where another one is signed in there is let in.",
    ] = "login"
    max_age_minutes: Annotated[
        int | None,
        "How long ago the provider may have asked for password or factor; it is checked. Left out: "
        "with prompt login in this sign-in, else it is not looked at.",
        Range(0, 1440, "minutes"),
    ] = None
    acr: Annotated[
        tuple[str, ...],
        "Which kinds of sign-in count, as the provider names them (`acr`): those with a second "
        "factor, say. One of them is asked for and has to be answered. Left out: any.",
        Matches(r"[!#-\[\]-~]{1,200}", "a word without spaces"),
    ] = ()

    @property
    def max_age_seconds(self) -> int | None:
        """How long ago the provider may have asked for password or factor; None: at any time. It is
        the person's browser that passes `prompt` on, so what it did is looked at."""
        if self.max_age_minutes is not None:
            return 60 * self.max_age_minutes
        return 0 if self.prompt == "login" else None

    @property
    def is_trial(self) -> bool:
        """Whether the provider is reached without TLS, at this computer."""
        return self.issuer.startswith("http:")


class DeskSettings(msgspec.Struct, frozen=True):
    """The desk's pages, on a separate port, which the docks' network need not reach."""

    url: Annotated[
        str,
        "The page's address, letter by letter as people type it. Passkeys belong to its name: "
        "another name needs other passkeys. http://localhost:PORT is for a trial: it listens to "
        "this computer alone.",
        Matches(
            rf"(https://[a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?|http://localhost)(:{_PORT})?",
            "an address such as https://desk.office.example:8444, with a name and no path,",
        ),
    ]
    host: Annotated[
        str | None,
        "Address of this machine that people reach it by. Left out: every one that it has.",
        Matches(r"[A-Za-z0-9.:_-]{1,253}", "an address, such as 192.0.2.7 or ::1, or a name"),
    ] = None
    port: Annotated[int, "Port of TCP.", Range(1, 65535)] = DESK_PORT
    idle_minutes: Annotated[
        int, "After so long without a click people sign in again.", Range(5, 480, "minutes")
    ] = 30
    longest_hours: Annotated[int, "After so long in any case.", Range(1, 24, "hours")] = 10
    two_for_viewing: Annotated[
        bool, "Whether a supervisor has to approve each viewing that another person asks for."
    ] = False
    office: Annotated[
        str | None, "Name and address of the office, as its letters begin.", _LINE
    ] = None
    authority: Annotated[
        str | None, "Name and address of the data protection authority, for letters.", _LINE
    ] = None
    openid: Annotated[
        OpenidSettings | None, "Sign-in by the city's account as well. Left out: passkeys alone."
    ] = None

    @property
    def is_trial(self) -> bool:
        """Whether it is reached without TLS, from this computer alone. Browsers trust their own
        machine as they trust TLS (W3C, Secure Contexts, 3.1)."""
        return self.url.startswith("http:")


def check(settings: DeskSettings | None, reader: SettingsReader, *, with_files: bool) -> None:
    """What a browser would spell otherwise, so that no request would ever be from this page, and
    what no passkey can belong to: every mistake is added to the reader's. with_files: what it names
    has to be there too."""
    if settings is None:
        return
    _check_openid(settings.openid, reader, desk_is_trial=settings.is_trial, with_files=with_files)
    said = urlsplit(settings.url)
    name, usual = said.hostname or "", 80 if settings.is_trial else 443
    if said.port == usual:
        reader.add_mistake(
            "desk.url", f"browsers leave out :{usual} in such an address; leave it out as well"
        )
    if _ENDS_IN_A_NUMBER.search(name):
        reader.add_mistake(
            "desk.url", "passkeys belong to a name, and this is a number; give the machine a name"
        )
    if settings.is_trial and (said.port or usual) != settings.port:
        reader.add_mistake(
            "desk.url",
            f"a trial is reached without anything between, so its port is desk.port, which is "
            f"{settings.port}; give both the same",
        )


def _check_openid(
    settings: OpenidSettings | None,
    reader: SettingsReader,
    *,
    desk_is_trial: bool,
    with_files: bool,
) -> None:
    """Add what is wrong with the section to the reader's mistakes. with_files: what it names has to
    be there too."""
    if settings is None:
        return
    try:
        port: int | None = urlsplit(settings.issuer).port
    except ValueError:
        port = 0
    if port == 0:
        reader.add_mistake(f"{SECTION}.issuer", "the port in it is none; ports are 1 to 65535")
    if settings.is_trial and not desk_is_trial:
        reader.add_mistake(
            f"{SECTION}.issuer",
            "without TLS an attacker on the network could sign in as any person, so http is for a "
            "trial, with desk.url at http://localhost; name the provider's address with https",
        )
    label = settings.label
    if not label.strip() or len(label) > _LONGEST_LABEL or not is_plain(label):
        reader.add_mistake(
            f"{SECTION}.label", f"one line of 1 to {_LONGEST_LABEL} characters that print is needed"
        )
    if with_files:
        reader.require_files(_files_of(settings))


def _files_of(settings: OpenidSettings) -> Iterator[tuple[str, Path]]:
    yield f"{SECTION}.client_secret_file", settings.client_secret_file
    if settings.ca is not None:
        yield f"{SECTION}.ca", settings.ca


EXAMPLE: Final = """\
# The desk's pages, on a separate port: recordings, cameras, who did what.
# 'camerad office people add' makes the first administrator. docs/desk.md explains the rest.
# desk:
#   url: https://desk.office.example:8444
#   office: City of Musterstadt, Public order office, Marktplatz 1, 12345 Musterstadt
#   authority: State Commissioner for Data Protection, Musterweg 2, 12345 Musterstadt
#   openid:              # sign-in by the city's account as well; docs/desk.md says what to register
#     issuer: https://login.city.example/realms/city
#     client_id: camerad-desk
#     client_secret_file: /etc/camerad-office/openid-secret   # mode 600
#     label: City account
#     acr: ["2"]         # a second factor, as this provider names it
"""
