"""A channel gets each alert once, in time, through failures, restarts and a year."""

from __future__ import annotations

import logging
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

import pytest
from alert_helpers import (
    NOW_US,
    RememberingChannel,
    RememberingStore,
    alert,
    office_facts,
)

from camerad.base.clock import DAY, SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.office.jobs import alert_delivery, alert_memory
from camerad.office.jobs.alert_channels import LogChannel
from camerad.office.jobs.alert_delivery import (
    BETWEEN_SECONDS,
    CHECK_SECONDS,
    LAST_RETRY_SECONDS,
    AlertDelivery,
)
from camerad.office.jobs.alert_memory import DAILY_SLACK_US
from camerad.office.jobs.alert_rules import (
    AT_ONCE,
    Alert,
    AlertKind,
    CameraSeen,
    DatedRecording,
    StoreFacts,
    decide,
)
from camerad.office.server.alert_settings import NotifySettings
from camerad.store.discrepancies import DiscrepancyKind
from tests.breadth import breadth

HOUR = DAY // 24
URGENT = alert(AlertKind.STORAGE_FULL, "")
WAITS = alert(AlertKind.CAMERA_NOT_SEEN, "a")


class Counts:
    """Counts as the metrics do."""

    def __init__(self) -> None:
        self.sent = self.failed = 0

    def message_sent(self, channel: str, at_us: int) -> None:
        self.sent += 1

    def message_failed(self, channel: str) -> None:
        self.failed += 1


class Post:
    """A channel with its delivery. present: what is so."""

    def __init__(self, other: Post | None = None) -> None:
        self.channel = RememberingChannel() if other is None else other.channel
        self.store = RememberingStore() if other is None else other.store
        self.clock = ManualClock(now_us=DAY, wall_us=NOW_US)
        self.settings = NotifySettings()
        self.present: tuple[Alert, ...] | None = ()
        self.counts = Counts()
        self.restart()

    def restart(self) -> None:
        self.delivery = AlertDelivery(
            self.channel,
            lambda: self.present,
            self.settings,
            store=self.store,
            office="https://office.example",
            clock=self.clock,
            watch=self.counts,
        )

    def deliver(self, *present: Alert) -> float:
        self.present = present
        return self.delivery.deliver()


@pytest.fixture
def post() -> Post:
    """Its day's message was sent already."""
    made = Post()
    made.deliver()
    return made


def test_nothing_is_sent_before_somebody_has_looked(post: Post) -> None:
    post.present = None
    assert post.delivery.deliver() == CHECK_SECONDS
    assert post.channel.sent == []


def test_what_cannot_wait_goes_at_once_and_the_rest_once_a_day(post: Post) -> None:
    post.deliver(URGENT, WAITS)
    assert post.channel.keys == [[URGENT.key]]
    post.clock.advance(DAY)
    post.deliver(URGENT, WAITS)
    assert post.channel.keys == [[URGENT.key], [WAITS.key]]
    post.clock.advance(DAY)
    post.deliver(URGENT, WAITS)
    assert len(post.channel.sent) == 2, "both are known"
    assert (post.counts.sent, post.counts.failed) == (2, 0)


def test_a_flood_is_one_message_in_ten_minutes(post: Post) -> None:
    many = [alert(AlertKind.PUT_APART, str(number)) for number in range(100)]
    for number in range(100):
        post.deliver(*many[: number + 1])
        post.clock.advance(20 * SECOND)
    # 2,000 s are three times ten minutes and something.
    assert len(post.channel.sent) == 4
    post.clock.advance(BETWEEN_SECONDS * SECOND)
    post.deliver(*many)
    assert sorted(key for keys in post.channel.keys for key in keys) == sorted(
        one.key for one in many
    )


def test_a_channel_that_fails_gets_it_when_it_works_again(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    post.channel.broken = "no such server"
    pauses = []
    with caplog.at_level(logging.WARNING):
        for _ in range(9):
            pause = post.deliver(URGENT)
            pauses.append(pause)
            post.clock.advance(round(pause * SECOND))
    assert pauses[:3] == [60, 120, 240]
    assert max(pauses) == LAST_RETRY_SECONDS
    assert caplog.text.count("no such server") == 1, "said once until it is something else"
    post.channel.broken = "another reason"
    with caplog.at_level(logging.WARNING):
        post.deliver(URGENT)
    assert caplog.text.count("another reason") == 1
    assert post.counts.failed == 10
    post.channel.broken = ""
    post.clock.advance(LAST_RETRY_SECONDS * SECOND)
    post.deliver(URGENT)
    assert post.channel.keys == [[URGENT.key]]


def test_what_was_sent_is_known_after_a_restart_and_a_lost_memory_repeats(post: Post) -> None:
    post.deliver(URGENT)
    post.restart()
    post.clock.advance(HOUR)
    post.deliver(URGENT)
    assert len(post.channel.sent) == 1
    post.store.told = {}
    post.restart()
    post.deliver(URGENT)
    assert len(post.channel.sent) == 2


def test_a_memory_that_cannot_be_written_floods_nobody_and_is_written_later(post: Post) -> None:
    post.store.full = "no room"
    for _ in range(2):
        with pytest.raises(StorageError):
            post.deliver(URGENT)
        post.clock.advance(HOUR)
    assert len(post.channel.sent) == 1
    with pytest.raises(StorageError):
        post.deliver()  # that it is over has to be remembered
    post.store.full = ""
    post.deliver(URGENT)
    post.restart()
    post.deliver(URGENT)
    assert len(post.channel.sent) == 1


def test_a_memory_that_cannot_be_read_for_a_moment_is_not_replaced(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    apart = alert(AlertKind.PUT_APART, "b")
    post.deliver(URGENT, apart)
    post.clock.advance(HOUR)
    post.store.unread = "an error of the storage"
    post.deliver(URGENT)
    post.clock.advance(60 * SECOND)
    post.deliver(URGENT)
    assert post.channel.keys[1:] == [[URGENT.key]], "told again, and once"
    assert caplog.text.count("told again") == 1
    post.store.unread = ""
    post.deliver(URGENT, apart)
    post.restart()
    post.clock.advance(DAY - HOUR)
    post.deliver(URGENT, apart)
    assert len(post.channel.sent) == 2, "the database knows what was told before and meanwhile"


@pytest.mark.parametrize("ahead_us", [HOUR, 3 * DAY])
def test_a_clock_that_was_ahead_floods_nobody_while_nothing_can_be_written(
    post: Post, ahead_us: int
) -> None:
    post.clock.step_wall(ahead_us)
    post.deliver(alert(AlertKind.PUT_APART, "a", state="1"))
    post.clock.step_wall(-ahead_us)
    post.store.full = "no room"
    for _ in range(30):
        with pytest.raises(StorageError):
            post.deliver(alert(AlertKind.PUT_APART, "a", state="2"))
        post.clock.advance(60 * SECOND)
    assert len(post.channel.sent) == 2


def test_what_could_not_be_remembered_displaces_nothing_that_another_server_did(
    post: Post,
) -> None:
    other = Post(post)
    apart = alert(AlertKind.PUT_APART, "b")
    post.store.full = "no room"
    with pytest.raises(StorageError):
        post.deliver(URGENT)
    post.store.full = ""
    other.clock.advance(HOUR)
    other.deliver(apart)
    post.clock.advance(2 * HOUR)
    post.deliver(URGENT, apart)
    other.clock.advance(2 * HOUR)
    other.deliver(URGENT, apart)
    assert post.channel.keys == [[URGENT.key], [apart.key]]


def test_of_several_servers_one_tells(post: Post) -> None:
    other = Post(post)
    post.deliver(URGENT)
    other.deliver(URGENT)
    assert len(post.channel.sent) == 1
    other.clock.advance(SECOND)
    other.deliver(URGENT, alert(AlertKind.PUT_APART, "b"))
    assert len(post.channel.sent) == 1, "ten minutes are for both"
    post.store.taken = True
    other.clock.advance(DAY)
    assert other.deliver(URGENT, WAITS) == CHECK_SECONDS
    assert len(post.channel.sent) == 1, "another one is at it"
    post.store.taken = False
    other.deliver(URGENT, WAITS)
    assert post.channel.keys[1:] == [[WAITS.key]]


def days_told(post: Post, days: int, late: Callable[[datetime], bool], one: Alert) -> list[int]:
    """The days of the month on which it is told, from a day before its first one. late: whether
    the mail server is away at that local time."""
    found = []
    end_us = post.clock.wall_us() + days * DAY
    while (now_us := post.clock.wall_us()) < end_us:
        local = datetime.fromtimestamp(now_us / SECOND)
        post.channel.broken = "away" if late(local) else ""
        before = len(post.channel.sent)
        pause = post.deliver(one)
        found += [local.day] * (len(post.channel.sent) - before)
        # A thread wakes a little late, and not always by as much.
        post.clock.advance(round(pause * SECOND) + local.minute * 1000)
    return found


@pytest.mark.parametrize("hours", [0, 2, 10])
def test_what_is_told_every_day_is_told_on_the_day_behind_a_late_message_too(
    post: Post, hours: int
) -> None:
    first = datetime.fromtimestamp(post.clock.wall_us() / SECOND).day + 1
    daily = alert(AlertKind.CERTIFICATE_ENDS, again_days=1)

    def late(local: datetime) -> bool:
        return local.day == first and local.hour < 7 + hours

    assert days_told(post, 6, late, daily) == [first + number for number in range(6)]


def test_the_log_gets_what_nobody_else_logs_at_once_and_in_english(
    caplog: pytest.LogCaptureFixture,
) -> None:
    post = Post()
    post.channel = LogChannel()  # type: ignore[assignment]
    post.settings = NotifySettings(language="de")
    post.restart()
    apart = alert(AlertKind.PUT_APART, "x", recording="REC")
    with caplog.at_level(logging.INFO):
        post.deliver(URGENT, apart)
        post.deliver(URGENT, apart)
    (said,) = [one.message for one in caplog.records]
    assert said.startswith("The storage takes nothing more: "), "the headline as well"
    assert "(receive.reserve_gib)" in said, "quarantined: ingest has logged it"


def test_what_went_away_and_comes_back_is_told_again_at_most_once_a_day(post: Post) -> None:
    low = alert(AlertKind.PUT_APART, "cam-1:a")
    post.deliver(low)
    for _ in range(8):  # 12 hours there, 12 hours not
        post.clock.advance(DAY // 2)
        post.deliver()
        post.clock.advance(DAY // 2)
        post.restart()
        post.deliver(low)
    assert len(post.channel.sent) == 9


# ------------------------------------------------------------------------------------ a year

STEP_US = HOUR


class YearOfAlerts:
    """An office's year: recordings come and go, cameras stay away, the certificate ends, and the
    server and its mail fail now and then."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.post = Post()
        self.seen = dict.fromkeys(("cam-1", "cam-2", "cam-3"), NOW_US)
        self.away_until = dict.fromkeys(self.seen, 0)
        self.marked: list[DatedRecording] = []
        self.apart: list[tuple[str, str]] = []
        self.changed: list[str] = []
        self.free = 50
        self.down_until = self.broken_until = 0
        self.outages: list[int] = []
        """Times at which nothing could be told."""
        self.told: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.present: dict[tuple[str, str], tuple[Alert, int]] = {}
        self.gone: set[tuple[str, str]] = set()
        """What the server saw to be over since it told it."""
        self.lost = 0

    def live(self, days: int) -> None:
        end_us = NOW_US + days * DAY
        while (now_us := self.post.clock.wall_us()) < end_us:
            self._happen(now_us)
            alerts = decide(self._facts(now_us), self.post.settings)
            self._note(alerts, now_us)
            if now_us < self.down_until:
                self.outages.append(now_us)
            else:
                self._deliver(alerts, now_us)
            self.post.clock.advance(STEP_US)

    def _chance(self, per_day: float, happen: Callable[[], None]) -> None:
        if self.random.random() < per_day * STEP_US / DAY:
            happen()

    def _happen(self, now_us: int) -> None:
        number = self.random.randrange(10**6)
        name = self.random.choice(list(self.seen))
        self._chance(
            0.5, lambda: self.marked.append(DatedRecording(f"m{number}", name, now_us + 14 * DAY))
        )
        self._chance(0.02, lambda: self.apart.append((name, f"a{number}")))
        self._chance(0.02, self.apart.clear)
        self._chance(0.01, lambda: self.changed.append(f"c{number}"))
        self._chance(0.03, self.changed.clear)
        self._chance(0.2, lambda: setattr(self, "free", self.random.choice([50, 50, 8, 3])))
        self._chance(0.05, lambda: self.away_until.update({name: now_us + 20 * DAY}))
        self._chance(0.1, lambda: setattr(self, "down_until", now_us + 2 * HOUR))
        self._chance(0.05, lambda: setattr(self, "broken_until", now_us + 10 * HOUR))
        self._chance(0.2, self.post.restart)
        for one in self.seen:
            if now_us >= self.away_until[one]:
                self._chance(3, lambda one=one: self.seen.update({one: now_us}))
        self.marked = [one for one in self.marked if one.due_us > now_us]

    def _facts(self, now_us: int):  # type: ignore[no-untyped-def]
        return office_facts(
            now_us=now_us,
            store=StoreFacts(
                now_us,
                marked=tuple(self.marked),
                differences=tuple((DiscrepancyKind.CHANGED, one) for one in self.changed),
            ),
            apart=tuple(self.apart),
            cameras=tuple(CameraSeen(one, one, at_us) for one, at_us in self.seen.items()),
            free=self.free,
            certificate_end_us=NOW_US + 300 * DAY,
        )

    def _note(self, alerts: tuple[Alert, ...], now_us: int) -> None:
        there = {(one.key, one.state): one for one in alerts}
        for what, one in there.items():
            self.present.setdefault(what, (one, now_us))
        for what in set(self.present) - set(there):
            del self.present[what]
        for what, (one, since_us) in self.present.items():
            last_us = max([since_us, *self.told[what]])
            if self.told[what]:
                last_us = max(last_us, self.told[what][-1] + self._days(what, one) * DAY)
            # Until the next day's message, or ten minutes; and all the time that nothing got out,
            # with the last pause before it is tried again.
            patience = 15 * 60 * SECOND if one.at_once else DAY
            out = len(self.outages) - bisect_left(self.outages, last_us - HOUR)
            if out:
                patience += out * STEP_US + 2 * HOUR
            assert now_us - last_us <= patience + 2 * STEP_US, f"{one} was forgotten"

    def _days(self, what: tuple[str, str], one: Alert) -> int:
        """Until it is told again: what came back need not wait for all of its days."""
        return 1 if what in self.gone else one.again_days

    def _deliver(self, alerts: tuple[Alert, ...], now_us: int) -> None:
        broken = now_us < self.broken_until
        self.post.channel.broken = "down" if broken else ""
        if broken:
            self.outages.append(now_us)
        before = len(self.post.channel.sent)
        self.post.deliver(*alerts)
        keys = {one.key for one in alerts}
        self.gone |= {what for what, times in self.told.items() if times and what[0] not in keys}
        for message in self.post.channel.sent[before:]:
            for one in message.alerts:
                what = (one.key, one.state)
                times = self.told[what]
                again_us = self._days(what, one) * DAY - (0 if one.at_once else DAILY_SLACK_US)
                assert not times or now_us - times[-1] >= again_us, f"{one} twice"
                times.append(now_us)
                self.gone.discard(what)


@pytest.mark.breadth
@pytest.mark.parametrize("seed", range(breadth(1, 50)))
def test_through_a_year_nothing_is_told_twice_and_nothing_is_forgotten(seed: int) -> None:
    year = YearOfAlerts(seed)
    year.live(365)
    kinds = {key.partition(":")[0] for key, _ in year.told if year.told[key, _]}
    assert len(kinds) >= 6, "most kinds come up in a year"
    at_once = sum(
        len(times)
        for (key, _), times in year.told.items()
        if key.partition(":")[0] in {str(kind) for kind in AT_ONCE}
    )
    assert len(year.post.channel.sent) <= 365 + at_once, "one a day, and what could not wait"


def test_the_year_notices_a_memory_that_tells_twice_and_one_that_keeps_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The judge of the test before would fail."""
    with monkeypatch.context() as patched:
        patched.setattr(alert_delivery.alert_memory, "untold", lambda _, alerts, *__, **___: alerts)
        with pytest.raises(AssertionError, match="twice"):
            YearOfAlerts(0).live(60)
    right = alert_memory.untold
    with monkeypatch.context() as patched:
        patched.setattr(
            alert_delivery.alert_memory, "untold", lambda *what, **how: right(*what, **how)[:1]
        )
        with pytest.raises(AssertionError, match="forgotten"):
            YearOfAlerts(0).live(300)
