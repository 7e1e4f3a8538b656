"""When samples were taken, in simulated time: an hour of sound, or a cut of it, in a moment."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camerad.capture.sampling import CERTAIN_US, PULL, STEP_US, WARM_US, Placed, SampleClock
from tests.breadth import breadth

RATE = 48_000
BLOCK = 1024
SECOND = 1_000_000
Delay = Callable[[float], float]


class Microphone:
    """Blocks of a microphone that is `ppm` too fast, each arriving `delay` after its end.

    `delay` is asked with the media time of the block's end; blocks never overtake each other.
    `lose` leaves samples out, as a driver does whose buffer has run over.
    """

    def __init__(self, ppm: float = 0, delay: Delay = lambda _: 0.0, block: int = BLOCK) -> None:
        self.clock = SampleClock(RATE)
        self.sample_us = SECOND / (RATE * (1 + ppm * 1e-6))
        self.delay = delay
        self.block = block
        self.taken_us = 7_000_000_000.0
        self.arrived_us = 0.0
        self.waiting: list[float] = []
        """True media time of the first sample of each block of which nothing is said yet."""
        self.unplaced: list[float] = []
        """The same of each that can have no place."""

    def lose(self, seconds: float) -> None:
        self.taken_us += seconds * SECOND

    def run(self, seconds: float) -> Iterator[tuple[float, Placed]]:
        """The next blocks: the true time of each, and where it was placed."""
        end_us = self.taken_us + seconds * SECOND
        while self.taken_us < end_us:
            yield from self.one()

    def one(self, lost: float = 0.0) -> Iterator[tuple[float, Placed]]:
        """The next block, out of the middle of which so many seconds are lost."""
        self.waiting.append(self.taken_us)
        self.taken_us += self.block * self.sample_us
        self.lose(lost)
        late_us = self.taken_us + self.delay(self.taken_us)
        self.arrived_us = max(self.arrived_us, late_us)
        for placed in self.clock.arrived(self.block, round(self.arrived_us)):
            true_us = self.waiting.pop(0)
            if placed is None:
                self.unplaced.append(true_us)
            else:
                yield true_us, placed


def errors(pairs: list[tuple[float, Placed]]) -> list[float]:
    return [placed.at_us - true_us for true_us, placed in pairs]


def usual(seed: int) -> Delay:
    """0.5 ms at least, 3 ms on average, and one block in a hundred 40 ms more."""
    chance = random.Random(seed)
    return lambda _: 500 + chance.expovariate(1 / 2500) + 40_000 * (chance.random() < 0.01)


@pytest.mark.breadth
@pytest.mark.parametrize("ppm", [-200, 200])
def test_an_hour_stays_in_time_with_a_clock_that_is_wrong(ppm: float) -> None:
    microphone = Microphone(ppm, usual(1))
    pairs = list(microphone.run(breadth(1200, 3600)))
    assert [placed.fresh for _, placed in pairs].count(True) == 1
    # 200 ppm are 720 ms in an hour, and 240 ms in a third of it; the earliest of 47 arrivals a
    # second is within 1 ms of its end nearly always, and until the skew is known ten seconds bring
    # 2 ms.
    assert max(map(abs, errors(pairs))) < 4_000
    late = errors(pairs[len(pairs) // 2 :])
    assert max(late) - min(late) < 1_000
    # 1 ms of jitter over a minute.
    assert microphone.clock.skew * 1e6 == pytest.approx(-ppm, abs=17)


def test_times_never_jump_while_samples_follow_each_other() -> None:
    microphone = Microphone(200, usual(2))
    pairs = list(microphone.run(300))
    steps = [b[1].at_us - a[1].at_us for a, b in pairwise(pairs)]
    nominal_us = BLOCK * SECOND / RATE
    # A microsecond for rounding.
    assert all(abs(step - nominal_us) < PULL * nominal_us + 1 for step in steps)


def test_the_first_blocks_wait_and_the_backlog_of_an_opened_device_does_not_count() -> None:
    # A driver that has collected 150 ms before anybody read gives them all at once.
    begin_us = 7_000_000_000.0
    microphone = Microphone(delay=lambda us: max(500.0, begin_us + 150_000 - us))
    pairs = list(microphone.run(1))
    assert pairs[0][1].fresh
    assert pairs[0][0] == begin_us
    assert max(map(abs, errors(pairs))) < 600
    assert WARM_US == 250_000


@pytest.mark.parametrize("held_us", [30_000, 400_000, 2_000_000])
def test_blocks_that_were_held_up_and_not_lost_are_placed_as_if_nothing_had_been(
    held_us: int,
) -> None:
    microphone = Microphone(100, usual(3))
    pairs = list(microphone.run(20))
    since_us = microphone.taken_us
    microphone.delay = lambda us: max(500.0, since_us + held_us - us)
    after = list(microphone.run(5))
    assert not any(placed.fresh for _, placed in after)
    assert max(map(abs, errors(pairs + after))) < 4_000
    assert microphone.waiting == []


@pytest.mark.parametrize("seconds", [0.03, 0.2, 2.0, 3600.0])
def test_lost_samples_make_a_gap_of_their_length_where_they_are_missing(seconds: float) -> None:
    microphone = Microphone(-150, usual(4))
    list(microphone.run(30))
    microphone.lose(seconds)
    first_us = microphone.taken_us
    after = list(microphone.run(10))
    (fresh,) = [true_us for true_us, placed in after if placed.fresh]
    # The first block may hold samples from before the loss, and the one behind it up to 5 ms of
    # them; a third is not in time where the jitter of `usual` is more than that.
    assert 2 * BLOCK * SECOND / RATE <= fresh - first_us + 1 < 6 * BLOCK * SECOND / RATE
    assert max(map(abs, errors(after))) < 4_000


@pytest.mark.parametrize("held", [0, 1, 2, 9], ids=lambda blocks: f"{blocks} blocks")
@pytest.mark.parametrize("seconds", [0.2, 1.5, 3600.0])
def test_what_a_silence_held_up_is_placed_neither_before_nor_behind_the_loss_that_followed_it(
    held: int, seconds: float
) -> None:
    """The device stands still with samples in its buffer; they come when it goes on, and first."""
    microphone = Microphone(200, usual(7))
    list(microphone.run(30))
    # Half a block more lies in the buffer; the block is filled behind the loss.
    goes_on_us = microphone.taken_us + (held + 0.5) * BLOCK * microphone.sample_us
    goes_on_us += seconds * SECOND
    before_us = microphone.taken_us
    delay, microphone.delay = microphone.delay, lambda us: max(500.0, goes_on_us - us)
    after = [pair for _ in range(held) for pair in microphone.one()]
    after += microphone.one(lost=seconds)
    microphone.delay = delay
    after += microphone.run(5)
    assert max(map(abs, errors(after))) < 4_000
    assert microphone.unplaced[: held + 1] == pytest.approx(
        [before_us + block * BLOCK * microphone.sample_us for block in range(held + 1)]
    )
    # Of those behind the loss the first, and where jitter is above 5 ms another one or two.
    assert 1 <= len(microphone.unplaced) - (held + 1) <= 4


def test_nothing_is_certain_while_what_was_held_up_still_comes_in() -> None:
    """A machine that is slow to catch up takes longer than CERTAIN_US for it."""
    microphone = Microphone(100, usual(8))
    pairs = list(microphone.run(20))
    since_us = microphone.taken_us
    # Two seconds late, and a tenth faster than they were taken: it takes twenty to catch up.
    microphone.delay = lambda us: max(500.0, 2 * SECOND - (us - since_us) / 10)
    after = list(microphone.run(30))
    assert not any(placed.fresh for _, placed in after)
    assert microphone.unplaced == []
    assert max(map(abs, errors(pairs + after))) < 4_000


def test_less_than_a_step_is_put_right_within_the_time_that_is_remembered() -> None:
    microphone = Microphone(delay=usual(5))
    list(microphone.run(100))
    microphone.lose(0.8 * STEP_US / SECOND)
    pairs = list(microphone.run(200))
    assert not any(placed.fresh for _, placed in pairs)
    assert max(map(abs, errors(pairs))) < STEP_US
    assert max(map(abs, errors(pairs[-100:]))) < 2_000


def test_a_start_that_was_late_throughout_is_put_right_at_the_first_block_in_time() -> None:
    microphone = Microphone()
    busy_until_us = microphone.taken_us + SECOND
    microphone.delay = lambda us: 80_000.0 if us < busy_until_us else 500.0
    pairs = list(microphone.run(3))
    fresh = [index for index, (_, placed) in enumerate(pairs) if placed.fresh]
    assert len(fresh) > 1
    assert max(map(abs, errors(pairs[fresh[-1] :]))) < STEP_US
    assert max(map(abs, errors(pairs[-10:]))) < 600


def test_late_blocks_wait_no_longer_than_it_takes_to_be_certain() -> None:
    microphone = Microphone()
    list(microphone.run(5))
    microphone.lose(1)
    before_us = microphone.taken_us
    assert list(microphone.run(CERTAIN_US / SECOND - 0.03)) == []
    # Two blocks of 21 ms more.
    assert list(microphone.run(0.06))
    assert microphone.taken_us - before_us < CERTAIN_US + 50_000


def test_a_device_opened_again_begins_fresh_and_keeps_its_skew() -> None:
    microphone = Microphone(200, usual(6))
    list(microphone.run(60))
    skew = microphone.clock.skew
    microphone.clock.restart()
    microphone.waiting.clear()
    microphone.lose(5)
    after = list(microphone.run(1))
    assert [placed.fresh for _, placed in after].index(True) == 0
    assert microphone.clock.skew == skew
    assert max(map(abs, errors(after))) < 4_000


@given(st.lists(st.tuples(st.integers(1, 9600), st.integers(0, 3_000_000)), max_size=60))
@settings(max_examples=200)
def test_every_block_gets_a_place_once_and_in_order(blocks: list[tuple[int, int]]) -> None:
    clock = SampleClock(RATE)
    at_us, placed = 0, 0
    for samples, wait_us in blocks:
        at_us += wait_us
        placed += len(clock.arrived(samples, at_us))
    # Those that still wait are placed once it is certain what they are.
    for _ in range(200):
        at_us += 20_000
        placed += len(clock.arrived(960, at_us))
    assert placed == len(blocks) + 200
