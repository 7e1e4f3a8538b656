"""The plan of a pilot: what is compared, over which shifts, and which outcome counts; pure.

It is a YAML file, and is fixed before the first shift: the office's ledger has its SHA-256
(`camerad.office.trial.trials`). A shift is what one team does in one service of one day. It is the
unit of the draw, and of the analysis: what happens twice in a shift counts once.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from camerad.base import typed_json
from camerad.base.errors import EX_USAGE, CameradError, ConfigError
from camerad.config.document import parse_document, read_bytes
from camerad.config.fields import Matches, Range
from camerad.config.settings_reader import SettingsReader

_HINT: Final = "; 'camerad office trial plan --form' prints an empty one"
_DATE: Final = Matches(r"\d{4}-\d\d-\d\d", "a day such as 2027-01-04")
_NAME: Final = Matches(r"[a-z0-9][a-z0-9-]{0,39}", "a name of small letters, digits and hyphens")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_SHIFTS: Final = 50_000


class TrialError(CameradError, ValueError):
    """Error raised when something about a pilot cannot be done, or does not fit its plan."""

    exit_code = EX_USAGE


class Compared(StrEnum):
    """What half of the shifts have, and the other half have not."""

    SELF_VIEW = "self_view"
    CAMERA = "camera"


class TrialOutcome(StrEnum):
    """What a shift counts for: it happened in it at least once. But for the first one, a field of
    `camerad.office.trial.records.ShiftForm`."""

    ATTACKS = "attacks"
    """An insult or an assault."""
    ASSAULTS = "assaults"
    INSULTS = "insults"
    INJURIES = "injuries"
    FORCE = "force"
    COMPLAINTS = "complaints"


class DrawnShift(NamedTuple):
    """One team's work in one service of a day. Its text is its name everywhere."""

    day: datetime.date
    service: str
    team: int

    def __str__(self) -> str:
        return f"{self.day}/{self.service}/{self.team}"


class TrialPlan(msgspec.Struct, frozen=True):
    """All that is fixed before the first shift."""

    name: Annotated[str, "Name of the pilot.", _NAME]
    compares: Annotated[Compared, "What is drawn for each shift."]
    first: Annotated[str, "First day.", _DATE]
    weeks: Annotated[int, "How long it lasts.", Range(1, 520, "weeks")]
    services: Annotated[tuple[str, ...], "Services of a day, each with a name.", _NAME]
    outcome: Annotated[TrialOutcome, "The primary outcome: the one that decides."]
    usual_percent: Annotated[
        float, "Percent of shifts in which it happens today.", Range(0.1, 99.9, "%")
    ]
    relevant_percent: Annotated[
        float,
        "Percent that would matter: the effect to be found.",
        Range(0, 100, "%"),
    ]
    teams: Annotated[int, "Teams that are drawn separately in each service.", Range(1, 50)] = 1
    weekdays: Annotated[
        tuple[str, ...], "Days of the week.", Matches("|".join(WEEKDAYS), "one of mon to sun")
    ] = WEEKDAYS
    without: Annotated[tuple[str, ...], "Days without these shifts.", _DATE] = ()

    @property
    def begin(self) -> datetime.date:
        """Its first day."""
        return datetime.date.fromisoformat(self.first)

    @property
    def last(self) -> datetime.date:
        """Its last day."""
        return self.begin + datetime.timedelta(days=7 * self.weeks - 1)

    def shifts(self) -> Iterator[DrawnShift]:
        """Every shift, in the order of days, services and teams."""
        for number in range(7 * self.weeks):
            day = self.begin + datetime.timedelta(days=number)
            if WEEKDAYS[day.weekday()] in self.weekdays and day.isoformat() not in self.without:
                for service in self.services:
                    for team in range(1, self.teams + 1):
                        yield DrawnShift(day, service, team)

    def encode(self) -> bytes:
        """Its one spelling, whose SHA-256 the ledger has: JSON with keys in order, no spaces."""
        return msgspec.json.encode(self, order="sorted")


def decode_plan(content: bytes | str) -> TrialPlan:
    """The plan of `TrialPlan.encode`. Raises msgspec.ValidationError, and ValueError."""
    return typed_json.decode(content, TrialPlan)


def load_plan(path: str) -> TrialPlan:
    """The plan in a file. Raises ConfigError naming every mistake, each as ``FILE:LINE: ...``."""
    reader = SettingsReader(path)
    read = reader.section(parse_document(path, read_bytes(Path(path), _HINT), _HINT), TrialPlan)
    if read is not None and not reader.mistakes:
        _check(reader, read)
    if read is None or reader.mistakes:
        ordered = sorted(reader.mistakes, key=lambda mistake: mistake.line)
        raise ConfigError([str(mistake) for mistake in ordered])
    return read


def _check(reader: SettingsReader, plan: TrialPlan) -> None:
    for where, days in (("first", (plan.first,)), ("without", plan.without)):
        for day in days:
            try:
                datetime.date.fromisoformat(day)
            except ValueError:
                reader.add_mistake(where, f"there is no day {day}")
                return
    for where, there in (("services", plan.services), ("weekdays", plan.weekdays)):
        if not there:
            reader.add_mistake(where, "name at least one")
    if plan.relevant_percent == plan.usual_percent:
        reader.add_mistake("relevant_percent", "this is what happens today: no effect to find")
    if sum(1 for _ in plan.shifts()) > MOST_SHIFTS:
        reader.add_mistake("weeks", f"these are more than {MOST_SHIFTS:,} shifts")


EMPTY_PLAN: Final = """\
# A pilot of body cameras: fixed before it begins, drawn by lot, analysed once.

name: city-2027
compares: self_view        # self_view: cameras with or without it; camera: shifts with or without
first: "2027-01-04"        # the first day
weeks: 26
services: [early, late]    # services of a day
outcome: attacks           # attacks (insult or assault), assaults, insults, injuries, force or
                           # complaints: whether it happens in a shift at least once
usual_percent: 5           # in how many of 100 shifts it happens today
relevant_percent: 2.5      # in how many it would have to happen for the council to care

# teams: 1                 # teams that are drawn separately in each service
# weekdays: [mon, tue, wed, thu, fri, sat, sun]
# without: ["2027-05-01"]  # days without these shifts
"""
