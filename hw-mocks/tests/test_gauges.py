"""The board's battery and temperature, as a power watch finds them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from hw_mocks.sim.gauges import Gauges


def shown(made: Gauges) -> dict[str, str]:
    battery = made.power_supply / "BAT0"
    return {
        "status": (battery / "status").read_text(),
        "capacity": (battery / "capacity").read_text(),
        "online": (made.power_supply / "usb/online").read_text(),
        "temp": (made.zone / "temp").read_text(),
        "firmware": made.firmware.read_text(),
    }


WELL = {
    "status": "Discharging\n",
    "capacity": "87\n",
    "online": "0\n",
    "temp": "48250\n",
    "firmware": "0\n",
}


@pytest.mark.parametrize(
    ("fault", "differs"),
    [
        ("battery_low", {"capacity": "6\n"}),
        ("battery_critical", {"capacity": "2\n"}),
        ("docked", {"status": "Charging\n", "online": "1\n"}),
        ("hot", {"temp": "78000\n"}),
        ("throttled", {"firmware": "6\n"}),
    ],
)
def test_each_fault_shows_in_its_file_and_goes_again(
    tmp_path: Path, fault: str, differs: dict[str, str]
) -> None:
    made = Gauges(tmp_path)
    assert shown(made) == WELL
    made.show(fault)
    assert shown(made) == WELL | differs
    made.show()
    assert shown(made) == WELL


def test_a_gauge_that_fails_cannot_be_read(tmp_path: Path) -> None:
    made = Gauges(tmp_path)
    made.show("battery_unknown")
    with pytest.raises(OSError):
        shown(made)
    made.show("battery_low")
    assert shown(made)["capacity"] == "6\n"


def test_several_hold_at_once_and_each_ends_by_itself(tmp_path: Path) -> None:
    made = Gauges(tmp_path)

    async def story() -> None:
        for fault in ("docked", "hot", "battery_low"):
            made.fault(fault, 600)
        made.fault("battery_critical", 0.05)
        assert shown(made)["capacity"] == "2\n"
        deadline = time.monotonic() + 10
        while shown(made)["capacity"] != "6\n":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)
        made.fault("hot", 0)
        while shown(made)["temp"] != "48250\n":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)
        made.stop()

    asyncio.run(story())
    differs = {"status": "Charging\n", "online": "1\n", "capacity": "6\n"}
    assert shown(made) == WELL | differs
