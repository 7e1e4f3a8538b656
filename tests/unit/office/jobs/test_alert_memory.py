"""Each alert is told once, and again only when it should be; what is forgotten is repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from alert_helpers import NOW_US, alert, office_facts

from camerad.base.clock import DAY, SECOND
from camerad.base.state_file import StateFileError
from camerad.office.jobs import alert_memory
from camerad.office.jobs.alert_memory import (
    GONE_US,
    AlertMemory,
    Told,
    after_looking,
    after_telling,
    is_daily_due,
    merged,
    untold,
)
from camerad.office.jobs.alert_rules import AlertKind, decide
from camerad.office.server.alert_settings import NotifySettings

HOUR = DAY // 24
ONE = alert(about="one", state="s")


def told(now_us: int = NOW_US) -> AlertMemory:
    return after_telling(AlertMemory(), [ONE], now_us, daily=False)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_what_was_told_is_told_again_after_its_days_and_not_before() -> None:
    assert untold(AlertMemory(), [ONE], NOW_US) == (ONE,)
    assert untold(told(), [ONE], NOW_US) == ()
    assert untold(told(), [ONE], NOW_US + 7 * DAY - 1) == ()
    assert untold(told(), [ONE], NOW_US + 7 * DAY) == (ONE,)


def test_where_it_waits_for_the_day_s_message_that_may_come_sooner_than_the_last_one() -> None:
    """As it does behind a late one, and on the day that has 23 hours."""
    urgent = alert(AlertKind.STORAGE_FULL, "one", again_days=1)
    waits = alert(about="two", again_days=1)
    memory = after_telling(AlertMemory(), [urgent, waits], NOW_US, daily=True)
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
    assert after_telling(told(), [], NOW_US - DAY - 1, daily=False).told == {}


def went(memory: AlertMemory, away_us: int, back_us: int) -> AlertMemory:
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
    assert (both.daily_us, both.sent_us) == (NOW_US + HOUR, NOW_US + 2 * HOUR)
    assert both.told == {ONE.key: second.told[ONE.key], two.key: first.told[two.key]}
    gone = after_looking(first, [], now_us)
    assert merged(first, gone, now_us) == gone, "of the same message, what was seen since"


@pytest.mark.parametrize("ahead_us", [HOUR, 3 * DAY])
def test_what_a_clock_that_was_ahead_has_written_displaces_nothing(ahead_us: int) -> None:
    two = alert(about="two")
    ahead = after_telling(told(), [ONE, two], NOW_US + ahead_us, daily=True)
    right = after_telling(AlertMemory(), [ONE], NOW_US, daily=True)
    for both in (merged(ahead, right, NOW_US), merged(right, ahead, NOW_US)):
        assert (both.daily_us, both.sent_us) == (NOW_US, NOW_US)
        assert both.told == {ONE.key: right.told[ONE.key], two.key: ahead.told[two.key]}


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
    memory, times = AlertMemory(), 0
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
    other = AlertMemory(told={"later:one": Told("", NOW_US, NOW_US + DAY)})
    assert after_looking(other, [], NOW_US, frozenset(AlertKind)).told["later:one"].gone_us


def test_what_went_away_is_forgotten_after_its_days() -> None:
    memory = after_telling(told(), [], NOW_US + 6 * DAY, daily=True)
    assert memory.told
    assert after_telling(memory, [], NOW_US + 7 * DAY, daily=True).told == {}


def test_the_day_s_message_is_due_once_a_day_and_late_rather_than_never(berlin: None) -> None:
    at = round(datetime(2026, 11, 24, 7, 0).astimezone().timestamp()) * SECOND
    assert is_daily_due(AlertMemory(daily_us=at - DAY), at, "07:00")
    assert not is_daily_due(AlertMemory(daily_us=at - DAY), at - 1, "07:00")
    assert not is_daily_due(AlertMemory(daily_us=at), at + DAY - 1, "07:00")
    assert is_daily_due(AlertMemory(daily_us=at), at + 3 * DAY + HOUR, "07:00")
    assert is_daily_due(AlertMemory(), at - HOUR, "07:00")
    assert is_daily_due(AlertMemory(daily_us=at + 2 * DAY), at + HOUR, "07:00"), "from the future"


def test_the_day_on_which_clocks_are_set_has_one_message_too(berlin: None) -> None:
    """29 March 2026 has 23 hours, 25 October has 25."""
    for day in (datetime(2026, 3, 29), datetime(2026, 10, 25)):
        sent = 0
        before = datetime(day.year, day.month, day.day - 1, 7, 0, 30)
        memory = AlertMemory(daily_us=round(before.timestamp()) * SECOND)
        for minutes in range(0, 26 * 60, 10):
            now_us = round(day.timestamp() * SECOND) + minutes * 60 * SECOND
            local = datetime.fromtimestamp(now_us / SECOND)
            if local.date() == day.date() and is_daily_due(memory, now_us, "07:00"):
                assert local.hour == 7
                sent += 1
                memory = after_telling(memory, [], now_us, daily=True)
        assert sent == 1


def test_the_memory_survives_and_one_that_is_damaged_says_so(tmp_path: Path) -> None:
    path = alert_memory.path_in(str(tmp_path), "smtp")
    assert alert_memory.load(path) == AlertMemory()
    with alert_memory.claimed(path):
        alert_memory.save(path, told())
        with pytest.raises(BlockingIOError), alert_memory.claimed(path):
            pass
    with alert_memory.claimed(path):
        assert alert_memory.load(path) == told()
    Path(path).write_text('{"told": 7}')
    with pytest.raises(StateFileError):
        alert_memory.load(path)
