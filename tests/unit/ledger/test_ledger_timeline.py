"""What may be concluded from a ledger's clocks, rule by rule; never too much."""

from __future__ import annotations

from random import Random

import pytest
from timeline_world import RTC, SYNC, UNKNOWN, World

from camerad.base.clock import DAY, SPARED_US, DeclaredMoment, DoubtedMoment
from camerad.ledger.boot_runs import STEADY_US
from camerad.ledger.timeline import Ages, DeclaredTime, Instant, Timeline


@pytest.fixture
def world() -> World:
    return World()


def test_without_a_trusted_clock_only_the_time_that_it_ran_counts(world: World) -> None:
    end = world.run(0)
    world.run(3)
    world.off(100)
    world.run(0)
    world.run(2)
    world.clock(UNKNOWN, 500)
    assert world.age_days(end) == 5


def test_the_present_counts_although_nothing_was_written_since(world: World) -> None:
    end = world.run(0)
    world.true_us += DAY
    assert world.age_days(end) == 1


def test_the_time_from_the_boot_to_its_first_entry_proves_nothing(world: World) -> None:
    """Another machine may have written the entry before while this one was up already."""
    end = world.run(0)
    world.boot, world.booted_us = 1, world.true_us - 50 * DAY
    world.run(1)
    assert world.age_days(end) == 0
    world.run(1)
    assert world.age_days(end) == 1


def test_two_machines_in_turns_never_count_the_same_time_twice(world: World) -> None:
    world.boot = 7
    end = world.run(0)
    for day in range(10):
        world.boot = 7 + day % 2
        world.run(1)
    assert world.age_days(end) <= 10


def test_a_trusted_clock_counts_the_time_without_power(world: World) -> None:
    world.clock(SYNC)
    end = world.run(0)
    world.off(90)
    world.clock(RTC)
    world.run(0)
    assert world.age_days(end) == 90


def test_a_boot_that_learns_the_time_later_knows_when_everything_in_it_was(world: World) -> None:
    end = world.run(0)
    world.run(1)
    world.clock(SYNC)
    world.run(0)
    world.off(30)
    world.run(0)
    assert world.age_days(end) == 31


def test_a_boot_that_never_knew_the_time_is_as_old_as_the_next_that_does(world: World) -> None:
    end = world.run(0)
    world.off(20)
    world.clock(SYNC)
    world.run(0)
    assert world.age_days(end) == 0
    world.off(30)
    world.run(0)
    assert world.age_days(end) == 30


def test_an_earlier_synchronised_time_plus_uptime_counts_also_when_the_clock_is_lost(
    world: World,
) -> None:
    world.clock(SYNC)
    end = world.run(0)
    world.off(10)
    world.run(0)
    world.off(10)
    world.clock(UNKNOWN, -900)
    world.run(0)
    world.run(1)
    assert world.age_days(end) == 11  # ten of them between the two synchronised times


def test_a_clock_stepped_ahead_while_it_runs_makes_nothing_older(world: World) -> None:
    for source in (RTC, SYNC):
        world.clock(source)
        end = world.run(0)
        world.clock(source, 300)
        assert world.age_days(end) == 0
        world.run(0)
        assert world.age_days(end) == 0
        world.run(0.5)
        assert world.age_days(end) == 0.5
        world.off(0)


def test_a_clock_stepped_back_while_it_runs_makes_nothing_older_afterwards(world: World) -> None:
    world.clock(SYNC)
    world.run(0)
    world.clock(SYNC, -300)
    end = world.run(0)
    world.clock(SYNC)
    world.run(0)
    world.off(1)
    world.run(0)
    assert world.age_days(end) == 1


def test_synchronised_time_that_stands_for_a_day_is_believed_over_what_was_before(
    world: World,
) -> None:
    world.clock(SYNC, -300)
    end = world.run(0)
    world.clock(SYNC)
    world.run(0)
    world.off(5)
    world.run(0)
    world.clock(SYNC, 40)
    world.run(0)
    world.clock(SYNC)
    world.run(0)
    assert world.age_days(end) == 5
    run = world.timeline.runs.newest
    assert run.high_us - run.low_us == 40 * DAY
    world.run(STEADY_US / DAY)
    run = world.timeline.runs.newest
    assert run.high_us == run.low_us
    assert world.age_days(end) == 6


def test_an_rtc_is_not_believed_over_what_it_said_before(world: World) -> None:
    world.clock(RTC)
    world.run(0)
    world.clock(RTC, 10)
    world.run(0)
    world.run(5)
    run = world.timeline.runs.newest
    assert run.high_us - run.low_us == 10 * DAY


def test_synchronised_time_replaces_what_the_rtc_said(world: World) -> None:
    world.clock(RTC, 40)
    end = world.run(0)
    world.clock(SYNC)
    world.run(0)
    world.off(3)
    world.run(0)
    assert world.age_days(end) == 3


def test_once_synchronised_a_lesser_source_changes_nothing(world: World) -> None:
    world.clock(SYNC)
    end = world.run(0)
    for source in (RTC, UNKNOWN):
        world.clock(source, 100)
        world.run(1)
    assert world.age_days(end) == 2


def test_an_rtc_behind_the_last_synchronised_time_is_taken_to_show_that(world: World) -> None:
    world.clock(SYNC)
    world.run(0)
    world.off(1)
    world.clock(RTC, -50)
    end = world.run(0)
    world.off(1)
    world.clock(SYNC)
    world.run(0)
    assert world.age_days(end) == 2  # at most; truly 1, and the error is the time without power


def test_an_rtc_that_stood_still_without_power_makes_nothing_older_once_that_shows(
    world: World,
) -> None:
    """Its battery is weak: twenty days in a drawer, and the recording of a day later is made."""
    world.clock(SYNC)
    world.run(0)
    world.off(20)
    world.clock(RTC, -20)
    end = world.run(0)
    world.off(1)
    world.clock(RTC, -20.5)
    world.run(0)
    world.clock(SYNC)
    world.run(0)
    assert world.age_days(end) == 0.5  # a day, less what the RTC may have lost since
    world.off(1)
    world.clock(RTC)
    later = world.run(0)
    world.off(1)
    world.clock(RTC, -3 / 86400)  # seconds are no reason
    world.run(0)
    world.clock(SYNC)
    world.run(0)
    assert world.age_days(later) == 1
    assert world.age_days(end) == 2.5


def test_of_several_synchronised_times_after_the_end_the_earliest_counts(world: World) -> None:
    world.clock(SYNC, 200)
    end = world.run(0)
    world.off(1)
    world.clock(SYNC)
    world.run(0)
    world.off(9)
    world.run(0)
    assert world.age_days(end) == 9


def test_what_another_machine_signed_counts_unless_synchronised_time_knows_better(
    world: World,
) -> None:
    world.clock(SYNC)
    here = world.run(0)
    assert world.age_days(here, world.true_us - 5 * DAY) == 5
    assert world.age_days(here, world.true_us + 100 * DAY) == 0
    world.run(3)
    assert world.age_days(here, world.true_us + 100 * DAY) == 3


def test_a_place_in_time_that_is_not_known_proves_nothing(world: World) -> None:
    world.clock(SYNC)
    world.run(1)
    assert world.age_days(Instant(99, 0), world.true_us - 50 * DAY) == 0


def test_boot_time_that_runs_backwards_counts_for_nothing(world: World) -> None:
    end = world.run(5)
    world.true_us -= DAY
    world.see()
    assert world.age_days(end) == 0


def test_a_timeline_without_entries_knows_nothing() -> None:
    empty = Timeline()
    assert (empty.uptime_us, empty.wall_at_least_us, empty.latest_run("boot")) == (0, None, None)


def test_leaving_out_what_is_not_needed_changes_no_age() -> None:
    """Any history: whoever is asked for later has the same age as with all runs kept."""
    random = Random(20261124)
    for _ in range(300):
        world = World()
        instants = []
        for _ in range(random.randrange(1, 25)):
            world.clock(random.choice((UNKNOWN, RTC, SYNC)), random.choice((0, 0, 0, -30, 50)))
            if random.random() < 0.5:
                world.off(random.choice((0, 1, 40)))
            instants.append(world.run(random.choice((0, 0.01, 1))))
        needed = random.sample(instants, min(3, len(instants)))
        short = World()
        short.__dict__.update(world.__dict__)
        short.timeline = world.timeline.keep_needed({instant.run for instant in needed})
        assert len(short.timeline.runs) <= 3 * len(needed) + 8
        for _ in range(2):
            for instant in needed:
                assert short.age_days(instant) == world.age_days(instant)
                stated_us = world.true_us - 5 * DAY
                assert short.age_days(instant, stated_us) == world.age_days(instant, stated_us)
            for one in (world, short):
                one.off(3)
                one.clock(SYNC)
                one.run(1)


def test_a_moment_of_a_boot_is_known_as_it_was_last_synchronised() -> None:
    world = World()
    world.clock(RTC)
    world.run(1)
    assert world.timeline.synchronised_in(world.boot_id) is None
    world.clock(SYNC)
    world.run(1)
    right = world.moment()
    world.clock(UNKNOWN, error_days=7)
    world.run(1)
    known = world.timeline.synchronised_in(world.boot_id)
    assert known is not None
    # Of the last entry's boot time, and of the wall time that would have been right then.
    assert known.boot_us == world.boot_us
    assert known.wall_us - known.boot_us == right.wall_us - right.boot_us
    boot = world.boot_id
    world.off(1)
    assert world.timeline.synchronised_in(world.boot_id) is None, "nothing of this boot"
    assert world.timeline.synchronised_in(boot) == known


@pytest.mark.parametrize(("error_days", "aged"), [(0, 15), (-15, 30), (15, 0)])
@pytest.mark.parametrize("taken_back", [False, True])
def test_what_was_declared_ages_what_is_declared_until_trusted_time_contradicts_it(
    error_days: int, aged: int, *, taken_back: bool
) -> None:
    """error_days: how wrong the first declaration was, 15 days before the second."""
    world = World()
    instant = world.run(0)
    before = world.moment()
    wrong_us = before.wall_us + error_days * DAY
    declared = [DeclaredTime("Desk", instant.run, before.boot_us, wrong_us)]
    if taken_back:
        world.clock(SYNC)
        world.run(0)
        world.clock(UNKNOWN)
    world.off(15)
    now = world.moment()
    boot = world.boot_id
    assert Ages(world.timeline, boot, now, declared).minimum_us(instant) == 0
    said = DeclaredMoment(now.boot_us, now.wall_us, now.source)
    days = Ages(world.timeline, boot, said, declared).minimum_us(instant) // DAY
    assert days == (15 if taken_back else aged)


@pytest.mark.parametrize(("error_days", "refuted"), [(-30, "before"), (30, "after"), (0, "")])
def test_trusted_time_before_or_after_takes_back_what_was_declared_between(
    world: World, error_days: int, refuted: str
) -> None:
    if refuted != "after":
        world.clock(SYNC)
        world.run(0)
        world.off(1)
    world.clock(UNKNOWN)
    between = world.run(0)
    moment = world.moment()
    said_us = moment.wall_us + error_days * DAY
    declared = DeclaredTime("Desk", between.run, moment.boot_us, said_us)
    if refuted != "before":
        world.off(1)
        world.clock(SYNC)
        world.run(0)
    assert world.timeline.contradicts(declared) == bool(refuted)


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize(
    ("first", "second", "counts"), [(0, 15, False), (15, 0, False), (0, 0.006, True)]
)
def test_of_two_times_that_were_declared_in_one_boot_and_differ_neither_counts(
    world: World, first: float, second: float, others: int, *, counts: bool
) -> None:
    """others: computers that wrote in between."""
    instant = world.run(0)
    before = world.moment()
    declared = [
        DeclaredTime("Desk", instant.run, before.boot_us, before.wall_us + round(first * DAY))
    ]
    for world.boot in (*range(9, 9 + others), 0):
        world.run(0)
    world.clock(UNKNOWN, second)
    now = world.moment()
    said = DeclaredMoment(now.boot_us, now.wall_us, now.source)
    ages = Ages(world.timeline, world.boot_id, said, declared)
    assert ages.now_us == (now.wall_us if counts else None)
    assert ages.minimum_us(instant) <= SPARED_US


def test_what_a_person_declares_counts_against_what_the_rtc_showed_in_that_boot(
    world: World,
) -> None:
    world.clock(RTC, -30)
    end = world.run(0)
    world.clock(UNKNOWN)
    now = world.moment()
    said = DeclaredMoment(now.boot_us, now.wall_us, now.source)
    assert Ages(world.timeline, world.boot_id, said).now_us == now.wall_us
    doubted = DoubtedMoment(now.boot_us, now.wall_us, RTC)
    assert Ages(world.timeline, world.boot_id, doubted).now_us is None
    assert Ages(world.timeline, world.boot_id, doubted).minimum_us(end) == 0


def test_what_a_clock_showed_in_a_boot_is_known_although_others_write_in_turns(
    world: World,
) -> None:
    world.run(0)
    first_us = world.moment().wall_us
    for world.boot in (7, 8, 0, 7):
        world.run(0.001)
    world.timeline = world.timeline.keep_needed(())
    assert world.timeline.seen_in("boot 0") == (first_us, first_us)
    world.boot = 0
    world.clock(UNKNOWN, 15)
    world.run(0)
    assert world.timeline.seen_in("boot 0") == (first_us, first_us + 15 * DAY)
    assert world.timeline.seen_in("boot 1") is None
    world.clock(SYNC, 3)
    world.run(0)
    assert world.timeline.seen_in("boot 0") == (first_us + 3 * DAY,) * 2


def test_an_rtc_that_a_hand_set_right_was_behind_in_the_boots_before_all_the_same(
    world: World,
) -> None:
    world.clock(SYNC)
    world.run(0)
    world.off(20)
    world.clock(RTC, -20)
    end = world.run(0)
    world.off(1)
    for source, error_days in ((RTC, -20), (RTC, 0), (SYNC, 0)):
        world.clock(source, error_days)
        world.run(0)
    assert world.age_days(end) == 1
