"""What the office takes of uploads, and the check of it before an upload begins.

`camerad.vault.camera_quotas` says how much of one camera may lie here. Units: bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from camerad.base.text import room
from camerad.vault.apart import measure_apart
from camerad.vault.camera_quotas import (
    DEFAULT_QUOTAS,
    GIB,
    CameraHere,
    CameraQuotas,
    PutApart,
    find_refusal,
)
from camerad.vault.upload_errors import (
    CameraQuotaError,
    NoRoomError,
    TooLargeError,
    TooManyUploadsError,
)
from camerad.vault.upload_files import Declaration


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What the office takes. largest: bytes of a recording. reserve: bytes that stay free on the
    file system. unfinished: uploads of one camera at once. complete: those that are not taken over
    yet, besides. unfinished_days: how long an upload waits for its next part, or for its camera's
    ledger. quotas: of one camera."""

    largest: int = 64 * GIB
    reserve: int = 5 * GIB
    unfinished: int = 8
    complete: int = 32
    unfinished_days: int = 7
    quotas: CameraQuotas = DEFAULT_QUOTAS


DEFAULT_LIMITS: Final = UploadLimits()


def check_limits(
    limits: UploadLimits,
    root: str,
    kid: str,
    length: int,
    *,
    there: Iterable[tuple[str, Declaration, int]],
    spare: int,
) -> None:
    """Check that another upload may begin. root: the office's directory. kid: thumbprint of its
    camera's key. there: the uploads of all cameras: whose, what was declared, how many bytes count.
    spare: what is free beyond the reserve.

    Raises TooLargeError, TooManyUploadsError, CameraQuotaError, NoRoomError and StorageError.
    """
    if length > limits.largest:
        raise TooLargeError(
            f"{length} bytes are more than this office takes of one recording ({limits.largest}); "
            "raise receive.largest_gib in the office's settings if it is one"
        )
    unfinished = complete = missing = declared = came = 0
    for other, one, offset in there:
        here = min(offset, one.bytes)
        missing += one.bytes - here
        if other == kid:
            unfinished += here < one.bytes
            complete += here == one.bytes
            declared += one.bytes
            came += here
    if unfinished >= limits.unfinished:
        raise TooManyUploadsError(
            f"this camera has {unfinished} unfinished uploads, and may have {limits.unfinished}; "
            "finish or delete one first"
        )
    if complete >= limits.complete:
        raise TooManyUploadsError(
            f"{complete} recordings of this camera are here and not taken over yet; bring its "
            "ledger, or wait until they are checked"
        )
    if missing + length > spare:
        promised = (
            f": of the {room(max(0, spare))} that may be used, {room(missing)} are promised to "
            "uploads that are not complete (office/incoming)"
        )
        raise NoRoomError(
            f"the office's storage has no room for {room(length)} more"
            f"{promised if missing else ''}; let the office make room"
        )
    apart = measure_apart(root, kid)
    apart_of_all = measure_apart(root) if apart.files else PutApart()
    lies = CameraHere(declared, came, apart, apart_of_all)
    others = missing - (declared - came)
    if (why := find_refusal(limits.quotas, kid, length, lies, spare - others)) is not None:
        raise CameraQuotaError(why)
