"""Pilots in the office's state: begin one, note what happens, end it, check what was noted.

A pilot begins with an entry of the office's ledger that has the SHA-256 of its plan and of its
seed. So the log that the cameras witness (docs/transparency.md) fixes both before the first shift.
The seed stays in the database and is told at the end. Each note is an entry with its
SHA-256 as well, and a salt in what is noted: without it a reader of the ledger would find a form by
trying its few likely numbers. Entries expire, but their hashes stay in the log: so each row keeps
the token of its entry.

No result is given out before the end, and nothing is noted after it: so there is one report, and
a pilot cannot be stopped when its figures please. Everything here is part of the caller's
transaction.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from camerad.base import typed_json
from camerad.base.text import is_plain, looks_empty
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing
from camerad.ledger.entries import Entry, parse_entry
from camerad.ledger.people_entries import TrialNotedEntry, TrialStartedEntry
from camerad.office.report.report_days import DayOf
from camerad.office.state.columns import record_of
from camerad.office.state.state_tables import trial_records, trials
from camerad.office.trial.draw import SEED_BYTES, draw_shifts
from camerad.office.trial.records import (
    SURVEYS,
    Deviation,
    DeviationReason,
    Proceeding,
    Record,
    RecordKind,
    ShiftForm,
    Survey,
    read_record,
)
from camerad.office.trial.trial_plan import DrawnShift, TrialError, TrialPlan, decode_plan

DAYS_FOR_FORMS: Final = 7
"""After a shift, while people remember it."""
LATE_DAYS: Final = 1
"""What is noted, or changed, later than that after its shift, the report counts as late."""
SALT_BYTES: Final = 16
LONGEST_CASE: Final = 60
GOES_ON: Final = "SELECT 1 FROM trials WHERE last IS NULL"
"""Finds a row while a pilot goes on."""
DAY_LENGTH: Final = len("2027-01-04")
Append = Callable[..., Entry]
"""Writes an entry of the office's ledger, by its kind and facts."""


class TrialEnd(StrEnum):
    """Why a pilot ended."""

    COMPLETE = "complete"
    SAFETY = "safety"
    ORDERED = "ordered"
    STAFF = "staff"
    EQUIPMENT = "equipment"


class Trial(msgspec.Struct, frozen=True):
    """token: of the entry by which it began. last: the last day that counts, and why it ended; None
    while it goes on."""

    plan: TrialPlan
    seed: bytes
    token: bytes
    last: datetime.date | None
    why: TrialEnd | None

    def drawn(self) -> dict[DrawnShift, bool]:
        """The shifts that count: whether each has what is compared."""
        drawn = draw_shifts(self.plan, self.seed)
        if self.last is None:
            return drawn
        return {shift: having for shift, having in drawn.items() if shift.day <= self.last}


class _TrialRow(msgspec.Struct, frozen=True):
    name: str
    plan: str
    seed: bytes
    token: str
    last: datetime.date | None
    why: TrialEnd | None


class SaltedRecord(msgspec.Struct, frozen=True):
    """What was noted, as it is kept. salt: random, in hex."""

    record: dict[str, Any]
    salt: str


class NotedRecord(msgspec.Struct, frozen=True):
    """What was noted, and the token of its entry. content: a `SaltedRecord`."""

    kind: RecordKind
    name: str
    content: str
    token: str

    @property
    def record(self) -> Record:
        """What it says. Raises TrialError."""
        return read_record(self.kind, typed_json.decode(self.content, SaltedRecord).record)


class TrialRecords(msgspec.Struct, frozen=True):
    """All that was noted in a pilot. forms, deviations: by the shift's text."""

    forms: dict[str, ShiftForm] = {}
    deviations: dict[str, Deviation] = {}
    proceedings: dict[str, Proceeding] = {}
    surveys: dict[str, Survey] = {}


def list_trials(rows: Connection) -> list[Trial]:
    """All of them, by their names."""
    found = rows.execute(select(trials).order_by(trials.c.name)).mappings()
    read = (record_of(row, _TrialRow, seed=bytes(row["seed"])) for row in found)
    return [
        Trial(decode_plan(one.plan), one.seed, one.token.encode(), one.last, one.why)
        for one in read
    ]


def find_running(rows: Connection) -> Trial | None:
    """The one that goes on; there is one at most."""
    return next((one for one in list_trials(rows) if one.last is None), None)


class OpenShift(msgspec.Struct, frozen=True):
    """A shift for which something may be noted. having: whether it was drawn with what is compared.
    form, deviation: as noted so far."""

    shift: DrawnShift
    having: bool
    form: ShiftForm | None
    deviation: DeviationReason | None


def list_open(rows: Connection, trial: Trial, today: datetime.date) -> list[OpenShift]:
    """The shifts for which something may be noted, the last one first: what is drawn for later
    days is told to no person before."""
    shifts, drawn = _open(trial, today), trial.drawn()
    names = set(map(str, shifts))
    records = sort_records(one for one in list_noted(rows, trial) if one.name in names)
    found = []
    for shift in shifts:
        deviation = records.deviations.get(str(shift))
        reason = None if deviation is None else deviation.reason
        found.append(OpenShift(shift, drawn[shift], records.forms.get(str(shift)), reason))
    return found


def _open(trial: Trial, today: datetime.date) -> list[DrawnShift]:
    first = today - datetime.timedelta(days=DAYS_FOR_FORMS)
    return [one for one in reversed(list(trial.plan.shifts())) if first <= one.day <= today]


class TrialChange(msgspec.Struct, frozen=True):
    """A change by a person. rows: of its transaction. append: writes its entries. who: the person,
    as the ledger has them; "" for the command. today: by the office's zone."""

    rows: Connection
    append: Append
    who: str
    today: datetime.date

    def begin(self, plan: TrialPlan) -> Trial:
        """Begin a pilot with a seed of this computer's random numbers. Raises TrialError."""
        known = list_trials(self.rows)
        if any(one.plan.name == plan.name for one in known):
            raise TrialError(f"there was a pilot {plan.name} already: name it otherwise")
        if any(one.last is None for one in known):
            raise TrialError("another pilot goes on: end it first")
        if plan.begin <= self.today:
            raise TrialError(
                f"{plan.begin} is not after today: cameras have to witness the draw before the "
                "first shift"
            )
        seed, content = secrets.token_bytes(SEED_BYTES), plan.encode()
        hashes = {"plan": _sha256(content), "seed": _sha256(seed)}
        entry = self.append("trial_started", trial=plan.name, who=self.who, **hashes)
        row = {"name": plan.name, "plan": content.decode(), "seed": seed}
        self.rows.execute(insert(trials).values(**row, token=entry.token.decode()))
        return Trial(plan, seed, entry.token, None, None)

    def note(self, trial: Trial, kind: RecordKind, name: str, record: Record) -> None:
        """Note something, in the place of what was noted of the same name before. Raises
        TrialError."""
        self._check(trial, kind, name, record)
        salted = {"record": record, "salt": secrets.token_hex(SALT_BYTES)}
        content = msgspec.json.encode(salted, order="sorted")
        entry = self._noted(trial, kind.value, name, content)
        same = {"trial": trial.plan.name, "kind": kind.value, "name": name}
        self.rows.execute(delete(trial_records).filter_by(**same))
        row = same | {"content": content.decode(), "token": entry.token.decode()}
        self.rows.execute(insert(trial_records).values(**row))

    def end(self, trial: Trial, why: TrialEnd) -> Trial:
        """End a pilot; shifts of the days before today count. Raises TrialError if it is not over
        and no other reason is given."""
        over = self.today > trial.plan.last
        if not over and (why is TrialEnd.COMPLETE or self.today <= trial.plan.begin):
            raise TrialError(
                f"it goes on to {trial.plan.last}: before that it ends for a reason, and after its "
                "first day"
            )
        last = min(trial.plan.last, self.today - datetime.timedelta(days=1))
        why = TrialEnd.COMPLETE if over else why
        self._noted(trial, "ended", why.value, trial.seed)
        ended = {"last": last.isoformat(), "why": why.value}
        self.rows.execute(update(trials).filter_by(name=trial.plan.name).values(**ended))
        return Trial(trial.plan, trial.seed, trial.token, last, why)

    def _noted(self, trial: Trial, what: str, about: str, content: bytes) -> Entry:
        if trial.last is not None:
            raise TrialError(f"the pilot {trial.plan.name} has ended: nothing is noted after that")
        facts = {"trial": trial.plan.name, "what": what, "about": about}
        return self.append("trial_noted", who=self.who, sha256=_sha256(content), **facts)

    def _check(self, trial: Trial, kind: RecordKind, name: str, record: Record) -> None:
        if kind in (RecordKind.FORM, RecordKind.DEVIATION):
            if name not in map(str, _open(trial, self.today)):
                raise TrialError(
                    f"{name}: no shift of the pilot between today and {DAYS_FOR_FORMS} days ago"
                )
        elif kind is RecordKind.SURVEY and name not in SURVEYS:
            raise TrialError(f"{name}: surveys are {', '.join(SURVEYS)}")
        elif not is_plain(name) or looks_empty(name) or len(name) > LONGEST_CASE:
            raise TrialError(f"a case's number has at most {LONGEST_CASE} characters in one line")
        if isinstance(record, Proceeding):
            past = (str(one) for one in trial.plan.shifts() if one.day <= self.today)
            if record.shift not in past:
                raise TrialError(f"{record.shift}: there was no such shift")


def list_noted(rows: Connection, trial: Trial) -> list[NotedRecord]:
    """Everything that was noted, as it is kept."""
    asked = select(trial_records).filter_by(trial=trial.plan.name)
    order = (trial_records.c.kind, trial_records.c.name)
    names = NotedRecord.__struct_fields__
    return [
        record_of({name: row[name] for name in names}, NotedRecord)
        for row in rows.execute(asked.order_by(*order)).mappings()
    ]


def sort_records(noted: Iterable[NotedRecord]) -> TrialRecords:
    """What was noted, by its kind."""
    found = TrialRecords()
    places = {
        RecordKind.FORM: found.forms,
        RecordKind.DEVIATION: found.deviations,
        RecordKind.PROCEEDING: found.proceedings,
        RecordKind.SURVEY: found.surveys,
    }
    for one in noted:
        places[one.kind][one.name] = one.record  # type: ignore[index]
    return found


class LedgerReader(msgspec.Struct, frozen=True):
    """keys: of the office, by which entries of its ledger are signed. day_of: by its zone."""

    keys: KeyRing
    day_of: DayOf


def find_changes(trial: Trial, noted: list[NotedRecord], reader: LedgerReader) -> Iterator[str]:
    """What is not as the office's ledger has it, a sentence each."""
    yield from find_changed_draw(trial.plan, trial.seed, trial.token, reader)
    for one in noted:
        facts = _facts_in(one.token.encode(), reader.keys)
        said = TrialNotedEntry(
            trial.plan.name,
            getattr(facts, "who", ""),
            one.kind.value,
            one.name,
            _sha256(one.content.encode()),
        )
        if facts != said:
            yield f"{one.kind} {one.name}: it was changed since it was noted"


def find_late(noted: list[NotedRecord], reader: LedgerReader) -> frozenset[str]:
    """Shifts whose form or deviation was noted, or changed, later than `LATE_DAYS` after them, by
    the ledger's clock."""
    found = set()
    for one in noted:
        if one.kind not in (RecordKind.FORM, RecordKind.DEVIATION):
            continue
        with contextlib.suppress(JwsError, ValueError):  # which `find_changes` says
            clock = parse_entry(one.token.encode(), reader.keys).clock
            in_time = datetime.date.fromisoformat(one.name[:DAY_LENGTH])
            in_time += datetime.timedelta(days=LATE_DAYS)
            if reader.day_of(clock.wall_us) > in_time:
                found.add(one.name)
    return frozenset(found)


def find_changed_draw(
    plan: TrialPlan, seed: bytes, token: bytes, reader: LedgerReader
) -> Iterator[str]:
    """The same of plan and seed. token: of the entry by which the pilot began."""
    try:
        entry = parse_entry(token, reader.keys)
    except JwsError as error:
        yield f"the entry of the draw does not count: {error}"
        return
    facts = entry.facts
    if not isinstance(facts, TrialStartedEntry) or facts.trial != plan.name:
        yield "the entry of the draw is another one"
        return
    if facts.plan != _sha256(plan.encode()):
        yield "the plan was changed since the draw"
    if facts.seed != _sha256(seed):
        yield "the seed is not the one that was committed"
    if reader.day_of(entry.clock.wall_us) >= plan.begin:
        yield "the draw was committed after the first shift"


def _facts_in(token: bytes, keys: KeyRing) -> object:
    try:
        return parse_entry(token, keys).facts
    except JwsError:
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
