"""``camerad evidence verify``: recordings, ledgers, and whether they agree."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from camerad.commands import desk
from camerad.commands.agreeing import Checked, CheckedLedger, disagreements
from camerad.commands.progress import Bar
from camerad.errors import CameradError, StorageError
from camerad.evidence import files, jws, office, receipts
from camerad.evidence.container import SUFFIX
from camerad.evidence.entries import Head
from camerad.evidence.findings import Severity
from camerad.evidence.keys import KeyRing
from camerad.evidence.ledger import LedgerFinding, read_ledger
from camerad.evidence.listing import Listing
from camerad.evidence.places import Holding, Place, PlaceKind
from camerad.evidence.report import Report, Verdict
from camerad.evidence.state import LedgerState
from camerad.evidence.text import count, printable
from camerad.evidence.verify import verify

_HEAD: Final = re.compile(r"(\d{1,18}):(\d{1,18}):([0-9a-f]{64})", re.ASCII)
_WORDS: Final = {
    Verdict.AUTHENTIC: "authentic and complete",
    Verdict.QUALIFIED: "authentic with remarks",
    Verdict.NOT_AUTHENTIC: "NOT AUTHENTIC",
    Verdict.UNREADABLE: "unreadable",
}


@dataclass(slots=True)
class Summary:
    """Everything that was found. differences: between files and ledgers, and whatever else is wrong
    with the place, or worth knowing."""

    reports: list[Report] = field(default_factory=list)
    ledgers: list[CheckedLedger] = field(default_factory=list)
    differences: list[tuple[Severity, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 if anything is not authentic; else that of the worst."""
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
        # Junk beside it never hides that something was changed.
        return 2 if Verdict.NOT_AUTHENTIC in codes else max(codes, default=0)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code."""
    target = desk.target_of(options.what, options.state)
    keys = desk.trusted_keys(options, target.place, beside=True)
    summary = Summary()
    finals: dict[str, str | None]
    if target.file is None:
        summary.ledgers = list(_ledgers(options, target.place, keys))
        paths = list(_files(target.place, summary.differences))
        finals = _finals(summary.ledgers)
    else:
        _head(options, keys)  # which is wrong, or not, whatever it is compared with
        paths = [target.file]
        final = desk.final_of(options, target.place, target.file, keys)
        finals = {os.path.basename(target.file).removesuffix(SUFFIX): final}
    for path in paths:
        name = os.path.basename(path)
        with Bar(printable(name)) as bar:
            final = finals.get(name.removesuffix(SUFFIX))
            summary.reports.append(_verified(path, keys, bar, final))
    if target.file is None:
        # Only of what was named: one device's part of an office's directory is not all of it.
        partly = os.path.realpath(options.what or options.state) != os.path.realpath(
            target.place.root
        )
        summary.differences += disagreements(
            Checked(target.place, keys, summary.ledgers, summary.reports, partly)
        )
        if target.place.kind is PlaceKind.OFFICE:
            summary.differences += _about_office_key(options, target.place)
    if desk.only_beside(options, target.place):
        summary.differences.append((Severity.NOTE, desk.BESIDE))
    if options.json:
        sys.stdout.write(json.dumps(_as_json(summary)) + "\n")
    else:
        sys.stdout.write("".join(_text(summary, target, keys)))
    return summary.exit_code


def _verified(path: str, keys: KeyRing, bar: Bar, final: str | None) -> Report:
    """The check of one file, which never keeps from checking the others."""
    try:
        return verify(path, keys, bar.reach, final=final)
    except (CameradError, ValueError, ArithmeticError) as error:
        return Report(path, 0, problem=f"it cannot be checked: {error}")


def _files(place: Place, differences: list[tuple[Severity, str]]) -> Iterator[str]:
    """Everything that should be a recording; what cannot be listed is added to `differences`."""
    for holding in place.holdings:
        try:
            names = sorted(os.listdir(holding.recordings))
        except OSError as error:
            failed = files.explained("list recordings", holding.recordings, error)
            differences.append((Severity.DAMAGE, str(failed)))
            continue
        copies = set()
        if place.kind is not PlaceKind.FILES:
            copies = {info.path for info in Listing().others(holding.recordings).copies}
        paths = (os.path.join(holding.recordings, name) for name in names)
        yield from (path for path in paths if path.endswith(SUFFIX) or path in copies)


# ------------------------------------------------------------------------------------- ledgers


def _ledgers(options: argparse.Namespace, place: Place, keys: KeyRing) -> Iterator[CheckedLedger]:
    if place.kind is PlaceKind.DEVICE:
        yield _read(place.ledger, keys, _head(options, keys), own=True)
    elif place.kind is PlaceKind.OFFICE:
        if options.head is not None and len(place.holdings) != 1:
            raise desk.DeskError(
                "--head is the head of one device's ledger: name that device's directory, as "
                f"{place.root}/DEVICE"
            )
        for holding in place.holdings:
            head = _head(options, keys) or _witnessed(holding, keys)
            yield _read(holding.ledger, keys, head, own=False)
        if os.path.lexists(place.ledger):
            yield _read(place.ledger, desk.office_keys(options, place), None, own=True)


def _read(directory: str, keys: KeyRing, head: Head | None, *, own: bool) -> CheckedLedger:
    try:
        state, findings = read_ledger(directory, keys, head)
    except StorageError as error:
        # The others are checked all the same.
        found = LedgerFinding(Severity.DAMAGE, "", 0, str(error))
        return CheckedLedger(directory, own, LedgerState(), [found])
    return CheckedLedger(directory, own, state, findings)


def _about_office_key(options: argparse.Namespace, place: Place) -> Iterator[tuple[Severity, str]]:
    """By which key the office's own ledger was checked, so far as that proves less than all."""
    found = office.ledger_keys(place, desk.office_key(options))
    if found.problem:
        yield Severity.DAMAGE, found.problem
    if found.remark:
        yield Severity.NOTE, found.remark


def _head(options: argparse.Namespace, keys: KeyRing) -> Head | None:
    """The head that was witnessed, as the command line names it."""
    text = options.head
    if text is None:
        return None
    found = _HEAD.fullmatch(text)
    if found is not None:
        return Head(int(found[1]), int(found[2]), found[3])
    try:
        with open(text, "rb") as file:
            return receipts.parse(file.read(jws.LONGEST + 1).strip(), keys).head
    except OSError as error:
        raise desk.DeskError(
            f"--head {text}: neither EPOCH:SEQUENCE:SHA256 nor a receipt that can be read: "
            f"{error.strerror}"
        ) from error
    except jws.JwsError as error:
        raise desk.DeskError(
            f"--head {text}: this is no receipt of a trusted device: {error}"
        ) from error


def _witnessed(holding: Holding, keys: KeyRing) -> Head | None:
    """The newest head in the receipts that came with the recordings."""
    heads = [filed.receipt.head for filed in receipts.read(holding.receipts, keys)]
    return max(heads, key=lambda head: head.sequence, default=None)


def _finals(ledgers: Sequence[CheckedLedger]) -> dict[str, str | None]:
    """SHA-256 of the ends that the ledgers name; the place's own ledger has the last word."""
    found: dict[str, str | None] = {}
    for ledger in sorted(ledgers, key=lambda one: one.own):
        for known in ledger.state.recordings.values():
            if known.final is not None:
                found[known.id] = known.final
    return found


# -------------------------------------------------------------------------------------- output


def _text(summary: Summary, target: desk.Target, keys: KeyRing) -> Iterator[str]:
    whole = target.file is None
    for report in summary.reports:
        brief = whole and report.verdict is Verdict.AUTHENTIC
        brief_text = f"{printable(report.path)}: {_WORDS[report.verdict]}\n"
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
    if whole:
        counted = Counter(report.verdict for report in summary.reports)
        said = ", ".join(f"{count} {_WORDS[verdict]}" for verdict, count in sorted(counted.items()))
        yield f"{count(len(summary.reports), 'recording')}{': ' if said else ''}{said}\n"
    yield f"trusted    {', '.join(keys)}\n"


def _as_json(summary: Summary) -> dict[str, Any]:
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
        "exit_code": summary.exit_code,
    }
