"""Checks the device's key: present, private, and known to its ledger.

Only looked at: a key is made, set aside or published by the daemon alone
(`camerad.store.identity`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.errors import CameradError
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.severity import Severity
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.ledger.audit import LedgerFinding, read_ledger
from camerad.ledger.ledger_state import LedgerState
from camerad.store import identity
from camerad.store.locations import LEDGER

_LARGEST: Final = 64 * 1024


class KeyObservation(msgspec.Struct, frozen=True):
    """State of a device's key.

    path: of the private half. mode: of its file, None if there is none. thumbprint: of the key in
    it, None if there is none or it cannot be read. why: then what is wrong with it. forbidden: this
    user may not look. known: the key that the ledger was signed with last, or that is published as
    the device's; None if there is neither. credential: the service manager brings a key.
    """

    path: str
    mode: int | None = None
    thumbprint: str | None = None
    why: str = ""
    forbidden: bool = False
    known: str | None = None
    credential: bool = False


def observe_key(state_dir: str, known: str | None, *, credential: bool) -> KeyObservation:
    """Look at the key below `state_dir`. known: by the ledger. credential: see `KeyObservation`."""
    path = os.path.join(state_dir, identity.KEY_NAME)
    known = known or _published(state_dir)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return KeyObservation(path, known=known, credential=credential)
    except PermissionError:
        return KeyObservation(path, known=known, forbidden=True, credential=credential)
    except OSError as error:
        return KeyObservation(path, mode=0, why=str(error.strerror), known=known)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        thumbprint, why = None, ""
        try:
            key = SigningKey.from_pem(os.read(descriptor, _LARGEST))
            thumbprint = key.public.thumbprint
        except (OSError, ValueError) as error:
            why = str(error)
        return KeyObservation(path, mode, thumbprint, why, known=known, credential=credential)
    finally:
        os.close(descriptor)


def _published(state_dir: str) -> str | None:
    try:
        return identity.published(state_dir)[0].thumbprint
    except CameradError:
        return None


def judge_key(signs: KeyObservation) -> CheckResult:
    """Judge the state."""
    path, known = signs.path, signs.known
    if signs.forbidden:
        return CheckResult("key", FindingId.KEY_FORBIDDEN, {"path": path})
    if signs.credential and known is not None and signs.thumbprint != known:
        # Whether it is the one that is brought, only the daemon can tell.
        return CheckResult("key", FindingId.KEY_CREDENTIAL)
    if signs.mode is None:
        if known is None:
            return CheckResult("key", FindingId.KEY_NONE, {"path": path})
        return CheckResult("key", FindingId.KEY_LOST, {"path": path, "thumbprint": known})
    if signs.mode & 0o077:
        return CheckResult("key", FindingId.KEY_OPEN, {"path": path, "mode": f"{signs.mode:04o}"})
    if signs.thumbprint is None:
        return CheckResult("key", FindingId.KEY_DAMAGED, {"path": path, "why": signs.why})
    return compare_key(signs.thumbprint, known)


def compare_key(thumbprint: str, known: str | None) -> CheckResult:
    """Whether the key in use is the one that the ledger knows, if it knows one."""
    if known is not None and known != thumbprint:
        return CheckResult("key", FindingId.KEY_OTHER, {"thumbprint": thumbprint, "known": known})
    return CheckResult("key", FindingId.KEY_OK, {"thumbprint": thumbprint})


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
        return CheckResult("ledger", FindingId.LEDGER_UNREADABLE, {"why": signs.why})
    if signs.state is None:
        return CheckResult("ledger", FindingId.LEDGER_NONE)
    # Notes are not counted: of what a ledger alone cannot prove, and of an append that was cut off.
    damages = [one for one in signs.findings if one.severity is Severity.DAMAGE]
    if damages:
        values = {"why": str(damages[0]), "count": len(damages), "directory": state_dir}
        return CheckResult("ledger", FindingId.LEDGER_DAMAGED, values)
    return CheckResult("ledger", FindingId.LEDGER_OK, {"entries": signs.state.entries})
