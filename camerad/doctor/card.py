"""Checks the card: its free room, and whether it is fast enough for footage.

What is written is written as a recording would be: pieces of a fragment's size, each synced before
the next, on the file system of the store. The file never has a name where the file system can do
that (``O_TMPFILE``, open(2)), and loses it at once elsewhere; it is gone when it is closed.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Callable
from typing import Final

import msgspec

from camerad.base.errors import StorageError
from camerad.config import Settings
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.store import disk

FRAGMENTS: Final = 12
"""How many pieces are written: six seconds of recording, past what a card's buffer hides."""
BUDGET_SECONDS: Final = 2.5
"""No further piece is begun after this time: a card so slow is found out by then."""
SLOW_SYNC_MS: Final = 500.0
"""A sync that takes longer is stated in the recording (docs/evidence-format.md)."""
_NO_TMPFILE: Final = (errno.EOPNOTSUPP, errno.EISDIR)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


# -------------------------------------------------------------------------------------- space


def check_space(settings: Settings, directory: str) -> CheckResult:
    """How much is left for recordings in `directory`."""
    try:
        disk.check_mounted(directory)
        room = disk.free_space(directory, settings.camera.bitrate)
    except StorageError as error:
        return CheckResult("space", FindingId.SPACE_MISSING, {"why": str(error)})
    limits = settings.storage
    return judge_space(room, limits.low_minutes, limits.full_minutes, directory)


def judge_space(
    room: disk.FreeSpace, low_minutes: float, full_minutes: float, directory: str
) -> CheckResult:
    """What that means, by the limits at which the camera itself warns and refuses."""
    values = {"minutes": round(room.minutes, 1), "directory": directory}
    if not room.writable:
        return CheckResult("space", FindingId.SPACE_READ_ONLY, values)
    if room.minutes < full_minutes:
        return CheckResult("space", FindingId.SPACE_FULL, values | {"limit": full_minutes})
    if room.minutes < low_minutes:
        return CheckResult("space", FindingId.SPACE_LOW, values | {"limit": low_minutes})
    return CheckResult("space", FindingId.SPACE_OK, values)


# --------------------------------------------------------------------------------------- card


class WriteTimes(msgspec.Struct, frozen=True):
    """What writing took. pieces: seconds for each, with its sync; syncs: of that, for the sync.
    size: of a piece, bytes."""

    size: int
    pieces: tuple[float, ...]
    syncs: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Bytes per second."""
        return self.size * len(self.pieces) / max(sum(self.pieces), 1e-9)


def check_card(settings: Settings, directory: str) -> CheckResult:
    """Write to the card for a moment, and judge what that took."""
    bitrate = settings.camera.bitrate
    size = round(bitrate / 8 * settings.recording.fragment_seconds)
    try:
        measured = measure(directory, size)
    except FileNotFoundError:
        return CheckResult("card", FindingId.CARD_MISSING)
    except PermissionError:
        return CheckResult("card", FindingId.CARD_FORBIDDEN, {"directory": directory})
    except OSError as error:
        if error.errno in _FULL:
            return CheckResult("card", FindingId.CARD_NO_ROOM)
        return CheckResult("card", FindingId.CARD_FAILS, {"why": f"{directory}: {error.strerror}"})
    return judge_card(measured, settings.camera.max_bitrate / 8)


def measure(directory: str, size: int, clock: Callable[[], float] = time.monotonic) -> WriteTimes:
    """Write and sync pieces of `size` bytes. Raises OSError."""
    piece = os.urandom(size)  # no card saves work on what it cannot foresee
    pieces: list[float] = []
    syncs: list[float] = []
    descriptor = _unnamed(directory)
    try:
        began = clock()
        while len(pieces) < FRAGMENTS and clock() - began < BUDGET_SECONDS:
            start = clock()
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            written = clock()
            os.fdatasync(descriptor)
            end = clock()
            pieces.append(end - start)
            syncs.append(end - written)
    finally:
        os.close(descriptor)
    return WriteTimes(size, tuple(pieces), tuple(syncs))


def _unnamed(directory: str) -> int:
    """A new file without a name."""
    try:
        return os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
    descriptor, name = tempfile.mkstemp(dir=directory, prefix=".doctor-")
    os.unlink(name)
    return descriptor


def judge_card(measured: WriteTimes, needed: float) -> CheckResult:
    """Whether the card is fast enough. needed: bytes per second that a recording takes at most."""
    worst_ms = max(measured.syncs) * 1000
    values = {
        "rate": round(measured.rate / 1e6, 2),
        "needed": round(needed / 1e6, 2),
        "syncs": len(measured.syncs),
        "worst_ms": round(worst_ms, 1),
        "limit_ms": SLOW_SYNC_MS,
    }
    if measured.rate < needed:
        return CheckResult("card", FindingId.CARD_SLOW, values)
    what = FindingId.CARD_HESITATES if worst_ms > SLOW_SYNC_MS else FindingId.CARD_OK
    return CheckResult("card", what, values)
