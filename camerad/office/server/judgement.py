"""Check that an uploaded file is the whole and authentic recording that the camera declared.

A file is read once, from the storage: what is judged, and what its SHA-256 is of, are the very
bytes that the storage gave back. Each byte of an authentic recording is what the camera signed:
every member's SHA-256 is in a signed statement, and what lies between members, or behind them, has
one form only.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.base.text import printable
from camerad.container.keys import KeyRing, PublicKey
from camerad.container.severity import Severity
from camerad.container.skeleton import readable_skeleton
from camerad.container.whole_file import WholeFile
from camerad.office.server.uploads import Declaration
from camerad.store import verified_copy
from camerad.store.locations import office_place
from camerad.store.trust import NO_DEVICE
from camerad.store.verified_copy import Digest
from camerad.verify.judge import verify
from camerad.verify.verdict import Report, Verdict

_ENDED: Final = ("closed", "recovered")
_LONGEST: Final = 500
"""Characters of a reason: it goes over the network, and into a log."""


class Judged(msgspec.Struct, frozen=True):
    """A file that was checked. written: what it contains. why: it is not what the office takes,
    without paths; "" if it is. device: the name of that which recorded it, "" if it is not fit."""

    written: Digest
    why: str
    device: str


def check_recording(path: str, declared: Declaration, key: PublicKey, known: str) -> Judged:
    """Check a file, as the storage has it and not as memory has it. Synchronise it before.

    key: the only one that is trusted. known: the recording's end as the camera's own ledger has it.
    Gaps, a recovered end and other remarks are in order; damage is not, nor a file without an end.
    Memory does not grow with the file. Raises StorageError if the file cannot be read.
    """
    whole = WholeFile()
    report = verify(path, KeyRing([key]), whole=whole)
    if report.result is None or report.verdict is Verdict.UNREADABLE:
        # Raises if it is the storage that fails, and not the file.
        written = verified_copy.digest(path, fresh=True)
    else:
        written = Digest(whole.sha256, whole.bytes)
    why = _find_misfit(report, declared, written, known)
    header = None if report.result is None else report.result.header
    return Judged(written, why, header.device if header is not None and not why else "")


def has_anothers(root: str, declared: Declaration, placed: str | None) -> bool:
    """Whether the office's directory `root` has another recording of this id than the declared one:
    the id alone would not say which of them is meant. placed: the camera's own file, if there is
    one, which is compared by itself. Raises StorageError."""
    for path in office_place(root).files_of(declared.recording):
        said = None if path == placed else readable_skeleton(path)
        closed = None if said is None else said.closed_by
        if closed is not None and closed.sha256 != declared.final:
            return True
    return False


def _find_misfit(report: Report, declared: Declaration, written: Digest, known: str) -> str:
    """Why a file is not fit; "" if it is."""
    result = report.result
    header = None if result is None else result.header
    if written.bytes != declared.bytes:
        return f"it has {written.bytes} bytes, and {declared.bytes} were declared"
    if declared.final != known:
        return f"the end {declared.final[:64]} was declared, and the camera's ledger knows {known}"
    if result is None or report.verdict not in (Verdict.AUTHENTIC, Verdict.QUALIFIED):
        return f"it is not authentic: {_first_damage(report)}"
    if report.state not in _ENDED:
        return "it has no end: only whole recordings are ingested"
    if header is None:
        return "it has no header"
    if not header.device:
        return NO_DEVICE
    if header.id != declared.recording:
        return f"it is another recording than was declared: {header.id}"
    if result.final != declared.final:
        return f"it ends with {result.final}, and {declared.final[:64]} was declared"
    return ""


def _first_damage(report: Report) -> str:
    """What is wrong with a file first, in one sentence."""
    if report.problem is not None or report.result is None:
        return printable(report.problem or "nothing in it can be judged")[:_LONGEST]
    for finding in report.result.findings:
        if finding.severity is Severity.DAMAGE:
            where = f"{finding.first}: " if finding.first else ""
            return printable(f"{where}{finding.text}")[:_LONGEST]
    return "it is damaged"
