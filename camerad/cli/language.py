"""The option ``--language``, and the language of this computer."""

from __future__ import annotations

import argparse
import locale
import os

from camerad.base.words import ENGLISH, languages


def add_language(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--language``; `what` says of which text."""
    parser.add_argument("--language", choices=languages(), help=f"{what}; default: this computer's")


def system_language() -> str:
    """This computer's language if there is a catalogue for it, else English (ISO 639-1)."""
    code = (locale.getlocale(locale.LC_CTYPE)[0] or os.environ.get("LANG", ""))[:2].lower()
    return code if code in languages() else ENGLISH
