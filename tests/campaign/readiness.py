"""How soon a camera has to be ready again by itself, from its own budgets."""

from __future__ import annotations

from typing import Final

from hw_mocks.sim.board_power import REBOOT_SECONDS
from hw_mocks.sim.faults import FAULTS

from camerad.behaviour.budget import END_SECONDS, SHUTDOWN_SECONDS, STOP_SECONDS, TURN_SECONDS
from camerad.behaviour.supervision import Budget
from camerad.daemon.power_monitor import LOOK_SECONDS
from camerad.daemon.storage_monitor import WATCH_SECONDS
from tests.bench.starting import READY_LIMIT_MS
from tests.campaign import sequences
from tests.campaign.seen import Seen

START_SECONDS: Final = 3 * READY_LIMIT_MS / 1000
"""From the start of a daemon until the camera delivers, at most: three times what `make bench`
allows on a machine that is left alone."""
CAPTURING: Final = frozenset(
    name for name, kind in FAULTS.items() if kind.group == "camera" or name == "capture_kill"
)
CARD: Final = frozenset(name for name, kind in FAULTS.items() if kind.group == "card")


def budget_seconds(seen: Seen) -> float:
    """How long after the end of all faults the camera may need to be ready: what was begun before
    ends in its own time, then each watcher looks once more."""
    ladder = Budget()
    # A hand that asks for the stop of what runs, and a stop that waits for its last pictures.
    most = sequences.STOP_SECONDS + STOP_SECONDS + TURN_SECONDS
    names = set(seen.sequence.names)
    if names & CAPTURING:
        # A process that began while nothing worked, its end, the pause, the next one; and a board
        # that had been given up reboots. What is not to reboot any more tries rarely.
        waits_us = ladder.first_frame_us + ladder.stop_us + ladder.back_off_us[-1]
        most += waits_us / 1e6 + START_SECONDS
        most += END_SECONDS + REBOOT_SECONDS + START_SECONDS if _rebooted(seen) else 0
        most += ladder.refused_us / 1e6 + START_SECONDS if _refused_reboot(seen) else 0
    if names & CARD:
        most += SHUTDOWN_SECONDS + WATCH_SECONDS
    if "daemon_killed" in names:
        most += START_SECONDS
    if any(FAULTS[name].group == "power" for name in names):
        most += LOOK_SECONDS
    return most


def _rebooted(seen: Seen) -> bool:
    return any(one["kind"] == "start" for one in seen.ledger)


def _refused_reboot(seen: Seen) -> bool:
    """Whether the camera was to reboot, and had done so too often without any use."""
    reboots = [one["facts"]["count"] for one in seen.ledger if one["kind"] == "reboot"]
    return None in reboots
