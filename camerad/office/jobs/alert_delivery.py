"""Gives alerts to one channel, and goes on trying until it has taken them.

What cannot wait goes at once, but no channel gets more than one message in ten minutes. All the
rest goes once a day. What does not get through is tried again: in a minute at first, in an hour at
last. By then the message says what is so by then. Where only some people could not be given it for
the moment, they alone are, as it was, for `REST_SECONDS`, or until this process ends. A channel has
its own memory and its own thread (`camerad.office.jobs.periodic_job`), so one that fails delays
no other one, and nothing else. Of several servers on one directory one tells what is new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.state_file import StateFileError
from camerad.base.text import count, printable
from camerad.office.jobs import alert_memory
from camerad.office.jobs.alert_channels import Channel, ChannelError, PartlySentError
from camerad.office.jobs.alert_memory import AlertMemory
from camerad.office.jobs.alert_message import compose
from camerad.office.jobs.alert_rules import Alert, AlertKind
from camerad.office.server.alert_settings import NotifySettings
from camerad.office.server.start_check import NotMountedError

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 60.0
BETWEEN_SECONDS: Final = 600
"""Between two messages of a channel that does not take everything at once."""
FIRST_RETRY_SECONDS: Final = 60
LAST_RETRY_SECONDS: Final = 3600
REST_SECONDS: Final = 5 * 86400
"""As long as mail servers try (RFC 5321, 4.5.4.1)."""


class DeliveryWatch(Protocol):
    """Counts what became of messages, for the metrics."""

    def message_sent(self, channel: str, at_us: int) -> None:
        """A channel has taken a message, at this wall time."""

    def message_failed(self, channel: str) -> None:
        """A message did not get through."""


class _Rest(NamedTuple):
    """A message that some people lack. again: gives it to them. not_before_us, until_us: boot time.
    said: why they lack it."""

    again: Callable[[], None]
    not_before_us: int
    until_us: int
    failures: int
    said: str


class AlertDelivery:
    """One channel's. present: the alerts at present, the gravest first; None as long as nobody has
    looked yet. unknown: kinds of which nobody can say that at present. memory_path: where its
    memory is kept. office: the server's address. there: raises NotMountedError while the office's
    directory is not there; then nothing is made in its place, and people are told all the same. One
    thread uses it."""

    def __init__(
        self,
        channel: Channel,
        present: Callable[[], Sequence[Alert] | None],
        settings: NotifySettings,
        *,
        memory_path: str,
        office: str,
        clock: Clock,
        watch: DeliveryWatch,
        unknown: Callable[[], frozenset[AlertKind]] = frozenset,
        there: Callable[[], None] = lambda: None,
    ) -> None:
        self._there = there
        self.channel: Final = channel
        self._present = present
        self._unknown = unknown
        self._settings = settings
        self._path = memory_path
        self._office = office
        self._clock = clock
        self._watch = watch
        self._unsaved: AlertMemory | None = None
        """What could not be written yet."""
        self._unread = False
        """Whether the memory's file is there, perhaps in order, and could not be read just now."""
        self._not_before_us = 0
        """Boot time before which nothing is sent again that did not get through."""
        self._failures = 0
        self._said = ""
        self._rests: list[_Rest] = []
        """Each of a message: of five days, with ten minutes between two."""

    def deliver(self) -> float:
        """Send what is due; returns after how many seconds to look again. Raises StorageError if it
        cannot remember what it sent: within this process it does all the same."""
        alerts = self._present()
        if alerts is None:
            return CHECK_SECONDS
        try:
            self._there()
        except NotMountedError:
            return self._deliver(alerts)
        try:
            with alert_memory.claimed(self._path):
                return self._deliver(alerts)
        except BlockingIOError:
            return CHECK_SECONDS  # another server tells just now

    def _deliver(self, alerts: Sequence[Alert]) -> float:
        self._give_rest()
        now_us = self._clock.wall_us()
        before = self._known(now_us)
        looked = alert_memory.after_looking(before, alerts, now_us, self._unknown())
        memory, again = self._tell(looked, alerts, now_us)
        if self._unread:
            self._unsaved = memory  # the file may have more: it goes there once that can be read
        elif memory != before or self._unsaved is not None:
            self._unsaved = memory
            alert_memory.save(self._path, memory)
            self._unsaved = None
        return again

    def _tell(
        self, memory: AlertMemory, alerts: Sequence[Alert], now_us: int
    ) -> tuple[AlertMemory, float]:
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
        since_us = now_us - memory.sent_us
        if waits and 0 <= since_us < BETWEEN_SECONDS * SECOND:
            left_us = max(left_us, BETWEEN_SECONDS * SECOND - since_us)
        if left_us > 0:
            return memory, left_us / SECOND
        language = self._settings.language if waits else "en"
        message = compose(news, language, self._office)
        try:
            self.channel.send(message)
        except PartlySentError as error:
            self._keep(error, error.again, None)
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

    def _known(self, now_us: int) -> AlertMemory:
        """What was told, by whichever server, and what this one could not write."""
        self._unread = False
        try:
            known = alert_memory.load(self._path)
        except StorageError as error:
            self._unread = not isinstance(error, StateFileError)
            if self._unsaved is None:
                log.warning(
                    "%s; everything is told again", printable(error), extra=MessageId.ALERT.extra
                )
                # Even if nothing can be written: it is not told again with every look.
                self._unsaved = AlertMemory()
            return self._unsaved
        if self._unsaved is None:
            return known
        return alert_memory.merged(known, self._unsaved, now_us)

    def _give_rest(self) -> None:
        """Give people what they lack: of one message, since that may take its time."""
        now_us = self._clock.now_us()
        rest = next((one for one in self._rests if one.not_before_us <= now_us), None)
        if rest is None:
            return
        self._rests.remove(rest)
        try:
            rest.again()
        except PartlySentError as error:
            self._keep(error, error.again, rest)
        except ChannelError as error:
            self._keep(error, rest.again, rest)
        else:
            log.info(
                "told by %s: those who lacked a message",
                self.channel.name,
                extra=MessageId.ALERT.extra,
            )

    def _keep(
        self, error: ChannelError, again: Callable[[], None] | None, rest: _Rest | None
    ) -> None:
        """Note that some people lack a message. again: gives it to those who may take it later.
        rest: what was tried; None at first."""
        now_us = self._clock.now_us()
        failures = 0 if rest is None else rest.failures + 1
        until_us = now_us + REST_SECONDS * SECOND if rest is None else rest.until_us
        yet = again is not None and now_us < until_us
        if not yet or rest is None or str(error) != rest.said:
            _warn("not everybody was told yet" if yet else "not everybody was told", error)
        if again is not None and yet:
            not_before_us = now_us + _pause(failures) * SECOND
            self._rests.append(_Rest(again, not_before_us, until_us, failures, str(error)))

    def _fail(self, error: ChannelError) -> float:
        """Note that a message did not get through."""
        pause = _pause(self._failures)
        self._failures += 1
        self._not_before_us = self._clock.now_us() + pause * SECOND
        self._watch.message_failed(self.channel.name)
        if str(error) != self._said:  # the log says it once, until it is something else
            self._said = str(error)
            _warn("people were not told, which is tried again", error)
        return float(pause)


def _warn(what: str, error: ChannelError) -> None:
    log.warning("%s: %s", what, printable(error), extra=MessageId.ALERT.extra)


def _pause(failures: int) -> int:
    """Seconds until it is tried again. failures: earlier ones."""
    return min(FIRST_RETRY_SECONDS << min(failures, 10), LAST_RETRY_SECONDS)
