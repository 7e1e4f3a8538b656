"""A language whose texts are the longest that any language has: for tests of layouts."""

from __future__ import annotations

from gettext import NullTranslations
from typing import Final

from camerad.base.words import Words, languages, words_in


class _Longest(NullTranslations):
    def gettext(self, message: str) -> str:
        return max((words_in(one).gettext(message) for one in languages()), key=len)

    def pgettext(self, context: str, message: str) -> str:
        return max((words_in(one).pgettext(context, message) for one in languages()), key=len)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        forms = (words_in(one)._translations.ngettext(msgid1, msgid2, n) for one in languages())
        return max(forms, key=len)


LONGEST: Final = Words("en-x-longest", _Longest())
