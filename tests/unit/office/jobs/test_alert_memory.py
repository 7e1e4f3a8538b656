"""Each alert is sent once, and again only when it is due; a forgotten one is repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from alert_helpers import NOW_US, alert, office_facts

from camerad.base.clock import DAY, SECOND
from camerad.office.jobs.alert_memory import (
    DAILY,
    GONE_US,
    MESSAGE,
    AlertStore,
    Told,
    after_looking,
    after_telling,
    is_daily_due,
    merged,
    untold,
)
from camerad.office.jobs.alert_rules import AlertKind, decide
from camerad.office.server.alert_settings import NotifySettings
from camerad.office.state.database import Database
from camerad.office.state.state_tables import STATE

HOUR = DAY // 24
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


def test_what_was_told_is_told_again_after_its_days_and_not_before() -> None:
    assert untold({}, [ONE], NOW_US) == (ONE,)
    assert untold(told(), [ONE], NOW_US) == ()
    assert untold(told(), [ONE], NOW_US + 7 * DAY - 1) == ()
    assert untold(told(), [ONE], NOW_US + 7 * DAY) == (ONE,)


def test_where_it_waits_for_the_day_s_message_that_may_come_sooner_than_the_last_one() -> None:
    """As it does behind a late one, and on the day that has 23 hours."""
    urgent = alert(AlertKind.STORAGE_FULL, "one", again_days=1)
    waits = alert(about="two", again_days=1)
    memory = after_telling({}, [urgent, waits], NOW_US, daily=True)
    now_us = NOW_US + DAY - HOUR
    assert untold(memory, [urgent, waits], now_us, daily=True) == (waits,)
    assert untold(memory, [urgent, waits], now_us) == (), "in a log each has its own days"
    assert untold(memory, [waits], NOW_US + 11 * HOUR, daily=True) == ()
    back = after_looking(after_looking(told(), [], NOW_US + HOUR), [ONE], NOW_US + 2 * HOUR)
    assert untold(back, [ONE], now_us, daily=True) == (ONE,), "what came back too"


def test_what_is_something_else_is_told_at_once() -> None:
    other = alert(about="one", state="t")
    assert untold(told(), [other, alert(about="two")], NOW_US) == (other, alert(about="two"))


def test_what_is_told_more_often_from_now_on_is_told_by_the_new_days() -> None:
    daily = alert(about="one", state="s", again_days=1)
    assert untold(told(), [daily], NOW_US + DAY) == (daily,)


def test_by_a_clock_that_was_set_back_it_is_rather_told_again() -> None:
    assert untold(told(), [ONE], NOW_US - DAY) == ()
    assert untold(told(), [ONE], NOW_US - DAY - 1) == (ONE,)
    assert after_telling(told(), [], NOW_US - DAY - 1, daily=False) == {}


def went(memory: dict[str, Told], away_us: int, back_us: int) -> dict[str, Told]:
    """It was not so at one time, and is so again at another one."""
    return after_looking(after_looking(memory, [], away_us), [ONE], back_us)


def test_what_went_away_and_comes_back_is_told_again() -> None:
    memory = went(told(), NOW_US + 2 * DAY, NOW_US + 2 * DAY + GONE_US)
    assert untold(memory, [ONE], NOW_US + 2 * DAY + GONE_US) == (ONE,)
    # Told once more, it is what was told.
    again = after_telling(memory, [ONE], NOW_US + 3 * DAY, daily=False)
    assert untold(again, [ONE], NOW_US + 4 * DAY) == ()


def test_of_two_memories_that_counts_which_was_told_last() -> None:
    two = alert(about="two")
    first = after_telling(told(), [two], NOW_US + HOUR, daily=True)
    second = after_telling(told(), [ONE], NOW_US + 2 * HOUR, daily=False)
    now_us = NOW_US + 3 * HOUR
    both = merged(first, second, now_us)
    assert both == merged(second, first, now_us)
    assert both == {**first, ONE.key: second[ONE.key], MESSAGE: second[MESSAGE]}
    gone = after_looking(first, [], now_us)
    assert merged(first, gone, now_us) == gone, "of the same message, what was seen since"


@pytest.mark.parametrize("ahead_us", [HOUR, 3 * DAY])
def test_what_a_clock_that_was_ahead_has_written_displaces_nothing(ahead_us: int) -> None:
    two = alert(about="two")
    ahead = after_telling(told(), [ONE, two], NOW_US + ahead_us, daily=True)
    right = after_telling({}, [ONE], NOW_US, daily=True)
    for both in (merged(ahead, right, NOW_US), merged(right, ahead, NOW_US)):
        assert both == {**right, two.key: ahead[two.key]}


def test_what_comes_and_goes_is_told_once_a_day() -> None:
    memory, times = told(), 0
    for hour in range(1, 7 * 24):
        now_us = NOW_US + hour * HOUR
        present = [ONE] if hour % 2 == 0 else []
        memory = after_looking(memory, present, now_us)
        if untold(memory, present, now_us):
            times += 1
            memory = after_telling(memory, present, now_us, daily=False)
    assert times == 6, "a week has seven days, and on the first one it was told already"


def test_a_place_that_is_full_and_not_full_in_turns_is_told_twice_a_day() -> None:
    """Its percentage is of the free room as well, which goes up and down by the hour."""
    memory: dict[str, Told] = {}
    times = 0
    for minute in range(0, 3 * 24 * 60, 10):
        now_us = NOW_US + minute * HOUR // 60
        fills = (("cam-1", 99 + minute // 10 % 2),)
        facts = office_facts(apart_fills=fills)
        present = [
            one for one in decide(facts, NotifySettings()) if one.kind is AlertKind.APART_FILLS
        ]
        memory = after_looking(memory, present, now_us)
        news = untold(memory, present, now_us)
        times += bool(news)
        memory = after_telling(memory, news, now_us, daily=False)
    assert times <= 6


def test_what_was_missing_for_a_moment_was_never_gone() -> None:
    memory = went(told(), NOW_US + 2 * DAY, NOW_US + 2 * DAY + GONE_US - 1)
    assert memory == told()


def test_what_nobody_can_look_at_is_not_gone() -> None:
    assert after_looking(told(), [], NOW_US + DAY, {ONE.kind}) == told()


def test_a_memory_of_another_version_has_kinds_that_this_one_does_not_know() -> None:
    other = {"later:one": Told("", NOW_US, NOW_US + DAY)}
    assert after_looking(other, [], NOW_US, frozenset(AlertKind))["later:one"].gone_us


def test_what_went_away_is_forgotten_after_its_days() -> None:
    memory = after_telling(told(), [], NOW_US + 6 * DAY, daily=True)
    assert ONE.key in memory
    assert after_telling(memory, [], NOW_US + 7 * DAY, daily=True).keys() <= {MESSAGE, DAILY}


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


def exclude_each_other(one: AlertStore, other: AlertStore) -> None:
    with one.claimed() as held, other.claimed() as also:
        assert held and not also
    with other.claimed() as held:
        assert held


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_two_servers_share_a_channel_s_memory_and_one_tells_at_a_time(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/state.sqlite"
    if engine == "postgresql":
        url = request.getfixturevalue("postgresql").make()
    databases = [Database(url, STATE) for _ in range(2)]
    one, other = (
        AlertStore(lambda found=found: found, "smtp a@office.example")  # type: ignore[misc]
        for found in databases
    )
    try:
        assert one.load() == {}
        one.save({}, told())
        assert other.load() == told()
        assert AlertStore(lambda: databases[0], "log").load() == {}, "each channel has its own"
        exclude_each_other(one, other)
        other.save(told(), told(NOW_US + DAY))
        assert one.load() == told(NOW_US + DAY)
        one.save(one.load(), {})
        assert other.load() == {}
    finally:
        for database in databases:
            database.close()
