"""Results of ``camerad evidence verify``: exit code, lines and JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from camerad.base.errors import StorageError
from camerad.base.text import count, printable
from camerad.cli.cross_check import CheckedLedger
from camerad.container.keys import KeyRing
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import is_id
from camerad.container.severity import Severity
from camerad.verify.verdict import Report, Verdict

_VERDICTS: Final = {
    Verdict.AUTHENTIC: "authentic and complete",
    Verdict.QUALIFIED: "authentic with remarks",
    Verdict.NOT_AUTHENTIC: "NOT AUTHENTIC",
    Verdict.UNREADABLE: "unreadable",
}


class Summary(msgspec.Struct):
    """Everything that was found. differences: between files and ledgers, and whatever else is wrong
    with the place, or worth knowing. unread: what could not be looked at, so that nothing was found
    out about it."""

    reports: list[Report] = msgspec.field(default_factory=list)
    ledgers: list[CheckedLedger] = msgspec.field(default_factory=list)
    differences: list[tuple[Severity, str]] = msgspec.field(default_factory=list)
    unread: list[StorageError] = msgspec.field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 if anything is not authentic; else that of what could not be looked at; else that of
        the worst."""
        codes = [int(report.verdict) for report in self.reports]
        found = [one.severity for ledger in self.ledgers for one in ledger.findings]
        if Severity.DAMAGE in [*found, *(severity for severity, _ in self.differences)]:
            codes.append(Verdict.NOT_AUTHENTIC)
        elif self.differences or any(
            one.qualifies for ledger in self.ledgers for one in ledger.findings
        ):
            codes.append(Verdict.QUALIFIED)
        if not self.reports and not self.ledgers:
            codes.append(Verdict.UNREADABLE)
        codes += [error.exit_code for error in self.unread]
        # Junk beside it never hides that something was changed.
        return 2 if Verdict.NOT_AUTHENTIC in codes else max(codes, default=0)

    def add_unread(self, error: StorageError) -> None:
        """Note what could not be looked at, once."""
        if str(error) not in map(str, self.unread):
            self.unread.append(error)


def as_text(summary: Summary, keys: KeyRing, *, whole: bool) -> Iterator[str]:
    """It in lines. keys: those that were trusted. whole: a place was checked, not one recording."""
    for report in summary.reports:
        brief = whole and report.verdict is Verdict.AUTHENTIC
        brief_text = f"{printable(report.path)}: {report.headline}\n"
        yield brief_text if brief else report.text()
    for ledger in summary.ledgers:
        head = ledger.state.head
        yield f"{printable(ledger.name)}: ledger, {count(head.sequence, 'entry', 'entries')}\n"
        yield f"  head       {head.epoch}:{head.sequence}:{head.sha256}\n"
        for one in ledger.findings:
            label = "damage" if one.severity is Severity.DAMAGE else "note"
            yield f"  {label:<10} {printable(one)}\n"
    for severity, text in summary.differences:
        yield f"{'DAMAGE' if severity is Severity.DAMAGE else 'note'}: {printable(text)}\n"
    for error in summary.unread:
        yield f"NOT READ: {printable(error)}\n"
    if whole:
        copies = _copies(summary.reports)
        counted = Counter(one.verdict for one in summary.reports if one not in copies)
        said = ", ".join(
            f"{count} {_VERDICTS[verdict]}" for verdict, count in sorted(counted.items())
        )
        more = "; this is not all: see NOT READ above" if summary.unread else ""
        number = count(len(summary.reports) - len(copies), "recording")
        beside = f", and {count(len(copies), 'copy', 'copies')} of them" if copies else ""
        yield f"{number}{': ' if said else ''}{said}{beside}{more}\n"
    yield f"trusted    {', '.join(keys)}\n"


def _copies(reports: Sequence[Report]) -> list[Report]:
    """Those that are one more file of a recording with the same end and verdict: it counts once.
    What has its own name comes first."""
    seen: set[tuple[str, str | None, Verdict]] = set()
    found = []
    for one in sorted(reports, key=lambda one: not is_id(_stem(one))):
        header = one.result.header if one.result is not None else None
        final = one.result.final if one.result is not None else None
        its = (_stem(one) if header is None else header.id, final, one.verdict)
        if its in seen:
            found.append(one)
        seen.add(its)
    return found


def _stem(report: Report) -> str:
    return os.path.basename(report.path).removesuffix(SUFFIX)


def as_json(summary: Summary) -> dict[str, Any]:
    """It as the object of ``--json``."""
    return {
        "recordings": [report.as_json() for report in summary.reports],
        "ledgers": [
            {
                "directory": ledger.name,
                "head": {
                    "epoch": ledger.state.head.epoch,
                    "sequence": ledger.state.head.sequence,
                    "sha256": ledger.state.head.sha256,
                },
                "findings": [
                    {
                        "severity": one.severity,
                        "file": one.file,
                        "line": one.line,
                        "text": one.text,
                        "qualifies": one.qualifies,
                    }
                    for one in ledger.findings
                ],
            }
            for ledger in summary.ledgers
        ],
        "differences": [
            {"severity": severity, "text": text} for severity, text in summary.differences
        ],
        "not_read": [str(error) for error in summary.unread],
        "exit_code": summary.exit_code,
    }
