"""The language of this computer, as far as there are texts in it."""

from __future__ import annotations

import locale
import os
from collections.abc import Container


def system_language(languages: Container[str]) -> str:
    """Its code (ISO 639-1) if it is one of `languages`, else English."""
    code = (locale.getlocale(locale.LC_CTYPE)[0] or os.environ.get("LANG", ""))[:2].lower()
    return code if code in languages else "en"
