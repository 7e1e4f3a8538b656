"""Limits of uploads, and their check before an upload begins.

Room is promised with the declaration, and with each part anew, for `UploadLimits.promised_days`: a
camera is docked once a day, and goes on with what it began when it is there again. What is missing
of an upload to which nothing came for so long is kept free for it no longer; what came of it stays
until `unfinished_days` are over. So a camera that declares and sends nothing keeps others from
nothing for longer than a day.

What a camera has declared, here or still to come, and what was quarantined of it
(`camerad.office.server.quarantine`, which only a person removes) counts together: at most
`UploadLimits.camera` bytes, which is what the largest card of a camera holds, in at most
`UploadLimits.files` files; and at most half of the room that there would be without it, its first
recording included. What is here and what was promised to others is no room. So one camera, or an
attacker with its key, can neither keep the room of all others nor fill the storage with what does
not verify. A bound on one recording, or on the quarantine of all cameras, would add nothing: a
recording counts in its camera's bound, and each further stolen key again leaves half of the rest.

Beyond that an upload is refused before its first byte, and the camera keeps its file. What is here
already may still be quarantined: for that it is moved, and needs no more room. Units: bytes. Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.base.text import room
from camerad.office.server.quarantine import Quarantined
from camerad.office.server.upload_errors import UploadError, UploadRefusal

GIB: Final = 1 << 30


class UploadLimits(msgspec.Struct, frozen=True):
    """What the office takes. camera: bytes of one camera that are not ingested yet; files: of one
    camera that are not. reserve: bytes that stay free on the file system. unfinished_days: how long
    an upload waits for its next part, or for its camera's ledger. promised_days: how long room is
    kept for what did not come, and an upload of which nothing came waits for its first part."""

    camera: int = 512 * GIB
    files: int = 1000
    reserve: int = 5 * GIB
    unfinished_days: int = 7
    promised_days: int = 1


DEFAULT_LIMITS: Final = UploadLimits()


class UploadsHere(msgspec.Struct, frozen=True):
    """Uploads that are not ingested. count: how many. came: bytes that are here. awaited: bytes for
    which room is kept besides."""

    count: int = 0
    came: int = 0
    awaited: int = 0


def most_of_one(limits: UploadLimits, spare: int, here: int) -> int:
    """So much of one camera may lie here. spare: what is free beyond the reserve, and promised to
    no other camera. here: what takes room of this camera already."""
    return min(limits.camera, (max(0, spare) + here) // 2)


def check_size(limits: UploadLimits, length: int) -> None:
    """Check how large a recording is. Raises UploadError."""
    if length > limits.camera:
        raise UploadError(
            UploadRefusal.TOO_LARGE,
            f"{length} bytes are more than this office takes of one camera ({limits.camera}); "
            "raise receive.camera_gib in the office's settings if it is a recording",
        )


def check_room(length: int, of_all: UploadsHere, spare: int) -> None:
    """Check that there is room for so much for which none is kept. of_all: uploads of all cameras.
    spare: what is free beyond the reserve. Raises UploadError."""
    if of_all.awaited + length > spare:
        promised = (
            f": of the {room(max(0, spare))} that may be used, {room(of_all.awaited)} are promised "
            "to uploads that are not complete (office/incoming)"
        )
        raise UploadError(
            UploadRefusal.NO_ROOM,
            f"the office's storage has no room for {room(length)} more"
            f"{promised if of_all.awaited else ''}; let the office make room",
        )


def check_camera(
    limits: UploadLimits,
    kid: str,
    length: int,
    here: UploadsHere,
    *,
    quarantined: Quarantined,
    spare: int,
) -> None:
    """Check that a camera may have another upload of so many bytes. kid: thumbprint of its key.
    here: its uploads. spare: as `most_of_one` has it. Raises UploadError."""
    files = here.count + quarantined.files
    size = here.came + here.awaited + quarantined.bytes + length
    most = most_of_one(limits, spare, here.came + quarantined.bytes)
    if files < limits.files and size <= most:
        return
    why = (
        f"with {room(length)} more, {room(size)} of this camera would wait here to be ingested, in "
        f"{files + 1} files, and no camera may have more than {room(most)} here "
        f"(receive.camera_gib, and half of the room), in {limits.files} files; "
    )
    if quarantined.files:
        why += (
            f"{room(quarantined.bytes)} of it, in {quarantined.files} files, are in quarantine: "
            f"have the office look at office/quarantine/{kid}, and take away what is there"
        )
    else:
        why += (
            "bring the camera's ledger, and ask again when some of it was ingested, or the office "
            "has made room"
        )
    raise UploadError(UploadRefusal.CAMERA_FULL, why)


def fills_percent(limits: UploadLimits, quarantined: Quarantined, spare: int) -> int:
    """How full the place of one camera is by what was quarantined of it; 100 and more is full."""
    most = most_of_one(limits, spare, quarantined.bytes)
    by_bytes = 100 * quarantined.bytes // most if most else 100
    return max(by_bytes, 100 * quarantined.files // limits.files) if quarantined.files else 0
