"""Ways on and off the event loop for whatever has threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_running: set[asyncio.Task[None]] = set()
"""The loop itself holds on to no task."""


def watched(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """`work` as a task of the running loop; whoever asked for it holds on to it, and ends it.

    An exception in it is a mistake of ours, and goes at once where all of those go. A task by
    itself keeps it for whoever awaits it, and what nobody awaits would just be done no more.
    """
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(_tell_of_failure)
    return task


def raise_error(error: BaseException) -> None:
    """Raise it, as a handler of what a thread reports: on the loop it goes where all mistakes of
    ours go."""
    raise error


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.result()


class EventLoop:
    """The way onto one event loop and off it, for whatever has threads.

    `attach` comes first, on the loop itself.
    """

    _loop: asyncio.AbstractEventLoop

    def attach(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop, which is returned."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    def threadsafe(self, handler: Callable[..., None]) -> Callable[..., None]:
        """`handler`, to be called from any thread, run on the loop."""

        def call(*arguments: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to tell
                self._loop.call_soon_threadsafe(handler, *arguments)

        return call

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` on the loop. Nobody waits for it; an exception goes where all mistakes of ours
        go."""
        task = watched(work)
        _running.add(task)
        task.add_done_callback(_running.discard)

    def in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Do blocking work on a thread of its own, which never keeps the daemon from ending."""
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
                self.threadsafe(settle)(result, None)

        threading.Thread(target=run, name="in-thread", daemon=True).start()
        return future
