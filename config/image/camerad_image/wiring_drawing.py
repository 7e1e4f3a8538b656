"""The drawing of the reference build: the header with all that goes to it, and three circuits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 900
_ROW: Final = 24
_TOP: Final = 60
_LEFT: Final = 432
_RIGHT: Final = 468
_BELOW: Final = _TOP + 20 * _ROW + 30
HEIGHT: Final = _BELOW + 235

_FILLS: Final = {"3.3 V": "#f4b183", "5 V": "#e06666", "ground": "#b7b7b7"}
_PARTS: Final = {
    "button": "#b4d7a8",
    "light": "#ffe599",
    "buzzer": "#d9d2e9",
    "vibration": "#d9d2e9",
    "display": "#9fc5e8",
    "microphone": "#f9cb9c",
    "amplifier": "#f9cb9c",
    "clock": "#b6d7d8",
    "dock": "#ead1dc",
    "supply": "#ead1dc",
}


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    style = f'font-size="{size}" text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>'


def _line(*points: tuple[float, float]) -> str:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="#222" stroke-width="1.5"/>'


def _box(x: float, y: float, width: float, height: float, fill: str = "#fff") -> str:
    size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {size} fill="{fill}" stroke="#222" stroke-width="1.2"/>'


def _resistor(x: float, y: float, label: str, *, upright: bool = False) -> list[str]:
    """A resistor whose middle is at x, y, with its value beside it."""
    if upright:
        return [_box(x - 6, y - 18, 12, 36), _text(x + 11, y + 4, label)]
    return [_box(x - 18, y - 6, 36, 12), _text(x, y - 11, label, anchor="middle")]


def _ground(x: float, y: float) -> list[str]:
    bars = ((10, 0), (6, 4), (2, 8))
    return [_line((x - half, y + below), (x + half, y + below)) for half, below in bars]


def _colour(label: str) -> str:
    first = re.match(r"\w+", label)
    return _PARTS[first[0].removesuffix("s")] if first else "#ffffff"


def _pins(header: Mapping[int, str], labels: Mapping[int, str]) -> list[str]:
    drawn = [_box(_LEFT - 16, _TOP - 16, _RIGHT - _LEFT + 32, 20 * _ROW + 8, "#e8e8e8")]
    for pin, what in header.items():
        left = pin % 2 == 1
        x = _LEFT if left else _RIGHT
        y = _TOP + (pin - 1) // 2 * _ROW
        side = -1 if left else 1
        anchor = "end" if left else "start"
        fill = _FILLS.get(what, "#ffffff")
        drawn.append(f'<circle cx="{x}" cy="{y}" r="9" fill="{fill}" stroke="#222"/>')
        drawn.append(_text(x, y + 3.5, str(pin), anchor="middle", size=9))
        drawn.append(_text(x + side * 22, y + 4, what, anchor=anchor))
        if pin in labels:
            edge = x + side * 92
            drawn.append(_line((x + side * 80, y), (edge, y)))
            start = edge - 220 if left else edge
            drawn.append(_box(start, y - 10, 220, 20, _colour(labels[pin])))
            drawn.append(_text(start + 110, y + 4, labels[pin], anchor="middle"))
    return drawn


def _button(x: float, y: float) -> list[str]:
    return [
        _text(x, y, "A  a button", size=13),
        _text(x, y + 44, "GPIO"),
        _line((x + 36, y + 40), (x + 62, y + 40)),
        *_resistor(x + 80, y + 40, "1 k"),
        _line((x + 98, y + 40), (x + 130, y + 40), (x + 130, y + 70)),
        _line((x + 130, y + 70), (x + 146, y + 96)),
        _line((x + 130, y + 98), (x + 130, y + 130)),
        *_ground(x + 130, y + 130),
        _text(x, y + 160, "The pull-up is inside the board; 100 nF"),
        _text(x, y + 176, "beside the contact where its wire is long."),
    ]


def _motor(x: float, y: float) -> list[str]:
    return [
        _text(x, y, "B  the vibration motor", size=13),
        _text(x + 150, y + 24, "5 V", anchor="middle"),
        _line((x + 150, y + 28), (x + 150, y + 34)),
        *_resistor(x + 150, y + 52, "22, 0.5 W", upright=True),
        _line((x + 150, y + 70), (x + 150, y + 78)),
        f'<circle cx="{x + 150:g}" cy="{y + 94:g}" r="15" fill="#fff" stroke="#222"/>',
        _text(x + 150, y + 98, "M", anchor="middle"),
        _line((x + 150, y + 109), (x + 150, y + 128)),
        # The diode takes what the motor's coil gives back.
        _line((x + 150, y + 75), (x + 190, y + 75), (x + 190, y + 88)),
        _line((x + 182, y + 88), (x + 198, y + 88)),
        _line((x + 182, y + 101), (x + 198, y + 101), (x + 190, y + 88), (x + 182, y + 101)),
        _line((x + 190, y + 101), (x + 190, y + 114), (x + 150, y + 114)),
        _text(x + 203, y + 98, "1N5819"),
        _box(x + 132, y + 128, 36, 24),
        _text(x + 175, y + 145, "AO3400A"),
        _line((x + 150, y + 152), (x + 150, y + 170)),
        *_ground(x + 150, y + 170),
        _text(x, y + 144, "GPIO"),
        _line((x + 34, y + 140), (x + 44, y + 140)),
        *_resistor(x + 62, y + 140, "100"),
        _line((x + 80, y + 140), (x + 132, y + 140)),
        _line((x + 94, y + 140), (x + 94, y + 152)),
        *_resistor(x + 94, y + 170, "10 k", upright=True),
        _line((x + 94, y + 188), (x + 94, y + 194)),
        *_ground(x + 94, y + 194),
    ]


def _dock(x: float, y: float) -> list[str]:
    return [
        _text(x, y, "C  the dock is seen", size=13),
        _text(x, y + 44, "5 V of dock"),
        _line((x + 92, y + 40), (x + 102, y + 40)),
        *_resistor(x + 120, y + 40, "10 k"),
        _line((x + 138, y + 40), (x + 200, y + 40)),
        _text(x + 204, y + 44, "GPIO"),
        _line((x + 160, y + 40), (x + 160, y + 60)),
        *_resistor(x + 160, y + 78, "18 k", upright=True),
        _line((x + 160, y + 96), (x + 160, y + 110)),
        *_ground(x + 160, y + 110),
        _text(x, y + 160, "3.2 V at the line while 5 V are there;"),
        _text(x, y + 176, "0 V when the camera is taken out."),
    ]


def draw(header: Mapping[int, str], labels: Mapping[int, str]) -> str:
    """The drawing as SVG. header: what is at each pin; labels: "part: terminal" at it."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
        "<title>Wires of the reference build</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 26, "Header, pin 1 above left", anchor="middle", size=15),
        *_pins(header, labels),
        *_button(24, _BELOW),
        *_motor(310, _BELOW),
        *_dock(630, _BELOW),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
