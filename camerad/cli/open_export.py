"""``camerad evidence open`` and ``export``: the only commands that see footage in the clear."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from camerad.base import process, storage_errors
from camerad.base.words import words_in
from camerad.cli import desk, store_access
from camerad.cli.console import (
    CommandError,
    ProgressBar,
    print_json,
    print_line,
    system_language,
    warn,
)
from camerad.cli.target import find_recording
from camerad.container.encryption import Sealer
from camerad.container.recording_files import SUFFIX
from camerad.container.statements import utc
from camerad.evidence.decrypt import open_recording
from camerad.evidence.export import ExportRequest, ExportResult, export
from camerad.evidence.medium_label import Parties, label_page
from camerad.evidence.package_folder import SUMS, LedgerExtract
from camerad.evidence.package_proofs import proof_files
from camerad.evidence.sheet_page import pdf_maker
from camerad.ledger.entries import Entry
from camerad.ledger.ledger import entries_about
from camerad.ledger.people_entries import PROSECUTION, PackagedEntry, goes_with_copy
from camerad.ledger.recording_state import Hold
from camerad.store.holds import one_line
from camerad.store.locations import Place, PlaceKind
from camerad.store.store import Store
from camerad.transparency.office_log import OfficeLog
from camerad.verify.verdict import Report, Verdict

_LOCALTIME: Final = "/etc/localtime"
_ZONES: Final = "/zoneinfo/"


def protect_memory() -> None:
    """Let nothing of the footage into a dump, or stay in freed memory."""
    if sys.platform == "linux":
        process.forbid_dumps()
        process.keep_freed_memory()


def open_one(options: argparse.Namespace) -> int:
    """Check a recording and write it as MP4."""
    protect_memory()
    place, path = find_recording(options.what, options.state)
    keys = desk.trusted_keys(options, place)
    stem = os.path.basename(path).removesuffix(SUFFIX)
    output = os.path.abspath(options.output or f"{stem}.mp4")
    identities = desk.identities_of(options)
    with ProgressBar(stem) as bar:
        report = open_recording(
            path,
            keys,
            identities,
            output,
            salvage=options.salvage,
            progress=bar.set_done,
            final=desk.final_of(options, place, path, keys),
            may_run=desk.may_run(place, keys),
        )
    _print(options, report)
    if report.output is None and report.verdict is Verdict.NOT_AUTHENTIC:
        warn(
            "nothing was written, because this recording is not authentic; --salvage writes the "
            "proven parts"
        )
    return report.verdict


def export_one(options: argparse.Namespace) -> int:
    """Make the package for the public prosecutor."""
    protect_memory()
    if (options.sender is None) != (options.recipient is None):
        raise CommandError("--sender and --recipient go together")
    if options.volumes is not None and (options.seal_to or options.salvage):
        raise CommandError("--volumes goes neither with --seal-to nor with --salvage")
    place, path = find_recording(options.what, options.state)
    keys = desk.trusted_keys(options, place)
    identities = desk.identities_of(options)
    zone, zone_name = time_zone(options.time_zone)
    who = one_line("the authorised person", options.who)
    clock = desk.clock_of(options, place)
    order = ExportRequest(
        path=path,
        keys=keys,
        identities=identities,
        directory=options.output,
        words=words_in(options.language or system_language()),
        zone=zone,
        zone_name=zone_name,
        who=who,
        reference=(options.reference or "").strip(),
        made_us=clock.wall_us(),
        final=desk.final_of(options, place, path, keys),
        salvage=options.salvage,
        may_run=desk.may_run(place, keys),
        sealer=Sealer(options.seal_to) if options.seal_to else None,
        pdf=pdf_maker() if options.pdf else None,
        parties=None if options.recipient is None else Parties(options.sender, options.recipient),
        part_bytes=None if options.volumes is None else options.volumes * 1_000_000,
    )
    day = utc(order.made_us).strftime(order.words.gettext("%d %B %Y"))
    reason = order.words.gettext("exported {day}", day=day)
    if order.reference:
        reason += f", {order.reference}"
    stem = os.path.basename(path).removesuffix(SUFFIX)
    with store_writer(options, place, stem) as writer, ProgressBar(os.path.basename(path)) as bar:

        def hold(recording: str) -> Hold | None:
            if writer is None:
                return None
            writer.hold(recording, reason, options.who, ground=PROSECUTION)
            return Hold(reason, options.who.strip())

        def extract(recording: str) -> LedgerExtract:
            return ledger_extract(options, place, path, recording, writer)

        made = export(order, hold, extract, bar.set_done)
    if options.label is not None and made.path is not None:
        _write_label(options.label, order, made, day)
    _print(options, made.report, made)
    if made.path is None and made.report.verdict is Verdict.NOT_AUTHENTIC:
        warn(
            "nothing was written, because this recording is not authentic; --salvage hands over "
            "the proven parts"
        )
    elif made.path is not None and made.hold is None:
        warn("no hold was placed: place one in the store, so that the recording is kept")
    return made.report.verdict


def _write_label(path: str, order: ExportRequest, made: ExportResult, day: str) -> None:
    """Write the label of the medium. Raises StorageError."""
    name = os.path.basename(made.path or "")
    name = name if order.sealer is not None else f"{name}/{SUMS}"
    by = f"{day}, {order.who}"
    page = label_page(order.words, name, made.sha256 or "", order.reference, by)
    with storage_errors.explaining("write", path), open(path, "x", encoding="utf-8") as file:
        file.write(page)


def _print(options: argparse.Namespace, report: Report, made: ExportResult | None = None) -> None:
    package = None if made is None else made.path
    sha256 = None if made is None else made.sha256
    if options.json:
        said = report.as_json() | ({} if package is None else {"export": package})
        print_json(said | ({} if sha256 is None else {"sha256": sha256}))
        return
    sys.stdout.write(report.text())
    if package is not None:
        print_line(f"  export     {package}")
    if sha256 is not None:
        print_line(f"  sha256     {sha256}")


# ---------------------------------------------------------------------------------- the office


@contextlib.contextmanager
def store_writer(
    options: argparse.Namespace, place: Place, about: str
) -> Iterator[store_access.StoreWriter | None]:
    """Access to the store for the hold, if there is one, from before any work."""
    if options.no_hold or place.kind is PlaceKind.FILES:
        yield None
        return
    with store_access.open_writer(options, place, about) as writer:
        yield writer


# ----------------------------------------------------------------------------------- the ledger


def ledger_extract(
    options: argparse.Namespace,
    place: Place,
    path: str,
    recording: str,
    writer: store_access.StoreWriter | None,
    *,
    copy: str | None = None,
) -> LedgerExtract:
    """What the ledgers at hand say about a recording, and, where an entry can name them, proofs
    that those of the office lie in its log. copy: SHA-256 of the list of a redacted copy, with
    which not every entry goes along."""
    found: list[Entry] = []
    signers = []
    proofs: Mapping[str, str] = {}
    stamps: Mapping[str, bytes] = {}
    trusted = desk.trusted_keys(options, place)
    for directory, readers in desk.ledgers_of(options, place, path, trusted):
        # Entries of other packages name other proofs.
        entries = [
            one
            for one in entries_about(directory, readers, recording)
            if not isinstance(one.facts, PackagedEntry)
            and (copy is None or goes_with_copy(one.facts, copy))
        ]
        if place.kind is PlaceKind.OFFICE and directory == place.ledger:
            proven = OfficeLog(directory).prove(entries)
            if isinstance(writer, Store) and proven is not None:
                said = {"id": recording, "who": options.who.strip()}
                case = (options.reference or "").strip()
                entries.append(writer.ledger.append("packaged", **said, case=case, **proven.facts))
                proofs, stamps = proof_files(proven), proven.stamps
        found += entries
        signers += [readers[kid] for kid in dict.fromkeys(entry.kid for entry in entries)]
    tokens = tuple(one.token for one in found)
    return LedgerExtract(tokens, tuple(dict.fromkeys(signers)), proofs, stamps)


# ---------------------------------------------------------------------------------- where we are


def time_zone(name: str | None) -> tuple[tzinfo, str]:
    """A time zone and its name; that of this computer by default.

    Raises CommandError for a name that no zone has.
    """
    name = name or os.environ.get("TZ") or _local_name()
    if name is None:
        here = datetime.now().astimezone().tzinfo or UTC
        offset = datetime.now(here).utcoffset() or timedelta()
        return timezone(offset), str(timezone(offset))
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CommandError(
            f"{name}: there is no such time zone on this computer; name one such as Europe/Berlin "
            "with --time-zone, or UTC"
        ) from error


def _local_name() -> str | None:
    """Name of this computer's zone (localtime(5)); None if its file does not tell."""
    path = os.path.realpath(_LOCALTIME)
    _, found, name = path.partition(_ZONES)
    return name if found else None
