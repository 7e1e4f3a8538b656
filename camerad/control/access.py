"""Rights and limits of users on the control socket.

Who asks is what the kernel says of the other end of the connection (SO_PEERCRED and SO_PEERGROUPS,
``unix(7)``): user and groups as they were when it connected. No word of the peer's own counts. Each
request needs one role (`role_of`); root and the daemon's own user have them all.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import socket
import struct
from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from camerad.base.message_ids import Log, MessageId
from camerad.config.control_section import Access

log = Log(__name__)

SO_PEERGROUPS: Final = 59
"""Of Linux since 4.13 (asm-generic/socket.h, for x86 and ARM alike); Python has no name for it."""
MOST_GROUPS: Final = 256
"""Supplementary groups that are looked at: Python's getsockopt takes 1,024 bytes. Of a user with
more, only the main group counts."""
_CREDENTIALS: Final = struct.Struct("3i")

RATE: Final = 20.0
"""Requests and new connections of one user in a second, all in all,"""
BURST: Final = 40.0
"""and at once after a rest."""
HAND_OVER_PATHS: Final = (
    "/dock/signature",
    "/dock/receipt",
    "/dock/check-in",
    "/dock/settings",
    "/dock/log",
    "/dock/progress",
)
"""What is asked by POST there needs a role of its own (`camerad.control.dock_routes`,
`camerad.control.routes`)."""
MAX_USERS: Final = 256
"""Users whose rate is remembered."""


class Role(Enum):
    """A right that a request needs; none includes another."""

    READ = "read"
    """See the camera's state, the list of recordings, the counters."""
    PRESS = "press"
    """Actions of a hand on the buttons."""
    CONFIGURE = "configure"
    """What concerns shifts, what is kept and what goes, and how the parts do: brightness and
    loudness, asked for again and again, tell something of what happens before the camera."""
    HAND_OVER = "hand_over"
    """Have requests to the office's server signed, hand in what it sent (receipts, settings), and
    tell how it goes."""


def role_of(method: str, path: str) -> Role:
    """The role that a request needs. path: as the route is written. What is not known to be
    harmless needs the highest."""
    if method in ("GET", "HEAD"):
        return Role.CONFIGURE if path == "/health" else Role.READ
    if method == "POST" and path.startswith("/intents/"):
        return Role.PRESS
    if method == "POST" and path in HAND_OVER_PATHS:
        return Role.HAND_OVER
    return Role.CONFIGURE


class Peer(msgspec.Struct, frozen=True):
    """The user at the other end. gids: main and supplementary groups."""

    uid: int
    gids: frozenset[int]


def peer_of(transport: asyncio.BaseTransport | None) -> Peer | None:
    """The user at the other end of a connection, by the kernel; None if it is gone."""
    end = None if transport is None else transport.get_extra_info("socket")
    if end is None:
        return None
    try:
        _, uid, gid = _CREDENTIALS.unpack(
            end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
    except OSError as error:
        log.debug(MessageId.DETAIL, "control: no credentials: %s", error)
        return None
    return Peer(uid, frozenset({gid, *_supplementary(end)}))


def _supplementary(end: socket.socket) -> Iterable[int]:
    try:
        packed = end.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * MOST_GROUPS)
    except OSError as error:  # more of them, or an old kernel: fewer groups are fewer rights
        log.debug(MessageId.DETAIL, "control: no supplementary groups: %s", error)
        return ()
    return struct.unpack(f"{len(packed) // 4}I", packed)


class Permissions:
    """The configuration's names as the kernel's numbers, looked up once.

    group: name of the socket's group, None if it has none of its own; who may read and press unless
    `access` names others. A user that hands recordings over is in that group to read, and does not
    press for it: what speaks with a network has no hand on the buttons. A user or group that this
    machine does not have gets no rights, and the log says so.
    """

    def __init__(self, access: Access, group: str | None) -> None:
        members = () if group is None else (f"group:{group}",)
        self._who = {
            Role.READ: _numbers("read", members if access.read is None else access.read),
            Role.PRESS: _numbers("press", members if access.press is None else access.press),
            Role.CONFIGURE: _numbers("configure", access.configure),
            Role.HAND_OVER: _numbers("hand_over", access.hand_over),
        }
        handing_over, _ = self._who[Role.HAND_OVER]
        self._not_pressing = handing_over if access.press is None else frozenset[int]()
        self._own = frozenset({0, os.geteuid()})

    def is_own(self, peer: Peer) -> bool:
        """Whether it is root or the daemon's own user, who may do everything, as often as they
        like."""
        return peer.uid in self._own

    def may(self, peer: Peer, role: Role) -> bool:
        """Whether `peer` has the role."""
        if role is Role.PRESS and peer.uid in self._not_pressing:
            return self.is_own(peer)
        users, groups = self._who[role]
        return self.is_own(peer) or peer.uid in users or not groups.isdisjoint(peer.gids)


def _numbers(key: str, names: Iterable[str]) -> tuple[frozenset[int], frozenset[int]]:
    users, groups = set(), set()
    for entry in names:
        kind, _, name = entry.partition(":")
        try:
            if kind == "user":
                users.add(pwd.getpwnam(name).pw_uid)
            else:
                groups.add(grp.getgrnam(name).gr_gid)
        except KeyError:
            # A user who does not exist has no rights. A camera that does not start would be worse.
            log.error(
                MessageId.ACCESS,
                "access.%s: there is no %s %r on this camera: make it, or name another",
                key,
                kind,
                name,
            )
    return frozenset(users), frozenset(groups)


class Rates:
    """A token bucket for each user. Times are seconds of a clock that never steps."""

    def __init__(self) -> None:
        self._buckets: dict[int, tuple[float, float]] = {}

    def take(self, uid: int, now: float) -> bool:
        """Whether this user may do one thing more at `now`; then it counts."""
        left, since = self._buckets.pop(uid, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        allowed = left >= 1.0
        if len(self._buckets) >= MAX_USERS:
            # The user who has been idle for longest: their bucket is full by now, or nearly.
            del self._buckets[next(iter(self._buckets))]
        self._buckets[uid] = (left - 1.0 if allowed else left, now)
        return allowed
