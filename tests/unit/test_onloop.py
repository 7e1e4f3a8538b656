"""Work on the loop that fails is heard of, whoever holds on to it."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from camerad.base.async_utils import watched
from camerad.base.errors import EX_SOFTWARE
from camerad.daemon.app import Daemon


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


@pytest.mark.parametrize(
    ("context", "ends"),
    [
        ({"socket": None}, []),  # as asyncio's own server says it, which goes on to listen
        ({}, [EX_SOFTWARE]),  # whatever it was, it is done no more
    ],
)
def test_a_kernel_without_descriptors_costs_a_visitor_but_no_watch(
    monkeypatch: pytest.MonkeyPatch, context: dict[str, Any], ends: list[int]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(Daemon, "give_up", lambda _, code: codes.append(code))
    scarce = OSError(errno.EMFILE, "Too many open files")
    context |= {"message": "it failed", "exception": scarce}
    Daemon._unhandled(Daemon.__new__(Daemon), None, context)  # type: ignore[arg-type]
    assert codes == ends
