"""``camerad evidence verify``: checks recordings and ledgers, and compares them."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from camerad.base import file_status, storage_errors
from camerad.base.errors import StorageError
from camerad.base.storage_errors import ForbiddenError
from camerad.base.text import count, printable
from camerad.cli import desk
from camerad.cli.console import CommandError, ProgressBar, print_json, warn
from camerad.cli.target import Target, find_target
from camerad.container.keys import KeyRing
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import is_id
from camerad.container.severity import Severity
from camerad.evidence import office_key_file
from camerad.evidence.cross_check import (
    CheckedLedger,
    CheckedPlace,
    check_holding,
    describe_absent,
    find_disagreements,
)
from camerad.evidence.package_proofs import (
    LEDGER,
    PackageProofs,
    check_proofs,
    describe,
    read_package,
)
from camerad.evidence.parts import apart, check_parts, part_of
from camerad.evidence.redaction.copy_check import OriginalAtHand, check_copy, is_redacted_copy
from camerad.ledger.audit import LedgerFinding, Witnessed, audit_ledger, read_state
from camerad.ledger.entries import Head
from camerad.ledger.ledger_state import LedgerState
from camerad.store import receipts
from camerad.store.inventory import find_strays
from camerad.store.listing import Listing
from camerad.store.locations import Holding, MissingError, Place, PlaceKind
from camerad.store.receipts import FiledReceipt
from camerad.transparency.log_check import check_log
from camerad.transparency.policy import read_policy
from camerad.verify.check_pool import CheckOrder, CheckPool, check_one, size_of, workers_for
from camerad.verify.judge import MayRun, Progress
from camerad.verify.verdict import Report, Verdict

if TYPE_CHECKING:
    from camerad.transparency.time_stamps import StampCheck

_Check = Callable[..., Report]
_Filed = Mapping[Holding, Sequence[FiledReceipt]]
_GONE: Final = "the directory of the recordings is gone"
_MISPLACED: Final = "move it into the camera's recordings/, or remove it"
_NOT_STAMPED: Final = (
    "--stamp-authority: no time stamp was looked for; they are in an office's whole directory, and "
    "in packages"
)
_VERDICTS: Final = {
    Verdict.AUTHENTIC: "authentic and complete",
    Verdict.QUALIFIED: "authentic with remarks",
    Verdict.NOT_AUTHENTIC: "NOT AUTHENTIC",
    Verdict.UNREADABLE: "unreadable",
}


class _Summary(msgspec.Struct):
    """Everything that was found. differences: between files and ledgers, and what else is wrong
    with the place, or worth knowing. unread: what could not be looked at, so that nothing was found
    out about it. proofs: of packages, by recording, and what is said of them. stamped: by whom the
    office's log was, and when."""

    reports: list[Report] = msgspec.field(default_factory=list)
    ledgers: list[CheckedLedger] = msgspec.field(default_factory=list)
    differences: list[tuple[Severity, str]] = msgspec.field(default_factory=list)
    unread: list[StorageError] = msgspec.field(default_factory=list)
    proofs: list[tuple[str, PackageProofs, str]] = msgspec.field(default_factory=list)
    stamped: list[str] = msgspec.field(default_factory=list)

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

    def add_stamped(self, found: tuple[list[str], list[tuple[Severity, str]]]) -> None:
        """Add by whom the office's log was stamped, and what is wrong with that."""
        self.stamped += found[0]
        self.differences += found[1]

    def add_unread(self, error: StorageError) -> None:
        """Note what could not be looked at, once."""
        if str(error) not in map(str, self.unread):
            self.unread.append(error)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code."""
    try:
        target = find_target(options.what, options.state)
    except MissingError as error:
        raise CommandError(str(error), int(Verdict.NOT_AUTHENTIC)) from error
    except StorageError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise CommandError(
                str(error), int(Verdict.NOT_AUTHENTIC)
            ) from error  # a link in the place of a directory
        raise
    keys = desk.trusted_keys(options, target.place, allow_own=True)
    vouching = desk.receipt_keys(options, target.place, keys)
    summary, stamps = _Summary(), desk.stamp_check(options)
    parts: list[str] = []
    filed = dict(_receipts(target, vouching, summary))
    if target.file is None:
        head = desk.named_head(options, vouching)
        ledgers = summary.ledgers = list(
            _ledgers(options, target.place, keys, filed, summary, head=head)
        )
        paths = list(_files(target.place, summary))
        if target.place.kind is PlaceKind.FILES:
            paths, parts = apart(paths, target.place.root)
    else:
        # They are judged before any comparison.
        desk.named_head(options, vouching)
        desk.named_office_head(options, target.place)
        paths = [target.file]
        ledgers = list(_ledgers_about(options, target.place, target.file, keys, summary))
    filed = dict(_with_named(target, filed, ledgers, summary))
    finals = _receipted(filed) | _finals(ledgers)
    begun = _begun(ledgers)
    orders = [
        CheckOrder(
            path,
            next((finals[name] for name in names if name in finals), None),
            not begun.isdisjoint(names),
            target.place.kind is PlaceKind.FILES and part_of(path) is not None,
        )
        for path, names in ((path, desk.names_of(path)) for path in paths)
    ]
    check = _check(options, keys, desk.may_run(target.place, keys))
    for report in _checked(orders, check, options.jobs):
        summary.reports.append(report)
        if report.verdict is Verdict.UNREADABLE:
            summary.unread += _forbidden(report.path)
    if target.place.kind is PlaceKind.FILES:
        _check_proofs(options, keys, stamps, summary)
    if target.file is None:
        # Only of what was named: one device's part of an office's directory is not all of it.
        partly = os.path.realpath(options.what or options.state) != os.path.realpath(
            target.place.root
        )
        summary.differences += find_disagreements(
            CheckedPlace(
                target.place,
                filed,
                ledgers,
                summary.reports,
                partly,
                desk.unproven_keys(options, target.place),
            )
        )
        if target.place.kind is PlaceKind.OFFICE:
            if not partly and any(one.own for one in ledgers):
                theirs = [one.name for one in ledgers if not one.own]
                try:
                    summary.differences += check_log(target.place.ledger, theirs)
                    if stamps is not None:
                        summary.add_stamped(stamps.check_log(target.place.ledger))
                except StorageError as error:
                    summary.add_unread(error)
            _look_beside(options, target.place, summary)
            if not partly and (absent := describe_absent(target.place, ledgers, keys)):
                # A person who names a key asks about its camera; a register has them all.
                if options.key:
                    summary.differences.append((Severity.NOTE, absent))
                else:
                    warn(absent)
    joined, lost = check_parts(parts, keys, finals, options.rejoin)
    summary.reports += joined
    summary.differences += [(Severity.DAMAGE, text) for text in lost]
    if stamps is not None and not stamps.is_used:
        summary.differences.append((Severity.NOTE, _NOT_STAMPED))
    if desk.has_only_own_keys(options, target.place):
        summary.differences.append((Severity.NOTE, desk.ONLY_OWN_KEYS))
    if options.json:
        print_json(_as_json(summary))
    else:
        sys.stdout.write("".join(_as_text(summary, keys, whole=target.file is None)))
    return summary.exit_code


def _check(options: argparse.Namespace, keys: KeyRing, may_run: MayRun) -> _Check:
    """How one file is checked: a recording, or a redacted copy of one."""
    own = desk.key_at_hand(options)
    office = KeyRing([] if own is None else [own])
    original = None
    if options.original is not None:
        if options.identity is None:
            raise CommandError("--original needs --identity: the office's private key opens it")
        original = OriginalAtHand(options.original, desk.identities_of(options))

    def check(order: CheckOrder, progress: Progress | None = None) -> Report:
        if not is_redacted_copy(order.path):
            return check_one(order, keys, may_run, progress)
        return check_copy(
            order.path, keys, office, original=original, final=order.final, progress=progress
        )

    return check


def _checked(orders: Sequence[CheckOrder], check: _Check, jobs: int | None) -> Iterator[Report]:
    """The checks of all files, in their order."""
    workers = workers_for(orders, jobs)
    if not workers:
        for order in orders:
            with ProgressBar(os.path.basename(order.path)) as bar:
                yield check(order, bar.set_done)
        return
    pool = CheckPool(orders, check, workers)
    with pool, ProgressBar(f"{len(orders)} recordings", sum(map(size_of, orders))) as bar:
        for report in pool:
            bar.advance(report.bytes)
            yield report


def _forbidden(path: str) -> Iterator[StorageError]:
    """That this user may not read a file, if that is so."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        if error.errno in storage_errors.FORBIDDEN:
            yield storage_errors.explain("read the recording", path, error)


def _files(place: Place, summary: _Summary) -> Iterator[str]:
    """Everything that should be a recording; what cannot be listed is added to the summary."""
    for one in place.unread:
        if one.gone:
            summary.differences.append((Severity.DAMAGE, f"{one.directory}: {_GONE}"))
        elif one.is_no_directory:
            summary.differences.append((Severity.DAMAGE, str(one.error)))
        else:
            summary.add_unread(one.error)
    try:
        strays = find_strays(place)
    except StorageError as error:
        summary.add_unread(error)
        strays = []
    for path in strays:
        text = f"{path}: it lies beside where recordings belong, so nothing deletes it"
        summary.differences.append((Severity.NOTE, f"{text}: {_MISPLACED}"))
    for directory in place.shelves:
        try:
            names = sorted(os.listdir(directory))
        except FileNotFoundError:
            summary.differences.append((Severity.DAMAGE, f"{directory}: {_GONE}"))
            continue
        except OSError as error:
            failed = storage_errors.explain("list recordings", directory, error)
            if isinstance(failed, ForbiddenError):
                summary.add_unread(failed)
            else:
                summary.differences.append((Severity.DAMAGE, str(failed)))
            continue
        copies = set()
        if place.kind is not PlaceKind.FILES:
            others = Listing().others(directory)
            copies = {info.path for info in others.copies}
            for unread in others.failed:
                summary.add_unread(unread)
        paths = (os.path.join(directory, name) for name in names)
        for path in (one for one in paths if one.endswith(SUFFIX) or one in copies):
            if place.kind is PlaceKind.FILES or not file_status.is_link(path):
                yield path
                continue
            text = f"{path}: this is a symbolic link, which is not followed, and no recording"
            summary.differences.append((Severity.DAMAGE, text))


# ------------------------------------------------------------------------------------- ledgers


def _ledgers(
    options: argparse.Namespace,
    place: Place,
    keys: KeyRing,
    filed: _Filed,
    summary: _Summary,
    *,
    head: Head | None,
) -> Iterator[CheckedLedger]:
    noted = desk.named_office_head(options, place)
    if place.kind is PlaceKind.DEVICE:
        yield from _read(place.ledger, keys, Witnessed(head), summary, own=True)
    elif place.kind is PlaceKind.OFFICE:
        if head is not None and len(place.holdings) != 1:
            raise CommandError(
                "--head is the head of one device's ledger: name that device's directory, as "
                f"{place.root}/DEVICE"
            )
        for holding in (one for one in place.holdings if not one.broken):
            witnessed = Witnessed(head)
            if witnessed.head is None:
                heads = [one.receipt.head for one in filed.get(holding, ())]
                newest = max(heads, key=lambda head: head.sequence, default=None)
                witnessed = Witnessed(newest, beside=True, earlier=tuple(heads))
            yield from _read(holding.ledger, keys, witnessed, summary, own=False)
        try:
            if noted.head is not None or file_status.exists(place.ledger):
                signers = desk.office_keys(options, place)
                yield from _read(place.ledger, signers, noted, summary, own=True)
        except ForbiddenError as error:
            summary.add_unread(error)
        except StorageError as error:
            # By which keys it is to be read is in it as well.
            yield _damaged(place.ledger, error, own=True)


def _ledgers_about(
    options: argparse.Namespace, place: Place, file: str, keys: KeyRing, summary: _Summary
) -> Iterator[CheckedLedger]:
    """What the ledgers at hand say about one recording's file, without being checked; those that
    cannot be read are added to the summary."""
    try:
        for directory, readers in desk.ledgers_of(options, place, file, keys):
            try:
                state = read_state(directory, readers)
            except StorageError as error:
                summary.add_unread(error)
                continue
            yield CheckedLedger(directory, directory == place.ledger, state, ())
    except StorageError as error:
        summary.add_unread(error)


def _read(
    directory: str, keys: KeyRing, witnessed: Witnessed, summary: _Summary, *, own: bool
) -> Iterator[CheckedLedger]:
    """A ledger that was read; none if this user may not, which is added to the summary."""
    try:
        state, findings, times = audit_ledger(directory, keys, witnessed)
    except ForbiddenError as error:
        summary.add_unread(error)
        return
    except StorageError as error:
        # The others are checked all the same.
        yield _damaged(directory, error, own=own)
        return
    yield CheckedLedger(directory, own, state, findings, times)


def _damaged(directory: str, error: StorageError, *, own: bool) -> CheckedLedger:
    """The result for a ledger that cannot be read."""
    finding = LedgerFinding(Severity.DAMAGE, "", 0, str(error))
    return CheckedLedger(directory, own, LedgerState(), [finding])


def _receipts(
    target: Target, keys: KeyRing, summary: _Summary
) -> Iterator[tuple[Holding, Sequence[FiledReceipt]]]:
    """What devices and the office signed about the copies in an office; what cannot be read is
    added to the summary. Of one recording only its own device's receipts count, where it lies among
    those."""
    place, file = target.place, target.file
    if place.kind is not PlaceKind.OFFICE:
        return
    about = _only_name(file) or ""
    for holding in place.holdings if file is None else desk.holdings_of(place, file):
        if holding.broken:
            continue  # which is said with what lies in the place of its directories
        try:
            yield holding, list(receipts.read(holding.receipts, keys, about))
        except ForbiddenError as error:
            summary.add_unread(error)
        except StorageError as error:
            summary.differences.append((Severity.DAMAGE, str(error)))


def _only_name(file: str | None) -> str | None:
    """The only id by which a file's recording is known; None: there are several, or no file."""
    names = () if file is None else desk.names_of(file)
    return names[0] if len(names) == 1 else None


def _with_named(
    target: Target, filed: _Filed, ledgers: Sequence[CheckedLedger], summary: _Summary
) -> Iterator[tuple[Holding, Sequence[FiledReceipt]]]:
    """The receipts, and those by other keys that the device's own ledger names: it accepted them,
    and no other receipt can have these hashes. They are no witness of that ledger."""
    about = _only_name(target.file)
    for holding, counted in filed.items():
        named = {
            one.acknowledged
            for ledger in ledgers
            if ledger.name == holding.ledger
            for one in ledger.state.recordings.values()
            if one.acknowledged is not None and about in (None, one.id)
        }
        missing = named - {one.sha256 for one in counted}
        more: list[FiledReceipt] = []
        try:
            if missing:
                others = map(receipts.unproven, receipts.paths(holding.receipts))
                more = [one for one in others if one is not None and one.sha256 in missing]
        except ForbiddenError as error:
            summary.add_unread(error)
        yield holding, sorted([*counted, *more], key=lambda one: one.path)


def _look_beside(options: argparse.Namespace, place: Place, summary: _Summary) -> None:
    """Add what an office's directory has beside recordings, receipts and ledgers."""
    about = [check_holding(one) for one in place.holdings if not one.broken]
    for remarks in (*about, _about_office_key(options, place)):
        try:
            summary.differences += remarks
        except ForbiddenError as error:
            summary.add_unread(error)
        except StorageError as error:
            summary.differences.append((Severity.DAMAGE, str(error)))


def _about_office_key(options: argparse.Namespace, place: Place) -> Iterator[tuple[Severity, str]]:
    """By which key the office's own ledger was checked, so far as that proves less than all."""
    found = office_key_file.ledger_keys(place, desk.key_at_hand(options))
    if found.problem:
        yield Severity.DAMAGE, found.problem
    if found.remark:
        yield Severity.NOTE, found.remark


def _finals(ledgers: Sequence[CheckedLedger]) -> dict[str, str]:
    """SHA-256 of the ends that the ledgers name; the place's own ledger has the last word."""
    found = {}
    for ledger in sorted(ledgers, key=lambda one: one.own):
        for known in ledger.state.recordings.values():
            if known.final is not None:
                found[known.id] = known.final
    return found


def _receipted(filed: _Filed) -> dict[str, str]:
    """SHA-256 of the ends that devices signed for in an office's directory."""
    return {
        name: copied.final
        for one in filed.values()
        for name, (copied, _) in receipts.by_recording(one).items()
    }


def _begun(ledgers: Sequence[CheckedLedger]) -> set[str]:
    """The recordings of which a file was written, header and all, by what the ledgers say."""
    return {
        known.id
        for ledger in ledgers
        for known in ledger.state.recordings.values()
        if known.header and known.deleted is None
    }


# ------------------------------------------------------------------------------------ packages


def _check_proofs(
    options: argparse.Namespace, keys: KeyRing, stamps: StampCheck | None, summary: _Summary
) -> None:
    """Check the proofs in packages that recordings lie in, and the time stamps on these."""
    own = None if options.policy is None else read_policy(options.policy)
    for report in summary.reports:
        directory, result = os.path.dirname(report.path), report.result
        camera = None if result is None else keys.get(result.kid or "")
        if result is None or camera is None or result.header is None:
            continue  # which is said already
        if not file_status.exists(os.path.join(directory, LEDGER)):
            continue
        recording = result.header.id
        found = check_proofs(read_package(directory), camera, recording, own)
        text = describe(found, is_own=own is not None)
        summary.proofs.append((recording, found, text))
        if found.is_damage:
            summary.differences.append((Severity.DAMAGE, f"{directory}: {text}"))
        elif stamps is not None:
            summary.add_stamped(stamps.check_package(directory, found.checkpoint, found.newest_us))


# ------------------------------------------------------------------------------------- results


def _as_text(summary: _Summary, keys: KeyRing, *, whole: bool) -> Iterator[str]:
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
    for recording, found, text in summary.proofs:
        if not found.is_damage:
            yield f"{printable(recording)}: {printable(text)}\n"
    for text in summary.stamped:
        yield f"stamped    {text}\n"
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


def _as_json(summary: _Summary) -> dict[str, Any]:
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
        "proofs": [
            {"recording": recording, "state": found.state, "text": text}
            for recording, found, text in summary.proofs
        ],
        "stamped": summary.stamped,
        "not_read": [str(error) for error in summary.unread],
        "exit_code": summary.exit_code,
    }
