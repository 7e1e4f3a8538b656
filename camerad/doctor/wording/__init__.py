"""The doctor's languages: one catalogue of texts for each."""

from __future__ import annotations

from typing import Final

from camerad.doctor.wording.catalogue import DoctorWording, Sentence
from camerad.doctor.wording.english import ENGLISH
from camerad.doctor.wording.german import GERMAN

LANGUAGES: Final[dict[str, DoctorWording]] = {"de": GERMAN, "en": ENGLISH}
"""Every language, by its code (ISO 639-1)."""

__all__ = ["ENGLISH", "GERMAN", "LANGUAGES", "DoctorWording", "Sentence"]
