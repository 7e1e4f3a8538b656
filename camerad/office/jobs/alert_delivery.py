"""Gives alerts to one channel, and goes on trying until it has taken them.

What cannot wait goes at once, but no channel gets more than one message in ten minutes. All the
rest goes once a day. What does not get through is tried again: in a minute at first, in an hour at
last; by then the message says what is so by then. A channel has its own memory and its own thread
(`camerad.office.jobs.periodic_job`), so one that fails delays no other one, and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import count, printable
from camerad.office.jobs import alert_memory
from camerad.office.jobs.alert_channels import Channel, ChannelError
from camerad.office.jobs.alert_memory import MESSAGE, Memory, Told
from camerad.office.jobs.alert_message import compose
from camerad.office.jobs.alert_rules import Alert, AlertKind
from camerad.office.server.alert_settings import NotifySettings

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 60.0
BETWEEN_SECONDS: Final = 600
"""Between two messages of a channel that does not take everything at once."""
FIRST_RETRY_SECONDS: Final = 60
LAST_RETRY_SECONDS: Final = 3600


class DeliveryWatch(Protocol):
    """Counts messages, for the metrics."""

    def message_sent(self, channel: str, at_us: int) -> None:
        """A channel has taken a message, at this wall time."""

    def message_failed(self, channel: str) -> None:
        """A message did not get through."""


class MemoryStore(Protocol):
    """See `camerad.office.jobs.alert_memory.AlertStore`."""

    def claimed(self) -> AbstractContextManager[bool]:
        """Exclude other servers."""

    def load(self) -> Mapping[str, Told]:
        """What was told."""

    def save(self, before: Memory, after: Memory) -> None:
        """Make of one memory the other."""


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
        store: MemoryStore,
        office: str,
        clock: Clock,
        watch: DeliveryWatch,
        unknown: Callable[[], frozenset[AlertKind]] = frozenset,
    ) -> None:
        self.channel: Final = channel
        self._present = present
        self._unknown = unknown
        self._settings = settings
        self._store = store
        self._office = office
        self._clock = clock
        self._watch = watch
        self._unsaved: Memory | None = None
        """What could not be written yet."""
        self._not_before_us = 0
        """Boot time before which nothing is sent again that did not get through."""
        self._failures = 0
        self._said = ""

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
            except StorageError:
                alone = True
            yield alone

    def _deliver(self, alerts: Sequence[Alert]) -> float:
        now_us = self._clock.wall_us()
        stored = self._load()
        before = stored or {}
        if self._unsaved is not None:
            before = alert_memory.merged(before, self._unsaved, now_us)
        looked = alert_memory.after_looking(before, alerts, now_us, self._unknown())
        memory, again = self._tell(looked, alerts, now_us)
        if stored is None:
            self._unsaved = memory  # the database may have more: it goes there later
        elif memory != stored:
            self._unsaved = memory
            self._store.save(stored, memory)
        if stored is not None:
            self._unsaved = None
        return again

    def _load(self) -> Memory | None:
        """What was told, by any server; None if that cannot be read."""
        try:
            return self._store.load()
        except StorageError as error:
            if self._unsaved is None:
                log.warning(
                    "%s; everything is told again", printable(error), extra=MessageId.ALERT.extra
                )
            return None

    def _tell(self, memory: Memory, alerts: Sequence[Alert], now_us: int) -> tuple[Memory, float]:
        """Send what is due; returns the memory after that, and when to look again."""
        daily = alert_memory.is_daily_due(memory, now_us, self._settings.daily_at)
        waits = not self.channel.at_once
        news = alert_memory.untold(memory, alerts, now_us, daily=daily and waits)
        if not daily and waits:
            news = tuple(one for one in news if one.at_once)
        if not news:
            if daily:
                memory = alert_memory.after_telling(memory, (), now_us, daily=True)
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
        self._failures, self._said = 0, ""
        if waits:
            log.info(
                "told by %s: %s: %s",
                self.channel.name,
                count(len(news), "alert"),
                message.subject,
                extra=MessageId.ALERT.extra,
            )
        self._watch.message_sent(self.channel.name, now_us)
        return alert_memory.after_telling(memory, news, now_us, daily=daily), CHECK_SECONDS

    def _fail(self, error: ChannelError) -> float:
        """Note that a message did not get through; returns when to try again."""
        pause = min(FIRST_RETRY_SECONDS << min(self._failures, 10), LAST_RETRY_SECONDS)
        self._failures += 1
        self._not_before_us = self._clock.now_us() + pause * SECOND
        self._watch.message_failed(self.channel.name)
        if str(error) != self._said:  # the log says it once, until it is something else
            self._said = str(error)
            log.warning(
                "people were not told, which is tried again: %s",
                printable(error),
                extra=MessageId.ALERT.extra,
            )
        return float(pause)
