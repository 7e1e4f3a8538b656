"""Local times for people, with the name of this computer's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from camerad.container.statements import utc as utc_of


def local_time(wall_us: int, *, utc: bool) -> datetime:
    """Wall time in this computer's zone (``$TZ``, else localtime(5)), or in UTC. Raises ValueError
    if it is no date."""
    return utc_of(wall_us) if utc else utc_of(wall_us).astimezone()


def format_time(when: datetime) -> str:
    """``2026-11-24 16:30:00 CET``, for people."""
    return f"{when:%Y-%m-%d %H:%M:%S %Z}"


def rfc3339(when: datetime) -> str:
    """``2026-11-24T16:30:00.000+01:00``, for programs."""
    return when.isoformat(timespec="milliseconds")


def day_bounds(text: str, *, utc: bool) -> tuple[datetime, datetime]:
    """When a day such as ``2026-11-28`` begins here, and when the next one does. Raises ValueError
    if it is none."""
    day = date.fromisoformat(text)
    try:
        first, last = (datetime(one.year, one.month, one.day) for one in (day, day + timedelta(1)))
        if utc:
            return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
        return first.astimezone(), last.astimezone()
    except OverflowError as error:
        raise ValueError(f"{text} is at the end of time") from error
