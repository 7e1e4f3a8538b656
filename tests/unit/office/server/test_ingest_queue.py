"""Each upload is taken over, again after a failure, and never twice at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.office.server.ingest_queue import THREADS, THREADS_WITH_COPIES, IngestQueue
from camerad.office.server.uploads import Declaration

KID = "k" * 43
DEADLINE = 10.0


def declared(number: int) -> Declaration:
    return Declaration(f"20261128T120000Z-{number:06d}-0123abcd", "ab" * 32, 1)


class Taker:
    """Takes over when it is let; fails as often as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Declaration]] = []
        self.failures: list[Exception] = []
        self.at_once = self.most_at_once = 0
        self.let = threading.Event()
        self.let.set()
        self.changed = threading.Condition()

    def __call__(self, kid: str, declaration: Declaration) -> bool:
        with self.changed:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.changed.notify_all()
        assert self.let.wait(DEADLINE)
        with self.changed:
            self.at_once -= 1
            self.taken.append((kid, declaration))
            self.changed.notify_all()
            if self.failures:
                raise self.failures.pop(0)
        return True

    def until(self, holds: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, DEADLINE)


@pytest.fixture
def taker() -> Taker:
    return Taker()


@contextmanager
def working(taker: Taker, clock: ManualClock, threads: int = THREADS) -> Iterator[IngestQueue]:
    queue = IngestQueue(taker, clock, threads=threads)
    queue.start()
    try:
        yield queue
    finally:
        taker.let.set()
        # A clock that stands still would have it wait for no time at all.
        queue.close(0)
        for thread in queue._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()


def idle(queue: IngestQueue) -> bool:
    with queue._changed:
        return not queue._running


def settle(queue: IngestQueue) -> None:
    """Wait until nothing is being taken."""
    pause = threading.Event()
    for _ in range(round(DEADLINE / 0.005)):
        if idle(queue):
            return
        pause.wait(0.005)
    raise AssertionError("it works for ever")


def test_everything_that_was_added_is_taken_two_at_a_time(taker: Taker) -> None:
    with working(taker, ManualClock()) as queue:
        taker.let.clear()
        for number in range(5):
            queue.add(f"{number:043}", declared(number))
        taker.until(lambda: taker.at_once == 2)
        taker.let.set()
        taker.until(lambda: len(taker.taken) == 5)
    assert sorted(one.recording for _, one in taker.taken) == [
        declared(number).recording for number in range(5)
    ]
    assert taker.most_at_once == 2


def test_where_a_store_is_waited_for_more_are_taken_at_a_time(taker: Taker) -> None:
    with working(taker, ManualClock(), threads=THREADS_WITH_COPIES) as queue:
        taker.let.clear()
        for number in range(5):
            queue.add(f"{number:043}", declared(number))
        taker.until(lambda: taker.at_once == 4)
        taker.let.set()
        taker.until(lambda: len(taker.taken) == 5)
    assert taker.most_at_once == 4


def test_cameras_take_turns_and_none_has_both_threads(taker: Taker) -> None:
    queue = IngestQueue(taker, ManualClock())
    for number in range(30):
        queue.add("a" * 43, declared(number))
    queue.add("b" * 43, declared(90))
    queue.add("c" * 43, declared(91))
    queue.add("b" * 43, declared(92))
    served = []
    one, other = queue._next(), queue._next()
    for _ in range(4):
        assert one is not None and other is not None and one[0] != other[0]
        served.append(one[0][0])
        queue._settle(one, failed=False)
        one, other = other, queue._next()
    assert one is not None and other is not None
    assert [*served, one[0][0], other[0][0]] == ["a", "b", "c", "a", "b", "a"]


def test_what_waits_already_is_not_added_again(taker: Taker) -> None:
    queue = IngestQueue(taker, ManualClock())
    for _ in range(3):
        queue.add(KID, declared(1))
    queue.add("o" * 43, declared(1))
    queue.start()
    taker.until(lambda: len(taker.taken) == 2)
    settle(queue)
    assert len(taker.taken) == 2
    queue.close(0)


def test_what_is_added_while_it_is_taken_is_taken_once_more_and_not_at_once(taker: Taker) -> None:
    """Its ledger may have come meanwhile."""
    with working(taker, ManualClock()) as queue:
        taker.let.clear()
        queue.add(KID, declared(1))
        taker.until(lambda: taker.at_once == 1)
        queue.add(KID, declared(1))
        queue.add(KID, declared(1))
        taker.let.set()
        taker.until(lambda: len(taker.taken) == 2)
        settle(queue)
    assert (len(taker.taken), taker.most_at_once) == (2, 1)


def test_what_is_ensured_while_it_is_taken_is_not_taken_once_more(taker: Taker) -> None:
    with working(taker, ManualClock()) as queue:
        taker.let.clear()
        queue.ensure(KID, declared(1))
        taker.until(lambda: taker.at_once == 1)
        queue.ensure(KID, declared(1))
        queue.ensure(KID, declared(2))
        queue.ensure(KID, declared(2))
        taker.let.set()
        taker.until(lambda: len(taker.taken) == 2)
        settle(queue)
    assert len(taker.taken) == 2


@pytest.mark.parametrize("failure", [StorageError("EIO"), ValueError("a mistake of ours")])
def test_what_failed_is_tried_again_later_and_later_and_the_log_says_why(
    taker: Taker, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    clock = ManualClock()
    taker.failures = [failure] * 8
    # Minutes: it doubles, up to an hour.
    pauses = [60, 120, 240, 480, 960, 1920, 3600, 3600]
    queue = IngestQueue(taker, clock)
    task = (KID, declared(1))
    queue.add(*task)
    for count, pause in enumerate(pauses, 1):
        assert queue._due[0][0] <= clock.now_us()
        found = queue._next()
        assert found == task
        queue._carry_out(found)
        assert (queue._due[0][0] - clock.now_us()) / SECOND == pause
        assert len(taker.taken) == count
        queue.add(*task)  # who asks again meanwhile makes it no sooner
        clock.advance(pause * SECOND)
    assert str(failure) in caplog.text
    found = queue._next()
    assert found == task
    queue._carry_out(found)
    assert queue._due == []
    queue.add(*task)
    assert queue._due, "what was done once may be asked for again"


def test_what_failed_says_when_it_is_due_and_is_due_at_once_when_woken(taker: Taker) -> None:
    clock = ManualClock()
    taker.failures = [StorageError("away"), StorageError("away")]
    queue = IngestQueue(taker, clock)
    task = (KID, declared(1))
    assert queue.due_in(*task) == 0, "nobody knows it"
    for pause in (60, 120):
        queue.add(*task)
        found = queue._next()
        assert found == task
        assert queue.due_in(*task) == 0
        queue._carry_out(found)
        assert queue.due_in(*task) == pause
        queue.wake_failed()
        assert queue.due_in(*task) == 0
    queue.add(KID, declared(2))
    waiting = queue._due[-1]
    queue.wake_failed()
    assert queue._due[-1] == waiting, "what did not fail stays as it is"


def test_one_that_fails_holds_up_no_other(taker: Taker) -> None:
    taker.failures = [StorageError("EIO")]
    with working(taker, ManualClock()) as queue:
        for number in range(4):
            queue.add(KID, declared(number))
        taker.until(lambda: len(taker.taken) == 4)


def test_the_end_waits_for_nobody_longer_than_it_may(taker: Taker) -> None:
    with working(taker, ManualClock()) as queue:
        taker.let.clear()
        queue.add(KID, declared(1))
        taker.until(lambda: taker.at_once == 1)
        queue.close(0)
        queue.add(KID, declared(2))
        taker.let.set()
        taker.until(lambda: len(taker.taken) == 1)
        settle(queue)
    assert [one for _, one in taker.taken] == [declared(1)]
