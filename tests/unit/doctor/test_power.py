"""Battery and temperature."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad.config import Settings
from camerad.doctor.check_results import FindingId
from camerad.doctor.system_checks import check_power, judge_battery, judge_temperature
from camerad.hardware.power import PowerReading
from camerad.hardware.thermal import ThermalReading


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (PowerReading(None, None, None, external=False), FindingId.BATTERY_NONE),
        (PowerReading("BAT0", None, "I/O error", external=False), FindingId.BATTERY_SILENT),
        (PowerReading("BAT0", 0.87, None, external=False), FindingId.BATTERY_OK),
        (PowerReading("BAT0", 0.11, None, external=False), FindingId.BATTERY_LOW),
        (PowerReading("BAT0", 0.04, None, external=False), FindingId.BATTERY_CRITICAL),
        (PowerReading("BAT0", 0.04, None, external=True), FindingId.BATTERY_LOW),
    ],
)
def test_a_battery_is_judged_by_the_levels_of_the_camera(
    found: PowerReading, what: FindingId
) -> None:
    assert judge_battery(found, 0.04, 0.12, Path("/p"), None).finding is what


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (ThermalReading(48.2, None, False, False), FindingId.TEMPERATURE_OK),
        (ThermalReading(48.2, None, None, None), FindingId.TEMPERATURE_OK),
        (ThermalReading(70.0, None, None, None), FindingId.TEMPERATURE_HOT),
        (ThermalReading(60.0, None, True, False), FindingId.TEMPERATURE_HOT),
        (ThermalReading(48.2, None, False, True), FindingId.TEMPERATURE_VOLTAGE),
        (ThermalReading(None, "no zone", None, None), FindingId.TEMPERATURE_NONE),
        (ThermalReading(None, None, None, None), FindingId.TEMPERATURE_NONE),
    ],
)
def test_heat_and_a_weak_supply_are_told_apart(found: ThermalReading, what: FindingId) -> None:
    assert judge_temperature(found, 70.0).finding is what


def test_both_are_read_where_the_configuration_says(settings: Settings, tmp_path: Path) -> None:
    battery, zone = tmp_path / "supply" / "BAT0", tmp_path / "zone"
    for path, text in (
        (battery / "type", "Battery"),
        (battery / "capacity", "11"),
        (zone / "temp", "71000"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    here = replace(
        settings,
        battery=replace(settings.battery, power_supply=battery.parent),
        thermal=replace(settings.thermal, zone=zone, firmware=tmp_path / "none"),
    )
    # 15 minutes of three hours are 8.3 % above the 4 % at which the camera ends.
    assert check_power(here, "battery").finding is FindingId.BATTERY_LOW
    assert check_power(here, "temperature").finding is FindingId.TEMPERATURE_HOT


@pytest.mark.parametrize(
    ("kept", "what"),
    [
        ('{"recording": 0.3, "standby": null}', FindingId.BATTERY_GONE),
        ('{"recording": null, "standby": null}', FindingId.BATTERY_NONE),
        ("damaged", FindingId.BATTERY_NONE),
        (None, FindingId.BATTERY_NONE),
    ],
)
def test_a_battery_that_was_measured_and_shows_no_more_has_failed(
    settings: Settings, tmp_path: Path, kept: str | None, what: FindingId
) -> None:
    rates = settings.device.state_dir / "battery.json"
    rates.parent.mkdir()
    if kept is not None:
        rates.write_text(kept)
    here = replace(settings, battery=replace(settings.battery, power_supply=tmp_path / "none"))
    found = check_power(here, "battery")
    assert found.finding is what
    if what is FindingId.BATTERY_GONE:
        assert found.values["rates"] == str(rates)
