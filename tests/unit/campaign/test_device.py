"""The device without its camera that crash states and losses of power are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.base.clock import ManualClock
from tests.crash.device import Device

pytestmark = pytest.mark.campaign


@pytest.mark.parametrize("root", [".", "card"], ids=["here", "below"])
def test_a_device_whose_folder_is_named_from_here_lets_go_of_it_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    (tmp_path / "card").mkdir()
    monkeypatch.chdir(tmp_path)
    clock = ManualClock(40_000_000, 1_790_000_000_000_000)
    for _ in range(2):  # the second is refused if the first still holds it
        device = Device(root, clock)
        device.start()
        device.abandon()
