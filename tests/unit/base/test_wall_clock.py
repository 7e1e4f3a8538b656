"""When wall time is trusted, and that a step of it is seen."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad.base import wall_clock
from camerad.base.clock import DAY, SECOND, ClockSource, ManualClock, Moment, SystemClock
from camerad.base.wall_clock import (
    RTC_TOLERANCE_US,
    STEP_US,
    VERDICT_US,
    ClockReading,
    ClockWatch,
    KnownTime,
    Signs,
    TimeKeeper,
    detect_step,
    is_plausible,
    judge,
)
from tests.waiting import DEADLINE

WALL_US = 1_796_000_000 * SECOND
HOUR = 3600 * SECOND


def signs(
    touched_us: int | None = None, rtc_us: int | None = None, wall_us: int = WALL_US
) -> Signs:
    return Signs(0, wall_us, touched_us, rtc_us)


# ------------------------------------------------------------------------------------------ rules


SYNC, RTC, UNKNOWN = ClockSource.SYNCHRONISED, ClockSource.RTC, ClockSource.UNKNOWN
SOURCES = {"sync": SYNC, "rtc": RTC, "unknown": UNKNOWN}


@pytest.mark.parametrize(
    ("seen", "since_us", "stale_us", "source"),
    [
        # The file of the time service is reason enough, unless it was touched before.
        (signs(touched_us=1), None, None, SYNC),
        (signs(touched_us=1), None, 1, UNKNOWN),
        (signs(touched_us=2), None, 1, SYNC),
        # Later than the last synchronised time, as a time restored from a file is, which was kept
        # by nothing.
        (signs(), HOUR, None, UNKNOWN),
        *(
            (signs(rtc_us=WALL_US + apart_us), DAY, None, source)
            for apart_us, source in (
                (RTC_TOLERANCE_US, RTC),
                (-RTC_TOLERANCE_US, RTC),
                (RTC_TOLERANCE_US + 1, UNKNOWN),
                (-RTC_TOLERANCE_US - 1, UNKNOWN),
            )
        ),
        *(
            (signs(rtc_us=WALL_US), since_us, None, source)
            for since_us, source in (
                (-1, UNKNOWN),
                (0, RTC),
                (366 * DAY, RTC),
                (366 * DAY + 1, UNKNOWN),
                (3650 * DAY, UNKNOWN),
                (None, UNKNOWN),
            )
        ),
    ],
)
def test_wall_time_is_trusted_by_the_time_service_or_by_an_rtc_that_is_plausible(
    seen: Signs, since_us: int | None, stale_us: int | None, source: ClockSource
) -> None:
    last_us = None if since_us is None else WALL_US - since_us
    assert judge(seen, last_us, stale_us) is source
    if seen.rtc_us == WALL_US:
        assert is_plausible(WALL_US, last_us) is (source is RTC)


@pytest.mark.parametrize(
    ("moved_us", "step_us"),
    [
        (0, None),
        (STEP_US, None),
        (-STEP_US, None),
        (STEP_US + 1, STEP_US + 1),
        (-STEP_US - 1, -STEP_US - 1),
        (-20 * 365 * DAY, -20 * 365 * DAY),
    ],
)
def test_a_step_is_what_wall_time_moved_beyond_boot_time(
    moved_us: int, step_us: int | None
) -> None:
    before = Moment(10 * SECOND, WALL_US, SYNC)
    after = Moment(15 * SECOND, WALL_US + 5 * SECOND + moved_us, UNKNOWN)
    assert detect_step(before, after) == step_us


# ---------------------------------------------------------------------------------------- machine


class Machine:
    """The files that a keeper looks at, on a clock that is moved by hand."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(60 * SECOND, WALL_US)
        self.synchronised = directory / "synchronised"
        self.rtc = directory / "rtc0"

    def keeper(self, last_synchronised_us: int | None = None) -> TimeKeeper:
        return TimeKeeper(self.synchronised, self.rtc, KnownTime(last_synchronised_us), self.clock)

    def starting(self) -> TimeKeeper:
        """One that has yet to be told what the ledger knows."""
        return TimeKeeper(self.synchronised, self.rtc, clock=self.clock)

    def touch(self) -> None:
        """As the time service does, by the wall clock of this machine."""
        self.synchronised.touch()
        touched_ns = self.clock.wall_us() * 1000
        os.utime(self.synchronised, ns=(touched_ns, touched_ns))

    def show(self, rtc: str | None = None) -> None:
        self.rtc.mkdir(exist_ok=True)
        text = rtc if rtc is not None else str(self.clock.wall_us() // SECOND)
        (self.rtc / "since_epoch").write_text(f"{text}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def looked(keeper: TimeKeeper) -> ClockSource:
    source = keeper.look().moment.source
    assert keeper.source() is source
    return source


def test_the_last_synchronised_time_grows_only_while_synchronised(machine: Machine) -> None:
    keeper = machine.keeper()
    machine.show()
    assert looked(keeper) is UNKNOWN
    assert keeper.last_synchronised_us is None
    machine.touch()
    for _ in range(2):
        machine.clock.advance(5 * SECOND)
        keeper.look()
        assert keeper.last_synchronised_us == machine.clock.wall_us()
    known_us = keeper.last_synchronised_us
    machine.synchronised.unlink()
    machine.clock.advance(5 * SECOND)
    machine.show()
    assert looked(keeper) is RTC
    assert keeper.last_synchronised_us == known_us


STEPS = [SECOND, HOUR, 400 * DAY, -SECOND, -HOUR, -400 * DAY]
RULES = {
    "nothing is trusted before the first look": (None, "touch now:unknown sync"),
    "a machine without any of it does not trust its clock": (DAY, "unknown"),
    "a synchronisation shows at the next look, and its loss too": (
        None,
        "unknown touch sync lose unknown",
    ),
    "an RTC set years ahead is not believed even if wall time comes from it": (
        0,
        f"step{2 * 365 * DAY} show unknown",
    ),
    "an RTC that lost its power is not believed": (0, "show=12 unknown"),
    "a step that the RTC agrees with is trusted by the RTC": (
        None,
        f"touch show +60 sync step{HOUR} show rtc",
    ),
    "the first synchronisation after a start is a step and trusted": (
        None,
        f"unknown +5 step{40 * DAY} touch sync moved{40 * DAY}",
    ),
    # 500 ppm of 5 s, the most that the kernel does.
    "slewing is no step": (None, "touch sync" + " +5 step2500 sync moved" * 1000),
    "a verdict counts for thirty seconds": (
        None,
        f"touch sync +{VERDICT_US // SECOND} now:sync +0.000001 now:unknown",
    ),
    **{
        # Before the next look already; also when wall time passes the touch again.
        f"set by hand, {us} us": (
            None,
            f"touch +1200 sync +2 step{us} now:unknown unknown moved{us} now:unknown"
            + " +60 unknown moved" * 100
            + " touch sync",
        )
        for us in STEPS
    },
    **{
        f"set by the time service, {us} us": (
            None,
            f"touch +1200 sync +2 step{us} touch +2 sync moved{us}",
        )
        for us in STEPS
    },
}
"""How long ago the time was synchronised, as the ledger knows, and what happens. sync, rtc,
unknown: what a look says; behind now: without one. moved: the step that the last look saw, in
microseconds. touch, lose: the file of the time service. show: the RTC shows the wall time, or
that. +: so many seconds pass. step: the wall clock is set."""


@pytest.mark.parametrize(("since_us", "script"), RULES.values(), ids=RULES)
def test_the_rules_of_a_machine(machine: Machine, since_us: int | None, script: str) -> None:
    keeper = machine.keeper(None if since_us is None else WALL_US - since_us)
    look = None
    for step in script.split():
        word, _, given = step.partition("=")
        if word in SOURCES:
            look = keeper.look()
            assert look.moment.source is keeper.source() is SOURCES[word], step
        elif word.startswith("now:"):
            assert keeper.source() is SOURCES[word.removeprefix("now:")], step
        elif word.startswith("moved"):
            assert look is not None
            assert look.step_us == (int(word.removeprefix("moved") or 0) or None)
        elif word.startswith("step"):
            machine.clock.step_wall(int(word.removeprefix("step")))
        elif word.startswith("+"):
            machine.clock.advance(round(float(word) * SECOND))
        elif word == "show":
            machine.show(given or None)
        else:
            {"touch": machine.touch, "lose": machine.synchronised.unlink}[word]()
    if script == "unknown":
        assert keeper.last_synchronised_us == WALL_US - DAY


def test_nothing_is_trusted_before_the_ledger_was_read_and_then_at_once(machine: Machine) -> None:
    """Without another look; and only its first word counts."""
    keeper = machine.starting()
    machine.touch()
    assert looked(keeper) is UNKNOWN
    keeper.learn(KnownTime())
    assert keeper.source() is SYNC
    assert keeper.last_synchronised_us == WALL_US
    machine.synchronised.unlink()
    keeper = machine.starting()
    machine.show()
    assert looked(keeper) is UNKNOWN
    keeper.learn(KnownTime(WALL_US - DAY))
    assert keeper.source() is RTC
    keeper.learn(KnownTime(WALL_US - 400 * DAY))
    assert keeper.last_synchronised_us == WALL_US - DAY


@pytest.mark.parametrize("looks_first", [True, False])
@pytest.mark.parametrize("step_us", [STEP_US, *STEPS])
def test_a_clock_that_was_set_is_not_trusted_after_a_restart_of_the_daemon_either(
    machine: Machine, step_us: int, looks_first: bool
) -> None:
    machine.touch()
    known = machine.clock.moment()
    machine.clock.advance(HOUR)
    machine.clock.step_wall(step_us)
    keeper = machine.starting()
    if looks_first:
        keeper.look()
    keeper.learn(KnownTime(known.wall_us, replace(known, source=SYNC)))
    if step_us == STEP_US:  # as far as slewing may come
        assert looked(keeper) is SYNC
        return
    assert looked(keeper) is UNKNOWN
    machine.clock.advance(60 * SECOND)
    assert looked(keeper) is UNKNOWN
    machine.touch()
    assert looked(keeper) is SYNC, "the time service has spoken"


@pytest.mark.parametrize("text", ["", "soon", "1796000000.5"])
def test_an_rtc_that_shows_no_number_is_said_once(
    machine: Machine, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    machine.show(text)
    keeper = machine.keeper(WALL_US)
    with caplog.at_level(logging.WARNING):
        assert looked(keeper) is UNKNOWN
        assert looked(keeper) is UNKNOWN
    (said,) = caplog.messages
    assert said.startswith(str(machine.rtc / "since_epoch"))
    machine.show()
    assert looked(keeper) is RTC
    machine.show(text)
    keeper.look()
    assert len(caplog.messages) == 2


def test_files_that_cannot_be_read_are_no_reason_and_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A name that no file system takes: neither of the two can be asked for.
    known = KnownTime(WALL_US)
    keeper = TimeKeeper(tmp_path / ("x" * 300), tmp_path / ("y" * 300), known, ManualClock())
    with caplog.at_level(logging.WARNING):
        assert looked(keeper) is UNKNOWN
    assert ["x" * 300 in said or "y" * 300 in said for said in caplog.messages] == [True, True]


class Preempted(ManualClock):
    """Loses the processor for a second between two readings, once in every three."""

    def __init__(self) -> None:
        super().__init__(60 * SECOND, WALL_US)
        self._turns = itertools.cycle([False, False, True])

    def now_us(self) -> int:
        told = super().now_us()
        if next(self._turns):
            self.advance(SECOND)
        return told


def test_a_thread_that_loses_the_processor_sees_no_step(machine: Machine) -> None:
    machine.clock = Preempted()
    machine.touch()
    keeper = machine.keeper()
    for _ in range(30):
        look = keeper.look()
        assert (look.step_us, look.moment.source) == (None, SYNC)
        assert keeper.source() is SYNC


def test_a_machine_clock_takes_its_word_from_the_keeper(machine: Machine) -> None:
    machine.synchronised.touch()
    keeper = TimeKeeper(machine.synchronised, machine.rtc, KnownTime())
    clock = SystemClock(keeper.source)
    assert not clock.moment().trusted
    keeper.look()
    assert clock.moment().source is SYNC


# ------------------------------------------------------------------------------------------ watch


class Told:
    """What a watch tells."""

    def __init__(self) -> None:
        self.all: list[ClockSource | int] = []

    def watch(
        self, keeper: TimeKeeper, aside: Callable[..., asyncio.Future[ClockReading]]
    ) -> ClockWatch:
        return ClockWatch(keeper, aside, on_source=self.all.append, on_step=self.all.append)


def aside(work: Callable[[], ClockReading]) -> asyncio.Future[ClockReading]:
    return asyncio.ensure_future(asyncio.to_thread(work))


def test_the_watch_tells_of_every_change_once(machine: Machine) -> None:
    told = Told()

    async def watch() -> None:
        watch = told.watch(machine.keeper(), aside)
        await watch.look()
        await watch.look()
        machine.touch()
        await watch.look()
        await watch.look()
        machine.clock.advance(5 * SECOND)
        machine.clock.step_wall(-HOUR)
        await watch.look()
        machine.clock.advance(5 * SECOND)
        machine.clock.step_wall(HOUR)
        machine.touch()
        await watch.look()

    asyncio.run(watch())
    assert told.all == [UNKNOWN, SYNC, -HOUR, UNKNOWN, HOUR, SYNC]


def test_an_rtc_that_hangs_ends_the_trust_until_it_answers(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall_clock, "VERDICT_US", SECOND // 20)
    told = Told()
    keeper = machine.keeper()
    machine.touch()
    answer = threading.Event()

    def hang() -> ClockReading:
        assert answer.wait(10)
        return keeper.look()

    async def watch() -> None:
        watch = told.watch(keeper, lambda work: aside(hang if told.all else work))
        await watch.look()
        looking = asyncio.ensure_future(watch.look())
        async with asyncio.timeout(DEADLINE):
            while len(told.all) < 2:
                await asyncio.sleep(0.01)
        answer.set()
        await looking

    asyncio.run(watch())
    assert told.all == [SYNC, UNKNOWN, SYNC]


def test_the_watch_looks_again_and_again_until_it_is_cancelled(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall_clock, "LOOK_SECONDS", 0.001)
    told = Told()

    async def watch() -> None:
        running = asyncio.ensure_future(told.watch(machine.keeper(), aside).run())
        async with asyncio.timeout(DEADLINE):
            while not told.all:
                await asyncio.sleep(0.001)
            machine.touch()
            while len(told.all) < 2:
                await asyncio.sleep(0.001)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(watch())
    assert told.all == [UNKNOWN, SYNC]
