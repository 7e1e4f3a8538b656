"""Makes the package with a redacted copy: one directory for the person it is for.

==========================  ======================================================================
``ID.redacted.mp4``         the film for any player
``ID.redacted.tar``         the proof (docs/redaction.md)
``report.html``             one page to be printed (`camerad.evidence.cover_sheet`)
``player.html``             checks the proof and plays it in a browser
``device-key.pem, .jwk``    the camera's public key, as the office trusts it
``office-key.pem``          the office's, by which the list is signed
``ledger.jws``, ...         as in every package (`camerad.evidence.export`)
``SHA256SUMS``              of all these files
==========================  ======================================================================

What was written is checked as a recipient would, before it gets its name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import tzinfo
from typing import Final

import msgspec

from camerad import __version__
from camerad.base import durable_files, file_status
from camerad.base.storage_errors import FileExistsAlreadyError
from camerad.base.words import Words
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.recording_files import SUFFIX
from camerad.container.redaction import ENDING as ARCHIVE_ENDING
from camerad.container.redaction import KIND, LONGEST, Redaction
from camerad.evidence.cover_sheet import CoverSheet, DeliveredFile, render
from camerad.evidence.decrypt import UnnamedFile, raise_on_sigterm
from camerad.evidence.export import REPORT
from camerad.evidence.identity_file import Identities
from camerad.evidence.package_folder import (
    LedgerExtract,
    PackageFolder,
    check_source,
    temporary_directory,
)
from camerad.evidence.player_page import NAME as PLAYER
from camerad.evidence.player_page import player_page
from camerad.evidence.redaction.copy_check import OriginalAtHand, check_copy
from camerad.evidence.redaction.copy_writer import CopyOrder, RedactionError, write_copy
from camerad.ledger.recording_state import Hold
from camerad.store import verified_copy
from camerad.verify.judge import MayRun, Progress, never_runs
from camerad.verify.verdict import Report, Verdict

ENDING: Final = "-redacted"
"""What a package's name has behind the recording's id."""
OFFICE_KEY: Final = "office-key.pem"
Enter = Callable[[str, str], tuple[Hold | None, LedgerExtract]]
"""Places the hold and writes the ledger's entry, by the recording's id and the SHA-256 of the
signed list; returns what the package has of it."""


class RedactionRequest(msgspec.Struct, frozen=True):
    """What is to be made: as in `camerad.evidence.export.ExportRequest`. copy: what is masked and
    muted. signer: the office's key."""

    path: str
    keys: KeyRing
    identities: Identities
    directory: str
    words: Words
    zone: tzinfo
    zone_name: str
    final: str | None
    copy: CopyOrder
    signer: SigningKey
    may_run: MayRun = never_runs


def make_redacted_package(
    request: RedactionRequest, enter: Enter, progress: Progress | None = None
) -> tuple[Report, str | None]:
    """The check of what was made, and where it is; of a recording that is not authentic its own
    check, and None.

    Raises RedactionError, PictureError, what `FilmOpener.run` and `enter` do, and StorageError;
    then nothing is left behind.
    """
    stem = os.path.basename(request.path).removesuffix(SUFFIX)
    package = os.path.join(os.path.abspath(request.directory), stem + ENDING)
    if file_status.exists(package):
        raise FileExistsAlreadyError(
            f"{package}: there is a redacted copy already; it was left as it is: move it away, or "
            "choose another directory with --output"
        )
    size, problem = check_source(request.path, request.may_run)
    if problem is not None:
        return Report(request.path, size, problem=problem), None
    with raise_on_sigterm(), temporary_directory(package) as directory:
        archive = os.path.join(directory, stem + ARCHIVE_ENDING)
        film = archive.removesuffix(SUFFIX) + ".mp4"
        with UnnamedFile(film) as target:
            with open(archive, "xb", opener=_private) as file:
                report, token = write_copy(
                    request.path,
                    request.keys,
                    request.identities,
                    request.copy,
                    signer=request.signer,
                    film=target,
                    archive=file,
                    final=request.final,
                    progress=progress,
                )
                os.fsync(file.fileno())
            if not token:
                return report, None
            report = _checked(archive, request)
            said = jws.decode(jws.parse(token, LONGEST), KIND, Redaction)
            held, extract = enter(said.original.id, jws.digest(token))
            folder = PackageFolder(directory)
            folder.sums[os.path.basename(film)] = target.sha256()
            folder.sums[os.path.basename(archive)] = verified_copy.digest(archive).sha256
            kid = report.result.kid if report.result is not None else None
            folder.add_key(request.keys.get(kid or ""))
            folder.add(OFFICE_KEY, request.signer.public.pem)
            folder.add_ledger(extract, kid)
            folder.add(PLAYER, player_page().decode())
            folder.add(REPORT, _sheet(request, report, said, held, folder))
            folder.finish()
            target.publish(film)
        durable_files.rename(directory, package)
    report.path = os.path.join(package, stem + ARCHIVE_ENDING)
    return report, package


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _checked(archive: str, request: RedactionRequest) -> Report:
    """The check of what was made, as a recipient and as the office would. Raises
    RedactionError."""
    office = KeyRing([request.signer.public])
    original = OriginalAtHand(request.path, request.identities)
    compared = check_copy(archive, request.keys, office, original=original, final=request.final)
    if compared.verdict >= Verdict.NOT_AUTHENTIC:
        raise RedactionError(f"the copy that was made does not pass its check:\n{compared.text()}")
    return check_copy(archive, request.keys, office, final=request.final)


def _sheet(
    request: RedactionRequest,
    report: Report,
    said: Redaction,
    held: Hold | None,
    folder: PackageFolder,
) -> str:
    words, copy = request.words, request.copy
    roles = {
        ".mp4": words.gettext("video, plays anywhere"),
        ".tar": words.gettext("proof: what is unchanged as the camera sealed it, and the list"),
        ".html": words.gettext("open in a browser: checks and plays, without a network"),
    }
    delivered = [
        DeliveredFile(name, roles[os.path.splitext(name)[1]], sha256)
        for name, sha256 in folder.sums.items()
        if os.path.splitext(name)[1] in roles
    ]
    result = report.result
    agrees = None if request.final is None or result is None else result.final == request.final
    sheet = CoverSheet(
        report=report,
        delivered=delivered,
        zone=request.zone,
        zone_name=request.zone_name,
        hold=held,
        ledger_agrees=agrees,
        stamps=folder.stamps,
        made_us=copy.made_us,
        made_by=copy.made_by,
        software=f"camerad {__version__}",
        details=os.path.basename(report.path),
        instructions=os.path.basename(report.path),
        reference=copy.reference,
        redaction=said,
    )
    return render(sheet, words)
