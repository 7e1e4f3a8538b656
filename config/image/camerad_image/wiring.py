"""The reference build's wires: `python -m camerad_image.wiring [--check]` writes what shows them.

One table makes the one in docs/hardware.md and the drawing beside it. Which line is whose is held
against the camera's settings and against `parts` by a test.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad_image import wiring_drawing

DOCS: Final = Path(__file__).resolve().parents[3] / "docs"
PAGE: Final = DOCS / "hardware.md"
DRAWING: Final = DOCS / "pictures" / "wiring.svg"
_TABLE: Final = re.compile(r"(<!-- table: wires -->\n).*?(<!-- end of table -->\n)", re.DOTALL)

# Raspberry Pi's documentation, "GPIO and the 40-pin header": the same on every board that has it.
_AT: Final = (
    "3=2 5=3 7=4 8=14 10=15 11=17 12=18 13=27 15=22 16=23 18=24 19=10 21=9 22=25 23=11 24=8 26=7 "
    "27=0 28=1 29=5 31=6 32=12 33=13 35=19 36=16 37=26 38=20 40=21"
)
_GPIOS: Final = {int(pin): int(gpio) for pin, gpio in re.findall(r"(\d+)=(\d+)", _AT)}
_SUPPLIES: Final = {1: "3.3 V", 17: "3.3 V", 2: "5 V", 4: "5 V"}
HEADER: Final = {
    pin: f"GPIO {_GPIOS[pin]}" if pin in _GPIOS else _SUPPLIES.get(pin, "ground")
    for pin in range(1, 41)
}
"""What is at each pin of the header."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One wire to the header. `pin` of it; `part` and its `terminal`; `how` it gets there; `owner`:
    the section of the settings, or the name among `camerad_image.parts`, that says so."""

    pin: int
    part: str
    terminal: str
    owner: str
    how: str = ""

    @property
    def gpio(self) -> int | None:
        """The line at that pin; None for a supply."""
        return _GPIOS.get(self.pin)


_PANEL, _SOUND = "display", "microphone"
WIRES: Final = (
    Wire(1, "clock, gauge, microphone", "VIN", "", "3.3 V for all three"),
    Wire(3, "clock, gauge", "SDA", "ds3231 max17048"),
    Wire(5, "clock, gauge", "SCL", "ds3231 max17048"),
    Wire(9, "clock, gauge", "GND", ""),
    Wire(
        11, "button main", "contact", "buttons.main", "1 kOhm in line; the other side to ground: A"
    ),
    Wire(13, "button display", "contact", "buttons.display", "as the other button"),
    Wire(14, "buttons", "ground", ""),
    Wire(15, "light green", "anode", "lights.green", "100 Ohm in line; cathode to ground"),
    Wire(16, "light red", "anode", "lights.red", "330 Ohm in line; cathode to ground"),
    Wire(18, "light amber", "anode", "lights.amber", "330 Ohm in line; cathode to ground"),
    Wire(20, "lights, buzzer", "ground", ""),
    Wire(22, "vibration", "gate", "vibration", "100 Ohm in line, 10 kOhm to ground: B"),
    Wire(4, "vibration, amplifier", "motor +, VIN", "", "22 Ohm before the motor: B"),
    Wire(6, "vibration", "source", ""),
    Wire(32, "buzzer", "one side", "buzzer", "220 Ohm in line; the other side to ground"),
    Wire(17, _PANEL, "VCC", "", "3.3 V"),
    Wire(19, _PANEL, "DIN", "st7789"),
    Wire(23, _PANEL, "CLK", "st7789"),
    Wire(24, _PANEL, "CS", "st7789"),
    Wire(25, _PANEL, "GND", ""),
    Wire(29, _PANEL, "RST", "st7789"),
    Wire(31, _PANEL, "DC", "st7789"),
    Wire(33, _PANEL, "BL", "st7789"),
    Wire(12, _SOUND, "SCK", "i2s-microphone", "and BCLK of the amplifier"),
    Wire(35, _SOUND, "WS", "i2s-microphone", "and LRC of the amplifier"),
    Wire(38, _SOUND, "SD", "i2s-microphone", "L/R to ground: the left channel"),
    Wire(39, _SOUND, "GND, L/R", ""),
    Wire(40, "amplifier", "DIN", "i2s-microphone"),
    Wire(36, "amplifier", "SD", "i2s-microphone", "silent while nothing is played"),
    Wire(34, "amplifier", "GND", ""),
    Wire(37, "dock", "5 V of the dock", "charger", "10 kOhm in line, 18 kOhm to ground: C"),
    Wire(30, "dock", "ground", ""),
    Wire(2, "supply", "5 V", "", "from charger and converter; never together with USB"),
)


def table() -> str:
    """The table of docs/hardware.md, in Markdown."""
    head = ["pin", "at the header", "part", "its terminal", "how"]
    rows = [
        [str(wire.pin), HEADER[wire.pin], wire.part, wire.terminal, wire.how]
        for wire in sorted(WIRES, key=lambda wire: wire.pin)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def page(text: str) -> str:
    """docs/hardware.md with the table as it is here."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{table()}\n\n{found[2]}", text)


def drawing() -> str:
    """The drawing, as SVG."""
    labels = {wire.pin: f"{wire.part}: {wire.terminal}" for wire in WIRES}
    return wiring_drawing.draw(HEADER, labels)


def main() -> int:
    """Returns the exit code: with ``--check`` 1 if something is out of date, else 0."""
    parser = argparse.ArgumentParser(prog="camerad_image.wiring")
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    made = {PAGE: page(PAGE.read_text(encoding="utf-8")), DRAWING: drawing()}
    late = [
        path
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in late:
        if check:
            print(f"{path} is out of date: make generate", file=sys.stderr)
        else:
            path.write_text(made[path], encoding="utf-8")
    return 1 if check and late else 0


if __name__ == "__main__":
    sys.exit(main())
