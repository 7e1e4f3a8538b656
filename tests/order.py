"""In which order tests come, so that no processor waits for another in the end.

pytest-xdist's `worksteal` gives each worker a stretch of the list, all of the same number of tests,
and takes from the end of what another one has left. So what takes long is dealt out to all of them
and stands at the beginning of a stretch: in the end only short tests are left to be shared. What
stands at the beginning is not taken away, so tests that share something expensive stay together.
"""

from __future__ import annotations

from typing import Final

import pytest

LONGEST: Final = (
    "tests/unit/behaviour/test_stages_promises.py",
    "tests/crash/test_states.py",
    "tests/crash/test_table.py",
    "tests/system/test_sound.py",
    "tests/system/test_display_faults.py",
    "tests/system/test_fault_campaign.py",
    "tests/system/test_real_card.py",
)
"""Files, and single tests, by the beginning of their name; the longest first."""


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in the order in which they are best shared out among so many."""
    long: list[list[pytest.Item]] = [[] for _ in LONGEST]
    short = []
    for item in items:
        which = next((at for at, name in enumerate(LONGEST) if item.nodeid.startswith(name)), None)
        (short if which is None else long[which]).append(item)
    heads: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for at, tests in enumerate(tests for tests in long if tests):
        # There and back: who has the longest has the shortest too.
        turn, place = divmod(at, workers)
        heads[workers - 1 - place if turn % 2 else place] += tests
    ordered: list[pytest.Item] = []
    for at, head in enumerate(heads):
        # As `worksteal` counts.
        size = (len(items) - len(ordered)) // (workers - at)
        room = max(size - len(head), 0)
        ordered += head + short[:room]
        del short[:room]
    return ordered + short
