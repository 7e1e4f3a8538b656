"""Requests about cases: open one, add recordings and notes, hand over, close.

The server makes no package: it could not open what goes into it (O1). Whoever has the key makes it,
in the browser's tab (``camerad/office/desk/package_maker``) or with ``camerad evidence export``.
That something left the office is written down here, with the SHA-256 of the file that the tab made,
and shows at each of its recordings from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from camerad.evidence.case_file import Case
from camerad.office.desk import cases as changes
from camerad.office.desk.cases import CasePage, Cases
from camerad.office.desk.desk_parts import DeskParts
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.recording_history import RecordingHistory
from camerad.office.desk.roles import WITH_FOOTAGE
from camerad.office.desk.route_table import Route, Visit, recording_id
from camerad.office.index.case_query import CaseQuery
from camerad.office.index.ledger_rows import HANDED_OVER

PAGE: Final = 50
"""Cases of one page at the most."""
_Word = Annotated[str, msgspec.Meta(max_length=200, pattern=r"\A[^\x00]*\Z")]


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


class LostNumbers(msgspec.Struct, frozen=True):
    """How many cases the ledger tells of whose files are gone, and the numbers of some."""

    count: int
    numbers: list[str]


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question in an address: the fields of `CaseQuery`."""

    said: _Word | None = None
    open: bool | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE)] = PAGE
    after: _Word | None = None


class CaseRoutes:
    """cases: of the desk. history: says which recordings the office knows."""

    def __init__(self, desk: DeskParts, cases: Cases, history: RecordingHistory) -> None:
        self._desk = desk
        self._cases = cases
        self._history = history

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/cases", WITH_FOOTAGE, self._list, _Asked)
        yield Route("GET", "/api/cases/one", WITH_FOOTAGE, self._show, CaseBody)
        yield Route("GET", "/api/cases/unreadable", WITH_FOOTAGE, self._count_unreadable)
        yield Route("GET", "/api/cases/lost", WITH_FOOTAGE, self._name_lost)
        yield Route("POST", "/api/cases/open", WITH_FOOTAGE, self._open, CaseBody)
        yield Route("POST", "/api/cases/add", WITH_FOOTAGE, self._add, CaseRecordingBody)
        yield Route("POST", "/api/cases/remove", WITH_FOOTAGE, self._remove, CaseRecordingBody)
        yield Route("POST", "/api/cases/note", WITH_FOOTAGE, self._note, CaseTextBody)
        yield Route("POST", "/api/cases/hand-over", WITH_FOOTAGE, self._hand_over, HandOverBody)
        yield Route("POST", "/api/cases/close", WITH_FOOTAGE, self._close, CaseBody)
        yield Route("POST", "/api/cases/reopen", WITH_FOOTAGE, self._reopen, CaseBody)

    def _list(self, visit: Visit) -> CasePage:
        return self._cases.list_page(CaseQuery(**msgspec.structs.asdict(visit.body)))

    def _show(self, visit: Visit) -> Case:
        found = self._cases.find(visit.body.number)
        if found is None:
            raise refused(DeskRefusal.NO_SUCH_CASE)
        return found

    def _count_unreadable(self, _visit: Visit) -> dict[str, int]:
        return {"count": self._cases.count_unreadable()}

    def _name_lost(self, _visit: Visit) -> LostNumbers:
        lost = self._cases.lost()
        return LostNumbers(lost.count, list(lost.some.values()))

    def _open(self, visit: Visit) -> Case:
        note = self._noting(visit, "opened")
        return self._cases.open(visit.body.number, visit.who, self._desk.clock.wall_us(), note)

    def _add(self, visit: Visit) -> Case:
        recording = recording_id(visit.body.recording)
        if not self._history.knows(recording):
            raise refused(DeskRefusal.NOT_THERE)
        add = partial(changes.with_recording, recording=recording, by=visit.who)
        return self._change(visit, "added", add, recording=recording)

    def _remove(self, visit: Visit) -> Case:
        recording = recording_id(visit.body.recording)
        remove = partial(changes.without_recording, recording=recording, by=visit.who)
        return self._change(visit, "removed", remove, recording=recording)

    def _note(self, visit: Visit) -> Case:
        add = partial(changes.with_note, text=visit.body.text, by=visit.who)
        return self._change(visit, "note", add, reason=visit.body.text)

    def _hand_over(self, visit: Visit) -> Case:
        body: HandOverBody = visit.body

        def hand_over(case: Case, now_us: int) -> Case:
            there = {one.id for one in case.recordings}
            named = None if body.recordings is None else set(body.recordings)
            if (named is not None or body.package) and named != there:
                raise refused(DeskRefusal.CASE_CHANGED)
            return changes.with_hand_over(case, body.text, visit.who, now_us, body.package)

        said = f"{body.text.strip()}; SHA-256 {body.package}" if body.package else body.text
        return self._change(visit, "handed_over", hand_over, reason=said)

    def _close(self, visit: Visit) -> Case:
        return self._change(visit, "closed", changes.closed)

    def _reopen(self, visit: Visit) -> Case:
        return self._change(visit, "reopened", lambda case, **_: changes.reopened(case))

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

        note = self._noting(visit, what, recording=recording, reason=reason.strip())
        return self._cases.change(visit.body.number, open_only, note)

    def _noting(self, visit: Visit, what: str, **said: Any) -> Callable[[Case], None]:
        def note(case: Case) -> None:
            facts = {"case": case.number, "who": visit.who, "what": what, "sha256": case.sha256}
            facts |= {"recording": "", "reason": ""} | said
            entries = []
            if what == "handed_over":
                entries = [
                    ("case", facts | {"what": HANDED_OVER, "recording": one})
                    for one in case.handed_over[-1].recordings
                ]
            # That the case was handed over stands there only behind all of its recordings.
            self._desk.ledger.append_all([*entries, ("case", facts)])

        return note
