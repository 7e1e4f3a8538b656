"""Texts of the office's page as it says them in a language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DESK = Path(__file__).parents[2] / "camerad/office/desk"


def page_words(language: str) -> dict[str, str]:
    """Every text without a plural, by the English one; none for English."""
    if language == "en":
        return {}
    pages = _module(_DESK / f"pages/translations_{language}.js")["texts"]
    maker = _module(_DESK / "package_maker/translations.js")[language]["texts"]
    return {text: said for text, said in (maker | pages).items() if isinstance(said, str)}


def _module(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8").partition("TRANSLATIONS = ")[2]
    module: dict[str, Any] = json.loads(text.rstrip().rstrip(";"))
    return module
