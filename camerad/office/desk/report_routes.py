"""Requests about the report: make one, look at it, and take it along.

The same bytes as of ``camerad office report``, by the same code, signed with the server's key. It
takes seconds for a year, so it is made in a thread, one at a time: whoever else asks is told that
it is busy. Who was given a report of which period is an entry of the ledger before anybody has it.

What was made is kept in memory for its person, the last one each and for an hour. Its page is a
document of its own: it opens in a tab of its own, and its Content-Security-Policy puts it into a
sandbox without scripts, forms or an origin.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND
from camerad.base.errors import ConfigError, NotNowError
from camerad.base.words import languages
from camerad.container.keys import KeyRing
from camerad.evidence import own_key
from camerad.office.desk.desk_parts import DeskParts
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.roles import DeskRole
from camerad.office.desk.route_table import Route, Visit
from camerad.office.report.report_days import ReportPeriod
from camerad.office.report.report_maker import (
    ReportRequest,
    ReportRequestError,
    make_report,
)
from camerad.office.report.report_sources import NotYetError
from camerad.office.report.report_statement import CSV, HTML, SIGNED, check_signed
from camerad.office.report.report_table import EarlierFigures, NoReportError, read_table
from camerad.office.report.typed_form import NO_FORM, TypedForm, parse_form
from camerad.store.locations import office_place

SEES_REPORT: Final = frozenset((DeskRole.DATA_PROTECTION, DeskRole.SUPERVISOR))
KEPT_US: Final = 3600 * SECOND
MOST: Final = 20
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
"""Of a report's page, which has a sheet of its own and plots in it, and no script."""
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
        yield Route("POST", "/api/report", SEES_REPORT, self._make, ReportBody)
        yield Route("GET", "/api/report/{report}/{file}", SEES_REPORT, self._give)

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
            keys = own_key.ledger_keys(place, desk.own).ring
            period = ReportPeriod(body.first, body.last)
            asked = ReportRequest(period, body.language, form, _earlier(body.earlier, keys))
            files = make_report(place, desk.key, keys, desk.cameras.keys(), asked)
        except NotYetError as error:
            raise refused(DeskRefusal.REPORT_NOT_YET) from error
        except ReportRequestError as error:
            raise refused(DeskRefusal.REPORT_PERIOD) from error
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
        while len(self._kept) >= MOST:
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
    except NoReportError as error:
        raise refused(DeskRefusal.REPORT_EARLIER) from error
