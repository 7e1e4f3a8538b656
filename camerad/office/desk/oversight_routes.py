"""Requests of oversight: what was done, what was and will be deleted, and the report.

The report has the same bytes as of ``camerad office report``, by the same code, signed with the
server key. It takes seconds for a year, so it is made in a thread, one at a time: other requests
are told that it is busy. Who was given a report of which period is an entry of the ledger before it
is given.

What was made is kept in memory for its person, the last one each and for an hour. Its page is a
separate document: it opens in a separate tab, and its Content-Security-Policy puts it into a
sandbox without scripts, forms or an origin.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec.structs import replace

from camerad.base.clock import DAY, SECOND
from camerad.base.errors import ConfigError, NotNowError
from camerad.base.words import languages
from camerad.container.keys import KeyRing
from camerad.evidence import office_key_file
from camerad.office.desk import people
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.people import WITH_FOOTAGE, DeskRole
from camerad.office.desk.route_table import DeskParts, Route, Visit
from camerad.office.index import entry_query, recording_query
from camerad.office.index.entry_query import EntryQuery
from camerad.office.index.recording_query import IndexedRecording, RecordingQuery
from camerad.office.report.figures import ReportError, ReportRefusal
from camerad.office.report.report_days import ReportPeriod, days_in
from camerad.office.report.report_maker import (
    ReportRequest,
    make_report,
)
from camerad.office.report.report_sources import OfficeRecords
from camerad.office.report.report_statement import CSV, HTML, SIGNED, check_signed
from camerad.office.report.report_table import EarlierFigures, read_table
from camerad.office.report.typed_form import NO_FORM, TypedForm, parse_form
from camerad.office.state.index_tables import HERE
from camerad.store.locations import office_place

SEES_LEDGER: Final = frozenset((DeskRole.DATA_PROTECTION, DeskRole.SUPERVISOR))
SEES_DELETIONS: Final = WITH_FOOTAGE | {DeskRole.DATA_PROTECTION}
PAGE: Final = 100
MOST: Final = 1000
"""Deletions that are shown, done and coming; and what one look at the held ones takes."""
LATE_US: Final = DAY // 24
"""What is due for longer than that is late (O4)."""
_Wall = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Word = Annotated[str, msgspec.Meta(max_length=200, pattern=r"\A[^\x00]*\Z")]


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question in an address: the fields of `EntryQuery`. who: as people say it."""

    from_us: _Wall | None = None
    to_us: _Wall | None = None
    who: _Word | None = None
    kind: _Word | None = None
    recording: _Word | None = None
    said: _Word | None = None
    camera: _Word | None = None
    wearer: _Word | None = None
    before: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] | None = None


class Entries(msgspec.Struct, frozen=True):
    """A page of entries, the newest first. next: sequence number to ask for the next one before."""

    rows: list[dict[str, Any]]
    next: int | None


class Deletions(msgspec.Struct, frozen=True):
    """done: deleted since yesterday's begin, newest first. coming: due within a day, soonest first.
    late: due for more than an hour. held: all that would be due and are held, newest first, each
    with its holds. now_us: the server's time."""

    done: list[dict[str, Any]]
    coming: list[dict[str, Any]]
    late: list[dict[str, Any]]
    held: list[dict[str, Any]]
    now_us: int


class EntryRoutes:
    """What was done, what was deleted, and what will be."""

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._index = desk.index

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/entries", SEES_LEDGER, self._entries, _Asked)
        yield Route("GET", "/api/deletions", SEES_DELETIONS, self._deletions)

    def _entries(self, visit: Visit) -> Entries:
        said: _Asked = visit.body
        who = None
        if said.who is not None:
            with self._desk.state.reading() as rows:
                who = people.meant(rows, said.who)
        query = EntryQuery(**msgspec.structs.asdict(said) | {"who": who}, limit=PAGE + 1)
        found = self._index.ask(entry_query.find_entries, query)
        if len(found) <= PAGE:
            return Entries(found, None)
        return Entries(found[:PAGE], found[PAGE - 1]["sequence"])

    def _deletions(self, _visit: Visit) -> Deletions:
        now = self._desk.clock.wall_us()
        done = self._index.ask(entry_query.deletions_since, _yesterday(now), MOST)
        due = self._index.ask(
            recording_query.find,
            RecordingQuery(due_before_us=now + DAY, state=HERE, held=False, limit=MOST),
        )
        rows = [_due(one.columns) for one in due.recordings]
        late = [one for one in rows if one["due_us"] < now - LATE_US]
        coming = [one for one in rows if one["due_us"] >= now - LATE_US]
        held = (_held(one) for one in self._all_held())
        past = [one for one in held if one["due_us"] is not None and one["due_us"] < now]
        return Deletions(done, coming, late, past, now)

    def _all_held(self) -> Iterator[IndexedRecording]:
        query = RecordingQuery(state=HERE, held=True, limit=MOST)
        while True:
            page = self._index.ask(recording_query.find, query)
            yield from page.recordings
            if page.next is None:
                return
            query = replace(query, after=page.next)


def _yesterday(now_us: int) -> int:
    """When yesterday began here."""
    # Without a zone, so that it has the offset that it had then.
    today = datetime.fromtimestamp(now_us / SECOND).replace(hour=0, minute=0, second=0)
    return int((today - timedelta(days=1)).timestamp()) * SECOND


def _due(columns: Any) -> dict[str, Any]:
    names = ("id", "camera", "began_us", "clock", "due_us", "flagged")
    return {name: columns[name] for name in names}


def _held(one: IndexedRecording) -> dict[str, Any]:
    """When it would be due: none is while it is held."""
    holds = [hold.as_json() for hold in one.holds]
    return _due(one.columns) | {"due_us": one.legal_end_us, "holds": holds}


# ----------------------------------------------------------------------------------------- report

KEPT_US: Final = 3600 * SECOND
MOST_REPORTS: Final = 20
"""Reports in memory, each some hundred kilobytes."""
POLICY: Final = "; ".join(
    (
        "sandbox",
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Of a report's page, which has its style sheet and plots in it, and no script."""
KINDS: Final = {
    HTML: "text/html",
    CSV: "text/csv",
    SIGNED: "application/octet-stream",
}
_FORM: Final = "form"


class EarlierBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier report: the name of its table, what is in it, and its signature."""

    name: Annotated[str, msgspec.Meta(max_length=100, pattern=r"\A[A-Za-z0-9_.-]+\Z")]
    table: str
    signature: str


class ReportBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for. form: as `TypedForm` has it."""

    first: date
    last: date
    language: str
    form: dict[str, Any]
    earlier: EarlierBody | None = None


class MadeReport(msgspec.Struct, frozen=True):
    """What was made. report: the word by which it is asked for. files: their names."""

    report: str
    files: list[str]


class _Kept(msgspec.Struct, frozen=True):
    """A report that waits to be fetched. files: by their names."""

    person: str
    until_us: int
    files: dict[str, bytes]


class ReportRoutes:
    """Makes reports, one at a time, and keeps the last one of each person."""

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._making = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("POST", "/api/report", SEES_LEDGER, self._make, ReportBody)
        yield Route("GET", "/api/report/{report}/{file}", SEES_LEDGER, self._give)

    async def _make(self, visit: Visit) -> MadeReport:
        body: ReportBody = visit.body
        if body.language not in languages():
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        files = await asyncio.to_thread(self._make_one, visit.who, body)
        return MadeReport(self._keep(visit.who, files), list(files))

    def _make_one(self, who: str, body: ReportBody) -> dict[str, bytes]:
        form, desk = _form(body.form), self._desk
        if not self._making.acquire(blocking=False):
            raise refused(DeskRefusal.REPORT_BUSY)
        try:
            place = office_place(desk.directory)
            keys = office_key_file.ledger_keys(place, desk.own).ring
            period = ReportPeriod(body.first, body.last)
            asked = ReportRequest(period, body.language, form, _earlier(body.earlier, keys))
            office = OfficeRecords(desk.state, place, keys, days_in(None))
            files = make_report(office, desk.key, desk.cameras.keys(), asked)
        except ReportError as error:
            not_yet = error.refusal is ReportRefusal.NOT_YET
            raise refused(
                DeskRefusal.REPORT_NOT_YET if not_yet else DeskRefusal.REPORT_PERIOD
            ) from error
        except NotNowError as error:
            raise refused(DeskRefusal.REPORT_BUSY) from error
        finally:
            self._making.release()
        desk.ledger.append(
            "report_made",
            who=who,
            first=body.first.isoformat(),
            last=body.last.isoformat(),
            language=body.language,
            sha256=hashlib.sha256(files[asked.name + SIGNED]).hexdigest(),
        )
        return files

    def _keep(self, who: str, files: dict[str, bytes]) -> str:
        now = self._desk.clock.wall_us()
        for name, one in list(self._kept.items()):
            if one.person == who or one.until_us <= now:
                del self._kept[name]
        while len(self._kept) >= MOST_REPORTS:
            del self._kept[next(iter(self._kept))]
        name = secrets.token_urlsafe(24)
        self._kept[name] = _Kept(who, now + KEPT_US, files)
        return name

    async def _give(self, visit: Visit) -> web.Response:
        """A file: its page to be looked at, and with ``?save`` each to be taken along."""
        kept = self._kept.get(visit.request.match_info["report"])
        name = visit.request.match_info["file"]
        if kept is None or kept.person != visit.who or kept.until_us <= self._desk.clock.wall_us():
            raise refused(DeskRefusal.NOT_THERE)
        content = kept.files.get(name)
        if content is None:
            raise refused(DeskRefusal.NOT_THERE)
        ending = name[name.rindex(".") :]
        headers = {"Content-Security-Policy": POLICY}
        if ending != HTML or "save" in visit.request.query:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return web.Response(
            body=content, content_type=KINDS[ending], charset="utf-8", headers=headers
        )


def _form(said: dict[str, Any]) -> TypedForm:
    """What was typed in, by the same rules as a file of the command's."""
    if not said:
        return NO_FORM
    try:
        return parse_form(_FORM, msgspec.json.encode(said))
    except ConfigError as error:
        raise refused(DeskRefusal.REPORT_FORM) from error


def _earlier(said: EarlierBody | None, keys: KeyRing) -> EarlierFigures | None:
    if said is None:
        return None
    content = said.table.encode()
    try:
        check_signed(said.name, content, said.signature.strip().encode(), keys)
        return read_table(content, said.name)
    except (ConfigError, ReportError) as error:
        raise refused(DeskRefusal.REPORT_EARLIER) from error
