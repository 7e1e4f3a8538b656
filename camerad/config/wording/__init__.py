"""Texts of the front display: one catalogue for each language, and an office's own texts.

A catalogue is a `DisplayWording`, so a text that one language lacks is a type error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from camerad.config.document import Mistake, NoDocumentError, read_document
from camerad.config.settings_reader import SettingsReader
from camerad.config.wording.catalogue import DisplayWording
from camerad.config.wording.english import ENGLISH
from camerad.config.wording.german import GERMAN

LANGUAGES: Final[dict[str, DisplayWording]] = {"de": GERMAN, "en": ENGLISH}
"""Every language, by its code (ISO 639-1)."""


def display_wording(
    language: str, own: Path | None, reader: SettingsReader
) -> tuple[DisplayWording, list[Mistake]]:
    """The texts of `language`, single ones replaced by those of the file `own`, if there is one;
    and every mistake in that file.

    A file that cannot be read is a mistake of the configuration, which `reader` reads: it is added
    there.
    """
    base = LANGUAGES[language]
    if own is None:
        return base, []
    try:
        node = read_document(own, "; it holds texts of the display, such as recording: AUFNAHME")
    except NoDocumentError as error:
        reader.add_mistake("self_view.wording", str(error))
        return base, []
    texts = SettingsReader(str(own))
    return texts.section(node, DisplayWording, base=base) or base, texts.mistakes


__all__ = ["ENGLISH", "GERMAN", "LANGUAGES", "DisplayWording", "display_wording"]
