"""Texts of the office's page as it says them in a language.

``longest`` is a language of which each text is the longest that any language has for it: for tests
of layouts. A page that is in German has it after `serve_longest`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from camerad.base.words import ENGLISH, languages

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Route

LONGEST: Final = "longest"
_CAMERAD: Final = Path(__file__).parents[2] / "camerad"
_PAGES: Final = _CAMERAD / "office/desk/pages"
_OF_ALL: Final = {
    "/page/package/translations.js": _CAMERAD / "office/desk/package_maker/translations.json",
    "/page/access/translations.js": _CAMERAD / "office/desk/access_page/translations.json",
    "/page/player/translations.js": _CAMERAD / "evidence/player/translations.json",
}


def page_words(language: str) -> dict[str, str]:
    """Every text without a plural, by the English one; none for English."""
    if language == ENGLISH:
        return {}
    paths = (path for address, path in _OF_ALL.items() if "/player/" not in address)
    all_of_them = [_read(path) for path in paths] + [_of_pages()]
    catalogues = [_catalogue(one, language) for one in all_of_them]
    return {
        text: said
        for one in catalogues
        for text, said in one["texts"].items()
        if isinstance(said, str)
    }


def serve_longest(context: BrowserContext) -> None:
    """Give the page in German the longest texts of all languages."""
    served = {
        address: {"de": _catalogue(_read(path), LONGEST)} for address, path in _OF_ALL.items()
    }
    served["/page/translations_de.js"] = _catalogue(_of_pages(), LONGEST)

    def answer(route: Route) -> None:
        found = next(one for address, one in served.items() if address in route.request.url)
        body = f"export const TRANSLATIONS = {json.dumps(found)};"
        route.fulfill(body=body, content_type="text/javascript; charset=utf-8")

    for address in served:
        context.route(f"**{address}", answer)


def _catalogue(by_language: dict[str, Any], language: str) -> dict[str, Any]:
    if language != LONGEST:
        return dict(by_language[language])
    texts: dict[str, Any] = {}
    for catalogue in by_language.values():
        for text, said in catalogue["texts"].items():
            english = text.rpartition("\4")[2]
            known = texts.get(text, [english, english] if isinstance(said, list) else english)
            if isinstance(said, list):
                texts[text] = [max(forms, key=len) for forms in zip(known, said, strict=True)]
            else:
                texts[text] = max(known, said, key=len)
    return {"plural": next(iter(by_language.values()))["plural"], "texts": texts}


def _of_pages() -> dict[str, Any]:
    codes = (one for one in languages() if one != ENGLISH)
    return {one: _read(_PAGES / f"translations_{one}.json") for one in codes}


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found
