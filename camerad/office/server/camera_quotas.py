"""Limits of one camera: bytes that may lie at the office before they are ingested.

That is what it has declared, here or still to come, and what was put apart of it
(`camerad.office.server.apart`), which only a person removes. So one camera, or an attacker with
its key, can neither keep the room of all others nor fill the storage with what does not verify:

1. of one camera at most `CameraQuotas.camera` lies here, which is what the largest card of a camera
   holds; and at most half of the room that there would be without it, its first recording
   included. What is here and what was promised to others is no room;
2. `CameraQuotas.files` of one camera are put apart;
3. `CameraQuotas.apart` of all cameras; beyond that no camera may bring more of which something lies
   apart. What others bring is not affected.

Beyond these an upload is refused before its first byte, and the camera keeps its file. What is here
already may still be put apart: for that it is moved, and needs no more room. Units: bytes. Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.base.text import room

GIB: Final = 1 << 30
_LOOK: Final = "have the office look at office/apart/{kid}, and take away what is there"


class CameraQuotas(msgspec.Struct, frozen=True):
    """camera: bytes of one camera that are not ingested yet. files: how many of one camera lie
    apart. apart: bytes of all cameras that lie apart."""

    camera: int = 512 * GIB
    apart: int = 1024 * GIB
    files: int = 1000


DEFAULT_QUOTAS: Final = CameraQuotas()


class PutApart(msgspec.Struct, frozen=True):
    """What lies apart. bytes: of all files."""

    files: int = 0
    bytes: int = 0


class CameraHere(msgspec.Struct, frozen=True):
    """What lies of one camera before its ingest. declared: bytes of its uploads when they will
    be complete; came: of these, what is here. apart: what was put apart of it, apart_of_all: of all
    cameras."""

    declared: int = 0
    came: int = 0
    apart: PutApart = PutApart()
    apart_of_all: PutApart = PutApart()


def most_of_one(quotas: CameraQuotas, spare: int, here: int) -> int:
    """So much of one camera may lie here. spare: what is free beyond the reserve, and promised to
    no other camera. here: what takes room of this camera already."""
    return min(quotas.camera, (max(0, spare) + here) // 2)


def find_refusal(
    quotas: CameraQuotas, kid: str, length: int, here: CameraHere, spare: int
) -> str | None:
    """Why an upload of so many bytes is not taken, in a sentence for the camera's users; None
    if it is. kid: thumbprint of the camera's key. spare: as `most_of_one` has it."""
    apart, look = here.apart, _LOOK.format(kid=kid)
    if apart.files >= quotas.files:
        return f"{apart.files} files of this camera were put apart, and no more may be: {look}"
    if apart.files and here.apart_of_all.bytes >= quotas.apart:
        return (
            f"{room(here.apart_of_all.bytes)} were put apart of all cameras (receive.apart_gib), "
            f"and something of this one is among them: {look}"
        )
    own = here.declared + apart.bytes
    most = most_of_one(quotas, spare, here.came + apart.bytes)
    if own + length <= most:
        return None
    said = (
        f"with {room(length)} more, {room(own + length)} of this camera would wait here to be "
        f"taken over, and no camera may have more than {room(most)} here (receive.camera_gib, and "
        "half of the room)"
    )
    if apart.bytes:
        return f"{said}; {room(apart.bytes)} of it were put apart: {look}"
    return f"{said}; ask again when some of it was taken over, or the office has made room"


def fills_percent(quotas: CameraQuotas, apart: PutApart, spare: int) -> int:
    """How full the place of one camera is by what was put apart of it; 100 and more is full."""
    most = most_of_one(quotas, spare, apart.bytes)
    by_bytes = 100 * apart.bytes // most if most else 100
    return max(by_bytes, 100 * apart.files // quotas.files) if apart.files else 0
