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


def test_the_file_of_the_time_service_is_reason_enough() -> None:
    assert judge(signs(touched_us=1), None, None) is ClockSource.SYNCHRONISED


def test_a_stale_touch_is_no_reason_and_a_later_one_is() -> None:
    assert judge(signs(touched_us=1), None, 1) is ClockSource.UNKNOWN
    assert judge(signs(touched_us=2), None, 1) is ClockSource.SYNCHRONISED


def test_a_time_restored_from_a_file_without_an_rtc_is_unknown() -> None:
    # It is later than the last synchronised time, as a restored one is, and yet nobody kept it.
    assert judge(signs(), WALL_US - HOUR, None) is ClockSource.UNKNOWN


@pytest.mark.parametrize(
    ("apart_us", "source"),
    [
        (RTC_TOLERANCE_US, ClockSource.RTC),
        (-RTC_TOLERANCE_US, ClockSource.RTC),
        (RTC_TOLERANCE_US + 1, ClockSource.UNKNOWN),
        (-RTC_TOLERANCE_US - 1, ClockSource.UNKNOWN),
    ],
)
def test_an_rtc_must_agree_within_five_seconds(apart_us: int, source: ClockSource) -> None:
    assert judge(signs(rtc_us=WALL_US + apart_us), WALL_US - DAY, None) is source


@pytest.mark.parametrize(
    ("since_us", "believed"),
    [(-1, False), (0, True), (366 * DAY, True), (366 * DAY + 1, False), (3650 * DAY, False)],
)
def test_an_rtc_is_believed_from_the_last_synchronised_time_to_366_days_later(
    since_us: int, believed: bool
) -> None:
    assert is_plausible(WALL_US, WALL_US - since_us) is believed
    source = judge(signs(rtc_us=WALL_US), WALL_US - since_us, None)
    assert source is (ClockSource.RTC if believed else ClockSource.UNKNOWN)


def test_an_rtc_of_a_camera_that_was_never_synchronised_is_not_believed() -> None:
    assert not is_plausible(WALL_US, None)
    assert judge(signs(rtc_us=WALL_US), None, None) is ClockSource.UNKNOWN


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
    before = Moment(10 * SECOND, WALL_US, ClockSource.SYNCHRONISED)
    after = Moment(15 * SECOND, WALL_US + 5 * SECOND + moved_us, ClockSource.UNKNOWN)
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


def test_nothing_is_trusted_before_the_first_look(machine: Machine) -> None:
    machine.touch()
    keeper = machine.keeper()
    assert keeper.source() is ClockSource.UNKNOWN
    assert looked(keeper) is ClockSource.SYNCHRONISED


def test_a_machine_without_any_of_it_does_not_trust_its_clock(machine: Machine) -> None:
    keeper = machine.keeper(WALL_US - DAY)
    assert looked(keeper) is ClockSource.UNKNOWN
    assert keeper.last_synchronised_us == WALL_US - DAY


def test_a_synchronisation_shows_at_the_next_look_and_its_loss_too(machine: Machine) -> None:
    keeper = machine.keeper()
    assert looked(keeper) is ClockSource.UNKNOWN
    machine.touch()
    assert looked(keeper) is ClockSource.SYNCHRONISED
    machine.synchronised.unlink()
    assert looked(keeper) is ClockSource.UNKNOWN


def test_the_last_synchronised_time_grows_only_while_synchronised(machine: Machine) -> None:
    keeper = machine.keeper()
    machine.show()
    assert looked(keeper) is ClockSource.UNKNOWN
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
    assert looked(keeper) is ClockSource.RTC
    assert keeper.last_synchronised_us == known_us


def test_nothing_is_trusted_before_the_ledger_was_read_and_then_at_once(machine: Machine) -> None:
    keeper = machine.starting()
    machine.touch()
    assert looked(keeper) is ClockSource.UNKNOWN
    keeper.learn(KnownTime())
    assert keeper.source() is ClockSource.SYNCHRONISED, "without another look"
    assert keeper.last_synchronised_us == WALL_US


def test_an_rtc_is_held_against_what_the_ledger_knows(machine: Machine) -> None:
    keeper = machine.starting()
    machine.show()
    assert looked(keeper) is ClockSource.UNKNOWN
    keeper.learn(KnownTime(WALL_US - DAY))
    assert keeper.source() is ClockSource.RTC
    assert keeper.last_synchronised_us == WALL_US - DAY
    keeper.learn(KnownTime(WALL_US - 400 * DAY))
    assert keeper.last_synchronised_us == WALL_US - DAY, "only its first word counts"


@pytest.mark.parametrize("looks_first", [True, False])
@pytest.mark.parametrize("step_us", [SECOND, HOUR, 400 * DAY, -SECOND, -HOUR, -400 * DAY])
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
    keeper.learn(KnownTime(known.wall_us, replace(known, source=ClockSource.SYNCHRONISED)))
    assert looked(keeper) is ClockSource.UNKNOWN
    machine.clock.advance(60 * SECOND)
    assert looked(keeper) is ClockSource.UNKNOWN
    machine.touch()
    assert looked(keeper) is ClockSource.SYNCHRONISED, "the time service has spoken"


@pytest.mark.parametrize("looks_first", [True, False])
def test_a_clock_that_was_not_set_is_as_good_after_a_restart_as_before(
    machine: Machine, looks_first: bool
) -> None:
    machine.touch()
    known = machine.clock.moment()
    machine.clock.advance(HOUR)
    machine.clock.step_wall(STEP_US)  # as far as slewing may come
    keeper = machine.starting()
    if looks_first:
        keeper.look()
    keeper.learn(KnownTime(known.wall_us, replace(known, source=ClockSource.SYNCHRONISED)))
    assert looked(keeper) is ClockSource.SYNCHRONISED


def test_an_rtc_set_years_ahead_is_not_believed_even_if_wall_time_comes_from_it(
    machine: Machine,
) -> None:
    machine.clock.step_wall(2 * 365 * DAY)
    machine.show()
    assert looked(machine.keeper(WALL_US)) is ClockSource.UNKNOWN


def test_an_rtc_that_lost_its_power_is_not_believed(machine: Machine) -> None:
    machine.show("12")
    assert looked(machine.keeper(WALL_US)) is ClockSource.UNKNOWN


@pytest.mark.parametrize("text", ["", "soon", "1796000000.5"])
def test_an_rtc_that_shows_no_number_is_said_once(
    machine: Machine, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    machine.show(text)
    keeper = machine.keeper(WALL_US)
    with caplog.at_level(logging.WARNING):
        assert looked(keeper) is ClockSource.UNKNOWN
        assert looked(keeper) is ClockSource.UNKNOWN
    (said,) = caplog.messages
    assert said.startswith(str(machine.rtc / "since_epoch"))
    machine.show()
    assert looked(keeper) is ClockSource.RTC
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
        assert looked(keeper) is ClockSource.UNKNOWN
    assert ["x" * 300 in said or "y" * 300 in said for said in caplog.messages] == [True, True]


@pytest.mark.parametrize("step_us", [SECOND, HOUR, 400 * DAY, -SECOND, -HOUR, -400 * DAY])
def test_a_clock_set_by_hand_is_not_trusted_until_it_is_synchronised_again(
    machine: Machine, step_us: int
) -> None:
    keeper = machine.keeper()
    machine.touch()
    machine.clock.advance(20 * 60 * SECOND)
    assert looked(keeper) is ClockSource.SYNCHRONISED
    known_us = keeper.last_synchronised_us
    machine.clock.advance(2 * SECOND)
    machine.clock.step_wall(step_us)
    assert keeper.source() is ClockSource.UNKNOWN, "before the next look already"
    look = keeper.look()
    assert (look.step_us, look.moment.source) == (step_us, ClockSource.UNKNOWN)
    assert keeper.source() is ClockSource.UNKNOWN
    # Also when wall time passes the touch again after a step back.
    for _ in range(100):
        machine.clock.advance(60 * SECOND)
        look = keeper.look()
        assert (look.step_us, look.moment.source) == (None, ClockSource.UNKNOWN)
    assert keeper.last_synchronised_us == known_us
    machine.touch()
    assert looked(keeper) is ClockSource.SYNCHRONISED


@pytest.mark.parametrize("step_us", [SECOND, HOUR, 400 * DAY, -SECOND, -HOUR, -400 * DAY])
def test_a_step_by_the_time_service_is_trusted(machine: Machine, step_us: int) -> None:
    keeper = machine.keeper()
    machine.touch()
    machine.clock.advance(20 * 60 * SECOND)
    keeper.look()
    machine.clock.advance(2 * SECOND)
    machine.clock.step_wall(step_us)
    machine.touch()
    machine.clock.advance(2 * SECOND)
    look = keeper.look()
    assert (look.step_us, look.moment.source) == (step_us, ClockSource.SYNCHRONISED)


def test_a_step_that_the_rtc_agrees_with_is_trusted_by_the_rtc(machine: Machine) -> None:
    keeper = machine.keeper()
    machine.touch()
    machine.show()
    machine.clock.advance(60 * SECOND)
    keeper.look()
    machine.clock.step_wall(HOUR)
    machine.show()
    assert looked(keeper) is ClockSource.RTC


def test_the_first_synchronisation_after_a_start_is_a_step_and_trusted(machine: Machine) -> None:
    keeper = machine.keeper()
    keeper.look()
    machine.clock.advance(5 * SECOND)
    machine.clock.step_wall(40 * DAY)
    machine.touch()
    look = keeper.look()
    assert (look.step_us, look.moment.source) == (40 * DAY, ClockSource.SYNCHRONISED)


def test_slewing_is_no_step(machine: Machine) -> None:
    keeper = machine.keeper()
    machine.touch()
    for _ in range(1000):
        machine.clock.advance(5 * SECOND)
        machine.clock.step_wall(2500)  # 500 ppm of 5 s, the most that the kernel does
        look = keeper.look()
        assert (look.step_us, look.moment.source) == (None, ClockSource.SYNCHRONISED)


def test_a_verdict_counts_for_thirty_seconds(machine: Machine) -> None:
    keeper = machine.keeper()
    machine.touch()
    keeper.look()
    machine.clock.advance(VERDICT_US)
    assert keeper.source() is ClockSource.SYNCHRONISED
    machine.clock.advance(1)
    assert keeper.source() is ClockSource.UNKNOWN


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
        assert (look.step_us, look.moment.source) == (None, ClockSource.SYNCHRONISED)
        assert keeper.source() is ClockSource.SYNCHRONISED


def test_a_machine_clock_takes_its_word_from_the_keeper(machine: Machine) -> None:
    machine.synchronised.touch()
    keeper = TimeKeeper(machine.synchronised, machine.rtc, KnownTime())
    clock = SystemClock(keeper.source)
    assert not clock.moment().trusted
    keeper.look()
    assert clock.moment().source is ClockSource.SYNCHRONISED


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
    unknown, synchronised = ClockSource.UNKNOWN, ClockSource.SYNCHRONISED
    assert told.all == [unknown, synchronised, -HOUR, unknown, HOUR, synchronised]


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
    unknown, synchronised = ClockSource.UNKNOWN, ClockSource.SYNCHRONISED
    assert told.all == [synchronised, unknown, synchronised]


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
    assert told.all == [ClockSource.UNKNOWN, ClockSource.SYNCHRONISED]
