"""The daemon is killed, and power is lost; nothing that was certain is lost with it.

A short cut of ``make campaign``, which tries many more instants.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign import cuts, kills, lives

pytestmark = pytest.mark.system

SEED = 18
KILLS = {"first", "running", "repair", "stop"}


def test_a_kill_loses_nothing_committed_and_the_recording_goes_on(tmp_path: Path) -> None:
    # The first four runs of this seed fall into each of the phases.
    done = kills.campaign(tmp_path, 4, SEED)
    assert [one for run in done for one in run.findings] == []
    assert {run.phase for run in done} == KILLS
    assert any(run.since_kill is not None for run in done)


def test_a_loss_of_power_loses_nothing_that_was_synced(tmp_path: Path) -> None:
    if (why := lives.possible()) is not None:
        pytest.skip(why)
    done = cuts.campaign(tmp_path, 2, SEED)
    assert [one for run in done for one in run.findings] == []
