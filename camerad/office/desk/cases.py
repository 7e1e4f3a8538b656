"""Cases: the recordings, notes and hand-overs of one file of the office.

Each has a file (`camerad.evidence.case_file`), published whole. Each change is an entry of the
office's ledger, written before, which names the SHA-256 of the file that follows: with the ledger
at hand, `sha256sum` tells whether it was changed since. A case holds nothing: what has to stay is
held (`camerad.store.holds`), and the page offers both.

A case is never removed. It names the office's people: who opened it, added a recording, noted
something or handed it over, each by the id that the ledger has for good. The desk adds the name of
no other person: people type in its number, notes in a line each, and to whom something went, and
the page asks them for no names. What a case may have is bounded, and a change after which its file
could not be read again is refused before its entry is written. A file that cannot be read keeps no
other case from being shown. One that is gone, though the ledger tells of it, opens as no other.

How many cases there are costs nothing: one is found by its number, and which there are and which
are about a recording the index says (`camerad.office.index.case_query`). It is behind the files for
some seconds, so those that this server wrote last are read themselves. An index that has read no
case yet hides none of a recording's: then all files are read.

The server makes no package: it could not open what goes into it (O1). The person with the key makes
it, in the browser's tab (``camerad/office/desk/package_maker``) or with ``camerad evidence
export``. That something left the office is written down here, with the SHA-256 of the file that the
tab made, and shows at each of its recordings from then on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from camerad.base import durable_files, file_status, state_file
from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.text import is_plain, looks_empty
from camerad.base.version_cache import VersionCache
from camerad.evidence.case_file import (
    ENDING,
    LARGEST,
    Case,
    CaseNote,
    CaseRecording,
    HandOver,
    TakenOut,
    directory_of_cases,
    name_of,
    read_case,
)
from camerad.office.desk.desk_ledger import Entry
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError, refused
from camerad.office.desk.people import WITH_FOOTAGE
from camerad.office.desk.recording_history import RecordingHistory
from camerad.office.desk.route_table import DeskParts, Route, Visit, recording_id
from camerad.office.index import case_query
from camerad.office.index.case_query import (
    CaseQuery,
    LostCases,
    answers,
    case_mark,
    place_of,
)
from camerad.office.index.case_rows import row_of_case
from camerad.office.index.index import RecordingIndex
from camerad.office.index.ledger_rows import HANDED_OVER
from camerad.office.index.recording_rows import Row
from camerad.office.state.index_tables import CASE_CLOSED

MOST_RECORDINGS: Final = 200
MOST_NOTES: Final = 500
MOST_HAND_OVERS: Final = 100
MOST_LOST: Final = 20
"""Cases without a file that are named."""
LONGEST_NUMBER: Final = 60
DOUBLE_US: Final = 60 * SECOND
_MOST_KNOWN: Final = 200
"""Files whose content is remembered."""
MOST_WRITTEN: Final = 100
"""Cases that were written here last, which are read from their files."""


class ListedCase(msgspec.Struct, frozen=True):
    """A case in a list. recordings: how many it has."""

    number: str
    opened_us: int
    recordings: int
    handed_over: bool
    closed: bool


class CasePage(msgspec.Struct, frozen=True):
    """A page of cases: open ones first, then the newest. next: mark of the next page."""

    rows: list[ListedCase]
    next: str | None


class Cases:
    """root: the office's directory. index: of it. Any thread may use it. Everything raises
    StorageError and, but for `find` and `change`, IndexUnavailableError."""

    def __init__(self, root: str, index: RecordingIndex) -> None:
        self._directory = directory_of_cases(root)
        self._index = index
        self._known = VersionCache[Case](_MOST_KNOWN)
        self._lock = threading.Lock()
        self._written: dict[str, None] = {}
        """Names of those that were written here last, the newest last."""
        self._skipped = state_file.SkippedFiles("a case of the desk cannot be shown")

    def find(self, number: str) -> Case | None:
        """The case with this number, however it is typed; None if there is none."""
        return read_case(self._directory, name_of(number))

    def list_page(self, query: CaseQuery) -> CasePage:
        """The cases that are asked for, and can be read. Raises QueryError."""
        written = self._written_last()
        rows = self._index.ask(case_query.find_cases, query, written)
        for name in written:
            case = self._read_or_report(name)
            if case is not None and answers(query, row := row_of_case(name, case)):
                rows.append(row)
        rows.sort(key=place_of, reverse=True)
        page = rows[: query.limit]
        more = case_mark(page[-1]) if len(rows) > len(page) else None
        return CasePage([_listed(row) for row in page], more)

    def list_about(self, recording: str) -> tuple[list[Case], bool]:
        """Those that a recording belongs to, belonged to or left the office with, in the order of a
        list; and whether that is all of them: none is lost, or cannot be read."""
        found = self._index.ask(case_query.cases_of, recording)
        names = self._names() if found is None else found.union(self._written_last())
        there = [(one, self._read_or_report(one)) for one in sorted(names)]
        cases = [case for _, case in there if case is not None and recording in case.about]
        cases.sort(key=lambda one: (one.closed_us is not None, -one.opened_us))
        unread = any(case is None and file_status.exists(self._path(name)) for name, case in there)
        lacks = unread or self.count_unreadable() > 0 or self.lost().count > 0
        return cases, not lacks

    def count_unreadable(self) -> int:
        """How many cannot be read, and so are in no list. The log says which."""
        return self._index.ask(case_query.count_unreadable)

    def lost(self) -> LostCases:
        """Those that the ledger tells of and that have no file."""
        return self._index.ask(case_query.find_lost, MOST_LOST)

    def opened(self, number: str, by: str, now_us: int) -> Case:
        """A new case, to be written. Raises RefusalError, also if there is one
        of this number, or was one whose file is gone."""
        case = Case(_read_line(number, LONGEST_NUMBER), now_us, by)
        if self.find(case.number) is not None:
            raise refused(DeskRefusal.CASE_TAKEN)
        if self._index.ask(case_query.is_told_of, name_of(case.number)):
            raise refused(DeskRefusal.CASE_LOST)
        return case

    def changed(self, number: str, change: Callable[[Case], Case]) -> tuple[Case, bool]:
        """A case after a change, to be written, and whether it is another one then. change: makes
        it of the present one, and may raise. Raises RefusalError if there is no such case, and
        RefusalError if its file would become too large."""
        known = self.find(number)
        if known is None:
            raise RefusalError(DeskRefusal.CASE, f"there is no case {number}")
        case = change(known)
        if len(case.encoded) > LARGEST:
            raise refused(DeskRefusal.CASE_FULL)
        return case, case != known

    def write(self, case: Case) -> None:
        """Write a case, after its entry (`DeskLedger.deciding`)."""
        name = name_of(case.number)
        durable_files.make_directory(self._directory, 0o700)
        durable_files.publish(self._path(name), case.encoded, mode=0o600)
        with self._lock:
            self._written.pop(name, None)
            self._written[name] = None
            if len(self._written) > MOST_WRITTEN:
                del self._written[next(iter(self._written))]

    def _written_last(self) -> tuple[str, ...]:
        """Those whose files are read, since the index may have them as they were."""
        with self._lock:
            return tuple(self._written)

    def _read_or_report(self, name: str) -> Case | None:
        """A case as its file is now; None if it is gone or cannot be read, which the log says."""
        version = file_status.version_of(self._path(name))
        case = self._known.get(name, version)
        if case is None and version is not None:
            try:
                case = read_case(self._directory, name)
            except StorageError as error:
                self._skipped.tell(error)
            if case is not None:
                self._known.put(name, version, case)
        return case

    def _names(self) -> set[str]:
        if not file_status.is_directory(self._directory):
            return set()
        there = (name for name, _ in file_status.versions_in(self._directory))
        return {one.removesuffix(ENDING) for one in there if one.endswith(ENDING)}

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name + ENDING)


def _listed(row: Row) -> ListedCase:
    return ListedCase(
        row["number"],
        row["opened_us"],
        row["recordings"],
        row["handed_over"],
        row["standing"] == CASE_CLOSED,
    )


# ---------------------------------------------------------------------------------------- changes


def with_recording(case: Case, recording: str, by: str, now_us: int) -> Case:
    """The case with one recording more. Raises RefusalError if it is full."""
    if case.has(recording):
        return case
    if len(case.recordings) >= MOST_RECORDINGS:
        raise refused(DeskRefusal.CASE_FULL)
    added = CaseRecording(recording, now_us, by)
    return msgspec.structs.replace(case, recordings=(*case.recordings, added))


def without_recording(case: Case, recording: str, by: str, now_us: int) -> Case:
    """The case without it, which says that it had it."""
    left = tuple(one for one in case.recordings if one.id != recording)
    gone = (
        TakenOut(one.id, one.added_us, one.added_by, now_us, by)
        for one in case.recordings
        if one.id == recording
    )
    return msgspec.structs.replace(case, recordings=left, taken_out=(*case.taken_out, *gone))


def with_note(case: Case, text: str, by: str, now_us: int) -> Case:
    """The case with one line more. Raises RefusalError, also if it is full."""
    if len(case.notes) >= MOST_NOTES:
        raise refused(DeskRefusal.CASE_FULL)
    note = CaseNote(now_us, by, _read_line(text))
    return msgspec.structs.replace(case, notes=(*case.notes, note))


def with_hand_over(case: Case, to: str, by: str, now_us: int, package: str = "") -> Case:
    """The case after all of its recordings were handed over. Raises RefusalError, also
    if it has no recording or is full. The same within a minute is the same
    hand-over, clicked twice."""
    if not case.recordings:
        raise refused(DeskRefusal.CASE_EMPTY)
    ids = tuple(one.id for one in case.recordings)
    left = HandOver(now_us, by, _read_line(to), ids, package)
    for one in case.handed_over:
        same = msgspec.structs.replace(one, at_us=now_us) == left
        if same and abs(now_us - one.at_us) < DOUBLE_US:
            return case
    if len(case.handed_over) >= MOST_HAND_OVERS:
        raise refused(DeskRefusal.CASE_FULL)
    return msgspec.structs.replace(case, handed_over=(*case.handed_over, left))


def closed(case: Case, now_us: int) -> Case:
    """The case when it is closed."""
    return case if case.closed_us is not None else msgspec.structs.replace(case, closed_us=now_us)


def reopened(case: Case) -> Case:
    """The case when it is open again."""
    return msgspec.structs.replace(case, closed_us=None)


def _read_line(text: str, longest: int = 200) -> str:
    text = text.strip()
    if looks_empty(text) or len(text) > longest or not is_plain(text):
        raise RefusalError(DeskRefusal.CASE, f"one line of up to {longest} characters is needed")
    return text


# --------------------------------------------------------------------------------------- requests


class CaseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which case."""

    number: str


class CaseRecordingBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which case, and which recording."""

    number: str
    recording: str


class CaseTextBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which case, and a line about it."""

    number: str
    text: str


class HandOverBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which case, and to whom it went, in a line. package: SHA-256 of the file that was handed
    over, "" for what the command made. recordings: what was in it, which has to be all that the
    case has; None for what the command made."""

    number: str
    text: str
    package: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")] = ""
    recordings: tuple[str, ...] | None = None


class MissingCases(msgspec.Struct, frozen=True):
    """How many cases cannot be read; how many the ledger tells of whose files are gone, and the
    numbers of some of these."""

    unreadable: int
    lost: int
    numbers: list[str]


class CaseRoutes:
    """cases: of the desk. history: says which recordings the office knows."""

    def __init__(self, desk: DeskParts, cases: Cases, history: RecordingHistory) -> None:
        self._desk = desk
        self._cases = cases
        self._history = history

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/cases", WITH_FOOTAGE, self._list, CaseQuery)
        yield Route("GET", "/api/cases/one", WITH_FOOTAGE, self._show, CaseBody)
        yield Route("GET", "/api/cases/missing", WITH_FOOTAGE, self._name_missing)
        yield Route("POST", "/api/cases/open", WITH_FOOTAGE, self._open, CaseBody)
        yield Route("POST", "/api/cases/add", WITH_FOOTAGE, self._add, CaseRecordingBody)
        yield Route("POST", "/api/cases/remove", WITH_FOOTAGE, self._remove, CaseRecordingBody)
        yield Route("POST", "/api/cases/note", WITH_FOOTAGE, self._note, CaseTextBody)
        yield Route("POST", "/api/cases/hand-over", WITH_FOOTAGE, self._hand_over, HandOverBody)
        yield Route("POST", "/api/cases/close", WITH_FOOTAGE, self._close, CaseBody)
        yield Route("POST", "/api/cases/reopen", WITH_FOOTAGE, self._reopen, CaseBody)

    def _list(self, visit: Visit) -> CasePage:
        return self._cases.list_page(visit.body)

    def _show(self, visit: Visit) -> Case:
        found = self._cases.find(visit.body.number)
        if found is None:
            raise refused(DeskRefusal.NO_SUCH_CASE)
        return found

    def _name_missing(self, _visit: Visit) -> MissingCases:
        lost = self._cases.lost()
        return MissingCases(self._cases.count_unreadable(), lost.count, list(lost.some.values()))

    def _open(self, visit: Visit) -> Case:
        now_us = self._desk.clock.wall_us()
        with self._desk.ledger.deciding() as decision:
            opened = self._cases.opened(visit.body.number, visit.who, now_us)
            decision.append_all(_entries(visit, opened, "opened"))
            self._cases.write(opened)
        return opened

    def _add(self, visit: Visit) -> Case:
        recording = recording_id(visit.body.recording)
        if not self._history.knows(recording):
            raise refused(DeskRefusal.NOT_THERE)
        add = partial(with_recording, recording=recording, by=visit.who)
        return self._change(visit, "added", add, recording=recording)

    def _remove(self, visit: Visit) -> Case:
        recording = recording_id(visit.body.recording)
        remove = partial(without_recording, recording=recording, by=visit.who)
        return self._change(visit, "removed", remove, recording=recording)

    def _note(self, visit: Visit) -> Case:
        add = partial(with_note, text=visit.body.text, by=visit.who)
        return self._change(visit, "note", add, reason=visit.body.text)

    def _hand_over(self, visit: Visit) -> Case:
        body: HandOverBody = visit.body

        def hand_over(case: Case, now_us: int) -> Case:
            there = {one.id for one in case.recordings}
            named = None if body.recordings is None else set(body.recordings)
            if (named is not None or body.package) and named != there:
                raise refused(DeskRefusal.CASE_CHANGED)
            return with_hand_over(case, body.text, visit.who, now_us, body.package)

        said = f"{body.text.strip()}; SHA-256 {body.package}" if body.package else body.text
        return self._change(visit, "handed_over", hand_over, reason=said)

    def _close(self, visit: Visit) -> Case:
        return self._change(visit, "closed", closed)

    def _reopen(self, visit: Visit) -> Case:
        return self._change(visit, "reopened", lambda case, **_: reopened(case))

    def _change(
        self,
        visit: Visit,
        what: str,
        change: Callable[..., Case],
        *,
        recording: str = "",
        reason: str = "",
    ) -> Case:
        now_us = self._desk.clock.wall_us()

        def open_only(case: Case) -> Case:
            if case.closed_us is not None and what != "reopened":
                raise refused(DeskRefusal.CASE_CLOSED)
            return change(case, now_us=now_us)

        with self._desk.ledger.deciding() as decision:
            case, is_other = self._cases.changed(visit.body.number, open_only)
            if is_other:
                said = {"recording": recording, "reason": reason.strip()}
                decision.append_all(_entries(visit, case, what, **said))
                self._cases.write(case)
        return case


def _entries(
    visit: Visit, case: Case, what: str, recording: str = "", reason: str = ""
) -> list[Entry]:
    """The entries of a change. case: as it is then."""
    facts: dict[str, Any] = {"case": case.number, "who": visit.who, "what": what}
    facts |= {"sha256": case.sha256, "recording": recording, "reason": reason}
    entries: list[Entry] = []
    if what == "handed_over":
        entries = [
            ("case", facts | {"what": HANDED_OVER, "recording": one})
            for one in case.handed_over[-1].recordings
        ]
    # That the case was handed over stands there only behind all of its recordings.
    return [*entries, ("case", facts)]
