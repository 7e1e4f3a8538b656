"""A channel gets each alert once, in time, through failures, restarts and a year."""

from __future__ import annotations

import logging
import random
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from alert_helpers import (
    NOW_US,
    RememberingChannel,
    RememberingStore,
    alert,
    office_facts,
)
from prometheus_client import CollectorRegistry

from camerad.base.clock import DAY, SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.office.jobs.alert_channels import LogChannel
from camerad.office.jobs.alert_delivery import (
    BETWEEN_SECONDS,
    CHECK_SECONDS,
    DAILY,
    DAILY_SLACK_US,
    GONE_US,
    LAST_RETRY_SECONDS,
    MESSAGE,
    AlertDelivery,
    AlertStore,
    Told,
    after_looking,
    after_telling,
    is_daily_due,
    untold,
)
from camerad.office.jobs.alert_rules import (
    Alert,
    AlertKind,
    CameraSeen,
    DatedRecording,
    StoreFacts,
    decide,
)
from camerad.office.jobs.job_metrics import JobMetrics
from camerad.office.server.alert_settings import NotifySettings
from camerad.office.server.state_import import open_state
from camerad.office.state.database_settings import IndexSettings
from camerad.store.discrepancies import DiscrepancyKind
from tests.breadth import breadth

HOUR = DAY // 24
URGENT = alert(AlertKind.STORAGE_FULL, "")
WAITS = alert(AlertKind.CAMERA_NOT_SEEN, "a")


class Post:
    """A channel with its delivery. present: what is so."""

    def __init__(self, other: Post | None = None) -> None:
        self.channel = RememberingChannel() if other is None else other.channel
        self.store = RememberingStore() if other is None else other.store
        self.clock = ManualClock(now_us=DAY, wall_us=NOW_US)
        self.settings = NotifySettings()
        self.present: tuple[Alert, ...] | None = ()
        self.restart()

    def restart(self) -> None:
        self.metrics = CollectorRegistry()
        self.delivery = AlertDelivery(
            self.channel,
            lambda: self.present,
            self.settings,
            store=self.store,
            office="https://office.example",
            clock=self.clock,
            metrics=JobMetrics(self.metrics),
        )

    def counted(self, what: str) -> float | None:
        """How many messages, by the metrics."""
        return self.metrics.get_sample_value(
            f"camerad_office_messages_{what}_total", {"channel": "post"}
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


def test_nothing_is_sent_before_the_first_look(post: Post) -> None:
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
    assert (post.counted("sent"), post.counted("failed")) == (2, None)


def test_a_flood_is_one_message_in_ten_minutes(post: Post) -> None:
    many = [alert(AlertKind.QUARANTINED, str(number)) for number in range(100)]
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
    assert post.counted("failed") == 10
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


def test_a_memory_that_cannot_be_written_causes_no_flood_and_is_written_later(post: Post) -> None:
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
    quarantined = alert(AlertKind.QUARANTINED, "b")
    post.deliver(URGENT, quarantined)
    post.clock.advance(HOUR)
    post.store.unread = "an error of the storage"
    post.deliver(URGENT)
    post.clock.advance(60 * SECOND)
    post.deliver(URGENT)
    assert post.channel.keys[1:] == [[URGENT.key]], "told again, and once"
    assert caplog.text.count("told again") == 1
    post.store.unread = ""
    post.deliver(URGENT, quarantined)
    post.restart()
    post.clock.advance(DAY - HOUR)
    post.deliver(URGENT, quarantined)
    assert len(post.channel.sent) == 2, "the database knows what was told before and meanwhile"


@pytest.mark.parametrize("ahead_us", [HOUR, 3 * DAY])
def test_a_clock_that_was_ahead_causes_no_flood_while_nothing_can_be_written(
    post: Post, ahead_us: int
) -> None:
    post.clock.step_wall(ahead_us)
    post.deliver(alert(AlertKind.QUARANTINED, "a", state="1"))
    post.clock.step_wall(-ahead_us)
    post.store.full = "no room"
    for _ in range(30):
        with pytest.raises(StorageError):
            post.deliver(alert(AlertKind.QUARANTINED, "a", state="2"))
        post.clock.advance(60 * SECOND)
    assert len(post.channel.sent) == 2


def test_what_could_not_be_remembered_displaces_nothing_that_another_server_did(
    post: Post,
) -> None:
    other = Post(post)
    quarantined = alert(AlertKind.QUARANTINED, "b")
    post.store.full = "no room"
    with pytest.raises(StorageError):
        post.deliver(URGENT)
    post.store.full = ""
    other.clock.advance(HOUR)
    other.deliver(quarantined)
    post.clock.advance(2 * HOUR)
    post.deliver(URGENT, quarantined)
    other.clock.advance(2 * HOUR)
    other.deliver(URGENT, quarantined)
    assert post.channel.keys == [[URGENT.key], [quarantined.key]]


def test_of_several_servers_one_tells(post: Post) -> None:
    other = Post(post)
    post.deliver(URGENT)
    other.deliver(URGENT)
    assert len(post.channel.sent) == 1
    other.clock.advance(SECOND)
    other.deliver(URGENT, alert(AlertKind.QUARANTINED, "b"))
    assert len(post.channel.sent) == 1, "ten minutes are for both"
    post.store.taken = True
    other.clock.advance(DAY)
    assert other.deliver(URGENT, WAITS) == CHECK_SECONDS
    assert len(post.channel.sent) == 1, "another one is at it"
    post.store.taken = False
    other.deliver(URGENT, WAITS)
    assert post.channel.keys[1:] == [[WAITS.key]]


def test_the_log_gets_what_no_other_part_logs_at_once_and_in_english(
    caplog: pytest.LogCaptureFixture,
) -> None:
    post = Post()
    post.channel = LogChannel()  # type: ignore[assignment]
    post.settings = NotifySettings(language="de")
    post.restart()
    kinds = ("QUARANTINED", "NOT_AUTHENTIC", "DELETION_BLOCKED", "REPLICAS")
    logged = [alert(AlertKind[one], "x", detail="missing") for one in kinds]
    with caplog.at_level(logging.INFO):
        post.deliver(URGENT, *logged)
        post.deliver(URGENT, *logged)
    (said,) = [one.message for one in caplog.records]
    assert said.startswith("The storage takes nothing more: "), "the headline as well"
    assert "(receive.reserve_gib)" in said, "of the others their finders have logged more"


# ------------------------------------------------------------------------------------ the memory

ONE = alert(about="one", state="s")


def told(now_us: int = NOW_US) -> dict[str, Told]:
    return after_telling({}, [ONE], now_us, daily=False)


def daily_at(at_us: int) -> dict[str, Told]:
    """The day's message was sent then."""
    return {DAILY: Told("", at_us, at_us + 999 * DAY)}


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def went(away_us: int, back_us: int) -> dict[str, Told]:
    """It was told, was not so at one time, and is so again at another one."""
    return after_looking(after_looking(told(), [], away_us), [ONE], back_us)


@pytest.mark.parametrize(
    ("memory", "one", "after_us", "is_told"),
    [
        pytest.param({}, ONE, 0, True, id="new"),
        pytest.param(told(), ONE, 0, False, id="told"),
        pytest.param(told(), ONE, 7 * DAY - 1, False, id="not for its days"),
        pytest.param(told(), ONE, 7 * DAY, True, id="again after them"),
        pytest.param(told(), alert(about="one", state="t"), 0, True, id="another state"),
        pytest.param(told(), alert(about="two"), 0, True, id="another one"),
        pytest.param(
            told(), alert(about="one", state="s", again_days=1), DAY, True, id="more often now"
        ),
        pytest.param(told(), ONE, -DAY, False, id="a clock that was set back a little"),
        pytest.param(told(), ONE, -DAY - 1, True, id="or more: rather again"),
        pytest.param(
            went(NOW_US + 2 * DAY, NOW_US + 2 * DAY + GONE_US), ONE, 3 * DAY, True, id="back"
        ),
        pytest.param(
            went(NOW_US + 2 * DAY, NOW_US + 2 * DAY + GONE_US - 1),
            ONE,
            3 * DAY,
            False,
            id="missing for a moment",
        ),
        pytest.param(
            after_looking(told(), [], NOW_US + DAY, {ONE.kind}), ONE, 3 * DAY, False, id="unknown"
        ),
    ],
)
def test_it_is_told_when_it_is_new_or_due(
    memory: dict[str, Told], one: Alert, after_us: int, is_told: bool
) -> None:
    now_us = NOW_US + after_us
    assert bool(untold(memory, [one], now_us)) is is_told
    again = after_telling(memory, [one], now_us, daily=False)
    assert untold(again, [one], now_us + DAY - 1) == (), "what is told is known"


def test_where_it_waits_for_the_day_s_message_that_may_come_sooner_than_the_last_one() -> None:
    """As it does behind a late one, and on the day that has 23 hours."""
    urgent = alert(AlertKind.STORAGE_FULL, "one", again_days=1)
    waits = alert(about="two", again_days=1)
    memory = after_telling({}, [urgent, waits], NOW_US, daily=True)
    now_us = NOW_US + DAY - HOUR
    assert untold(memory, [urgent, waits], now_us, daily=True) == (waits,)
    assert untold(memory, [urgent, waits], now_us) == (), "in a log each has its own days"
    assert untold(memory, [waits], NOW_US + 11 * HOUR, daily=True) == ()
    back = went(NOW_US + HOUR, NOW_US + 2 * HOUR)
    assert untold(back, [ONE], now_us, daily=True) == (ONE,), "what came back too"


@pytest.mark.parametrize("percents", [(0, 100), (99, 100)], ids=["comes and goes", "full or not"])
def test_what_changes_by_the_hour_is_told_twice_a_day_at_most(percents: tuple[int, int]) -> None:
    """The percentage is of the free room as well, which goes up and down."""
    memory: dict[str, Told] = {}
    times = 0
    for hour in range(3 * 24):
        now_us = NOW_US + hour * HOUR
        facts = office_facts(quarantine_fills=(("cam-1", percents[hour % 2]),))
        present = decide(facts, NotifySettings())
        memory = after_looking(memory, present, now_us)
        news = untold(memory, present, now_us)
        times += bool(news)
        memory = after_telling(memory, news, now_us, daily=False)
    assert 3 <= times <= 6


def test_what_is_over_or_of_another_version_is_forgotten_after_its_days() -> None:
    other = {"later:one": Told("", NOW_US, NOW_US + DAY)}
    assert after_looking(other, [], NOW_US, frozenset(AlertKind))["later:one"].gone_us
    memory = after_telling({**told(), **other}, [], NOW_US + 6 * DAY, daily=True)
    assert memory.keys() == {ONE.key, MESSAGE, DAILY}
    assert after_telling(memory, [], NOW_US + 7 * DAY, daily=True).keys() == {MESSAGE, DAILY}
    assert after_telling(told(), [], NOW_US - DAY - 1, daily=False) == {}, "from the future"


def test_the_day_s_message_is_due_once_a_day_and_late_rather_than_never(berlin: None) -> None:
    at = round(datetime(2026, 11, 24, 7, 0).astimezone().timestamp()) * SECOND
    assert is_daily_due(daily_at(at - DAY), at, "07:00")
    assert not is_daily_due(daily_at(at - DAY), at - 1, "07:00")
    assert not is_daily_due(daily_at(at), at + DAY - 1, "07:00")
    assert is_daily_due(daily_at(at), at + 3 * DAY + HOUR, "07:00")
    assert is_daily_due({}, at - HOUR, "07:00")
    assert is_daily_due(daily_at(at + 2 * DAY), at + HOUR, "07:00"), "from the future"


def test_the_day_on_which_clocks_are_set_has_one_message_too(berlin: None) -> None:
    """29 March 2026 has 23 hours, 25 October has 25."""
    for day in (datetime(2026, 3, 29), datetime(2026, 10, 25)):
        sent = 0
        before = datetime(day.year, day.month, day.day - 1, 7, 0, 30)
        memory = daily_at(round(before.timestamp()) * SECOND)
        for minutes in range(0, 26 * 60, 10):
            now_us = round(day.timestamp() * SECOND) + minutes * 60 * SECOND
            local = datetime.fromtimestamp(now_us / SECOND)
            if local.date() == day.date() and is_daily_due(memory, now_us, "07:00"):
                assert local.hour == 7
                sent += 1
                memory = after_telling(memory, [], now_us, daily=True)
        assert sent == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_two_servers_share_a_channel_s_memory_and_one_tells_at_a_time(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    url = None if engine == "sqlite" else request.getfixturevalue("postgresql").make()
    states = [open_state(IndexSettings(url), str(tmp_path)) for _ in range(2)]
    one, other = (AlertStore(state, "smtp a@office.example") for state in states)
    try:
        assert one.load() == {}
        one.save({}, told())
        assert other.load() == told()
        assert AlertStore(states[0], "log").load() == {}, "each channel has its own"
        with one.claimed() as held, other.claimed() as also:
            assert held and not also
        with other.claimed() as held:
            assert held
        other.save(told(), told(NOW_US + DAY))
        assert one.load() == told(NOW_US + DAY)
        one.save(one.load(), {})
        assert other.load() == {}
    finally:
        for state in states:
            state.close()


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
        self.quarantined: list[tuple[str, str]] = []
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
        self._chance(0.02, lambda: self.quarantined.append((name, f"a{number}")))
        self._chance(0.02, self.quarantined.clear)
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
            quarantined=tuple(self.quarantined),
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
        if alert(AlertKind(key.partition(":")[0])).at_once
    )
    assert len(year.post.channel.sent) <= 365 + at_once, "one a day, and what could not wait"
