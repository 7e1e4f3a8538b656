"""Makes the package for the public prosecutor: one directory with everything that is needed.

==========================  ======================================================================
``ID.mp4``                  the footage, opened; ``ID.salvaged.mp4`` if only parts of it are proven
``ID.tar``                  the original, as the camera wrote it
``report.html``             one page to be printed (`camerad.evidence.cover_sheet`)
``ID.pdf``                  the same page as PDF/A, where it was asked for
``player.html``             checks the original and plays it in a browser, without a network
                            (`camerad.evidence.player_page`); the same in every package
``checks.json``             everything that the check found, for programs
``how-to-verify.txt``       how to check all of it without this software
``device-key.pem, .jwk``    the camera's public key, as the office trusts it
``ledger.jws``              what the ledgers say about the recording, one statement a line
``ledger-keys.txt``         public keys that signed these, where it was not the camera's
``entry-N.tlog-proof``      that entry N of the office's ledger lies in its log, and the policy
``office.tlog-policy``      by which that is checked (`camerad.transparency.proof`)
``*.checkpoint, .tsr``      time stamps on it (`camerad.transparency.stamp_files`)
``record.json``             who hands over what to whom, where the office says so
                            (`camerad.evidence.medium_label`)
``SHA256SUMS``              of all these files, for ``sha256sum -c``
==========================  ======================================================================

Procedure: everything is made in a directory of a temporary name, which only its maker may enter.
The original is copied there first, and what is checked and opened is that copy: its bytes
cannot be exchanged between the check and the copy. Then the hold is placed, and when all else is on
the storage the footage, which was a file without a name, gets one; all is read back from the
storage, and the directory gets its name.
After any failure, SIGTERM included, the temporary directory is removed; a hold that was
placed stays, since it only keeps what it is for. After a kill or a loss of power the directory is
left, and the next export removes it. Footage in the clear is in it only where the file system has
no files without a name (`camerad.evidence.decrypt`), or in the instant between the two names.

A package that would be too large for one message goes in parts (`camerad.evidence.parts`): then
the directory has one for each, ``part-1-of-5``, which is a package by itself, and ``SHA256SUMS`` of
all. First the whole is checked and opened as above; its film only says where the parts may begin.

What is sealed for its recipient (`camerad.evidence.sealed_package`) is made in a directory of this
computer, never on the storage that it goes to, and its footage has no name at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Collection, Iterator
from datetime import tzinfo
from typing import Any, Final

import msgspec

from camerad import __version__
from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import NotAllowedError, StorageError
from camerad.base.text import is_plain
from camerad.base.words import N_, Words
from camerad.container.encryption import Sealer
from camerad.container.keys import KeyRing
from camerad.container.recording_files import SUFFIX
from camerad.container.statements import rfc3339, utc
from camerad.evidence import parts, sealed_package
from camerad.evidence.cover_sheet import CoverSheet, DeliveredFile, render
from camerad.evidence.decrypt import OpenedRecording, UnsealError, decrypted, raise_on_sigterm
from camerad.evidence.identity_file import Identities
from camerad.evidence.medium_label import RECORD, Parties, record_of
from camerad.evidence.package_folder import (
    DIRECTORY_MODE,
    FILE_MODE,
    KEY_PEM,
    SUMS,
    LedgerExtract,
    PackageFolder,
    check_source,
    make_parent,
    temporary_directory,
)
from camerad.evidence.package_proofs import LEDGER
from camerad.evidence.parts import PartName, SheetPart
from camerad.evidence.player_page import NAME as PLAYER
from camerad.evidence.player_page import player_page
from camerad.evidence.sealed_package import PackedFile
from camerad.evidence.sheet_page import PdfMaker
from camerad.ledger.recording_state import Hold
from camerad.store import verified_copy
from camerad.verify.judge import MayRun, Progress, never_runs
from camerad.verify.verdict import Report

ENDING: Final = "-export"
"""What a package's name has behind the recording's id."""
REPORT: Final = "report.html"
CHECKS: Final = "checks.json"
INSTRUCTIONS: Final = "how-to-verify.txt"

_DOCUMENTS: Final = 4 << 20
"""Room in a part for what is neither film nor original nor `player.html`."""
_WORKPLACE: Final = "/var/tmp"  # noqa: S108 - a directory of its own there, which only we may enter
"""Where a sealed package is made if ``TMPDIR`` names no other place: a file that is large belongs
there and not into memory (hier(7))."""


class ExportRequest(msgspec.Struct, frozen=True):
    """What is to be handed over, and how.

    path: the recording's file. keys: the devices' keys that are trusted. identities: the office's
    private keys. directory: where the package is made. words: in the report's language. zone,
    zone_name: of its times. who: who exports; made_us: when. reference: number of the file that it
    is for, "" if none. final: SHA-256 of the recording's end
    as a ledger names it, None if none was at hand. salvage: also of a recording that is not
    authentic, with its proven parts. may_run: as in `camerad.verify.judge.verify`. sealer: for the
    recipient; None for a package in the clear. pdf: makes the sheet as PDF/A too, if it is to be
    there. part_bytes: of each part at most; None for a package in one piece.
    parties: for the record; None for none.
    """

    path: str
    keys: KeyRing
    identities: Identities
    directory: str
    words: Words
    zone: tzinfo
    zone_name: str
    who: str
    made_us: int
    final: str | None
    reference: str = ""
    salvage: bool = False
    may_run: MayRun = never_runs
    sealer: Sealer | None = None
    pdf: PdfMaker | None = None
    part_bytes: int | None = None
    parties: Parties | None = None


class ExportResult(msgspec.Struct, frozen=True):
    """What came of it. path: the package; None if the recording is not authentic, and nothing was
    written. hold: that which keeps the recording; None if no store was at hand. sha256: of a sealed
    package's file, else of its list of sums."""

    report: Report
    path: str | None
    hold: Hold | None
    sha256: str | None = None


def export(
    order: ExportRequest,
    hold: Callable[[str], Hold | None],
    extract: Callable[[str], LedgerExtract],
    progress: Progress | None = None,
) -> ExportResult:
    """Make the package. hold: places a hold on the recording of this id, where there is a store.
    extract: the ledgers' statements about it, asked for after the hold.

    Raises StorageError, NotNowError, NotAllowedError if the office's keys do not open it,
    UnsealError if there is nothing to write, and what `hold` and `extract` raise; then nothing is
    left behind.
    """
    stem = os.path.basename(order.path).removesuffix(SUFFIX)
    if not is_plain(stem):
        raise StorageError(
            f"{order.path}: a file of this name cannot be exported, since report and instructions "
            "could not name it; rename it to the recording's id"
        )
    package = os.path.join(os.path.abspath(order.directory), stem + ENDING)
    target = package if order.sealer is None else package + sealed_package.ENDING
    if file_status.exists(target):
        raise storage_errors.FileExistsAlreadyError(
            f"{target}: there is an export of this recording already; it was left as it is: "
            "move it away, or choose another directory with --output"
        )
    size, problem = check_source(order.path, order.may_run)
    if problem is not None:
        return ExportResult(Report(order.path, size, problem=problem), None, None)
    if order.sealer is not None:
        make_parent(target)
        package = os.path.join(os.environ.get("TMPDIR") or _WORKPLACE, stem + ENDING)
    with raise_on_sigterm(), temporary_directory(package) as directory:
        if order.sealer is not None:
            _check_unnamed(directory)
        work = _Package(order, directory, stem, _Steps(size, order.sealer is not None, progress))
        work.take_original()
        with work.opened() as footage:
            report = footage.report
            if report.output is None:
                report.path = order.path  # the copy goes
                return ExportResult(report, None, None)
            if order.part_bytes is not None:
                held = work.write_parts(footage.starts, order.part_bytes, hold, extract)
                work.read_back()
                durable_files.rename(directory, package)
                report.path, report.output = order.path, None
                return ExportResult(report, package, held, work.sums_sha256)
            held = hold(work.recording)
            work.add_proof(extract(work.recording))
            work.add_documents(held)
            if order.sealer is not None:
                report.path, report.output = order.path, None
                sealed = work.seal(footage, order.sealer, target)
                return ExportResult(report, target, held, sealed.sha256)
            footage.publish()
            work.read_back()
            durable_files.rename(directory, package)
        # What was made there is there, under its final name.
        report.path = os.path.join(package, stem + SUFFIX)
        report.output = os.path.join(package, os.path.basename(report.output))
        return ExportResult(report, package, held, work.sums_sha256)


class _Steps:
    """Progress over three passes of the same bytes: writing the copy, reading it back, the check.
    is_sealed: film and original are then sealed and read back, which is four more.

    size: of the recording, bytes.
    """

    def __init__(self, size: int, is_sealed: bool, progress: Progress | None) -> None:
        self._all = (7 if is_sealed else 3) * size
        self._progress = progress
        self._copied = 0
        self._checked = 0

    def copies(self, count: int) -> None:
        """So many bytes more are copied, or read back."""
        self._copied += count
        self._say()

    def checks(self, done: int, _total: int) -> None:
        """So many bytes are checked."""
        self._checked = done
        self._say()

    def _say(self) -> None:
        done = self._copied + self._checked
        if self._progress is not None:
            self._progress(done, max(done, self._all))


class _Package:
    """The package while it is made. directory: its temporary name. part: it is of that one."""

    def __init__(
        self,
        order: ExportRequest,
        directory: str,
        stem: str,
        steps: _Steps,
        part: PartName | None = None,
    ) -> None:
        self._part = part
        self._pieces = 0
        self._order = order
        self._directory = directory
        self._stem = stem
        self._steps = steps
        self._folder = PackageFolder(directory)
        self._original = os.path.join(directory, stem + SUFFIX)

    def take_original(self) -> None:
        """Copy the file as the camera wrote it: from here on that copy alone counts."""
        source = os.path.realpath(self._order.path)
        copied = verified_copy.copy(source, self._original, self._steps.copies)
        self._folder.sums[self._stem + SUFFIX] = copied.sha256

    def take_part(self, original: str, fragments: range) -> None:
        """Write the part that has these fragments."""
        written = parts.write_part(original, self._original, fragments, self._steps.copies)
        self._folder.sums[self._stem + SUFFIX] = written.sha256
        self._pieces = len(fragments)

    @property
    def sums_sha256(self) -> str:
        """Of the list of sums."""
        return self._folder.sums[SUMS]

    def read_back(self) -> None:
        """Compare the files that were written here with what the storage has; the original was
        compared before. Raises StorageError."""
        for name, sha256 in self._folder.sums.items():
            path = os.path.join(self._directory, name)
            if path == self._original:
                continue
            if verified_copy.digest(path, fresh=True).sha256 != sha256:
                raise StorageError(
                    f"{path}: it reads back with other bytes than were written; do not use this "
                    "storage: take another one"
                )

    def write_parts(
        self,
        starts: Collection[int],
        limit: int,
        hold: Callable[[str], Hold | None],
        extract: Callable[[str], LedgerExtract],
    ) -> Hold | None:
        """Write a package for each part, and let go of the original. Returns the hold."""
        plan = parts.plan_parts(self._original, starts, limit, len(player_page()) + _DOCUMENTS)
        if plan is None:
            raise StorageError(
                f"{self._order.path}: it cannot be cut into parts of {limit} bytes; allow more "
                "with --volumes"
            )
        held = hold(self.recording)
        ledgers = extract(self.recording)
        count = len(plan.firsts)
        sums: list[str] = []
        with contextlib.ExitStack() as films:
            opened: list[OpenedRecording] = []
            written: list[_Package] = []
            for number in range(1, count + 1):
                name = PartName(self.recording, number, count)
                folder = f"part-{number}-of-{count}"
                directory = os.path.join(self._directory, folder)
                os.mkdir(directory, DIRECTORY_MODE)
                part = _Package(self._order, directory, str(name), self._steps, name)
                part.take_part(self._original, plan.run(number))
                opened.append(films.enter_context(part.opened()))
                part.add_proof(ledgers)
                part.add_documents(held)
                written.append(part)
                sums += [
                    f"{sha256}  {folder}/{file}\n"
                    for file, sha256 in sorted(part._folder.sums.items())
                ]
            for one, part in zip(opened, written, strict=True):
                one.publish()
                part.read_back()
        durable_files.remove(self._original)
        self._folder.sums.clear()
        self._folder.add(SUMS, "".join(sums))
        return held

    @contextlib.contextmanager
    def opened(self) -> Iterator[OpenedRecording]:
        """Check the copy and open its footage, which has no name before it is published."""
        order = self._order
        opening = decrypted(
            self._original,
            order.keys,
            order.identities,
            os.path.join(self._directory, f"{self._stem}.mp4"),
            salvage=order.salvage,
            progress=self._steps.checks if self._part is None else None,
            final=order.final,
            part=self._part is not None,
        )
        try:
            with opening as footage:
                self._report, self._footage = footage.report, footage
                if footage.report.output is not None:
                    self._video = os.path.basename(footage.report.output)
                    self._folder.sums[self._video] = footage.sha256()
                yield footage
        except (UnsealError, NotAllowedError) as error:
            # Named as the caller knows it: the copy is gone when this is read.
            raise type(error)(str(error).replace(self._original, order.path)) from error

    @property
    def recording(self) -> str:
        """The recording's id, as its signed header says."""
        result = self._report.result
        if result is None or result.header is None:
            return self._stem
        return result.header.id

    def add_proof(self, extract: LedgerExtract) -> None:
        """The key that the original is to be checked with, and what the ledgers say."""
        result = self._report.result
        kid = None if result is None else result.kid
        self._folder.add_key(self._order.keys.get(kid or ""))
        self._folder.add_ledger(extract, kid)

    def add_documents(self, held: Hold | None) -> None:
        """The report, what it leaves out, how to check everything, and all fingerprints."""
        order, report, words = self._order, self._report, self._order.words
        result = report.result
        container = self._stem + SUFFIX
        said = report.as_json() | {
            "path": container,
            "output": self._video,
            "export": {
                "software": f"camerad {__version__}",
                "who": order.who,
                "hold": None if held is None else {"reason": held.reason, "who": held.who},
                "ledger_agrees": self._ledger_agrees,
            },
        }
        self._folder.add(CHECKS, json.dumps(said, indent=2, ensure_ascii=False) + "\n")
        instructions = words.gettext(
            INSTRUCTIONS_TEXT,
            key_pem=KEY_PEM,
            thumbprint=(result.kid if result is not None else None) or words.gettext("unknown"),
            container=shlex.quote(container),
            final=(result.final if result is not None else None) or words.gettext("none"),
            video=words.gettext(
                "{video}\n   holds the same packets of picture and sound, ordered for seeking.",
                video=self._video,
            ),
            ledger=LEDGER,
        )
        if self._part is not None:
            instructions += "\n" + words.gettext(
                PART_TEXT, number=self._part.number, count=self._part.all
            )
        self._folder.add(INSTRUCTIONS, instructions)
        self._folder.add(PLAYER, player_page().decode())
        sheet = render(self._sheet(held), words)
        self._folder.add(REPORT, sheet)
        if order.pdf is not None:
            self._folder.add(f"{self._stem}.pdf", order.pdf(sheet))
        if order.parties is not None:
            self._folder.add(RECORD, json.dumps(self._record(order.parties), indent=2) + "\n")
        self._folder.finish()

    def seal(self, footage: OpenedRecording, sealer: Sealer, target: str) -> verified_copy.Digest:
        """Write all of it to one sealed file, which is read back."""
        folder = self._stem + ENDING

        def packed(name: str) -> PackedFile:
            path = os.path.join(self._directory, name)
            called, size = f"{folder}/{name}", self._size_of(name)
            if name == self._video:
                return PackedFile(called, size, footage.opened)
            return PackedFile(called, size, lambda: open(path, "rb"))

        files = [packed(name) for name in sorted(self._folder.sums)]
        made = utc(self._order.made_us).astimezone(self._order.zone)
        return sealed_package.seal(target, files, sealer, made, self._steps.copies)

    def _record(self, parties: Parties) -> dict[str, Any]:
        """What is handed over, the sheet first."""
        part, sums = self._part, self._folder.sums
        first = [f"{self._stem}.pdf", REPORT, self._video, self._stem + SUFFIX]
        names = sorted(sums, key=lambda one: (first.index(one) if one in first else 9, one))
        return record_of(
            parties,
            {
                "reference": self._order.reference,
                "recording": self.recording,
                "part": None if part is None else [part.number, part.all],
                "created": rfc3339(self._order.made_us),
                "software": f"camerad {__version__}",
            },
            [(one, self._size_of(one), sums[one]) for one in names],
        )

    def _size_of(self, name: str) -> int:
        if name == self._video:
            with self._footage.opened() as film:
                return film.seek(0, os.SEEK_END)
        return os.path.getsize(os.path.join(self._directory, name))

    @property
    def _ledger_agrees(self) -> bool | None:
        result = self._report.result
        if self._order.final is None or result is None:
            return None
        return result.final == self._order.final

    def _sheet(self, held: Hold | None) -> CoverSheet:
        order, words = self._order, self._order.words
        container, sums = self._stem + SUFFIX, self._folder.sums
        return CoverSheet(
            report=self._report,
            delivered=(
                DeliveredFile(
                    self._video,
                    words.gettext("video, plays anywhere"),
                    sums[self._video],
                ),
                DeliveredFile(
                    container,
                    words.gettext("original as the camera wrote it, sealed and signed"),
                    sums[container],
                ),
                DeliveredFile(
                    PLAYER,
                    words.gettext("open in a browser: checks and plays, without a network"),
                    sums[PLAYER],
                ),
            ),
            zone=order.zone,
            zone_name=order.zone_name,
            hold=held,
            ledger_agrees=self._ledger_agrees,
            stamps=self._folder.stamps,
            made_us=order.made_us,
            made_by=order.who,
            software=f"camerad {__version__}",
            details=CHECKS,
            instructions=INSTRUCTIONS,
            reference=order.reference,
            part=None
            if self._part is None
            else SheetPart(self._part.number, self._part.all, self._pieces),
        )


def _check_unnamed(directory: str) -> None:
    """Raise StorageError where opened footage would have a name."""
    descriptor = durable_files.create_unnamed(directory, FILE_MODE)
    if descriptor is None:
        raise StorageError(
            f"{directory}: on this file system opened footage would have a name, and could be "
            "found later; name a directory on another one in the environment variable TMPDIR"
        )
    os.close(descriptor)


PART_TEXT: Final = N_("""\
6. This is part {number} of {count} of the recording: all its statements, and some of its pieces.
   Unpack the archives of all parts into one directory, and check that as in 3; a piece that is
   missing there is in a part that is missing.
""")


INSTRUCTIONS_TEXT: Final = N_("""\
How to check this package without the software that made it
===========================================================

1. Nothing was changed since the export:

       sha256sum -c SHA256SUMS

2. Whether the key is that of the camera, this package cannot prove. {key_pem} is the public
   key that the maker of the package trusted. Its fingerprint (RFC 7638) is

       {thumbprint}

   Compare it with the register of cameras, or another list that did not come with this package.
   All that follows is worth as much as this comparison.

3. Every statement is signed by that key, and each names the one before. The original is an
   ordinary tar archive:

       tar -tf {container}
       tar -xf {container}

   A statement (*.jws) is a compact JSON Web Signature (RFC 7515) made with Ed25519 (RFC 8037).
   For each of them, here for header.jws:

       pad() {{ awk '{{ while (length($0) % 4) $0 = $0 "="; print }}'; }}
       decode() {{ tr '_-' '/+' | pad | base64 -d; }}
       cut -d. -f1,2 header.jws | tr -d '\\n' > signed
       cut -d. -f3 header.jws | decode > signature
       openssl pkeyutl -verify -pubin -inkey {key_pem} -rawin -in signed -sigfile signature
       cut -d. -f2 header.jws | decode

   The last command shows what was signed. "previous" is the SHA-256 of the statement before
   (header.jws, 000000.jws, 000001.jws, ..., end.jws); "fragment" has size and SHA-256 of the
   sealed piece (000000.m4s.age, ...), and "init", in the first, those of init.mp4.age. "commits"
   in end.jws is how many pieces there are. The SHA-256 of end.jws is

       {final}

4. The video is what was sealed. The office's private age key (https://age-encryption.org) opens
   each piece; put together they are a video that plays:

       for piece in init.mp4.age [0-9]*.m4s.age; do age -d -i KEY "$piece"; done > recording.mp4

   {video}

5. {ledger} holds what the ledgers say about this recording: one signed statement a line,
   to be checked like those above, with the key that each line names as "kid". The office's keys
   are in ledger-keys.txt.

6. entry-N.tlog-proof, if there are any, prove that statement N of the office's ledger ("sequence")
   lies in its log, which witnesses signed; *.tsr are time stamps (RFC 3161) on that log.
   docs/transparency.md of camerad says how to check both with Python and openssl alone.

The format is described in full in docs/evidence-format.md of camerad.
""")
