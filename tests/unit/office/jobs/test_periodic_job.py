"""Work that is done again and again: it is told apart, goes on after any mistake, and ends."""

from __future__ import annotations

import logging
import threading

import pytest

from camerad.base.clock import SECOND, ManualClock, SystemClock
from camerad.base.errors import StorageError
from camerad.office.jobs.periodic_job import (
    RETRY_SECONDS,
    JobFailedError,
    PeriodicJob,
    end_all,
)
from tests.unit.office.server.pauses import Pauses
from tests.waiting import until

DEADLINE = 20.0


class Bench:
    """A piece of work, and what became of each run. todo: what the runs do, then nothing."""

    def __init__(self, *todo: Exception, seconds: int = 0) -> None:
        self.clock = ManualClock()
        self.todo = list(todo)
        self.seconds = seconds
        self.runs: list[tuple[str, bool, float]] = []
        self._more = threading.Condition()
        self.work = PeriodicJob("work", self._do, self.clock, self._ended, least_seconds=60)
        self.work._changed = self._pauses = Pauses()

    def _do(self) -> float:
        self.clock.advance(self.seconds * SECOND)
        if self.todo:
            raise self.todo.pop(0)
        return 900.0

    def _ended(self, *run: object) -> None:
        with self._more:
            self.runs.append(run)  # type: ignore[arg-type]
            self._more.notify_all()

    def wait(self, number: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.runs) >= number, DEADLINE), self.runs

    def pass_time(self, microseconds: int) -> None:
        self.clock.advance(microseconds)
        with self._pauses:
            self._pauses.notify_all()  # it reads this clock again, and is not woken

    def rests(self, seconds: float) -> None:
        """Wait until it waits for exactly so long: it has read the clock, and nothing is due."""
        until(lambda: self._pauses.seconds == seconds, DEADLINE, f"it rests for {seconds:g} s")


def test_a_mistake_of_any_kind_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(
        StorageError("the disk"),
        StorageError("the disk"),
        StorageError("another"),
        JobFailedError("it is said already"),
        ZeroDivisionError(),
        seconds=3,
    )
    with caplog.at_level(logging.INFO):
        pauses = [bench.work.run_once() for _ in range(6)]
    assert pauses == [RETRY_SECONDS] * 5 + [900.0]
    assert [ok for _, ok, _ in bench.runs] == [False] * 5 + [True]
    assert {(name, seconds) for name, _, seconds in bench.runs} == {("work", 3.0)}
    assert caplog.text.count("the disk") == 1, "once until it is something else"
    assert caplog.text.count("another") == 1
    assert "already" not in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_mistake_of_whoever_is_told_of_a_run_does_not_end_the_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    twice = threading.Event()
    runs: list[int] = []

    def work() -> float:
        runs.append(1)
        if len(runs) == 2:
            twice.set()
        return 0.01

    one = PeriodicJob("work", work, SystemClock(), breaks, least_seconds=0.01)
    one.start()
    assert twice.wait(DEADLINE)
    one.stop()
    one.join(DEADLINE)
    assert "a run of work is not counted" in caplog.text


def test_it_runs_at_its_start_and_again_when_it_is_time() -> None:
    bench = Bench()
    bench.work.start()
    bench.wait(1)
    bench.rests(900)
    bench.pass_time(899 * SECOND)
    bench.rests(1)
    assert len(bench.runs) == 1, "a second early"
    bench.pass_time(1 * SECOND)
    bench.wait(2)
    end_all([bench.work], bench.clock, DEADLINE)


@pytest.mark.parametrize(("seconds", "period"), [(600, 900), (839, 900), (870, 930), (2000, 2060)])
def test_the_pause_is_counted_from_the_beginning_and_there_is_a_rest(
    seconds: int, period: int
) -> None:
    bench = Bench(seconds=seconds)
    began_us = bench.clock.now_us()
    bench.work.start()
    bench.wait(1)
    left_us = began_us + period * SECOND - bench.clock.now_us()
    bench.rests(left_us / SECOND)
    bench.pass_time(left_us - 1)
    bench.rests(1 / SECOND)
    assert len(bench.runs) == 1
    bench.pass_time(1)
    bench.wait(2)
    end_all([bench.work], bench.clock, DEADLINE)


def test_woken_ever_so_often_it_runs_once_a_minute_at_most() -> None:
    bench = Bench()
    bench.work.start()
    bench.wait(1)
    for minute in range(2, 5):
        bench.rests(900)
        for _ in range(59):
            bench.clock.advance(SECOND)
            bench.work.wake()
        bench.rests(1)
        assert len(bench.runs) == minute - 1
        bench.clock.advance(SECOND)
        bench.work.wake()
        bench.wait(minute)
    end_all([bench.work], bench.clock, DEADLINE)


def test_woken_work_that_takes_long_rests_longer() -> None:
    """A run of 30 s rests for 300 s from its beginning, so it takes a tenth of the time."""
    bench = Bench(seconds=30)
    bench.work.start()
    bench.wait(1)
    bench.rests(900 - 30)
    bench.clock.advance(269 * SECOND)
    bench.work.wake()
    bench.rests(1)
    assert len(bench.runs) == 1
    bench.clock.advance(SECOND)
    bench.work.wake()
    bench.wait(2)
    end_all([bench.work], bench.clock, DEADLINE)


def test_what_hangs_keeps_nobody_from_ending() -> None:
    clock = ManualClock()
    begun, hangs = threading.Event(), threading.Event()

    def hang() -> float:
        begun.set()
        hangs.wait(DEADLINE)
        return 1.0

    one = PeriodicJob("hangs", hang, clock, lambda *_: None, least_seconds=60)
    other = PeriodicJob("never started", hang, clock, lambda *_: None, least_seconds=60)
    one.start()
    assert begun.wait(DEADLINE)
    end_all([one, other], clock, 0.05)
    hangs.set()
    one.join(DEADLINE)
    end_all([one, other], clock, 0.05)
