"""Makes the figures of readings and tallies, and of nothing else; pure.

What people did is shown as `camerad.office.report.suppression` allows. What machines did, and what
the office itself owes (deletions on time), is always shown: it names no person, and hiding a late
deletion would help only the office.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from camerad.base.clock import SECOND
from camerad.control.metrics import BOUNDS
from camerad.office.report import increments as counted
from camerad.office.report.estimates import (
    DELAYS,
    LENGTHS,
    PERCENTS,
    count_in,
    poisson_interval,
    quantile,
    share_interval,
)
from camerad.office.report.figures import Cell, Figure, FigureGroup, PeopleFrom, Unit, Why
from camerad.office.report.ledger_tally import (
    ENDED_GIVEN,
    ENDED_UNSEEN,
    GIVEN,
    GIVEN_SECONDS,
    GROUNDS,
    HOLDS,
    INDICATORS,
    RECORDED,
    RECORDED_SECONDS,
    WITHDRAWALS,
    LedgerIndicator,
    LedgerTally,
)
from camerad.office.report.month_sums import HOUR_US, Month, join
from camerad.office.report.report_days import ReportPeriod
from camerad.office.report.suppression import (
    FEW,
    is_small,
    join_months,
    join_rare,
    may_cross,
    may_split,
)
from camerad.office.report.typed_form import CountedByHand, TypedForm

SIDES: Final = ("with_camera", "without_camera", "last_year")
_BY_HAND: Final = ("announced", "persons", "assaults", "insults", "injuries")
NOT_SAID: Final = "none"
"""The part of entries that name none, such as a hold without a ground."""
HOUR_S: Final = 3600
OTHERS: Final = "others"
"""What is divided, and too small to be shown by itself."""
LEAST_MEDIAN: Final = 10
LEAST_TAIL: Final = 20
"""Values that a median, and any other quantile, needs at least."""


def hidden(why: Why) -> Cell:
    """A cell without its value. why: why it is not shown."""
    return Cell(None, why=why)


def count_cell(count: int, why: Why = Why.SHOWN, base: float | None = None) -> Cell:
    """A number of what people did."""
    if why or is_small(count):
        return hidden(why or Why.FEW)
    return Cell(count, count=count, base=base)


def about_cell(
    number: int, value: float, why: Why, base: float | None = None, *, zero: bool = False
) -> Cell:
    """What so many recordings have together, or on average. The number is not shown. zero:
    none at all is a figure."""
    cell = count_cell(number, why)
    if cell.value is None:
        return cell
    return Cell(value, base=base) if number or zero else hidden(Why.NOTHING)


def free_cell(value: float) -> Cell:
    """A cell that is always shown, since it says nothing of people."""
    return Cell(value, count=value if isinstance(value, int) else None)


def rate_cell(count: int, hours: float) -> Cell:
    """For each 100 hours, with Garwood's interval."""
    if is_small(count):
        return hidden(Why.FEW)
    if hours <= 0:
        return hidden(Why.NOTHING)
    low, high = (100 * end / hours for end in poisson_interval(count))
    return Cell(100 * count / hours, low, high, count=count, base=hours)


def share_cell(part: int, whole: int, why: Why = Why.SHOWN) -> Cell:
    """A part of a whole, with the interval of Clopper and Pearson."""
    if not why and not may_split(part, whole):
        why = Why.FEW if is_small(part) else Why.WITHHELD
    if not why and not whole:
        why = Why.NOTHING
    if why:
        return hidden(why)
    low, high = share_interval(part, whole)
    return Cell(part / whole, low, high, count=part, base=whole)


def divided_cells(counts: Mapping[str, int], why: Why = Why.SHOWN) -> dict[str, Cell]:
    """How a whole is divided. The whole has the name ""."""
    joined = None if why else join_rare(counts)
    if joined is None:
        return {"": hidden(why or Why.FEW)}
    whole = sum(joined.shown.values()) + joined.others
    found = {"": count_cell(whole)}
    found |= {name: count_cell(number, base=whole) for name, number in joined.shown.items()}
    if joined.others:
        found[OTHERS] = count_cell(joined.others, base=whole)
    return found


def quantile_cell(
    bounds: Sequence[float], counts: Sequence[int], percent: int, why: Why = Why.SHOWN
) -> Cell:
    """A quantile of what was counted in buckets; low and high are those of its bucket."""
    total = sum(counts)
    estimate = quantile(bounds, counts, percent / 100)
    least = LEAST_MEDIAN if percent == 50 else LEAST_TAIL
    if why or total < least or estimate is None:
        return hidden(why or Why.NOTHING)
    if estimate.value is None:
        return Cell(None, low=estimate.low, base=total, why=Why.BEYOND)
    return Cell(estimate.value, estimate.low, estimate.high, base=total)


_CellOf = Callable[[Month], Cell]
_NumberOf = Callable[[Month], int]


class FigureMaker:
    """months: of the period. tallies: of the office's ledger. form: what was typed in. cameras: of
    how many there are readings in the period."""

    def __init__(
        self,
        period: ReportPeriod,
        months: Sequence[Month],
        tallies: Sequence[LedgerTally],
        *,
        form: TypedForm,
        cameras: int,
    ) -> None:
        self._months = months
        self._form = form
        self._cameras = cameras
        self._last = tallies[-1] if tallies else None
        named = any(month.wearers for month in months)
        self.people = PeopleFrom.SHIFTS if named else PeopleFrom.CAMERAS
        bounds = period.months
        joined = join_months(len(months), self._is_safe)
        self.runs = tuple((bounds[first][0], bounds[end - 1][1]) for first, end in joined)
        """Months that are shown together, each by its first and last day."""
        self._runs = [join(months[first:end]) for first, end in joined]
        self._whole = join(months)

    def make(self) -> tuple[Figure, ...]:
        """All figures, in the order of their groups."""
        return (
            *self._exposure(),
            *self._stages(),
            *self._recordings(),
            *self._deletion(),
            *self._use(),
            *self._chain(),
            *self._equipment(),
            *self._typed(),
        )

    # ------------------------------------------------------------------ what may be shown

    def _people(self, month: Month) -> int:
        found = month.wearers if self.people is PeopleFrom.SHIFTS else month.cameras
        typed = self._form.wearers
        return found if typed is None else min(found, typed)

    def _is_safe(self, first: int, end: int) -> bool:
        run = join(self._months[first:end])
        numbers = (
            run.self_views,
            run.recordings,
            abs(run.self_views - run.recordings),
            run.shifts,
            run.camera_days,
            run.received,
            run.deleted,
        )
        if not any(numbers) and not run.hours:
            return True
        return self._people(run) >= FEW and not any(map(is_small, numbers))

    @property
    def _nothing(self) -> Why:
        """Why nothing that people did is shown, or `Why.SHOWN`."""
        if self._runs:
            return Why.SHOWN
        return Why.PEOPLE if self._people(self._whole) < FEW else Why.WITHHELD

    # ------------------------------------------------------------------ groups

    def _exposure(self) -> Iterator[Figure]:
        group, whole = FigureGroup.EXPOSURE, self._whole
        yield Figure(group, "cameras_available", Unit.COUNT, free_cell(self._cameras))
        yield self._count_by_run(group, "camera_days_out", lambda run: run.camera_days)
        yield self._count_by_run(group, "shifts", lambda run: run.shifts)
        yield self._by_run(group, "shift_hours", Unit.HOURS, lambda run: Cell(run.hours))
        running = whole.counts[counted.RUNNING]
        yield Figure(group, "running_hours", Unit.HOURS, free_cell(running / HOUR_US))
        ready = hidden(Why.NOTHING)
        if running:
            ready = Cell(whole.counts[counted.READY] / running)
        yield Figure(group, "share_ready", Unit.SHARE, ready)

    def _stages(self) -> Iterator[Figure]:
        group, whole = FigureGroup.STAGES, self._whole
        yield self._count_by_run(group, "self_views", lambda run: run.self_views)
        yield self._rate_by_run(group, "self_view_rate", lambda run: run.self_views)
        yield self._count_by_run(group, "recordings_begun", lambda run: run.recordings)
        yield self._rate_by_run(group, "recording_rate", lambda run: run.recordings)
        why = self._nothing
        pairs = [(run.self_views, run.recordings) for run in self._runs]
        if not why and not may_cross(pairs, whole.both):
            why = Why.WITHHELD
        for code, part, of in (
            ("self_views_without", whole.self_views - whole.both, whole.self_views),
            ("recordings_direct", whole.recordings - whole.both, whole.recordings),
        ):
            yield Figure(group, code, Unit.SHARE, share_cell(part, of, why))
        for percent in (50, 90):
            cell = quantile_cell(BOUNDS, whole.led, percent, why)
            yield Figure(group, f"seconds_to_recording_p{percent}", Unit.SECONDS, cell)

    def _recordings(self) -> Iterator[Figure]:
        group, whole, why = FigureGroup.RECORDINGS, self._whole, self._nothing
        reasons: Counter[str] = Counter()
        for day in whole.days:
            reasons.update({one.name: one.count for one in day.reasons})
        lengths = _added([day.lengths for day in whole.days], len(LENGTHS))
        read = sum(lengths)
        gapped = sum(day.gapped for day in whole.days)
        pre_event_us = sum(day.pre_event_us for day in whole.days)
        yield self._count_by_run(group, "recordings_received", lambda run: run.received)
        yield from self._divided(
            group, "recordings_by_reason", reasons, why if read else why or Why.NOTHING
        )
        for percent in (50, 90):
            cell = quantile_cell(LENGTHS, lengths, percent, why)
            yield Figure(group, f"recording_length_p{percent}", Unit.SECONDS, cell)
        yield Figure(group, "recordings_with_gap", Unit.SHARE, share_cell(gapped, read, why))
        mean = about_cell(read, pre_event_us / SECOND / max(1, read), why, base=read)
        yield Figure(group, "pre_event_seconds", Unit.SECONDS, mean)

    def _deletion(self) -> Iterator[Figure]:
        group, whole = FigureGroup.DELETION, self._whole
        late = sum(day.late for day in whole.days)
        longest_us = max((day.largest_delay_us for day in whole.days), default=0)
        overdue = oldest_us = 0
        if self._last is not None:
            overdue, oldest_us = self._last.overdue, self._last.oldest_us
        yield self._count_by_run(group, "deleted", lambda run: run.deleted)
        yield Figure(group, "deleted_late", Unit.COUNT, free_cell(late))
        yield Figure(group, "latest_deletion", Unit.HOURS, free_cell(longest_us / HOUR_US))
        yield Figure(group, "overdue", Unit.COUNT, free_cell(overdue))
        yield Figure(group, "oldest_overdue", Unit.HOURS, free_cell(oldest_us / HOUR_US))

    def _use(self) -> Iterator[Figure]:
        for one in INDICATORS:
            if one.name != WITHDRAWALS:
                yield from self._of_ledger(one)
        yield from self._given()

    def _given(self) -> Iterator[Figure]:
        """What was given at the desk."""
        group, why = FigureGroup.USE, self._nothing
        number = self._events()
        ended = number[ENDED_GIVEN] + number[ENDED_UNSEEN]
        unknown = self._whole.deleted - ended
        hidden = why or (Why.WITHHELD if is_small(unknown) else Why.SHOWN)
        never = share_cell(number[ENDED_UNSEEN], ended, hidden)
        yield Figure(group, "share_never_given", Unit.SHARE, never)
        recorded = number[RECORDED_SECONDS] / HOUR_S
        of = number[RECORDED]
        cell = about_cell(of, recorded, why)
        yield Figure(group, "hours_recorded", Unit.HOURS, cell)
        if not cell.why and is_small(abs(of - number[GIVEN])):
            why = Why.WITHHELD
        hours = number[GIVEN_SECONDS] / HOUR_S
        base = None if cell.why else recorded
        cell = about_cell(number[GIVEN], hours, why, base=base, zero=bool(of))
        yield Figure(group, "hours_given", Unit.HOURS, cell)

    def _events(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for day in self._whole.days:
            found.update({one.name: one.count for one in day.events})
        return found

    def _chain(self) -> Iterator[Figure]:
        group, whole, why = FigureGroup.CHAIN, self._whole, self._nothing
        delays = _added([day.delays for day in whole.days], len(DELAYS))
        over = sum(day.over_day for day in whole.days)
        for percent in (50, 95):
            cell = quantile_cell(DELAYS, delays, percent, why)
            yield Figure(group, f"delay_p{percent}", Unit.SECONDS, cell)
        yield Figure(group, "delay_over_day", Unit.SHARE, share_cell(over, sum(delays), why))
        troubles = _named(whole.counts, counted.HANDOVERS)
        total = free_cell(sum(troubles.values()))
        yield Figure(group, "handover_failures", Unit.COUNT, total)
        for name, number in sorted(troubles.items()):
            yield Figure(group, "handover_failures", Unit.COUNT, free_cell(number), part=name)
        for code in ("uploads_resumed", "verification_failures", "witness_refusals"):
            yield Figure(group, code, Unit.COUNT, hidden(Why.UNRECORDED))

    def _equipment(self) -> Iterator[Figure]:
        group, whole, why = FigureGroup.EQUIPMENT, self._whole, self._nothing
        yield from self._divided(group, "failures", _named(whole.counts, counted.FAILURES), why)
        batteries = count_in(PERCENTS, whole.batteries)
        for percent in (50, 10):
            cell = quantile_cell(PERCENTS, batteries, percent, why)
            yield Figure(group, f"battery_p{percent}", Unit.PERCENT, cell)
        withdrawn = free_cell(self._events()[WITHDRAWALS])
        yield Figure(group, WITHDRAWALS, Unit.COUNT, withdrawn)

    def _typed(self) -> Iterator[Figure]:
        group = FigureGroup.TYPED
        for side in SIDES:
            by_hand: CountedByHand = getattr(self._form, side)
            if by_hand.hours is not None:
                hours = free_cell(by_hand.hours)
                yield Figure(group, "typed_hours", Unit.HOURS, hours, part=side)
            for what in _BY_HAND:
                count: int | None = getattr(by_hand, what)
                if count is not None:
                    code = f"typed_{what}"
                    yield Figure(group, code, Unit.COUNT, count_cell(count), part=side)
                    if by_hand.hours:
                        rate = rate_cell(count, by_hand.hours)
                        yield Figure(group, f"{code}_rate", Unit.RATE, rate, part=side)
        occasions = self._form.occasions.by_name
        if occasions:
            yield from self._divided(group, "typed_occasions", occasions, Why.SHOWN)

    # ------------------------------------------------------------------ ways to make one

    def _by_run(self, group: FigureGroup, code: str, unit: Unit, cell_of: _CellOf) -> Figure:
        if not self._runs:
            return Figure(group, code, unit, hidden(self._nothing))
        runs = tuple(map(cell_of, self._runs))
        return Figure(group, code, unit, cell_of(self._whole), runs)

    def _count_by_run(self, group: FigureGroup, code: str, number: _NumberOf) -> Figure:
        return self._by_run(group, code, Unit.COUNT, lambda run: count_cell(number(run)))

    def _rate_by_run(self, group: FigureGroup, code: str, number: _NumberOf) -> Figure:
        return self._by_run(group, code, Unit.RATE, lambda run: rate_cell(number(run), run.hours))

    def _divided(
        self, group: FigureGroup, code: str, counts: Mapping[str, int], why: Why
    ) -> Iterator[Figure]:
        for name, cell in divided_cells(counts, why).items():
            yield Figure(group, code, Unit.COUNT, cell, part=name)

    def _of_ledger(self, one: LedgerIndicator) -> Iterator[Figure]:
        """What entries of the ledger say."""
        group = FigureGroup.USE
        events = self._parts_of(one.name)
        if one.name == GROUNDS:
            # All holds are divided, so that no figure but these says how many had no ground.
            unsaid = self._parts_of(HOLDS).total() - events.total()
            events[NOT_SAID] = max(0, unsaid)
        if one.part and not one.only:
            yield from self._divided(group, one.name, events, self._nothing)
        else:
            cell = count_cell(sum(events.values()), self._nothing)
            yield Figure(group, one.name, Unit.COUNT, cell)

    def _parts_of(self, name: str) -> Counter[str]:
        """How many entries an indicator counted, by its parts."""
        found: Counter[str] = Counter()
        for said, number in self._events().items():
            of, _, part = said.partition(":")
            if of == name:
                found[part or NOT_SAID] += number
        return found


def _added(columns: Sequence[Sequence[int]], bounds: int) -> list[int]:
    """Buckets of several days together."""
    found = [0] * (bounds + 1)
    for one in columns:
        found = [sum(both) for both in zip(found, one, strict=True)]
    return found


def _named(counts: Mapping[str, int], begins: str) -> dict[str, int]:
    return {name[len(begins) :]: count for name, count in counts.items() if name.startswith(begins)}
