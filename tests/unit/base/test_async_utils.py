"""Work on the loop that fails is heard of, whoever holds on to it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from camerad.base.async_utils import EventLoop, call_within, done_before, until_next, watched
from camerad.base.clock import SECOND, ManualClock
from tests.system.virtual_time import VirtualLoop


def heard(*, cancel: bool) -> list[str]:
    """What the loop's handler hears of a task that somebody holds, and that fails or is ended."""
    told: list[str] = []

    async def fail() -> None:
        if cancel:
            await asyncio.Event().wait()
        raise RuntimeError("a mistake")

    async def life() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        task = watched(fail())
        await asyncio.sleep(0)
        if cancel:
            task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(0)
        assert told or cancel, "at once, and not when the task is thrown away"

    asyncio.run(life())
    return told


def test_a_task_that_fails_is_heard_of_although_somebody_holds_it() -> None:
    assert heard(cancel=False) == ["a mistake"]


def test_a_task_that_was_ended_has_not_failed() -> None:
    assert heard(cancel=True) == []


def test_work_in_the_background_that_fails_is_heard_of_too() -> None:
    told: list[str] = []

    async def fail() -> None:
        raise RuntimeError("a mistake")

    async def life() -> None:
        loop = EventLoop()
        loop.attach().set_exception_handler(
            lambda _, context: told.append(str(context["exception"]))
        )
        loop.background(fail())
        while not told:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(life(), 20))
    assert told == ["a mistake"]


def test_blocking_work_has_a_thread_of_its_own_and_answers_on_the_loop() -> None:
    async def life() -> None:
        loop = EventLoop()
        loop.attach()
        here = threading.get_ident()
        assert await loop.in_thread(threading.get_ident) != here
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        answer = loop.threadsafe(lambda: answered.set_result(threading.get_ident()))
        await loop.in_thread(answer)
        assert await answered == here

    asyncio.run(asyncio.wait_for(life(), 20))


def test_for_what_is_known_the_loop_is_not_woken_and_for_all_else_it_is() -> None:
    async def life() -> None:
        loop = EventLoop()
        loop.attach()
        running = asyncio.get_running_loop()
        found = threading.Event()

        def look() -> int:
            found.set()
            return 7

        known = loop.in_thread(look, known=7)
        assert found.wait(20)
        while not loop._unhurried:
            time.sleep(0.001)
        await asyncio.wait({known}, timeout=0.05)
        assert not known.done()
        loop.catch_up()
        assert await known == 7
        assert await loop.in_thread(look, known=8) == 7
        with pytest.raises(ZeroDivisionError):
            await loop.in_thread(lambda: 1 // 0, known=7)
        # Nobody wants it any more.
        cancelled = loop.in_thread(look, known=7)
        cancelled.cancel()
        while not loop._unhurried:
            time.sleep(0.001)
        loop.catch_up()
        assert cancelled.cancelled()
        assert running.is_running()

    asyncio.run(asyncio.wait_for(life(), 20))


def test_an_error_of_blocking_work_is_raised_where_its_result_is_awaited() -> None:
    def fail() -> None:
        raise OSError("the card")

    async def life() -> None:
        loop = EventLoop()
        loop.attach()
        with pytest.raises(OSError, match="the card"):
            await loop.in_thread(fail)

    asyncio.run(asyncio.wait_for(life(), 20))


def test_a_thread_that_outlives_the_loop_tells_nobody_and_harms_nothing() -> None:
    loop = EventLoop()
    told: list[int] = []

    async def life() -> None:
        loop.attach()

    asyncio.run(life())
    loop.threadsafe(told.append)(1)
    assert told == []


def test_a_call_with_a_deadline_returns_or_raises_what_it_did() -> None:
    assert call_within(30, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        call_within(30, lambda: 1 // 0)


def test_a_call_that_hangs_is_waited_for_until_its_deadline() -> None:
    ends = threading.Event()
    with pytest.raises(TimeoutError):
        call_within(0.05, ends.wait)
    ends.set()


def test_work_is_done_before_the_end_or_is_cancelled_by_it() -> None:
    left = []

    async def work(seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            left.append(seconds)

    async def life() -> tuple[bool, bool]:
        ended = asyncio.Event()
        done = await done_before(work(0), ended)
        asyncio.get_running_loop().call_soon(ended.set)
        return done, await done_before(work(3600), ended)

    assert asyncio.run(life()) == (True, False)
    assert left == [0, 3600], "what is cancelled has ended when that is said"


@pytest.mark.parametrize("at_the_end", [False, True])
def test_work_that_fails_is_heard_of_before_the_end_and_at_it(at_the_end: bool) -> None:
    async def work(ended: asyncio.Event) -> None:
        try:
            await asyncio.sleep(3600 if at_the_end else 0)
        finally:
            raise ZeroDivisionError

    async def life() -> None:
        ended = asyncio.Event()
        if at_the_end:
            asyncio.get_running_loop().call_later(0.01, ended.set)
        await done_before(work(ended), ended)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(life())


def test_what_looks_every_so_often_does_so_at_the_same_moments() -> None:
    clock = ManualClock(round(1000.7 * SECOND))
    loop, moments = VirtualLoop(clock), list[float]()

    async def look(begins: float, every: float) -> None:
        await asyncio.sleep(begins)
        while True:
            await until_next(every)
            moments.append(loop.time())

    async def life() -> None:
        looks = [asyncio.ensure_future(look(*one)) for one in ((0, 2), (0.3, 2), (1.1, 5))]
        await asyncio.sleep(20)
        for one in looks:
            one.cancel()
        await asyncio.wait(looks)

    try:
        loop.run_until_complete(life())
    finally:
        loop.close()
    # In 20 s: ten even seconds for two, and four times five seconds, of which two are even.
    assert len(moments) == 24
    assert len({round(moment, 3) for moment in moments}) == 12
    assert all(moment % 2 < 1e-6 or moment % 5 < 1e-6 for moment in moments)
