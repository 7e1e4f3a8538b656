"""What was told already, over one channel. Pure, but for `load` and `save`.

The promises, for every channel by itself:

1. An alert is told once. It is told again if its state is another one, or after its `again_days`,
   if it is still so. What was gone for `GONE_US` and comes back is told again too, but no sooner
   than `BACK_US` after it was told last. Where it waits for the day's message, that may come up to
   `DAILY_SLACK_US` sooner after the last one than its days. What nobody can look at is not gone.
2. What is told is remembered after the channel has taken it. So whoever is interrupted in between
   tells it once more, and nothing is kept silent.
3. A memory that is lost, damaged or from the future tells everything again.
4. Several servers on one directory have one memory: who holds `claimed` reads it, tells, and writes
   it. What one could not write it has `merged` with what another one wrote since.

Wall times are microseconds since the Unix epoch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Container, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from camerad.base import durable_files, state_file
from camerad.base.clock import DAY, SECOND
from camerad.office.jobs.alert_rules import Alert, AlertKind, kind_of
from camerad.store.locations import OFFICE

DIRECTORY: Final = "notices"
"""In the office's own part of its directory; one directory for each channel."""
_FILE: Final = "told.json"
_LARGEST: Final = 64 << 20
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


class AlertMemory(msgspec.Struct, frozen=True):
    """daily_us: when the day's message was last sent, or there was nothing for it. sent_us: when
    any message was. told: by the alerts' keys."""

    daily_us: int = 0
    sent_us: int = 0
    told: dict[str, Told] = {}


def untold(
    memory: AlertMemory, alerts: Iterable[Alert], now_us: int, *, daily: bool = False
) -> tuple[Alert, ...]:
    """Those that are to be told now, in their order. daily: by the day's message, for which some
    of them wait."""

    def is_due(one: Alert) -> bool:
        slack_us = DAILY_SLACK_US if daily and not one.at_once else 0
        return _is_due(memory.told.get(one.key), one, now_us + slack_us, now_us)

    return tuple(one for one in alerts if is_due(one))


def after_looking(
    memory: AlertMemory,
    alerts: Iterable[Alert],
    now_us: int,
    unknown: Container[AlertKind] = (),
) -> AlertMemory:
    """The memory once it was seen what is so. unknown: kinds of which nobody can say that."""
    present = {one.key for one in alerts}
    told = {
        key: one if kind_of(key) in unknown else _looked_at(one, key in present, now_us)
        for key, one in memory.told.items()
    }
    return msgspec.structs.replace(memory, told=told)


def _looked_at(one: Told, present: bool, now_us: int) -> Told:
    if present and one.gone_us and now_us - one.gone_us < GONE_US:
        return msgspec.structs.replace(one, gone_us=0)
    if not present and not one.gone_us:
        return msgspec.structs.replace(one, gone_us=now_us)
    return one


def after_telling(
    memory: AlertMemory, told: Iterable[Alert], now_us: int, *, daily: bool
) -> AlertMemory:
    """The memory once `told` was told. daily: this was the day's message.

    What may be told again in any case is forgotten.
    """
    kept = {
        key: one
        for key, one in memory.told.items()
        if one.again_us > now_us and one.told_us <= now_us + _SLACK_US
    }
    sent_us = memory.sent_us
    for one in told:
        kept[one.key] = Told(one.state, now_us, now_us + one.again_days * DAY)
        sent_us = now_us
    return AlertMemory(now_us if daily else memory.daily_us, sent_us, kept)


def merged(memory: AlertMemory, own: AlertMemory, now_us: int) -> AlertMemory:
    """What either of two memories has. Of an alert that is in both it counts when it was told last;
    if both have the same time, what `own` says. A time after `now_us`, by a clock that was ahead,
    counts only where there is no other one."""

    def age(us: int) -> tuple[bool, int]:
        return us <= now_us, us

    told = dict(memory.told)
    for key, one in own.told.items():
        if key not in told or age(told[key].told_us) <= age(one.told_us):
            told[key] = one
    return AlertMemory(
        max(memory.daily_us, own.daily_us, key=age), max(memory.sent_us, own.sent_us, key=age), told
    )


def is_daily_due(memory: AlertMemory, now_us: int, daily_at: str) -> bool:
    """Whether the day's message is still to be sent. daily_at: ``HH:MM``, local time."""
    hour, _, minute = daily_at.partition(":")
    # Without a zone, so that yesterday's time has the offset that it had yesterday.
    now = datetime.fromtimestamp(now_us / SECOND)
    point = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if point > now:
        point -= timedelta(days=1)
    last_us = memory.daily_us
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


def path_in(root: str, channel: str) -> str:
    """Where the memory of a channel is. root: the office's directory."""
    return os.path.join(root, OFFICE, DIRECTORY, channel, _FILE)


@contextlib.contextmanager
def claimed(path: str) -> Iterator[None]:
    """Nobody else uses the memory in the file at `path` meanwhile. Raises BlockingIOError if
    somebody does, and StorageError."""
    directory = os.path.dirname(path)
    durable_files.make_directory(directory)
    claim = durable_files.lock_directory(directory)
    try:
        yield
    finally:
        os.close(claim)


def load(path: str) -> AlertMemory:
    """The memory in the file at `path`; an empty one without a file. Raises StateFileError if it
    makes no sense, and StorageError."""
    found = state_file.read_json(path, AlertMemory, "memory of alerts", _LARGEST, "it is made anew")
    return AlertMemory() if found is None else found


def save(path: str, memory: AlertMemory) -> None:
    """Put it into place, durably; whoever does so has `claimed` it. Raises StorageError."""
    state_file.write_json(path, memory)
