"""A core for one part of the daemon by itself: real state, real conditions, simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from camerad.base.async_utils import EventLoop
from camerad.base.clock import SECOND, ManualClock
from camerad.behaviour import stages
from camerad.behaviour.stages import Condition, Rules
from camerad.daemon.conditions import Conditions, changes
from camerad.daemon.core import Core
from camerad.daemon.dispatcher import Dispatcher, Step
from tests.system.virtual_time import VirtualLoop

_T = TypeVar("_T")
RULES = Rules(armed_in=frozenset(), self_view_timeout_us=600 * SECOND)


def at_once(work: Callable[[], _T]) -> asyncio.Future[_T]:
    """In the place of a thread, which simulated time does not wait for."""
    future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
        future.set_exception(error)
    return future


class AtOnce(EventLoop):
    """Does blocking work at once, and calls handlers where they are told of."""

    def in_thread(self, work: Callable[[], _T], *, known: _T | None = None) -> asyncio.Future[_T]:
        return at_once(work)

    def threadsafe(self, handler: Callable[..., None]) -> Callable[..., None]:
        return handler


class Heard:
    """A listener that keeps what it was told."""

    def __init__(self, core: Core) -> None:
        self.steps: list[Step] = []
        core.dispatcher.listen(self.steps.append)

    @property
    def events(self) -> list[stages.Event]:
        return [step.event for step in self.steps]

    @property
    def effects(self) -> list[stages.Effect]:
        return [effect for step in self.steps for effect in step.effects]

    @property
    def conditions(self) -> list[tuple[Condition, bool]]:
        """Each that was raised (True) or cleared, in this order."""
        return [change for step in self.steps for change in changes(step)]


def starting_core(clock: ManualClock, loop: EventLoop | None = None, rules: Rules = RULES) -> Core:
    """The core of a camera that starts."""
    dispatcher = Dispatcher(rules, clock)
    return Core(dispatcher, Conditions(dispatcher, clock), loop or AtOnce(), clock)


def idle_core(clock: ManualClock, loop: EventLoop | None = None, rules: Rules = RULES) -> Core:
    """The core of a camera that is ready."""
    core = starting_core(clock, loop, rules)
    core.post(stages.Ready(clock.now_us()))
    return core


def record(core: Core) -> None:
    """Have it record, as an intent does. Needs a running loop."""
    assert core.dispatcher.intend(stages.Intent.RECORD, "test") is None
    assert core.state.stage is stages.Stage.RECORDING


def end_recording(core: Core) -> None:
    """Stop, and the recorder has closed."""
    assert core.dispatcher.intend(stages.Intent.STOP, "test") is None
    core.post(stages.Closed(core.now_us()))


def lives(clock: ManualClock, scene: Callable[[], object], seconds: float = 0.0) -> None:
    """The scene, on a loop whose time is the clock's; then so many seconds pass."""

    async def run() -> None:
        scene()
        await asyncio.sleep(seconds)

    loop = VirtualLoop(clock)
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
