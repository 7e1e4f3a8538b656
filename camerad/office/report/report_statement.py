"""Signs a report, and finds changes in a signed one.

Beside ``NAME.html`` and ``NAME.csv`` lies ``NAME.jws``, a statement (`camerad.container.jws`) with
the SHA-256 of both, the period, and what they rest on: the head of the office's ledger and all
readings of cameras. It has no time at which it was made, so the same period gives the same bytes,
until witnesses sign a later checkpoint of the office's log, which it names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from camerad.base import durable_files, file_status
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.container import jws
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger import log_segments
from camerad.ledger.entries import Head, read_lines
from camerad.office.report.figures import CosignedLog, ReportError, ReportRefusal
from camerad.office.report.report_days import ReportPeriod
from camerad.office.report.report_sources import OfficeRecords, read_sources
from camerad.transparency.checkpoints import Checkpoint, decode_hash
from camerad.transparency.office_log import OfficeLog

REPORT: Final = "camerad-report"
HTML: Final = ".html"
CSV: Final = ".csv"
SIGNED: Final = ".jws"
_LARGEST: Final = 64 << 20


def _no_report(text: str) -> ReportError:
    return ReportError(ReportRefusal.NO_REPORT, text)


class ReportedFile(msgspec.Struct, frozen=True):
    """A file of the report, and the SHA-256 of all of it."""

    name: str
    sha256: str


class ReportStatement(msgspec.Struct, frozen=True):
    """What the office signs. kid: its key. directory: id of its directory. first, last: days of the
    period, in the time zone `zone`. language: of the page. head: the office's ledger as of the
    period's last entry, None if nothing of it is covered. readings, readings_sha256: how many
    readings of cameras, and the SHA-256 of all of them in order. log: what witnesses had signed of
    the office's ledger when it was made; left out if nothing, and by earlier versions."""

    kid: str
    directory: str
    first: str
    last: str
    zone: str
    language: str
    software: str
    head: Head | None
    readings: int
    readings_sha256: str
    files: tuple[ReportedFile, ...]
    log: CosignedLog | UnsetType = UNSET

    @property
    def period(self) -> ReportPeriod:
        """The days. Raises ValueError if they are none."""
        return ReportPeriod(date.fromisoformat(self.first), date.fromisoformat(self.last))


class ReportCheck(msgspec.Struct, frozen=True):
    """What a check of a report found. problems: what is wrong, file by file. remarks: what the
    office's directory says otherwise by now. statement: None if nothing vouches for it."""

    statement: ReportStatement | None
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def sign_report(
    name: str, contents: Mapping[str, bytes], key: SigningKey, said: ReportStatement
) -> dict[str, bytes]:
    """A report's files and behind them the signature, by their names. contents: by their endings.
    said: without `files`."""
    files = {name + ending: content for ending, content in contents.items()}
    named = tuple(
        ReportedFile(one, hashlib.sha256(content).hexdigest()) for one, content in files.items()
    )
    return files | {name + SIGNED: jws.sign(key, REPORT, replace(said, files=named))}


def write_report(directory: str, files: Mapping[str, bytes]) -> list[str]:
    """Write what `sign_report` made; returns the paths. Raises StorageError. The signature comes
    last."""
    durable_files.make_directory(directory, linked=True)
    paths = []
    for name, content in files.items():
        path = os.path.join(directory, name)
        durable_files.publish(path, content)
        paths.append(path)
    return paths


def read_signed(path: str, keys: KeyRing) -> tuple[ReportStatement, bytes]:
    """A file of a report whose signature holds, and its content. Raises ReportError, and
    StorageError."""
    stem, _ = os.path.splitext(path)
    content = read_plain(path, "report", _LARGEST, linked=True)
    return check_signed(path, content, _signed_beside(stem), keys), content


def check_signed(path: str, content: bytes, token: bytes, keys: KeyRing) -> ReportStatement:
    """What the office signed of a report's file. path: where it is, or its name. Raises
    ReportError unless `token` is by one of `keys` and names this content."""
    try:
        said = jws.read_own(token, keys, REPORT, ReportStatement)
    except JwsError as error:
        stem, _ = os.path.splitext(path)
        raise _no_report(f"{stem}{SIGNED}: {printable(error)}") from error
    if hashlib.sha256(content).hexdigest() not in [
        one.sha256 for one in said.files if one.name == os.path.basename(path)
    ]:
        raise _no_report(f"{path}: it was changed since the office signed it")
    return said


def check_report(path: str, office: OfficeRecords) -> ReportCheck:
    """Check a report. path: one of its files. Raises ReportError, and StorageError."""
    stem, _ = os.path.splitext(path)
    if not file_status.exists(path) and not file_status.exists(stem + SIGNED):
        raise _no_report(
            f"{path}: there is no such file, and no signature beside it; name a report's .html, "
            ".csv or .jws"
        )
    token = _signed_beside(stem)
    try:
        said = jws.read_own(token, office.keys, REPORT, ReportStatement)
        period = said.period
    except (JwsError, ValueError) as error:
        return ReportCheck(None, (f"{stem}{SIGNED}: {printable(error)}",), ())
    directory = os.path.dirname(path)
    problems = []
    for one in said.files:
        beside = os.path.join(directory, os.path.basename(one.name))
        if not file_status.exists(beside):
            problems.append(f"{beside}: it is not there")
            continue
        content = read_plain(beside, "report", _LARGEST, linked=True)
        if hashlib.sha256(content).hexdigest() != one.sha256:
            problems.append(f"{beside}: it was changed since the office signed it")
    sources = read_sources(office, period)
    remarks = []
    if said.head is not None:
        found = _head_in(office.place.ledger, office.keys, said.head)
        here = f"{office.place.ledger}: entry {said.head.sequence}"
        if found is None and said.head in sources.heads:
            remarks.append(f"{here} has expired; the office's sums of that day name it")
        elif found is None:
            remarks.append(f"{here} has expired, and cannot be compared any more")
        elif not found:
            problems.append(
                f"{here} is another one than the report covers: the report is of another "
                "directory, or the ledger was replaced"
            )
    if said.log is not UNSET and not _is_in_log(office.place.ledger, said.log):
        problems.append(
            f"{office.place.ledger}: its log has not the checkpoint that the report names: the "
            "report is of another directory, or the log was replaced"
        )
    if sources.readings_sha256 != said.readings_sha256:
        remarks.append(
            f"there are {sources.readings} readings of cameras of this period now, and the report "
            f"rests on {said.readings}: a camera came back later, or old readings were removed"
        )
    return ReportCheck(said, tuple(problems), tuple(remarks))


def _is_in_log(ledger: str, said: CosignedLog) -> bool:
    log = OfficeLog(ledger)
    known = log.read()
    if known is None:
        return False
    return log.continues(Checkpoint(known[0].name, said.size, decode_hash(said.root)))


def _signed_beside(stem: str) -> bytes:
    path = stem + SIGNED
    if not file_status.exists(path):
        raise _no_report(
            f"{path}: there is no signature beside this report; name the .html or .csv that "
            "'camerad office report' wrote, with its .jws in the same directory"
        )
    return read_plain(path, "report's signature", jws.LONGEST + 1, linked=True)


def _head_in(ledger: str, keys: KeyRing, head: Head) -> bool | None:
    """Whether a ledger has this entry; None if that can no longer be known."""
    if not file_status.is_directory(ledger):
        return False
    shelf = log_segments.list_files(ledger)
    name = shelf.name(head.epoch)
    if name is not None:
        content = log_segments.read_file(ledger, name)
        return any(
            line.entry is not None and line.entry.head == head for line in read_lines(content, keys)
        )
    if head.epoch not in shelf.checkpoints:
        return False
    token = log_segments.read_file(ledger, log_segments.checkpoint_name(head.epoch))
    try:
        kept = log_segments.parse_checkpoint(token.strip(), keys)
    except JwsError:
        return False
    if kept.last == head.sequence:
        return kept.final == head.sha256
    return None if kept.first <= head.sequence < kept.last else False
