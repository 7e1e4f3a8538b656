"""Memory of alerts that one channel has sent. Pure, but for `AlertStore`.

The promises, for every channel by itself:

1. An alert is told once. It is told again if its state is another one, or after its `again_days`,
   if it is still so. What was gone for `GONE_US` and comes back is told again too, but no sooner
   than `BACK_US` after it was told last. Where it waits for the day's message, that may come up to
   `DAILY_SLACK_US` sooner after the last one than its days. What could not be looked at is not
   gone.
2. What is told is remembered after the channel has taken it. So a server that is interrupted in
   between tells it once more, and nothing is kept silent.
3. A memory that is lost, or from the future, tells everything again.
4. Several servers have one memory, and one of them tells at a time.

Wall times are microseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import delete, insert, select

from camerad.base.clock import DAY, SECOND
from camerad.office.jobs.alert_rules import Alert, AlertKind, kind_of
from camerad.office.state.database import Database
from camerad.office.state.state_tables import alerts_told

_SLACK_US: Final = DAY
"""A clock may be set back a little; what was told later than that counts as not told."""
GONE_US: Final = 600 * SECOND
"""What is missing for a shorter time was there: a look may fail, and several servers differ."""
BACK_US: Final = DAY
DAILY_SLACK_US: Final = DAY // 2
"""One day's message may be late, and the next one is not; and a day may have 23 hours."""


class Told(msgspec.Struct, frozen=True):
    """When an alert was told last, and in which state. again_us: forgotten from then on, since it
    is told again in any case if it is still so. gone_us: since when it was not so any more, after
    that; 0 if it always was."""

    state: str
    told_us: int
    again_us: int
    gone_us: int = 0


Memory = Mapping[str, Told]
"""By the alerts' keys; and by `MESSAGE` and `DAILY`, which are no alert's."""
MESSAGE: Final = "message"
"""The last message of any kind."""
DAILY: Final = "daily"
"""The last day's message, or that there was nothing for it."""
_FOR_EVER: Final = (1 << 62) - 1


class AlertStore:
    """The memory of one channel, in the office's database. database: opens it; a database that is
    away, or whose library is missing, keeps no server from starting. channel: its name there."""

    def __init__(self, database: Callable[[], Database], channel: str) -> None:
        self._database = database
        self._channel = channel

    def claimed(self) -> AbstractContextManager[bool]:
        """Exclude other servers; yields False, at once, if one of them tells just now. Raises
        DatabaseUnavailableError."""
        return self._database().claiming(f"alerts {self._channel}", wait=False)

    def load(self) -> dict[str, Told]:
        """What was told. Raises DatabaseUnavailableError and DatabaseDamagedError."""
        database = self._database()
        database.prepare()
        table = alerts_told.c
        asked = select(table.key, table.state, table.told_us, table.again_us, table.gone_us)
        with database.reading() as rows:
            found = rows.execute(asked.where(table.channel == self._channel))
            return {row[0]: Told(*row[1:]) for row in found}

    def save(self, before: Memory, after: Memory) -> None:
        """Make of one memory the other, in one transaction. Raises as `load`."""
        table = alerts_told.c
        changed = [key for key in {*before, *after} if before.get(key) != after.get(key)]
        new = [
            {"channel": self._channel, "key": key, **msgspec.structs.asdict(after[key])}
            for key in changed
            if key in after
        ]
        with self._database().writing(alone=False) as rows:
            for key in changed:
                rows.execute(
                    delete(alerts_told).where(table.channel == self._channel, table.key == key)
                )
            if new:
                rows.execute(insert(alerts_told), new)


def untold(
    memory: Memory, alerts: Iterable[Alert], now_us: int, *, daily: bool = False
) -> tuple[Alert, ...]:
    """Those that are to be told now, in their order. daily: by the day's message, for which some
    of them wait."""

    def is_due(one: Alert) -> bool:
        slack_us = DAILY_SLACK_US if daily and not one.at_once else 0
        return _is_due(memory.get(one.key), one, now_us + slack_us, now_us)

    return tuple(one for one in alerts if is_due(one))


def after_looking(
    memory: Memory,
    alerts: Iterable[Alert],
    now_us: int,
    unknown: Container[AlertKind] = (),
) -> dict[str, Told]:
    """The memory after a check. unknown: kinds that could not be checked."""
    present = {one.key for one in alerts}
    return {
        key: one
        if key in (MESSAGE, DAILY) or kind_of(key) in unknown
        else _looked_at(one, key in present, now_us)
        for key, one in memory.items()
    }


def _looked_at(one: Told, present: bool, now_us: int) -> Told:
    if present and one.gone_us and now_us - one.gone_us < GONE_US:
        return msgspec.structs.replace(one, gone_us=0)
    if not present and not one.gone_us:
        return msgspec.structs.replace(one, gone_us=now_us)
    return one


def after_telling(
    memory: Memory, told: Iterable[Alert], now_us: int, *, daily: bool
) -> dict[str, Told]:
    """The memory once `told` was told. daily: this was the day's message.

    What may be told again in any case is forgotten.
    """
    kept = {
        key: one
        for key, one in memory.items()
        if one.again_us > now_us and one.told_us <= now_us + _SLACK_US
    }
    for one in told:
        kept[one.key] = Told(one.state, now_us, now_us + one.again_days * DAY)
        kept[MESSAGE] = Told("", now_us, _FOR_EVER)
    if daily:
        kept[DAILY] = Told("", now_us, _FOR_EVER)
    return kept


def merged(memory: Memory, own: Memory, now_us: int) -> dict[str, Told]:
    """What either of two memories has. Of an alert that is in both it counts when it was told last;
    if both have the same time, what `own` says. A time after `now_us`, by a clock that was ahead,
    counts only where there is no other one."""

    def age(one: Told) -> tuple[bool, int]:
        return one.told_us <= now_us, one.told_us

    newer = {
        key: one for key, one in own.items() if key not in memory or age(memory[key]) <= age(one)
    }
    return {**memory, **newer}


def is_daily_due(memory: Memory, now_us: int, daily_at: str) -> bool:
    """Whether the day's message is still to be sent. daily_at: ``HH:MM``, local time."""
    hour, _, minute = daily_at.partition(":")
    # Without a zone, so that yesterday's time has the offset that it had yesterday.
    now = datetime.fromtimestamp(now_us / SECOND)
    point = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if point > now:
        point -= timedelta(days=1)
    last_us = memory[DAILY].told_us if DAILY in memory else 0
    return last_us < round(point.timestamp() * SECOND) or last_us > now_us + _SLACK_US


def _is_due(told: Told | None, one: Alert, by_us: int, now_us: int) -> bool:
    """by_us: until when its days have to be over."""
    return (
        told is None
        or told.state != one.state
        or by_us >= told.told_us + one.again_days * DAY
        or (told.gone_us != 0 and by_us >= told.told_us + BACK_US)
        or told.told_us > now_us + _SLACK_US
    )
