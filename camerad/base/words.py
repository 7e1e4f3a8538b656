"""Texts in a reader's language, from gettext catalogues.

The code holds the English texts. ``camerad/locale/LANGUAGE/LC_MESSAGES/camerad.po`` translates
them; ``python -m generators.words`` adds new texts there and compiles the ``.mo`` files that are
read here.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

ENGLISH: Final = "en"
"""The language of the texts in the code. It has no catalogue."""
DOMAIN: Final = "camerad"
LOCALE: Final = Path(__file__).resolve().parents[1] / "locale"


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for this mark
    """Return `text` unchanged: a mark for texts in tables, which are translated where they are
    shown."""
    return text


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802
    """As `N_`, of a text with a number: singular and plural (``ngettext``)."""
    return one, many


def NC_(context: str, text: str) -> str:  # noqa: ARG001, N802
    """As `N_`, of a text that is translated by its context (``pgettext``)."""
    return text


class Words:
    """Texts in one language, by its code (ISO 639-1). Thread-safe.

    Names in braces are filled in by ``str.format``. A text without a translation stays English.
    """

    def __init__(self, language: str, translations: gettext.NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def gettext(self, text: str, /, **values: object) -> str:
        """A text."""
        return _filled_in(self._translations.gettext(text), values)

    def pgettext(self, context: str, text: str, /, **values: object) -> str:
        """A text that has several meanings in English; `context` says which one."""
        return _filled_in(self._translations.pgettext(context, text), values)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """A text with a number, which is filled in as ``{number}``."""
        text = self._translations.ngettext(one, many, number)
        return _filled_in(text, {"number": number, **values})


def _filled_in(text: str, values: Mapping[str, object]) -> str:
    return text.format(**values) if values else text


@cache
def languages() -> tuple[str, ...]:
    """Every language that has a catalogue, and English; sorted by code."""
    found = (path.parents[1].name for path in LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return tuple(sorted([ENGLISH, *found]))


@cache
def words_in(language: str) -> Words:
    """The texts of `language`, one of `languages`; raises FileNotFoundError for another."""
    if language == ENGLISH:
        return Words(language, gettext.NullTranslations())
    return Words(language, gettext.translation(DOMAIN, LOCALE, [language]))


if TYPE_CHECKING:
    Language = str
else:
    Language = Literal[languages()]
"""The type of a setting that names one of `languages`."""
