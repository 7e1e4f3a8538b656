"""Requests of a pilot: its draw, and records of its shifts, as ``camerad office trial`` makes them.

A shift lead sees the draw where cameras are handed out, and types in a form as they come back.
There is no link by which officers fill one in: without an account the ledger could not say who
noted something, and any holder of the link could note for any shift. People with footage note
proceedings and surveys. They are not told the draw, so that it is in no mind that judges an
outcome; nor is any person told the draw of a day to come.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.people import WITH_FOOTAGE, DeskRole
from camerad.office.desk.route_table import DeskParts, Route, Visit
from camerad.office.report.report_days import days_in
from camerad.office.trial import trials
from camerad.office.trial.records import Proceeding, RecordKind, Survey, read_record
from camerad.office.trial.trial_plan import Compared
from camerad.office.trial.trials import OpenShift, TrialChange

SEES_DRAW: Final = frozenset((DeskRole.SHIFT_LEAD,))
FOLLOWS_UP: Final = WITH_FOOTAGE
"""Roles that note what came of a shift later."""
OF_A_SHIFT: Final = (RecordKind.FORM, RecordKind.DEVIATION)


class TrialView(msgspec.Struct, frozen=True):
    """The pilot that goes on. first: its first day. today: by the office's zone. shifts: those for
    which something may be noted, the last one first; None for people who are not told the draw.
    proceedings, surveys: as noted so far; None for people who do not note them."""

    name: str
    compares: Compared
    first: date
    today: date
    services: tuple[str, ...]
    teams: int
    shifts: list[OpenShift] | None
    proceedings: dict[str, Proceeding] | None
    surveys: dict[str, Survey] | None


class NoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """name: of a record; see `RecordKind`. fields: what it says."""

    name: Annotated[str, msgspec.Meta(max_length=100)]
    fields: dict[str, Any]


class TrialRoutes:
    """The draw of today, and everything that is noted."""

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._day_of = days_in(None)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/trial", SEES_DRAW | FOLLOWS_UP, self._show)
        for kind in RecordKind:
            asked = SEES_DRAW if kind in OF_A_SHIFT else FOLLOWS_UP
            yield Route("POST", f"/api/trial/{kind}", asked, partial(self._note, kind), NoteBody)

    def _show(self, visit: Visit) -> TrialView | None:
        today = self._today()
        sees, follows = (bool(visit.roles & one) for one in (SEES_DRAW, FOLLOWS_UP))
        with self._desk.state.reading() as rows:
            trial = trials.find_running(rows)
            if trial is None:
                return None
            shifts = trials.list_open(rows, trial, today) if sees else None
            noted = trials.list_noted(rows, trial) if follows else []
        records = trials.sort_records(one for one in noted if one.kind not in OF_A_SHIFT)
        plan = trial.plan
        return TrialView(
            plan.name,
            plan.compares,
            plan.begin,
            today,
            plan.services,
            plan.teams,
            shifts,
            records.proceedings if follows else None,
            records.surveys if follows else None,
        )

    def _note(self, kind: RecordKind, visit: Visit) -> None:
        record = read_record(kind, visit.body.fields)
        with self._desk.ledger.deciding() as decision:
            trial = trials.find_running(decision.rows)
            if trial is None:
                raise refused(DeskRefusal.TRIAL)
            change = TrialChange(decision.rows, decision.append, visit.who, self._today())
            change.note(trial, kind, visit.body.name.strip(), record)

    def _today(self) -> date:
        return self._day_of(self._desk.clock.wall_us())
