"""The reference build: its wires are those of the settings, of the overlays and of the header."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.config.loader import load
from camerad.config.settings import Settings
from camerad_image import parts, wiring

TREE = Path(__file__).parents[3]
REFERENCE = TREE / "config" / "reference-build.yaml"
PARTS = parts.chosen("reference")
BY_NAME = {part.name: part for part in PARTS}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a camera whose office says nothing else of its hardware than the reference build."""
    path = tmp_path / "camerad.yaml"
    path.write_text("policy: generic\ndevice: {id: camera-07}\n" + REFERENCE.read_text())
    return load(path)


def lines(settings: Settings) -> dict[str, int]:
    """The lines that camerad itself uses, by the section that says so."""
    return {
        **{f"buttons.{button.name}": button.gpio for button in settings.buttons},
        **{f"lights.{name}": getattr(settings.lights, name).gpio for name in ("green", "red")},
        "lights.amber": settings.lights.amber.gpio,
        "vibration": settings.vibration.gpio,
        "buzzer": settings.buzzer.gpio,
    }


def test_every_line_of_the_settings_is_wired_to_its_part(settings: Settings) -> None:
    wired = {wire.owner: wire.gpio for wire in wiring.WIRES if wire.owner not in BY_NAME}
    wired = {owner: gpio for owner, gpio in wired.items() if gpio is not None and " " not in owner}
    assert wired == lines(settings)


def test_every_line_of_a_part_is_wired_to_it() -> None:
    wired: dict[str, set[int]] = {}
    for wire in wiring.WIRES:
        for owner in wire.owner.split():
            if owner in BY_NAME and wire.gpio is not None:
                wired.setdefault(owner, set()).add(wire.gpio)
    # A bus has these two in any case; nothing is at them.
    unused = {"st7789": {7, 9}}
    assert wired == {part.name: set(part.gpios) - unused.get(part.name, set()) for part in PARTS}


def test_no_line_is_camerads_and_a_parts(settings: Settings) -> None:
    taken = {gpio for part in PARTS for gpio in part.gpios}
    assert not taken & set(lines(settings).values())


def test_without_its_settings_the_build_would_not_do(tmp_path: Path) -> None:
    """The test before could otherwise not fail."""
    path = tmp_path / "camerad.yaml"
    path.write_text("policy: generic\ndevice: {id: camera-07}\n")
    taken = {gpio for part in PARTS for gpio in part.gpios}
    assert taken & set(lines(load(path)).values()) == {18}


def test_the_reference_build_has_as_few_settings_of_its_own_as_can_be(settings: Settings) -> None:
    """All lines but the buzzer's are those that camerad.yaml has as shipped."""
    shipped = lines(load(TREE / "config" / "camerad.yaml"))
    assert {k for k, v in lines(settings).items() if v != shipped[k]} == {"buzzer"}


def test_no_pin_has_two_wires_and_supplies_are_taken_for_what_they_are() -> None:
    pins = [wire.pin for wire in wiring.WIRES]
    assert len(pins) == len(set(pins))
    for wire in wiring.WIRES:
        at = wiring.HEADER[wire.pin]
        assert (wire.gpio is None) == (not at.startswith("GPIO"))
        if "ground" in wire.terminal.lower() or "GND" in wire.terminal:
            assert at == "ground"
        if "VIN" in wire.terminal or "VCC" in wire.terminal:
            assert at in {"3.3 V", "5 V"}


def test_page_and_drawing_are_made_of_this_table() -> None:
    page = wiring.PAGE.read_text()
    assert wiring.page(page) == page
    assert wiring.table() in page
    assert wiring.DRAWING.read_text() == wiring.drawing()


def test_the_page_tells_of_each_part_the_line_that_the_image_has() -> None:
    page = wiring.PAGE.read_text()
    for part in PARTS:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{part.name}` |"))
        assert part.lines[0] in row


def test_hours_are_what_the_page_reckons(settings: Settings) -> None:
    row = next(
        line for line in wiring.PAGE.read_text().splitlines() if line.startswith("| **5,000 mAh**")
    )
    worn = float(row.split("|")[4].split()[0])
    assert settings.battery.recording_hours <= worn
