"""Plots of rates over the months, as SVG by pygal.

pygal writes a script, the day and its own address into each plot. The page has none of these: no
script runs in it, nothing is fetched, and the same figures give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any, Final

_FINDERS = tuple(sys.meta_path)
import pygal  # noqa: E402 - between, since it leaves a finder of modules behind that does not work
from pygal.etree import etree  # noqa: E402
from pygal.style import Style  # noqa: E402

sys.meta_path[:] = _FINDERS

from camerad.office.report.figures import Cell  # noqa: E402

_STYLE: Final = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#222222",
    foreground_strong="#111111",
    foreground_subtle="#777777",
    opacity="1",
    colors=("#6f93b8",),
    ci_colors=("#111111",),
    font_family="'Liberation Sans', Arial, Helvetica, sans-serif",
    label_font_size=15,
    major_label_font_size=15,
)
_WIDTH: Final = 760
_HEIGHT: Final = 320
_TICKS: Final = 5


def plot_rates(cells: Sequence[tuple[str, Cell]], decimal: str) -> bytes:
    """Bars with their intervals. cells: with what stands below each. decimal: the sign."""
    etree.to_etree()  # the same bytes with every other library that is installed
    chart = pygal.Bar(
        style=_STYLE,
        width=_WIDTH,
        height=_HEIGHT,
        js=[],
        show_legend=False,
        disable_xml_declaration=True,
        explicit_size=True,
        include_x_axis=True,
        x_label_rotation=35 if len(cells) > 6 else 0,
        margin=10,
        value_formatter=lambda value: f"{value:.1f}".replace(".", decimal),
    )
    chart.uuid = "plot"
    ticks = _ticks(max(cell.high or 0 for _, cell in cells))
    chart.y_labels = ticks
    chart.range = (0, ticks[-1])
    chart.x_labels = [label for label, _ in cells]
    chart.add("", [_bar(cell) for _, cell in cells])
    return _cleaned(chart.render_tree())


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 to at least the greatest that is shown."""
    step = 10.0 ** floor(log10(most / _TICKS)) if most > 0 else 1.0
    while step * _TICKS < most:
        step *= 2.5 if round(step / 10.0 ** floor(log10(step))) == 2 else 2
    return [step * number for number in range(ceil(most / step) + 1)]


def _bar(cell: Cell) -> dict[str, Any] | None:
    if cell.value is None:
        return None
    return {"value": cell.value, "ci": {"low": cell.low, "high": cell.high}}


def _cleaned(tree: Any) -> bytes:
    """A plot without scripts and remarks."""
    for parent in list(tree.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == "script":
                parent.remove(child)
    content: bytes = etree.tostring(tree)
    return content
