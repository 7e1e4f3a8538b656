"""Many histories of a ledger's clocks: as long as trusted ones are right, nothing is ever concluded
to be older than it is."""

from __future__ import annotations

from random import Random

from timeline_world import RTC, SYNC, UNKNOWN, World

from camerad.base.clock import DAY
from camerad.ledger.timeline import Instant


def test_a_sound_clock_never_makes_anything_older_than_it_is() -> None:
    """Any history in which trusted clocks are right; untrusted ones show anything."""
    random = Random(20261125)
    for _ in range(300):
        world = World()
        ends: list[tuple[int, Instant]] = []
        for _ in range(random.randrange(1, 40)):
            source = random.choice((UNKNOWN, RTC, SYNC))
            world.clock(source, random.choice((-900, 0, 900)) if source is UNKNOWN else 0)
            if random.random() < 0.3:
                world.off(random.choice((0, 1, 40)))
            instant = world.run(random.choice((0, 0.01, 1)))
            ends.append((world.true_us, instant))
            for true_us, end in ends:
                assert world.age_days(end) <= (world.true_us - true_us) / DAY
