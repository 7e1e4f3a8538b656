"""Bridges between the event loop and threads."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_running: set[asyncio.Task[None]] = set()
"""Tasks that run: the event loop itself keeps no reference to a task."""


def watched(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` as a task of the running loop. The caller keeps the task, and cancels it.

    An exception in it is a mistake in camerad and is raised on the loop at once. Without this a
    task keeps its exception until it is awaited, and shows nothing if it never is.
    """
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(_tell_of_failure)
    return task


def raise_error(error: BaseException) -> None:
    """Raise `error` on the loop, where all mistakes in camerad end up: a handler for threads."""
    raise error


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.result()


async def done_before(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> bool:
    """Whether `work` was done before `ended` was set, which cancels it. Raises what it raises."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
        doing.cancel()
        (error,) = await asyncio.gather(doing, return_exceptions=True)
        if isinstance(error, Exception):
            raise error  # otherwise it would be lost
        return False
    finally:
        waiting.cancel()


def to_next(seconds: float) -> float:
    """Seconds until the loop's time is a multiple of `seconds`.

    Periodic work runs then, all of it together, so that the processor wakes once for all of it.
    """
    now = asyncio.get_running_loop().time()
    return (math.floor(now / seconds) + 1) * seconds - now


async def until_next(seconds: float) -> None:
    """Sleep until the loop's time is a multiple of `seconds`."""
    await asyncio.sleep(to_next(seconds))


def call_within(seconds: float, work: Callable[[], _T]) -> _T:
    """Run `work` on a separate thread; returns or raises as it does. Raises TimeoutError if it
    takes longer, as where storage hangs; the thread goes on and keeps no process from ending."""
    done: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            done.set_exception(error)

    threading.Thread(target=run, name="call-within", daemon=True).start()
    return done.result(seconds)


class EventLoop:
    """The way onto one event loop and off it, for code that has threads.

    `attach` comes first, on the loop itself.
    """

    _loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._unhurried: deque[Callable[[], None]] = deque()

    def attach(self) -> asyncio.AbstractEventLoop:
        """Use the running loop, which is returned."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    def threadsafe(self, handler: Callable[..., None]) -> Callable[..., None]:
        """`handler` in a form that any thread may call; it runs on the loop."""

        def call(*arguments: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(handler, *arguments)

        return call

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` on the loop without waiting for it; an exception is raised on the loop."""
        task = watched(work)
        _running.add(task)
        task.add_done_callback(_running.discard)

    def in_thread(self, work: Callable[[], _T], *, known: _T | None = None) -> asyncio.Future[_T]:
        """Run blocking work on a separate thread, which never keeps the daemon from ending.

        known: a result that no caller waits for. The loop is not woken for it; it is there after
        the next `catch_up`, which the daemon calls every two seconds.
        """
        future: asyncio.Future[_T] = self._loop.create_future()

        def settle(result: _T | None, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
                self.threadsafe(settle)(None, error)
            else:
                if known is not None and result == known:
                    self._unhurried.append(lambda: settle(result, None))
                else:
                    self.threadsafe(settle)(result, None)

        # `_thread` instead of `threading`: a thread of the latter wakes its starter to say that it
        # runs, which in idle is every second wake of the daemon.
        _thread.start_new_thread(run, ())
        return future

    def catch_up(self) -> None:
        """Process results for which the loop was not woken."""
        while self._unhurried:
            self._unhurried.popleft()()
