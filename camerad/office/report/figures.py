"""A report as data: figures with denominator, interval, and the reason why one is not shown.

Nothing here knows a person, a camera's name or a time of day. `figure_maker` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum, StrEnum
from typing import Final

import msgspec

from camerad.base.errors import EX_TEMPFAIL, EX_USAGE, CameradError
from camerad.ledger.entries import Head
from camerad.office.report.report_days import ReportPeriod


class ReportRefusal(Enum):
    """Why there is no report, with the command's exit code."""

    REQUEST = EX_USAGE
    NOT_YET = EX_TEMPFAIL
    """The period is not over, or not added up as a whole yet."""
    NO_REPORT = 3
    """A file is no report, or no signature says whose it is: the code of `camerad evidence verify`
    that finds nothing to judge."""


class ReportError(CameradError, ValueError):
    """Error raised when a report cannot be made or read."""

    def __init__(self, refusal: ReportRefusal, text: str) -> None:
        super().__init__(text)
        self.refusal: Final = refusal
        self.exit_code = refusal.value  # type: ignore[misc]


class FigureGroup(StrEnum):
    """Parts of the report, in their order."""

    EXPOSURE = "exposure"
    STAGES = "stages"
    RECORDINGS = "recordings"
    DELETION = "deletion"
    USE = "use"
    CHAIN = "chain"
    EQUIPMENT = "equipment"
    TYPED = "typed"


class Unit(StrEnum):
    """What a figure is given in."""

    COUNT = "count"
    HOURS = "hours"
    RATE = "rate"
    """For each 100 hours."""
    SHARE = "share"
    """0 to 1."""
    SECONDS = "seconds"
    PERCENT = "percent"


class Why(StrEnum):
    """Why a figure is not shown."""

    SHOWN = ""
    FEW = "few"
    """It is 1 to 4."""
    WITHHELD = "withheld"
    """A small number could be computed from it."""
    PEOPLE = "people"
    """Fewer than 5 people wore cameras, as far as is known."""
    UNRECORDED = "not_recorded"
    """This version of camerad does not record it."""
    NOTHING = "nothing"
    """There is nothing that it could be of, or too little for a median."""
    BEYOND = "beyond"
    """It is more than the greatest bound that is counted by."""


class Cell(msgspec.Struct, frozen=True):
    """A figure of some months. value: None if it is not shown. low, high: its interval of 95 %, or
    of a median the bounds that it lies between. count: how many it rests on. base: what it is of
    (hours, or a number); None if it is a mere count."""

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int | None = None
    base: float | None = None
    why: Why = Why.SHOWN


class Figure(msgspec.Struct, frozen=True):
    """code: its name in tables and texts. part: of what is divided, a word for `code`'s parts, or
    what a person typed; "" for none. total: of the period. runs: of each of `ReportFigures.runs`;
    none if it is given for the period alone."""

    group: FigureGroup
    code: str
    unit: Unit
    total: Cell
    runs: tuple[Cell, ...] = ()
    part: str = ""

    @property
    def key(self) -> str:
        """Names the figure."""
        return f"{self.code}:{self.part}" if self.part else self.code


class PeopleFrom(StrEnum):
    """How it is known that enough people wore cameras."""

    SHIFTS = "shifts"
    """By the shifts that cameras' ledgers name."""
    CAMERAS = "cameras"
    """No shift names a person, so by the number of cameras that were out."""


class CosignedLog(msgspec.Struct, frozen=True):
    """The newest checkpoint of the office's log that enough witnesses had signed. size, root: of
    its tree, the root in base64. cameras, others: how many had. last: the day when the last did, as
    ``2026-11-24``."""

    size: int
    root: str
    cameras: int
    others: int
    last: str


class Coverage(msgspec.Struct, frozen=True):
    """What the figures rest on. head: the office's ledger as of the period's last entry; None if
    nothing of it is covered. epochs: how many of it. missing: how many of those between are not
    covered. unknown: entries that this version cannot read. unread: recordings whose files were
    gone. readings, cameras: how many readings of how many cameras. readings_sha256: of all of them,
    in order. resets: how often counters were reset, by `increments.Reset`. log: None if no witness
    had signed any."""

    head: Head | None
    epochs: int
    missing: int
    unknown: int
    unread: int
    readings: int
    cameras: int
    readings_sha256: str
    resets: Mapping[str, int]
    log: CosignedLog | None = None


class ReportFigures(msgspec.Struct, frozen=True):
    """All of a report but its words. runs: months that are shown together, each by its first and
    last day; none if nothing that people did may be shown. surveys: as they were typed in."""

    period: ReportPeriod
    zone: str
    runs: tuple[tuple[date, date], ...]
    people: PeopleFrom
    figures: tuple[Figure, ...]
    coverage: Coverage
    surveys: tuple[str, ...] = ()
