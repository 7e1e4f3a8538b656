"""What the fault campaign plays follows from its seed, and leaves no fault out."""

from __future__ import annotations

import pytest

from tests.campaign import sequences

pytestmark = pytest.mark.campaign

SEED = 1
CRITICAL_SECONDS = 30.0
"""A battery that is nearly empty for so long switches the camera off (docs/operations.md)."""


def test_a_sequence_follows_from_seed_and_number_alone() -> None:
    assert list(sequences.of(SEED, 7).told()) == list(sequences.of(SEED, 7).told())
    assert list(sequences.of(SEED, 7).told()) != list(sequences.of(SEED + 1, 7).told())
    assert list(sequences.of(SEED, 7).told()) != list(sequences.of(SEED, 8).told())


def test_faults_come_alone_and_together() -> None:
    counts = [len(sequences.of(SEED, number).names) for number in range(1, 301)]
    # Half of them, but for those few that need another one to show.
    assert 0.4 < counts.count(1) / len(counts) < 0.6
    # One of its own turn, three more, and what these need to show.
    assert max(counts) >= 4


def test_every_scene_is_over_before_half_a_minute_and_no_battery_ends_the_camera() -> None:
    for number in range(1, 301):
        sequence = sequences.of(SEED, number)
        assert 2 <= sequence.seconds < 30
        assert all(0 <= fault.at < sequence.seconds for fault in sequence.faults)
        for fault in sequence.faults:
            if fault.name == "battery_critical":
                assert fault.lasts is not None and fault.lasts < CRITICAL_SECONDS


def test_everything_that_lasts_is_healed() -> None:
    for number in range(1, 301):
        sequence = sequences.of(SEED, number)
        healed = [body["name"] for body in sequences.heal(sequence, sequence.names)]
        lasting = [fault.name for fault in sequence.faults if fault.lasts is not None]
        # A step of the clock ends with a synchronisation, which ends every fault of the clock.
        assert [{"clock_step": "clock_unset"}.get(name, name) for name in lasting] == healed
        assert all(body["seconds"] == 0 for body in sequences.heal(sequence, sequence.names))
