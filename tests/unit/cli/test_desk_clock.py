"""How far the clock of the computer at hand is believed for a device's state directory."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import pytest
from desk_helpers import Camera

from camerad.base.clock import SECOND, ClockSource, ManualClock, SystemClock
from camerad.base.wall_clock import TimeKeeper
from camerad.cli import desk

HOUR_US = 3600 * SECOND


class _ThisBoot(ManualClock):
    """This machine's clock, with wall time `error_us` off what it shows now."""

    def __init__(self, error_us: int) -> None:
        real = SystemClock()
        super().__init__(real.now_us(), real.wall_us() + error_us)

    @property
    def boot_id(self) -> str:
        return SystemClock().boot_id


@pytest.mark.parametrize(
    ("set_by_us", "source"),
    [(0, ClockSource.SYNCHRONISED), (HOUR_US, ClockSource.UNKNOWN)],
)
def test_a_clock_that_was_set_since_the_daemon_ended_is_not_believed(
    camera: Camera,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    set_by_us: int,
    source: ClockSource,
) -> None:
    touched = tmp_path / "synchronised"
    touched.touch()
    monkeypatch.setattr(desk, "TimeKeeper", partial(TimeKeeper, touched, tmp_path / "no-rtc"))
    camera.clock = _ThisBoot(-set_by_us)
    ledger = camera.ledger()
    ledger.append("uptime")  # a moment of this boot
    ledger.close()
    options = argparse.Namespace(trust_clock=False)
    assert desk.clock_of(options, camera.place).moment().source is source
