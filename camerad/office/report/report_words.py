"""Words of a report in its language: figures, parts, reasons, numbers and days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from camerad.base.words import N_, NC_, Words
from camerad.office.report.figures import Cell, Unit, Why

CANNOT: Final = (
    N_(
        "There is no control group. No figure here says that cameras caused or prevented "
        "anything: no claim of cause."
    ),
    N_(
        "A self-view that ended without a recording is a proxy for a situation that calmed down. "
        "It may also have been a mistake, or a situation that ended by itself."
    ),
    N_(
        "The intervals say how far chance alone could move a figure, if events came independently "
        "of each other. They say nothing of seasons, of other places, or of staff who chose to "
        "wear a camera."
    ),
    N_("Cameras count presses, not conflicts. Where no camera was worn, nothing was counted."),
    N_("What is marked as typed in was counted by hand, and cannot be checked here."),
)
METHOD: Final = (
    N_(
        "Only two sources count: readings of the cameras' counters, each signed by its camera "
        "when it was docked, and the office's ledger, added up and signed day by day. A camera's "
        "counts belong to the day on which it was docked."
    ),
    N_(
        "Rates have the exact Poisson interval (Garwood 1936), shares that of Clopper and Pearson "
        "(1934)."
    ),
    N_(
        "Medians and percentiles come from counts in classes, since no person's single value is "
        "kept: the value is estimated within its class, and the class stands beside it. They need "
        "10 values, percentiles 20."
    ),
    N_(
        "Numbers from 1 to 4 of what people did are not shown, nor is anything by which they "
        "could be computed: months are put together, small classes become one, and a part is left "
        "out if the rest would be small. 0 is shown. What machines did and what the office owes "
        "is always shown."
    ),
)
MONTHS: Final = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)
DASH: Final = "–"
GROUPS: Final = {
    "exposure": N_("Cameras and hours"),
    "stages": N_("Self-view and recording"),
    "recordings": N_("Recordings at the office"),
    "deletion": N_("Deletion"),
    "use": N_("Holds and use"),
    "chain": N_("From the street to the office"),
    "equipment": N_("Equipment"),
    "typed": N_("Typed in"),
}
FIGURES: Final = {
    "cameras_available": N_("cameras that reported"),
    "camera_days_out": N_("camera-days out"),
    "shifts": N_("shifts"),
    "shift_hours": N_("shift hours"),
    "running_hours": N_("hours switched on"),
    "share_ready": N_("share of running time in which a press would have recorded"),
    "self_views": N_("self-views"),
    "self_view_rate": N_("self-views for each 100 shift hours"),
    "recordings_begun": N_("recordings"),
    "recording_rate": N_("recordings for each 100 shift hours"),
    "self_views_without": N_("self-views that ended without a recording"),
    "recordings_direct": N_("recordings without a self-view just before"),
    "seconds_to_recording_p50": N_("from self-view to recording, median"),
    "seconds_to_recording_p90": N_("from self-view to recording, 90th percentile"),
    "recordings_received": N_("recordings that the office received"),
    "recordings_by_reason": N_("recordings by what ended them"),
    "recording_length_p50": N_("length, median"),
    "recording_length_p90": N_("length, 90th percentile"),
    "recordings_with_gap": N_("recordings with a gap"),
    "pre_event_seconds": N_("seconds before the press, on average"),
    "deleted": N_("recordings deleted, each with a tombstone"),
    "deleted_late": N_("of these, more than an hour after their day"),
    "latest_deletion": N_("the latest of them, beyond its day"),
    "overdue": N_("recordings beyond their day and not held, at the end"),
    "oldest_overdue": N_("the oldest of these, beyond its day"),
    "holds_placed": N_("holds placed"),
    "holds_released": N_("holds released"),
    "holds_by_ground": N_("holds by what they are for"),
    "viewings": N_("viewings by role"),
    "downloads": N_("recordings taken along, sealed, by role"),
    "hand_overs": N_("cases handed over"),
    "share_never_given": N_("of the deleted: never given out"),
    "hours_recorded": N_("hours recorded"),
    "hours_given": N_("hours given for viewing"),
    "delay_p50": N_("from the end of a recording to the office, median"),
    "delay_p95": N_("from the end of a recording to the office, 95th percentile"),
    "delay_over_day": N_("more than 24 hours"),
    "handover_failures": N_("handing over began not to work"),
    "uploads_resumed": N_("uploads that were resumed"),
    "verification_failures": N_("recordings that did not verify"),
    "witness_refusals": N_("refusals of the witness"),
    "failures": N_("faults, by what began to hold"),
    "battery_p50": N_("battery when a camera was taken, median"),
    "battery_p10": N_("battery when a camera was taken, 10th percentile"),
    "cameras_withdrawn": N_("cameras withdrawn"),
    "typed_hours": N_("hours of duty"),
    "typed_announced": N_("recordings that were announced"),
    "typed_announced_rate": N_("announced, for each 100 hours"),
    "typed_persons": N_("persons met in conflict"),
    "typed_persons_rate": N_("persons met in conflict, for each 100 hours"),
    "typed_assaults": N_("assaults"),
    "typed_assaults_rate": N_("assaults for each 100 hours"),
    "typed_insults": N_("insults and threats"),
    "typed_insults_rate": N_("insults and threats, for each 100 hours"),
    "typed_injuries": N_("staff injured"),
    "typed_injuries_rate": N_("staff injured, for each 100 hours"),
    "typed_occasions": N_("uses by occasion"),
}
COLUMNS: Final = {
    "camera_days_out": NC_("column", "camera-days"),
    "shifts": NC_("column", "shifts"),
    "shift_hours": NC_("column", "shift hours"),
    "self_views": NC_("column", "self-views"),
    "recordings_begun": NC_("column", "recordings"),
    "recordings_received": NC_("column", "at the office"),
    "deleted": NC_("column", "deleted"),
}
EXPLAINED: Final = {
    "camera_days_out": N_("days on which a camera came back used"),
    "self_views_without": N_("a proxy, see above"),
    "recordings_received": N_("by dock or stick"),
    "share_never_given": N_("given at the desk, to view or to take along"),
    "hours_recorded": N_("length of the recordings that the office received"),
    "hours_given": N_("each recording once; how much of it was watched is not known"),
}
PARTS: Final = {
    "hold": N_("until it is released"),
    "hold_until": N_("to a day"),
    "prosecution": N_("a criminal or regulatory offence"),
    "danger": N_("averting a danger"),
    "lawfulness": N_("whether the recording was lawful"),
    "person": N_("who is recorded asked for it"),
    "other": N_("something else"),
    "desk": N_("desk"),
    "supervisor": N_("supervisor"),
    "others": N_("others, too few to be named"),
    "none": N_("not said"),
    "stop": N_("stopped at the camera"),
    "shutdown": N_("camera switched off"),
    "restarted": N_("the camera's program started anew"),
    "recovered": N_("cut off, closed at the next start"),
    "failed": N_("storage or camera failed"),
    "encoder settings changed": N_("went on as another recording"),
    "storage_low": N_("card nearly full"),
    "storage_full": N_("card full"),
    "storage_failed": N_("card lost what was written"),
    "storage_stalled": N_("card did not answer"),
    "storage_read_only": N_("card could only be read"),
    "ledger_failed": N_("ledger or key not usable"),
    "no_recipients": N_("no person named who could open recordings"),
    "unprovisioned": N_("not set up"),
    "provision_refused": N_("settings on the card refused"),
    "office_disputed": N_("office's ledger disputed"),
    "battery_low": N_("battery low"),
    "battery_critical": N_("battery nearly empty"),
    "battery_unknown": N_("battery's gauge failed"),
    "hot": N_("too hot"),
    "clock_untrusted": N_("clock not confirmed"),
    "camera_down": N_("camera module failed"),
    "camera_covered": N_("lens covered"),
    "display_down": N_("display failed"),
    "light_down": N_("a light failed"),
    "microphone_down": N_("microphone failed"),
    "network": N_("office not reached"),
    "certificate": N_("not the office's server"),
    "register": N_("camera not in the register"),
    "office": N_("office took nothing"),
    "recordings": N_("office took some recordings only"),
    "camera": N_("at the camera itself"),
    "silent": N_("the camera's own program was silent"),
    "with_camera": N_("with a camera"),
    "without_camera": N_("without a camera"),
    "last_year": N_("the year before"),
}
UNITS: Final = {
    "count": "{value}",
    "hours": N_("{value} h"),
    "rate": "{value}",
    "share": N_("{value} %"),
    "seconds": N_("{value} s"),
    "percent": N_("{value} %"),
}
WHY: Final = {
    "few": N_("fewer than 5"),
    "withheld": N_("not shown: a small number could be computed"),
    "people": N_("not shown: fewer than 5 people"),
    "not_recorded": N_("not recorded by this version"),
    "nothing": N_("too little to say"),
    "beyond": N_("more than {low}"),
}
RESETS: Final = {
    "begun_anew": N_(
        "A camera began to count anew: {count} times. What it had counted since the reading "
        "before is lost."
    ),
    "stepped_back": N_("A camera lost at most an hour of its counting: {count} times."),
    "leapt": N_(
        "A camera counted more time than passed; nothing of that was counted: {count} times."
    ),
}


def number(value: float, words: Words, decimals: int = 0) -> str:
    """``1,234.5``, with the signs of the language."""
    text = f"{value:,.{decimals}f}"
    return text.translate(
        {
            ord(","): words.pgettext("thousands separator", ","),
            ord("."): words.pgettext("decimal sign", "."),
        }
    )


def day(when: date, words: Words) -> str:
    """``24 November 2026``."""
    month = words.gettext(MONTHS[when.month - 1])
    return words.gettext("{day} {month} {year}", day=when.day, month=month, year=when.year)


def span(first: date, last: date, words: Words) -> str:
    """``March``, ``March to May``; with days where a month is not whole."""
    whole = first.day == 1 and (last + timedelta(days=1)).day == 1
    if not whole:
        return words.gettext("{first} to {last}", first=day(first, words), last=day(last, words))
    begin, end = (f"{words.gettext(MONTHS[one.month - 1])} {one.year}" for one in (first, last))
    if begin == end:
        return begin
    if first.year == last.year:
        begin = words.gettext(MONTHS[first.month - 1])
    return words.gettext("{first} to {last}", first=begin, last=end)


def short_span(first: date, last: date, words: Words) -> str:
    """``Mar``, ``Mar–May``, for a plot."""
    begin, end = (words.gettext(MONTHS[one.month - 1])[:3] for one in (first, last))
    return begin if (first.year, first.month) == (last.year, last.month) else f"{begin}{DASH}{end}"


def amount(value: float, unit: Unit, words: Words) -> str:
    """A value with its unit. Long times are minutes or hours, which their sign says."""
    if unit is Unit.SHARE:
        value *= 100
    if unit is Unit.SECONDS and value >= 7200:
        return words.gettext(UNITS["hours"], value=number(value / 3600, words, 1))
    if unit is Unit.SECONDS and value >= 120:
        return f"{number(value / 60, words, 1)} min"
    decimals = 0 if unit in (Unit.COUNT, Unit.PERCENT) else 1
    if unit is Unit.HOURS and value >= 100:
        decimals = 0
    if unit is Unit.RATE and value < 1:
        decimals = 2
    return words.gettext(UNITS[unit.value], value=number(value, words, decimals))


def shown(cell: Cell, unit: Unit, words: Words) -> str:
    """A figure, or why it is not shown."""
    if cell.value is not None:
        return amount(cell.value, unit, words)
    low = "" if cell.low is None else amount(cell.low, unit, words)
    return words.gettext(WHY[cell.why.value], low=low)


def interval(cell: Cell, unit: Unit, words: Words) -> str:
    """Its interval, or between which bounds a quantile lies."""
    if cell.value is None or cell.low is None or cell.high is None:
        return ""
    low, high = (amount(one, unit, words) for one in (cell.low, cell.high))
    if unit in (Unit.SECONDS, Unit.PERCENT):
        return words.gettext("between {low} and {high}", low=low, high=high)
    return f"{low} {DASH} {high}"


def base(cell: Cell, unit: Unit, words: Words) -> str:
    """The words for a cell's base, such as hours or recordings; "" without one."""
    if cell.base is None or (cell.value is None and cell.why is not Why.BEYOND):
        return ""
    said = {
        Unit.RATE: words.gettext("in {base} hours"),
        Unit.HOURS: words.gettext("of {base} hours recorded"),
    }.get(unit, words.gettext("of {base}"))
    of = said.format(base=number(cell.base, words))
    return f"{number(cell.count, words)} {of}" if cell.count is not None else of
