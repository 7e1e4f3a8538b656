"""Gives alerts to one channel, and goes on trying until it has taken them.

What cannot wait goes at once, but no channel gets more than one message in ten minutes. All the
rest goes once a day. What does not get through is tried again: in a minute at first, in an hour at
last; by then the message says what is so by then. A channel has its own memory and its own thread
(`camerad.office.jobs.periodic_job`), so one that fails delays no other one, and nothing else.

Promises of the memory, for every channel by itself:

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

import contextlib
import logging
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import delete, insert, select

from camerad.base.clock import DAY, SECOND, Clock
from camerad.base.errors import NotNowError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import count, printable
from camerad.office.jobs.alert_channels import Channel, ChannelError
from camerad.office.jobs.alert_message import compose
from camerad.office.jobs.alert_rules import Alert, AlertKind, kind_of
from camerad.office.jobs.job_metrics import JobMetrics
from camerad.office.jobs.periodic_job import LogOnce
from camerad.office.server.alert_settings import NotifySettings
from camerad.office.state.database import WAIT_SECONDS
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_tables import alerts_told

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 60.0
BETWEEN_SECONDS: Final = 600
"""Between two messages of a channel that does not take everything at once."""
FIRST_RETRY_SECONDS: Final = 60
LAST_RETRY_SECONDS: Final = 3600
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
    """The memory of one channel, in the office's database. channel: its name there. Raises
    StorageError and NotNowError."""

    def __init__(self, state: OfficeState, channel: str) -> None:
        self._state = state
        self._channel = channel

    def claimed(self) -> contextlib.AbstractContextManager[bool]:
        """Exclude other servers; yields False, at once, if one of them tells just now."""
        return self._state.try_hold(f"alerts {self._channel}")

    def load(self) -> dict[str, Told]:
        """What was told."""
        table = alerts_told.c
        asked = select(table.key, table.state, table.told_us, table.again_us, table.gone_us)
        with self._state.reading() as rows:
            found = rows.execute(asked.where(table.channel == self._channel))
            return {row[0]: Told(*row[1:]) for row in found}

    def save(self, before: Memory, after: Memory) -> None:
        """Make of one memory the other, in one transaction."""
        table = alerts_told.c
        changed = [key for key in {*before, *after} if before.get(key) != after.get(key)]
        new = [
            {"channel": self._channel, "key": key, **msgspec.structs.asdict(after[key])}
            for key in changed
            if key in after
        ]
        with self._state.noting(WAIT_SECONDS) as rows:
            for key in changed:
                rows.execute(
                    delete(alerts_told).where(table.channel == self._channel, table.key == key)
                )
            if new:
                rows.execute(insert(alerts_told), new)


class AlertDelivery:
    """Delivery over one channel. present: the alerts at present, the gravest first; None before the
    first check. unknown: kinds that could not be checked. store: of its memory. office: the
    server's address. One thread uses it."""

    def __init__(
        self,
        channel: Channel,
        present: Callable[[], Sequence[Alert] | None],
        settings: NotifySettings,
        *,
        store: AlertStore,
        office: str,
        clock: Clock,
        metrics: JobMetrics,
        unknown: Callable[[], frozenset[AlertKind]] = frozenset,
    ) -> None:
        self.channel: Final = channel
        self._present = present
        self._unknown = unknown
        self._settings = settings
        self._store = store
        self._office = office
        self._clock = clock
        self._metrics = metrics
        self._unsaved: Memory = {}
        """What could not be written yet."""
        self._not_before_us = 0
        """Boot time before which nothing is sent again that did not get through."""
        self._failures = 0
        self._failed = LogOnce(
            log, "people were not told, which is tried again: %s", MessageId.ALERT
        )

    def deliver(self) -> float:
        """Send what is due; returns after how many seconds to look again. Raises StorageError if it
        cannot remember what it sent: within this process it does all the same."""
        alerts = self._present()
        if alerts is None:
            return CHECK_SECONDS
        with self._claimed() as alone:
            return self._deliver(alerts) if alone else CHECK_SECONDS

    @contextlib.contextmanager
    def _claimed(self) -> Iterator[bool]:
        """As of the store. Without a database people are told by every server."""
        with contextlib.ExitStack() as stack:
            try:
                alone = stack.enter_context(self._store.claimed())
            except (StorageError, NotNowError):
                alone = True
            yield alone

    def _deliver(self, alerts: Sequence[Alert]) -> float:
        now_us = self._clock.wall_us()
        found = self._load()
        stored = found or {}
        looked = after_looking({**stored, **self._unsaved}, alerts, now_us, self._unknown())
        memory, again = self._tell(looked, alerts, now_us)
        self._unsaved = {key: one for key, one in memory.items() if one != stored.get(key)}
        if found is not None and memory != stored:
            self._store.save(stored, memory)
            self._unsaved = {}
        return again

    def _load(self) -> Memory | None:
        """What was told, by any server; None if that cannot be read."""
        try:
            return self._store.load()
        except (StorageError, NotNowError) as error:
            if not self._unsaved:
                log.warning(
                    "%s; everything is told again", printable(error), extra=MessageId.ALERT.extra
                )
            return None

    def _tell(self, memory: Memory, alerts: Sequence[Alert], now_us: int) -> tuple[Memory, float]:
        """Send what is due; returns the memory after that, and when to look again."""
        daily = is_daily_due(memory, now_us, self._settings.daily_at)
        waits = not self.channel.at_once
        news = untold(memory, alerts, now_us, daily=daily and waits)
        if not daily and waits:
            news = tuple(one for one in news if one.at_once)
        if not news:
            if daily:
                memory = after_telling(memory, (), now_us, daily=True)
            return memory, CHECK_SECONDS
        left_us = self._not_before_us - self._clock.now_us()
        if waits and MESSAGE in memory:
            since_us = now_us - memory[MESSAGE].told_us
            if 0 <= since_us < BETWEEN_SECONDS * SECOND:
                left_us = max(left_us, BETWEEN_SECONDS * SECOND - since_us)
        if left_us > 0:
            return memory, left_us / SECOND
        language = self._settings.language if waits else "en"
        message = compose(news, language, self._office)
        try:
            self.channel.send(message)
        except ChannelError as error:
            return memory, self._fail(error)
        self._failures = 0
        self._failed.tell(())
        if waits:
            log.info(
                "told by %s: %s: %s",
                self.channel.name,
                count(len(news), "alert"),
                message.subject,
                extra=MessageId.ALERT.extra,
            )
        self._metrics.message_sent(self.channel.name, now_us)
        return after_telling(memory, news, now_us, daily=daily), CHECK_SECONDS

    def _fail(self, error: ChannelError) -> float:
        """Note that a message did not get through; returns when to try again."""
        pause = min(FIRST_RETRY_SECONDS << min(self._failures, 10), LAST_RETRY_SECONDS)
        self._failures += 1
        self._not_before_us = self._clock.now_us() + pause * SECOND
        self._metrics.message_failed(self.channel.name)
        self._failed.tell((str(error),))
        return float(pause)


def untold(
    memory: Memory, alerts: Iterable[Alert], now_us: int, *, daily: bool = False
) -> tuple[Alert, ...]:
    """The alerts to send now, in their order. daily: with the day's message, which some await."""

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
