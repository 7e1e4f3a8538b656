"""Words of the sheet, as modules for the tab.

``python -m generators.player_words`` writes two from the catalogues of
``camerad/evidence/wording``: ``camerad/evidence/player/report_words.js``, what the player calls
findings, gaps and clocks, and ``camerad/office/desk/package_maker/sheet_words.js``, what a package
for the prosecutor says besides, with the sheet's page. With ``--check`` it only says whether both
are up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import fields

from camerad.base.errors import EX_CONFIG
from camerad.evidence.sheet_page import PAGE
from camerad.evidence.wording import LANGUAGES, ReportWording

_CAMERAD: Final = Path(__file__).resolve().parents[2] / "camerad"
PATH: Final = _CAMERAD / "evidence" / "player" / "report_words.js"
SHEET_PATH: Final = _CAMERAD / "office" / "desk" / "package_maker" / "sheet_words.js"
WORDS: Final = (
    *("authentic", "qualified", "time", "device", "key", "begun"),
    *("ended", "length", "pre_event", "no_pre_event", "marks", "wearer", "no_wearer", "recording"),
    *("continues", "trigger", "button", "unknown", "none", "gaps", "no_gaps", "damages", "remarks"),
    *("policy", "software", "files", "file", "sha256", "final", "with_sound", "without_sound"),
    *("clock", "rate_reasons", "gap_reasons", "end_reasons", "triggers", "policies", "kinds"),
)
"""What of a catalogue the player says; none of it has numbers to be put in."""


_HEAD: Final = "// Made by docs/generators/player_words.py from camerad/evidence/wording.\n\n"


def text() -> str:
    """The module."""
    return f"{_HEAD}export const REPORT_WORDS = {_words(WORDS)};\n"


def sheet_text() -> str:
    """The module of the package."""
    names = [one.name for one in fields(ReportWording) if not one.name.startswith("labels_")]
    more = [one for one in names if one not in WORDS]
    page = json.dumps(PAGE.template, ensure_ascii=False)
    return (
        f'{_HEAD}import {{ REPORT_WORDS }} from "../player/report_words.js";\n\n'
        f"const MORE = {_words(more)};\n\n"
        "export const SHEET_WORDS = {\n"
        "  de: { ...REPORT_WORDS.de, ...MORE.de },\n"
        "  en: { ...REPORT_WORDS.en, ...MORE.en },\n"
        "};\n\n"
        f"/** The sheet: `$name` takes HTML that is escaped already. */\n"
        f"export const SHEET_PAGE =\n  {page};\n"
    )


def _words(names: Sequence[str]) -> str:
    words = {
        code: {name: _plain(getattr(wording, name)) for name in names}
        for code, wording in sorted(LANGUAGES.items())
    }
    return json.dumps(words, indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): said for name, said in value.items()}
    return value


def main(
    arguments: Sequence[str] | None = None, path: Path = PATH, sheet_path: Path = SHEET_PATH
) -> int:
    """Write the modules to `path` and `sheet_path`, or check them; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m generators.player_words")
    parser.add_argument("--check", action="store_true", help="only say whether they are up to date")
    only_checks = parser.parse_args(arguments).check
    made = {path: text(), sheet_path: sheet_text()}
    for one, said in made.items():
        if not only_checks:
            one.write_text(said, encoding="utf-8")
        elif not one.is_file() or one.read_text(encoding="utf-8") != said:
            told = f"{one} is not up to date; run: python -m generators.player_words\n"
            sys.stderr.write(told)
            return EX_CONFIG
    return 0


if __name__ == "__main__":
    sys.exit(main())
