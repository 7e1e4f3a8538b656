"""Limits of uploads, and their check before an upload begins.

Room is promised with the declaration, and with each part anew, for `UploadLimits.promised_days`: a
camera is docked once a day, and goes on with what it began when it is there again. What is missing
of an upload to which nothing came for so long is kept free for it no longer; what came of it stays
until `unfinished_days` are over. So a camera that declares and sends nothing keeps others from
nothing for longer than a day.

What a camera has declared, here or still to come, and what was quarantined of it
(`camerad.office.server.quarantine`, which only a person removes) counts together. So one camera, or
an attacker with its key, can neither keep the room of all others nor fill the storage with what
does not verify:

1. of one camera at most `CameraQuotas.camera` lies here, which is what the largest card of a camera
   holds; and at most half of the room that there would be without it, its first recording
   included. What is here and what was promised to others is no room;
2. `CameraQuotas.files` of one camera are quarantined;
3. `CameraQuotas.quarantined` of all cameras; beyond that no camera may bring more of which
   something is quarantined. What others bring is not affected.

Beyond these an upload is refused before its first byte, and the camera keeps its file. What is here
already may still be quarantined: for that it is moved, and needs no more room. Units: bytes. Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.base.text import room
from camerad.office.server.quarantine import Quarantined
from camerad.office.server.upload_errors import UploadError, UploadRefusal

GIB: Final = 1 << 30


class CameraQuotas(msgspec.Struct, frozen=True):
    """camera: bytes of one camera that are not ingested yet. files: how many of one camera lie
    quarantined. quarantined: bytes of all cameras that are quarantined."""

    camera: int = 512 * GIB
    quarantined: int = 1024 * GIB
    files: int = 1000


DEFAULT_QUOTAS: Final = CameraQuotas()


class UploadLimits(msgspec.Struct, frozen=True):
    """What the office takes. largest: bytes of a recording. reserve: bytes that stay free on the
    file system. most: uploads of one camera, of which some may be complete and wait for their
    ingest. unfinished_days: how long an upload waits for its next part, or for its camera's
    ledger. promised_days: how long room is kept for what did not come, and an upload of which
    nothing came waits for its first part. quotas: of one camera."""

    largest: int = 64 * GIB
    reserve: int = 5 * GIB
    most: int = 40
    unfinished_days: int = 7
    promised_days: int = 1
    quotas: CameraQuotas = DEFAULT_QUOTAS


DEFAULT_LIMITS: Final = UploadLimits()


class UploadsHere(msgspec.Struct, frozen=True):
    """Uploads that are not ingested. count: how many. came: bytes that are here. awaited: bytes for
    which room is kept besides."""

    count: int = 0
    came: int = 0
    awaited: int = 0


class CameraHere(UploadsHere, frozen=True):
    """Those of one camera. quarantined: files of it in quarantine, quarantined_of_all: of all
    cameras."""

    quarantined: Quarantined = Quarantined()
    quarantined_of_all: Quarantined = Quarantined()


def most_of_one(quotas: CameraQuotas, spare: int, here: int) -> int:
    """So much of one camera may lie here. spare: what is free beyond the reserve, and promised to
    no other camera. here: what takes room of this camera already."""
    return min(quotas.camera, (max(0, spare) + here) // 2)


def check_size(limits: UploadLimits, length: int) -> None:
    """Check how large a recording is. Raises UploadError."""
    if length > limits.largest:
        raise UploadError(
            UploadRefusal.TOO_LARGE,
            f"{length} bytes are more than this office takes of one recording ({limits.largest}); "
            "raise receive.largest_gib in the office's settings if it is one",
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


def check_camera(limits: UploadLimits, kid: str, length: int, here: CameraHere, spare: int) -> None:
    """Check that a camera may have another upload of so many bytes. kid: thumbprint of its key.
    spare: as `most_of_one` has it. Raises UploadError."""
    if here.count >= limits.most:
        raise UploadError(
            UploadRefusal.TOO_MANY,
            f"{here.count} uploads of this camera are unfinished, or not ingested yet, and "
            f"{limits.most} may be: finish one first; bring the camera's ledger; or wait: one to "
            "which nothing comes is removed",
        )
    quarantined, quotas = here.quarantined, limits.quotas
    look = f"have the office look at office/quarantine/{kid}, and take away what is there"
    own = here.came + here.awaited + quarantined.bytes
    most = most_of_one(quotas, spare, here.came + quarantined.bytes)
    if quarantined.files >= quotas.files:
        why = (
            f"{quarantined.files} files of this camera are in quarantine, and no more may be: "
            f"{look}"
        )
    elif quarantined.files and here.quarantined_of_all.bytes >= quotas.quarantined:
        why = (
            f"{room(here.quarantined_of_all.bytes)} of all cameras are in quarantine "
            f"(receive.quarantine_gib), and something of this one is among them: {look}"
        )
    elif own + length > most:
        why = (
            f"with {room(length)} more, {room(own + length)} of this camera would wait here to be "
            f"ingested, and no camera may have more than {room(most)} here (receive.camera_gib, "
            "and half of the room); "
        )
        if quarantined.bytes:
            why += f"{room(quarantined.bytes)} of it are in quarantine: {look}"
        else:
            why += "ask again when some of it was ingested, or the office has made room"
    else:
        return
    raise UploadError(UploadRefusal.CAMERA_FULL, why)


def fills_percent(quotas: CameraQuotas, quarantined: Quarantined, spare: int) -> int:
    """How full the place of one camera is by what was quarantined of it; 100 and more is full."""
    most = most_of_one(quotas, spare, quarantined.bytes)
    by_bytes = 100 * quarantined.bytes // most if most else 100
    return max(by_bytes, 100 * quarantined.files // quotas.files) if quarantined.files else 0
