"""Writes the tables of docs/operations.md: `python -m generators.operations_tables [--check]`.

The signals of conditions and the names of findings come from the tables that the camera works by;
the rest of the page is written by hand.
A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``. With ``--check``
nothing is written, and the exit code is 1 if the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from camerad.behaviour import signals, stages
from camerad.behaviour.scene import GRAVITY
from camerad.behaviour.stages import Condition, Stage, State
from camerad.config.display_wording import wording_in
from camerad.doctor.check_results import FindingId, Level
from camerad.selfview.viewer_settings import CAUSES
from generators import written_page
from generators.written_page import markdown_table

PAGE: Final = Path(__file__).parents[2] / "docs" / "operations.md"


def page(text: str) -> str:
    """`text` with every table as the code has it. Raises KeyError for one that there is not."""
    return written_page.with_tables(text, TABLES)


_LIGHTS: Final = {
    signals.ON: "on",
    signals.BLINK: "blinks",
    signals.FLASH: "flashes every three seconds",
}


def _signals() -> str:
    """How each condition shows where nothing is recorded, the gravest first."""
    rest = [one for one in Condition if one not in GRAVITY]
    rows = []
    for condition in (*GRAVITY, *rest):
        look = signals.indication(State(Stage.IDLE, 0, frozenset({condition})))
        lamps = {"green": look.green, "amber": look.amber}
        cue = stages.CUES.get(condition)
        cause = CAUSES.get(condition)
        rows.append(
            (
                f"`{condition.value}`",
                ", ".join(f"{name} {_LIGHTS[lit]}" for name, lit in lamps.items() if lit.steps),
                "" if cue is None else _strokes(signals.CUE_TABLE[cue][0].value),
                *("" if cause is None else getattr(wording_in(code), cause) for code in _CODES),
            )
        )
    head = ("condition", "light", "rhythm", "the display in German", "in English")
    return markdown_table(head, rows)


_CODES: Final = ("de", "en")


def _strokes(code: str) -> str:
    """A rhythm as the officer's card draws it."""
    return " ".join("▬" if stroke == "-" else "•" for stroke in code)


def _findings() -> str:
    """The findings of the doctor that ask for a person, by what they mean for the camera."""
    rows = []
    for level in (Level.FAIL, Level.WARN):
        names = ", ".join(f"`{one.value}`" for one in FindingId if one.level is level)
        rows.append((level.value.replace("_", " "), names))
    return markdown_table(("status", "findings"), rows)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "signals": _signals,
    "findings": _findings,
}
"""Every table, by its name in the page."""


def main(arguments: Sequence[str] | None = None, path: Path = PAGE) -> int:
    """The command; returns its exit code."""
    return written_page.run("operations_tables", page, path, arguments)


if __name__ == "__main__":
    sys.exit(main())
