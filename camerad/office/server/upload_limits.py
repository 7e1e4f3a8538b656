"""Limits of uploads, and their check before an upload begins.

Room is promised with the declaration, and with each part anew, for `UploadLimits.promised_days`: a
camera is docked once a day, and goes on with what it began when it is there again. What is missing
of an upload to which nothing came for so long is kept free for it no longer; what came of it stays
until `unfinished_days` are over. So a camera that declares and sends nothing keeps others from
nothing for longer than a day.

`camerad.office.server.camera_quotas` says how much of one camera may lie here. Units: bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from camerad.base.text import room
from camerad.container.keys import Thumbprint
from camerad.office.server.apart import measure_apart
from camerad.office.server.camera_quotas import (
    DEFAULT_QUOTAS,
    GIB,
    CameraHere,
    CameraQuotas,
    PutApart,
    find_refusal,
)
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.upload_files import Declaration


class UploadLimits(msgspec.Struct, frozen=True):
    """What the office takes. largest: bytes of a recording. reserve: bytes that stay free on the
    file system. unfinished: uploads of one camera at once. complete: those that are not ingested
    yet, besides. unfinished_days: how long an upload waits for its next part, or for its camera's
    ledger. promised_days: how long room is kept for what did not come, and an upload of which
    nothing came waits for its first part. quotas: of one camera."""

    largest: int = 64 * GIB
    reserve: int = 5 * GIB
    unfinished: int = 8
    complete: int = 32
    unfinished_days: int = 7
    promised_days: int = 1
    quotas: CameraQuotas = DEFAULT_QUOTAS


DEFAULT_LIMITS: Final = UploadLimits()


class UploadHere(NamedTuple):
    """An upload. kid: thumbprint of its camera's key. came: bytes that count. promised: room is
    kept for the others."""

    kid: Thumbprint
    declaration: Declaration
    came: int
    promised: bool = True

    @property
    def here(self) -> int:
        """What lies here of it."""
        return min(self.came, self.declaration.bytes)

    @property
    def awaited(self) -> int:
        """For so much more room is kept."""
        return self.declaration.bytes - self.here if self.promised else 0


def check_limits(
    limits: UploadLimits,
    root: str,
    kid: Thumbprint,
    length: int,
    *,
    there: Iterable[UploadHere],
    spare: int,
) -> None:
    """Check that another upload may begin. root: the office's directory. kid: thumbprint of its
    camera's key. there: the uploads of all cameras. spare: what is free beyond the reserve.

    Raises UploadError and StorageError.
    """
    if length > limits.largest:
        raise UploadError(
            UploadRefusal.TOO_LARGE,
            f"{length} bytes are more than this office takes of one recording ({limits.largest}); "
            "raise receive.largest_gib in the office's settings if it is one",
        )
    unfinished = complete = missing = declared = came = 0
    for one in there:
        missing += one.awaited
        if one.kid == kid:
            unfinished += one.here < one.declaration.bytes
            complete += one.here == one.declaration.bytes
            declared += one.here + one.awaited
            came += one.here
    if unfinished >= limits.unfinished:
        raise UploadError(
            UploadRefusal.TOO_MANY,
            f"this camera has {unfinished} unfinished uploads, and may have {limits.unfinished}; "
            "finish one first, or wait: one to which nothing comes is removed",
        )
    if complete >= limits.complete:
        raise UploadError(
            UploadRefusal.TOO_MANY,
            f"{complete} recordings of this camera are here and not taken over yet; bring its "
            "ledger, or wait until they are checked",
        )
    _check_spare(length, missing, spare)
    apart = measure_apart(root, kid)
    apart_of_all = measure_apart(root) if apart.files else PutApart()
    lies = CameraHere(declared, came, apart, apart_of_all)
    others = missing - (declared - came)
    if (why := find_refusal(limits.quotas, kid, length, lies, spare - others)) is not None:
        raise UploadError(UploadRefusal.CAMERA_FULL, why)


def check_room(length: int, there: Iterable[UploadHere], spare: int) -> None:
    """Check that there is room for so much more of an upload for which none is kept. Otherwise as
    `check_limits`. Raises UploadError."""
    _check_spare(length, sum(one.awaited for one in there), spare)


def _check_spare(length: int, missing: int, spare: int) -> None:
    if missing + length > spare:
        promised = (
            f": of the {room(max(0, spare))} that may be used, {room(missing)} are promised to "
            "uploads that are not complete (office/incoming)"
        )
        raise UploadError(
            UploadRefusal.NO_ROOM,
            f"the office's storage has no room for {room(length)} more"
            f"{promised if missing else ''}; let the office make room",
        )
