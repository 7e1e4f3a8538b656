"""The player's words for findings, gaps and clocks: those of the sheet, as a module for the tab.

``python -m generators.player_words`` writes ``camerad/office/player/report_words.js`` from the
catalogues of ``camerad/office/wording``; with ``--check`` it only says whether that is up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from camerad.base.errors import EX_CONFIG
from camerad.office.wording import LANGUAGES

PATH: Final = (
    Path(__file__).resolve().parents[2] / "camerad" / "office" / "player" / "report_words.js"
)
WORDS: Final = (
    *("authentic", "qualified", "device", "key", "begun"),
    *("ended", "length", "pre_event", "no_pre_event", "marks", "wearer", "no_wearer", "recording"),
    *("continues", "trigger", "button", "unknown", "none", "gaps", "no_gaps", "damages", "remarks"),
    *("policy", "software", "files", "file", "sha256", "final", "with_sound", "without_sound"),
    *("clock", "rate_reasons", "gap_reasons", "end_reasons", "triggers", "policies", "kinds"),
)
"""What of a catalogue the player says; none of it has numbers to be put in."""


def text() -> str:
    """The module."""
    words = {
        code: {name: _plain(getattr(wording, name)) for name in WORDS}
        for code, wording in sorted(LANGUAGES.items())
    }
    said = json.dumps(words, indent=2, ensure_ascii=False)
    return (
        "// Made by docs/generators/player_words.py from camerad/office/wording.\n\n"
        f"export const REPORT_WORDS = {said};\n"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): said for name, said in value.items()}
    return value


def main(arguments: Sequence[str] | None = None, path: Path = PATH) -> int:
    """Write the module to `path`, or check it; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m generators.player_words")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    if parser.parse_args(arguments).check:
        if path.is_file() and path.read_text(encoding="utf-8") == text():
            return 0
        told = f"{path} is not up to date; run: python -m generators.player_words\n"
        sys.stderr.write(told)
        return EX_CONFIG
    path.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
