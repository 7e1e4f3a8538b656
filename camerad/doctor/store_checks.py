"""Checks the store: its free room, whether the card takes footage, the device's key, the ledger.

What is written is written as a recording would be: pieces of a fragment's size, each synced before
the next, on the file system of the store. The file never has a name where the file system can do
that (``O_TMPFILE``, open(2)), and loses it at once elsewhere; it is gone when it is closed.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.errors import CameradError, StorageError
from camerad.config import Settings
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.severity import Severity
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.ledger.audit import LedgerFinding, read_ledger
from camerad.ledger.ledger_state import LedgerState
from camerad.store import disk, identity
from camerad.store.locations import LEDGER

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
        return FindingId.SPACE_MISSING.found(why=str(error))
    limits = settings.storage
    return judge_space(room, limits.low_minutes, limits.full_minutes, directory)


def judge_space(
    room: disk.FreeSpace, low_minutes: float, full_minutes: float, directory: str
) -> CheckResult:
    """What that means, by the limits at which the camera itself warns and refuses."""
    values = {"minutes": round(room.minutes, 1), "directory": directory}
    if not room.writable:
        return FindingId.SPACE_READ_ONLY.found(**values)
    if room.minutes < full_minutes:
        return FindingId.SPACE_FULL.found(**values, limit=full_minutes)
    if room.minutes < low_minutes:
        return FindingId.SPACE_LOW.found(**values, limit=low_minutes)
    return FindingId.SPACE_OK.found(**values)


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
        return FindingId.CARD_MISSING.found()
    except PermissionError:
        return FindingId.CARD_FORBIDDEN.found(directory=directory)
    except OSError as error:
        if error.errno in _FULL:
            return FindingId.CARD_NO_ROOM.found()
        return FindingId.CARD_FAILS.found(why=f"{directory}: {error.strerror}")
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
        return FindingId.CARD_SLOW.found(**values)
    what = FindingId.CARD_HESITATES if worst_ms > SLOW_SYNC_MS else FindingId.CARD_OK
    return what.found(**values)


# ---------------------------------------------------------------------------------- key and ledger

_LARGEST: Final = 64 * 1024


def check_key(state_dir: str, known: str | None, *, credential: bool) -> CheckResult:
    """Whether the device's key is there, private, and the known one.

    It is only looked at: a key is made, set aside or published by the daemon alone. known:
    thumbprint of the key that the ledger was signed with last. credential: the service manager
    brings a key.
    """
    path = os.path.join(state_dir, identity.KEY_NAME)
    known = known or _published(state_dir)
    mode, thumbprint, why = None, None, ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        pass
    except PermissionError:
        return FindingId.KEY_FORBIDDEN.found(path=path)
    except OSError as error:
        return FindingId.KEY_DAMAGED.found(path=path, why=error.strerror)
    else:
        try:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            thumbprint = SigningKey.from_pem(os.read(descriptor, _LARGEST)).public.thumbprint
        except (OSError, ValueError) as error:
            why = str(error)
        finally:
            os.close(descriptor)
    if credential and known is not None and thumbprint != known:
        # Whether it is the one that is brought, only the daemon can tell.
        return FindingId.KEY_CREDENTIAL.found()
    if mode is None and known is None:
        return FindingId.KEY_NONE.found(path=path)
    if mode is None:
        return FindingId.KEY_LOST.found(path=path, thumbprint=known)
    if mode & 0o077:
        return FindingId.KEY_OPEN.found(path=path, mode=f"{mode:04o}")
    if thumbprint is None:
        return FindingId.KEY_DAMAGED.found(path=path, why=why)
    return compare_key(thumbprint, known)


def _published(state_dir: str) -> str | None:
    try:
        return identity.published(state_dir)[0].thumbprint
    except CameradError:
        return None


def compare_key(thumbprint: str, known: str | None) -> CheckResult:
    """Whether the key in use is the one that the ledger knows, if it knows one."""
    if known is not None and known != thumbprint:
        return FindingId.KEY_OTHER.found(thumbprint=thumbprint, known=known)
    return FindingId.KEY_OK.found(thumbprint=thumbprint)


class LedgerObservation(msgspec.Struct, frozen=True):
    """state: what the ledger's entries add up to; None if there is none, or it cannot be read, and
    why. findings: what is wrong with it."""

    state: LedgerState | None = None
    findings: Sequence[LedgerFinding] = ()
    why: str | None = None

    @property
    def known(self) -> str | None:
        """Thumbprint of the key that signed it last."""
        return self.state.kid or None if self.state is not None else None


def observe_ledger(state_dir: str) -> LedgerObservation:
    """Read the ledger below `state_dir`, and check it."""
    directory = os.path.join(state_dir, LEDGER)
    try:
        if not file_status.is_directory(directory):
            return LedgerObservation()
        current, former = identity.published(state_dir)
        state, findings = read_ledger(directory, KeyRing([current, *former]))
    except CameradError as error:
        return LedgerObservation(why=str(error))
    return LedgerObservation(state, findings)


def judge_ledger(signs: LedgerObservation, state_dir: str) -> CheckResult:
    """Judge them."""
    if signs.why is not None:
        return FindingId.LEDGER_UNREADABLE.found(why=signs.why)
    if signs.state is None:
        return FindingId.LEDGER_NONE.found()
    # Notes are not counted: of what a ledger alone cannot prove, and of an append that was cut off.
    damages = [one for one in signs.findings if one.severity is Severity.DAMAGE]
    if damages:
        values = {"why": str(damages[0]), "count": len(damages), "directory": state_dir}
        return FindingId.LEDGER_DAMAGED.found(**values)
    return FindingId.LEDGER_OK.found(entries=signs.state.entries)
