"""The section ``desk`` of ``office.yaml``: where people reach the desk, and how long they stay."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from camerad.config.fields import Matches, Range
from camerad.config.settings_reader import SettingsReader
from camerad.office.server import openid_settings
from camerad.office.server.openid_settings import OpenidSettings

DESK_PORT: Final = 8444
_PORT: Final = (
    r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
"""1 to 65535."""
_ENDS_IN_A_NUMBER: Final = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)\.?$", re.ASCII)
"""What browsers take for an address of IPv4 (WHATWG URL, 3.5)."""


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
    openid_settings.check(
        settings.openid, reader, desk_is_trial=settings.is_trial, with_files=with_files
    )
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


EXAMPLE: Final = (
    """\
# The desk's pages, on a separate port: recordings, cameras, who did what.
# 'camerad office people add' makes the first administrator. docs/desk.md explains the rest.
# desk:
#   url: https://desk.office.example:8444
"""
    + openid_settings.EXAMPLE
)
