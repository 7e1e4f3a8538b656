"""Temperature, throttling and memory, as the kernel's files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.hardware import thermal
from camerad.hardware.thermal import ThermalReading, available_bytes, read_thermal


def look(tmp_path: Path, temp: str | None, bits: str | None) -> ThermalReading:
    zone, firmware = tmp_path / "zone", tmp_path / "get_throttled"
    zone.mkdir()
    if temp is not None:
        (zone / "temp").write_text(f"{temp}\n")
    if bits is not None:
        firmware.write_text(f"{bits}\n")
    return read_thermal(zone, firmware)


@pytest.mark.parametrize(
    ("temp", "celsius"), [("48250", 48.25), ("-12000", -12.0), ("85000", 85.0)]
)
def test_the_temperature_is_in_thousandths(tmp_path: Path, temp: str, celsius: float) -> None:
    assert look(tmp_path, temp, None) == ThermalReading(celsius, None, None, None)


@pytest.mark.parametrize("temp", ["-273150", "2147483", "warm"])
def test_a_temperature_that_cannot_be_is_none(tmp_path: Path, temp: str) -> None:
    seen = look(tmp_path, temp, None)
    assert seen.celsius is None
    assert str(tmp_path / "zone/temp") in str(seen.why)


def test_a_sensor_that_fails_is_said_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    (tmp_path / "temp").symlink_to("/proc/self/mem")
    assert read_thermal(tmp_path, tmp_path / "none").why
    assert read_thermal(tmp_path / "none", tmp_path / "none") == ThermalReading(
        None, None, None, None
    )


@pytest.mark.parametrize(
    ("bits", "throttled", "under_voltage"),
    [
        ("0", False, False),
        ("1", False, True),
        ("2", True, False),
        ("4", True, False),
        ("5", True, True),
        ("8", False, False),  # the soft limit of a 3 Model B+: a little slower, from 60 °C on
        ("50000", False, False),  # it has happened, and does not now
        ("50005", True, True),
        ("", None, None),
        ("throttled=0x0", None, None),
        (None, None, None),
    ],
)
def test_the_firmware_speaks_in_bits(
    tmp_path: Path, bits: str | None, throttled: bool | None, under_voltage: bool | None
) -> None:
    seen = look(tmp_path, "50000", bits)
    assert (seen.throttled, seen.under_voltage) == (throttled, under_voltage)


def test_memory_is_what_programs_can_have(tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:  440000 kB\nMemFree:   9000 kB\nMemAvailable:   190000 kB\n")
    assert available_bytes(path) == 190_000 * 1024
    path.write_text("MemTotal:  440000 kB\n")
    assert available_bytes(path) is None
    assert available_bytes(tmp_path / "none") is None


def test_this_kernel_tells_it() -> None:
    available = available_bytes(thermal.MEMORY)
    assert available is not None
    assert available > 1_000_000
