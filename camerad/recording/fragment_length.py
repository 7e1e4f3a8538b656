"""Chooses how much footage goes into a fragment: little at first, more where the storage lags."""

from __future__ import annotations

from typing import Final

from camerad.base.clock import SECOND
from camerad.behaviour.budget import COMBINED_SECONDS

FIRST_US: Final = 60_000
"""Footage in the first fragment at least, and two pictures: what happened at the press is on the
disk soon after. At 30 pictures a second two are enough, even if they come a bit unevenly."""
DRAIN: Final = 4
"""A fragment of the backlog is up to so many times as long as usual; a storage that needs the same
time for every synchronisation then drains it faster."""
KEEP_UP: Final = 2
"""A slow storage gets so many times what comes while it is busy, so that it keeps up."""
COMBINED_US: Final = round(COMBINED_SECONDS * SECOND)


def first_bounds_us(usual_us: int, nominal_us: int, *, begun: bool) -> tuple[int, int]:
    """The longest and the shortest first fragment. usual_us: of a fragment, nominal_us: of a
    picture. begun: there is a file; before that a single picture makes one."""
    # The second picture is whole once the third is there, however few a second.
    return usual_us, max(1, FIRST_US - nominal_us) if begun else 0


def longest_us(usual_us: int, slow_us: int | None, *, stopping: bool) -> int:
    """How much of a backlog goes into one fragment. A storage that is slow over each of them is
    given more at once; when the stop has come, which it has little time for, whatever waits.

    usual_us: of a fragment. slow_us: how long the storage takes over one; None: it is not slow.
    """
    drained_us = DRAIN * usual_us
    if slow_us is None:
        return drained_us
    wanted_us = COMBINED_US if stopping else KEEP_UP * slow_us
    return max(drained_us, min(wanted_us, COMBINED_US))
