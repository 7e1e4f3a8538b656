"""Whether an uploaded file is the whole and authentic recording that the camera declared."""

from __future__ import annotations

from typing import Final

from camerad.base.errors import CameradError
from camerad.base.text import printable
from camerad.container.keys import KeyRing, PublicKey
from camerad.container.severity import Severity
from camerad.store import verified_copy
from camerad.store.verified_copy import Digest
from camerad.vault.upload_files import Declaration
from camerad.verify.judge import verify
from camerad.verify.verdict import Report, Verdict

_ENDED: Final = ("closed", "recovered")
_LONGEST: Final = 500
"""Characters of a reason: it goes over the network, and into a log."""


class UnfitError(CameradError, ValueError):
    """Error raised when a file is not what the office takes; the text says why, without paths."""


def check_recording(
    path: str, declared: Declaration, key: PublicKey, written: Digest, known: str
) -> str:
    """Check an upload; returns the name of the device that recorded it.

    key: the only one that is trusted. written: what the file contains, read just now. known: the
    recording's end as the camera's own ledger has it. Gaps, a recovered end and other remarks are
    in order; damage is not, nor a file without an end. Memory is constant, whatever the file's
    size. Raises UnfitError, and StorageError if the file cannot be read.
    """
    if written.bytes != declared.bytes:
        raise UnfitError(f"it has {written.bytes} bytes, and {declared.bytes} were declared")
    if declared.final != known:
        raise UnfitError(
            f"the end {declared.final[:64]} was declared, and the camera's ledger knows {known}"
        )
    report = verify(path, KeyRing([key]))
    if report.result is None or report.verdict is Verdict.UNREADABLE:
        verified_copy.digest(path)  # raises if it is the storage that fails, and not the file
    _check_report(report, declared)
    header = report.result.header if report.result is not None else None
    if header is None:
        raise UnfitError("it has no header")
    return header.device


def _check_report(report: Report, declared: Declaration) -> None:
    result = report.result
    if result is None or report.verdict not in (Verdict.AUTHENTIC, Verdict.QUALIFIED):
        raise UnfitError(f"it is not authentic: {_first_damage(report)}")
    if report.state not in _ENDED:
        raise UnfitError("it has no end: only whole recordings are taken over")
    if result.header is not None and result.header.id != declared.recording:
        raise UnfitError(f"it is another recording than was declared: {result.header.id}")
    if result.final != declared.final:
        raise UnfitError(f"it ends with {result.final}, and {declared.final[:64]} was declared")


def _first_damage(report: Report) -> str:
    """What is wrong with a file first, in one sentence."""
    if report.problem is not None or report.result is None:
        return printable(report.problem or "nothing in it can be judged")[:_LONGEST]
    for finding in report.result.findings:
        if finding.severity is Severity.DAMAGE:
            where = f"{finding.first}: " if finding.first else ""
            return printable(f"{where}{finding.text}")[:_LONGEST]
    return "it is damaged"
