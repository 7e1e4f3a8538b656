"""The languages of what the evidence desk hands over: one catalogue of texts for each.

A catalogue is a `ReportWording`, so a text that one language lacks is a type error, not a surprise
in court. Texts are plain; whoever puts them into a document escapes them for it.
"""

from __future__ import annotations

from camerad.evidence.wording.catalogue import ReportWording
from camerad.evidence.wording.english import ENGLISH
from camerad.evidence.wording.german import GERMAN

LANGUAGES: dict[str, ReportWording] = {"de": GERMAN, "en": ENGLISH}
"""Every language, by its code (ISO 639-1)."""

__all__ = ["ENGLISH", "GERMAN", "LANGUAGES", "ReportWording"]
