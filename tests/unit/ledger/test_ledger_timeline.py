"""What may be concluded from a ledger's clocks, rule by rule; never too much."""

from __future__ import annotations

from random import Random

import pytest
from timeline_world import RTC, SYNC, UNKNOWN, World

from camerad.base.clock import DAY, SPARED_US, DeclaredMoment, DoubtedMoment
from camerad.ledger.timeline import Ages, DeclaredTime, Instant, Timeline


@pytest.fixture
def world() -> World:
    return World()


RULES = {
    "without a trusted clock only the time that it ran counts": ("end 3 off100 0 2 unknown+500 =5"),
    "the present counts although nothing was written since": "end wait1 =1",
    "a trusted clock counts the time without power": "sync end off90 rtc 0 =90",
    "a boot that learns the time later knows when everything in it was": (
        "end 1 sync 0 off30 0 =31"
    ),
    "a boot that never knew the time is as old as the next that does": (
        "end off20 sync 0 =0 off30 0 =30"
    ),
    # Ten days lie between the two synchronised times.
    "an earlier synchronised time plus uptime counts also when the clock is lost": (
        "sync end off10 0 off10 unknown-900 0 1 =11"
    ),
    "a clock stepped ahead while it runs makes nothing older": (
        "rtc end rtc+300 =0 0 =0 0.5 =0.5 off0 sync end sync+300 =0 0 =0 0.5 =0.5"
    ),
    "a clock stepped back while it runs makes nothing older afterwards": (
        "sync 0 sync-300 end sync 0 off1 0 =1"
    ),
    "synchronised time that stands for a day is believed over what was before": (
        "sync-300 end sync 0 off5 0 sync+40 0 sync 0 =5 between40 1 between0 =6"
    ),
    "an RTC is not believed over what it said before": "rtc 0 rtc+10 0 5 between10",
    "synchronised time replaces what the RTC said": "rtc+40 end sync 0 off3 0 =3",
    "once synchronised a lesser source changes nothing": ("sync end rtc+100 1 unknown+100 1 =2"),
    # Truly 1: the error is the time without power.
    "an RTC behind the last synchronised time is taken to show that": (
        "sync 0 off1 rtc-50 end off1 sync 0 =2"
    ),
    # Its battery is weak: twenty days in a drawer, and the recording of a day later is made. The
    # age is that day, less what the RTC may have lost since; seconds are no reason.
    "an RTC that stood still without power makes nothing older once that shows": (
        "sync 0 off20 rtc-20 end off1 rtc-20.5 0 sync 0 =0.5 "
        "off1 rtc 0 off1 rtc-0.00003 0 sync 0 =2.5"
    ),
    "what such an RTC lost before counts no more": (
        "sync 0 off20 rtc-20 0 off1 rtc-20.5 0 sync 0 off1 rtc end off1 rtc-0.00003 0 sync 0 =1"
    ),
    "an RTC that a hand set right was behind in the boots before all the same": (
        "sync 0 off20 rtc-20 end off1 rtc-20 0 rtc 0 sync 0 =1"
    ),
    "of several synchronised times after the end the earliest counts": (
        "sync+200 end off1 sync 0 off9 0 =9"
    ),
    "boot time that runs backwards counts for nothing": "5 end back1 =0",
}
"""What happens, in days. A number: it runs so long, and writes an entry. end: an entry, whose age
is asked for. off: without power. sync, rtc, unknown: the clock, and how wrong it is. wait: without
an entry. =: the age. between: the width of what the newest boot's wall time may be."""


@pytest.mark.parametrize("script", RULES.values(), ids=RULES)
def test_the_rules(world: World, script: str) -> None:
    end = Instant(99, 0)
    for step in script.split():
        word = step.rstrip("0123456789.+-")
        days = float(step[len(word) :] or 0)
        match word:
            case "":
                world.run(days)
            case "end":
                end = world.run(0)
            case "off":
                world.off(days)
            case "wait" | "back":
                world.true_us += round(days if word == "wait" else -days) * DAY
                if word == "back":
                    world.see()
            case "=":
                assert world.age_days(end) == days, step
            case "between":
                run = world.timeline.runs.newest
                assert run.high_us - run.low_us == days * DAY
            case _:
                world.clock({"sync": SYNC, "rtc": RTC, "unknown": UNKNOWN}[word], days)


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
