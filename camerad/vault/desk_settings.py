"""The section ``desk`` of ``office.yaml``: where people reach the desk, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from camerad.config.fields import Matches, Range

DESK_PORT: Final = 8444
_PORT: Final = (
    r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
"""1 to 65535."""


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """The page for people, on a port of its own, which the docks' network need not reach."""

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
        int, "After so long without a click somebody signs in again.", Range(5, 480, "minutes")
    ] = 30
    longest_hours: Annotated[int, "After so long in any case.", Range(1, 24, "hours")] = 10
    two_for_viewing: Annotated[
        bool, "Whether a supervisor has to approve each viewing that somebody else asks for."
    ] = False

    @property
    def is_trial(self) -> bool:
        """Whether it is reached without TLS, from this computer alone. Browsers trust their own
        machine as they trust TLS (W3C, Secure Contexts, 3.1)."""
        return self.url.startswith("http:")


EXAMPLE: Final = """\
# The page for people at the office, on a port of its own: recordings, cameras, who did what.
# 'camerad office people add' makes the first administrator. docs/desk.md explains the rest.
# desk:
#   url: https://desk.office.example:8444
"""
