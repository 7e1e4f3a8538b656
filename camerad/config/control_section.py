"""The section about rights on the control socket: read, press and configure.

Declared like all others (`camerad.config.sections`, of whose `ConfigFile` it is a part).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from camerad.config.fields import Matches

WHO: Final = Matches(
    r"(user|group):[a-z_][a-z0-9_-]{0,31}",
    "a user or a group of the system, such as user:evidence or group:camerad,",
)


class Access(msgspec.Struct, frozen=True):
    """Who may do what through the control socket. Root and the daemon's own user may do all of it;
    everybody else has to be in device.socket_group as well, or cannot open the socket at all."""

    read: Annotated[
        tuple[str, ...] | None,
        "Who may read the camera's state, its recordings' list and its counters. Left out: the "
        "members of device.socket_group.",
        WHO,
    ] = None
    press: Annotated[
        tuple[str, ...] | None,
        "Who may press the camera's buttons by software. Left out: the members of "
        "device.socket_group.",
        WHO,
    ] = None
    configure: Annotated[
        tuple[str, ...],
        "Who may say whose shift it is, hold and release recordings, delete what is due, "
        "acknowledge copies, and ask how the parts do.",
        WHO,
    ] = ()
    hand_over: Annotated[
        tuple[str, ...],
        "Who may hand recordings over to the office: have its requests signed with the camera's "
        "key, hand in the office's receipts, and tell how it goes. Besides that, a user who is "
        "named here may read as a member of device.socket_group does, and not press.",
        WHO,
    ] = ()
