"""Decides whether a reboot that the recovery ladder asks for is worth it. Pure.

A reboot frees a driver that holds on to a process, and mends nothing that is unplugged or broken.
So reboots are counted from one start of the machine to the next, and forgotten once the camera has
worked steadily (`camerad.behaviour.supervision.Steady`). After `MOST_REBOOTS` that did not help the
camera stays as it is: amber, its buttons and its voice answering, and now and then it is tried
again.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from camerad.behaviour.budget import MOST_REBOOTS


class Reboots(msgspec.Struct, frozen=True):
    """State remembered from one start of the machine to the next.

    count: reboots in a row. recording: the last one ended a recording, and the wearer has not been
    told yet.
    """

    count: int = 0
    recording: bool = False


NONE = Reboots()


def wanted(known: Reboots, *, recording: bool) -> Reboots | None:
    """The state to remember if the machine is rebooted now; None: it is not worth it."""
    if known.count >= MOST_REBOOTS:
        return None
    return Reboots(known.count + 1, recording)


def taken_back(known: Reboots) -> Reboots:
    """The state to remember if the last reboot did not take place."""
    return Reboots(max(0, known.count - 1))


def told(known: Reboots) -> Reboots:
    """The wearer has been told that a recording was ended."""
    return replace(known, recording=False)


def to_json(known: Reboots) -> dict[str, Any]:
    """As it is written down."""
    return {"count": known.count, "recording": known.recording}


def from_json(document: Any) -> Reboots:
    """Read the stored state. Raises ValueError if it is something else."""
    match document:
        case {"count": int(count), "recording": bool(recording)} if (
            type(count) is int and count >= 0 and len(document) == 2
        ):
            return Reboots(count, recording)
    raise ValueError(f"not what a reboot leaves behind: {document!r:.80}")
