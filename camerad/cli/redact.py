"""``camerad evidence redact``: a copy of a recording with faces, plates or sound masked."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from camerad import __version__
from camerad.base import durable_files, file_status
from camerad.base.storage_errors import FileExistsAlreadyError
from camerad.base.words import words_in
from camerad.cli import desk
from camerad.cli.console import (
    CommandError,
    ProgressBar,
    print_json,
    print_line,
    system_language,
    warn,
)
from camerad.cli.open_export import ledger_extract, protect_memory, store_writer, time_zone
from camerad.cli.target import find_recording
from camerad.container.keys import KeyRing
from camerad.container.recording_files import SUFFIX
from camerad.container.redaction import CopyRecipient
from camerad.evidence import office_key_file
from camerad.evidence.decrypt import raise_on_sigterm
from camerad.evidence.identity_file import Identities
from camerad.evidence.package_folder import LedgerExtract
from camerad.evidence.redaction.copy_writer import CopyOrder
from camerad.evidence.redaction.detection import load_detector
from camerad.evidence.redaction.draft import Draft, read_draft
from camerad.evidence.redaction.opened_film import FilmOpener, FilmTimes
from camerad.evidence.redaction.redacted_package import RedactionRequest, make_redacted_package
from camerad.evidence.redaction.suggestion import EVERY, FilmViewer, PreviewFilm, Tracker
from camerad.ledger.people_entries import PROSECUTION
from camerad.ledger.recording_state import Hold
from camerad.store.holds import one_line
from camerad.store.locations import Place, PlaceKind
from camerad.store.store import Store
from camerad.verify.verdict import Report, Verdict

_GROUNDS = {
    CopyRecipient.PERSON: "person",
    CopyRecipient.PROSECUTOR: PROSECUTION,
    CopyRecipient.COURT: PROSECUTION,
    CopyRecipient.OTHER: "other",
}
"""What the hold is for."""


def redact(options: argparse.Namespace) -> int:
    """Suggest a draft, or make the copy of one."""
    protect_memory()
    place, path = find_recording(options.what, options.state)
    keys = desk.trusted_keys(options, place)
    identities = desk.identities_of(options)
    if options.draft is None:
        return _suggest(options, path, keys, identities)
    return _make(options, place, path, keys, identities)


def _times(path: str, keys: KeyRing, identities: Identities) -> tuple[Report, FilmTimes]:
    times = FilmTimes()
    with ProgressBar(os.path.basename(path)) as bar:
        return FilmOpener(keys, identities, times).run(path, None, bar.set_done), times


def _suggest(options: argparse.Namespace, path: str, keys: KeyRing, identities: Identities) -> int:
    """Write a draft and the film to look at."""
    output = os.path.abspath(options.suggest or options.by_hand)
    preview = os.path.splitext(output)[0] + ".mp4"
    for one in (output, preview):
        if file_status.exists(one):
            raise FileExistsAlreadyError(f"{one}: exists already and is not overwritten")
    report, times = _times(path, keys, identities)
    head, result = times.head, report.result
    if report.verdict >= Verdict.NOT_AUTHENTIC or head is None or result is None:
        return _refused(report)
    masks = []
    if options.suggest is not None:
        detect, tracker = load_detector(), Tracker()

        def search(number: int, _at_us: int, picture: np.ndarray[Any, Any]) -> None:
            if number % EVERY == 0:
                tracker.add(number, detect(picture))

        viewer = FilmViewer(search)
        with ProgressBar("detecting") as bar:
            FilmOpener(keys, identities, viewer).run(path, None, bar.set_done)
        masks = list(tracker.masks(viewer.pictures, head.width, head.height))
    draft = Draft(1, head.id, result.final or "", len(times.pictures), tuple(masks))
    with raise_on_sigterm(), _whole(preview) as file, PreviewFilm(file, masks) as film:
        FilmOpener(keys, identities, FilmViewer(film.add)).run(path, None)
    durable_files.publish_new(output, draft.text().encode(), mode=0o600)
    print_line(f"draft      {output}: {len(masks)} masks suggested in {draft.pictures} pictures")
    print_line(f"preview    {preview}: it is in the clear; delete it afterwards")
    return report.verdict


@contextlib.contextmanager
def _whole(path: str) -> Iterator[IO[bytes]]:
    """A new file for its maker alone, which is gone if it was not completed."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            yield file
        except BaseException:
            os.unlink(path)
            raise


def _make(
    options: argparse.Namespace, place: Place, path: str, keys: KeyRing, identities: Identities
) -> int:
    """Make the copy of a draft."""
    who = one_line("the person who answers for the masks (--who)", options.who or "")
    reference = options.reference and one_line("the file number", options.reference)
    draft = read_draft(options.draft)
    report, times = _times(path, keys, identities)
    head, result = times.head, report.result
    if report.verdict >= Verdict.NOT_AUTHENTIC or head is None or result is None:
        return _refused(report)
    if (draft.recording, draft.final) != (head.id, result.final):
        raise CommandError(f"{options.draft}: this is the draft of another recording: suggest anew")
    draft.check_done()
    signer = office_key_file.load_key(options.office_key)
    if signer is None and place.kind is PlaceKind.OFFICE:
        signer, _ = office_key_file.load_or_create_key(options.office_key)
        warn(f"made the office's key: {options.office_key}; keep a copy of it")
    if signer is None:
        raise CommandError(
            f"{options.office_key}: the office's key signs the list, and is not here; name it with "
            "--office-key"
        )
    masks, mutes = draft.timed([one.at_us for one in times.pictures], head.origin_us)
    named_zone, zone_name = time_zone(options.time_zone)
    recipient = CopyRecipient(options.recipient)
    request = RedactionRequest(
        path=path,
        keys=keys,
        identities=identities,
        directory=options.output,
        words=words_in(options.language or system_language()),
        zone=named_zone,
        zone_name=zone_name,
        final=desk.final_of(options, place, path, keys),
        copy=CopyOrder(
            masks=masks,
            mutes=mutes,
            made_us=desk.clock_of(options, place).wall_us(),
            made_by=who,
            software=f"camerad {__version__}",
            recipient=recipient,
            reference=reference or "",
        ),
        signer=signer,
        may_run=desk.may_run(place, keys),
    )
    stem = os.path.basename(path).removesuffix(SUFFIX)
    with store_writer(options, place, stem) as store, ProgressBar(stem) as bar:

        def enter(recording: str, sha256: str) -> tuple[Hold | None, LedgerExtract]:
            held = None
            if store is not None:
                reason = request.words.gettext("redacted copy made")
                store.hold(recording, reason, who, ground=_GROUNDS[recipient])
                held = Hold(reason, who)
            if isinstance(store, Store):
                store.ledger.append(
                    "redacted",
                    id=recording,
                    who=who,
                    recipient=recipient.value,
                    reference=request.copy.reference,
                    sha256=sha256,
                )
            return held, ledger_extract(options, place, path, recording, store, copy=sha256)

        made, package = make_redacted_package(request, enter, bar.set_done)
    if package is None:
        return _refused(made)
    if options.json:
        print_json(made.as_json() | {"redacted_copy": package})
    else:
        sys.stdout.write(made.text())
        print_line(f"  copy       {package}")
    return made.verdict


def _refused(report: Report) -> int:
    sys.stdout.write(report.text())
    warn("no redacted copy is made of a recording that is not authentic")
    return report.verdict
