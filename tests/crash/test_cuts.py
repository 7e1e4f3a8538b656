"""Power is lost under a real ext4 file system while a camera is set up by a file.

A short cut of ``make campaign``, which tries hundreds of states, of other phases too.
"""

from __future__ import annotations

import pytest

from tests.campaign import cut_provisioning, lives


def test_a_camera_is_set_up_as_if_the_power_had_not_been_lost() -> None:
    if (why := lives.possible()) is not None:
        pytest.skip(why)
    tally = cut_provisioning.campaign(25, 1)
    assert tally.findings == []
    assert (tally.states, tally.controls) == (25, 5)
    assert tally.caught > 0, "a card that lies is not found out"
