"""The section ``desk.openid`` of ``office.yaml``: the city's provider of OpenID Connect.

The provider says who a person is, and nothing else: roles stay the desk's own. The secret is never
in the settings themselves; a file beside them has it, which only the server's user may read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from camerad.base.text import is_plain
from camerad.config.fields import ABSOLUTE_PATH, Matches, Range
from camerad.config.settings_reader import SettingsReader

SECTION: Final = "desk.openid"
RETURN_PATH: Final = "/openid"
"""Where the provider sends browsers back to: the address to register there is the desk's, with
this."""
_LONGEST_LABEL: Final = 60


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


def check(
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
            "without TLS anybody on the way could sign in as anybody, so http is for a trial, with "
            "desk.url at http://localhost; name the provider's address with https",
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
#   openid:              # sign-in by the city's account as well; docs/desk.md says what to register
#     issuer: https://login.city.example/realms/city
#     client_id: camerad-desk
#     client_secret_file: /etc/camerad-office/openid-secret   # mode 600
#     label: City account
#     acr: ["2"]         # a second factor, as this provider names it
"""
