"""What losses of power under the image rest on, without starting it."""

from __future__ import annotations

from camerad.behaviour.update import UpdatePhase
from camerad_image import layout
from tests.image import power_update


def test_what_was_told_of_an_update_is_known_by_the_journals_time() -> None:
    journal = """\
[    4.000001] camera kernel: random: crng init done
[  101.000200] camera camerad[7]: version 2 is installed into slot B
[ 1201.500000] camera camerad[9]: version 2 is tried: the machine starts anew
"""
    assert power_update.said(journal) == [
        (101_000_200, UpdatePhase.INSTALLING),
        (1_201_500_000, UpdatePhase.TRYING),
    ]


def test_the_partitions_of_a_state_lie_one_behind_the_other() -> None:
    places = [power_update.place(one) for one in power_update.PARTITIONS]
    sizes = [one.size for one in power_update.PARTITIONS]
    assert places == [0, *(at + size for at, size in zip(places, sizes, strict=True))][:-1]
    # Slot A runs: nothing of it is written to.
    assert {layout.BOOT_A, layout.ROOT_A} & set(power_update.PARTITIONS) == set()
