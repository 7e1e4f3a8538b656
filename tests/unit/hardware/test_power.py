"""What supplies the camera, as the kernel's files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.hardware.power import PowerReading, read_power


def supply(root: Path, name: str, **properties: str) -> None:
    (root / name).mkdir(parents=True)
    for key, value in properties.items():
        (root / name / key).write_text(f"{value}\n")


def battery(root: Path, **properties: str) -> None:
    supply(root, "BAT0", type="Battery", **properties)


@pytest.mark.parametrize("make", ["nothing", "a file", "empty"])
def test_where_there_is_nothing_there_is_no_battery(tmp_path: Path, make: str) -> None:
    root = tmp_path / "power_supply"
    if make == "a file":
        root.write_text("")
    if make == "empty":
        root.mkdir()
    assert read_power(root) == PowerReading(None, None, None, external=False)


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ({"capacity": "87"}, 0.87),
        ({"capacity": "0"}, 0.0),
        # A worn battery that was charged beyond what its gauge takes for full.
        ({"capacity": "104"}, 1.0),
        ({"energy_now": "3700000", "energy_full": "7400000"}, 0.5),
        ({"charge_now": "500000", "charge_full": "2000000"}, 0.25),
        # What the gauge says of itself comes before what can be reckoned.
        ({"capacity": "40", "energy_now": "1", "energy_full": "1"}, 0.4),
    ],
)
def test_the_level_comes_from_what_the_gauge_has(
    tmp_path: Path, properties: dict[str, str], level: float
) -> None:
    battery(tmp_path, **properties)
    seen = read_power(tmp_path)
    assert (seen.battery, seen.level, seen.why) == ("BAT0", level, None)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"capacity": "255"}, "255%, which cannot be"),
        ({"capacity": "-1"}, "-1%, which cannot be"),
        ({"capacity": "full"}, "capacity: shows no number"),
        ({"energy_now": "9", "energy_full": "1"}, "energy_now: shows 900%"),
        ({"energy_now": "9", "energy_full": "0"}, "neither capacity, energy nor charge"),
        ({"charge_now": "x", "charge_full": "1"}, "neither capacity, energy nor charge"),
        ({"voltage_now": "3700000"}, "neither capacity, energy nor charge"),
    ],
)
def test_what_cannot_be_is_no_level(tmp_path: Path, properties: dict[str, str], words: str) -> None:
    battery(tmp_path, **properties)
    seen = read_power(tmp_path)
    assert (seen.battery, seen.level) == ("BAT0", None)
    assert words in str(seen.why)


def test_a_gauge_whose_bus_fails_is_no_level(tmp_path: Path) -> None:
    battery(tmp_path)
    # Whoever reads from its beginning gets EIO, or may not open it at all.
    (tmp_path / "BAT0/capacity").symlink_to("/proc/self/mem")
    seen = read_power(tmp_path)
    assert (seen.battery, seen.level) == ("BAT0", None)
    assert "BAT0/capacity: " in str(seen.why)


@pytest.mark.parametrize(
    ("online", "status", "external"),
    [
        ("1", "Discharging", True),
        ("2", "Discharging", True),  # a charger that can be programmed
        ("0", "Charging", False),  # the charger knows better
        (None, "Charging", True),
        (None, "Full", True),
        (None, "Not charging", True),
        (None, "Discharging", False),
        (None, "Unknown", False),
    ],
)
def test_a_charger_is_seen_by_itself_or_by_the_battery(
    tmp_path: Path, online: str | None, status: str, external: bool
) -> None:
    battery(tmp_path, capacity="50", status=status)
    if online is not None:
        supply(tmp_path, "usb", type="USB", online=online)
    assert read_power(tmp_path).external is external


def test_a_place_that_cannot_be_looked_at_is_said(tmp_path: Path) -> None:
    loop = tmp_path / "power_supply"
    loop.symlink_to(loop)
    seen = read_power(loop)
    assert seen.battery is None
    assert str(loop) in str(seen.why)


def test_a_supply_that_says_nothing_of_itself_is_passed_over(tmp_path: Path) -> None:
    battery(tmp_path, capacity="50", status="Discharging")
    supply(tmp_path, "strange")
    assert read_power(tmp_path) == PowerReading("BAT0", 0.5, None, external=False)


def test_a_battery_that_is_out_or_belongs_to_something_else_does_not_count(tmp_path: Path) -> None:
    battery(tmp_path, present="0", capacity="50")
    supply(tmp_path, "headset", type="Battery", scope="Device", capacity="3")
    supply(tmp_path, "usb", type="USB", online="1")
    assert read_power(tmp_path) == PowerReading(None, None, None, external=True)
