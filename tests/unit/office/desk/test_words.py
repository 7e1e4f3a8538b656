"""Texts of the page: each word in both languages, and a sentence for each refusal."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from page_words import page_words

from camerad.office.desk.desk_refusals import DeskRefusal
from camerad.office.desk.people import DeskRole
from camerad.office.state.index_tables import STATES

PAGES = Path(__file__).parents[4] / "camerad/office/desk/pages"
MAKER = PAGES.parent / "package_maker"
ACCESS = PAGES.parent / "access_page"
TRANSLATIONS = re.compile(r"translations(?:_\w+)?\.js(?:on)?")
MODULES = {
    one.name: one.read_text(encoding="utf-8")
    for one in PAGES.glob("*.js")
    if not TRANSLATIONS.fullmatch(one.name)
}
KEY = re.compile(r"^  (\w+): NC?_\(", re.MULTILINE)
KEYS = {key for source in MODULES.values() for key in KEY.findall(source)}


def test_what_is_said_of_signing_does_not_call_its_key_as_the_one_that_opens_recordings() -> None:
    """docs/desk.md: "the office's key" opens."""
    german = page_words("de")
    for said, a_key, other_name in (
        ({}, r"\bsigned\b.*\bkey\b|\bkey of the office\b", "signing key"),
        (german, r"signiert.*[Ss]chlüssel|[Ss]chlüssel.*signiert", "Signaturschlüssel"),
    ):
        about = {text: said.get(text, text) for text in _texts()}
        about = {text: one for text, one in about.items() if re.search(a_key, one)}
        assert len(about) >= 2
        assert [text for text, one in about.items() if other_name not in one] == []


def test_each_refusal_role_and_state_has_its_words() -> None:
    wanted = {f"refused_{one}" for one in DeskRefusal} | {f"role_{one}" for one in DeskRole}
    wanted |= {f"state_{one}" for one in STATES}
    assert wanted <= KEYS


def test_a_text_with_a_key_is_there_and_said() -> None:
    source = "".join(text for name, text in MODULES.items() if name != "texts.js")
    assert set(re.findall(r'\bsay\("(\w+)"', source)) <= KEYS
    quoted = set(re.findall(r'"(\w+)"', source))
    stems = tuple(re.findall(r"`(\w+_)\$\{", source))
    assert {key for key in KEYS if key not in quoted and not key.startswith(stems)} == set()


def test_the_page_has_no_inline_code_and_nothing_from_elsewhere() -> None:
    for path in (*PAGES.iterdir(), *MAKER.iterdir(), *ACCESS.iterdir()):
        if path.name == "sheet_texts.js" or TRANSLATIONS.fullmatch(
            path.name
        ):  # the page that it has is no page of the desk
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"\bon\w+=|style=|innerHTML|eval\(|javascript:", text.replace("onclick: ", "")
        ), path
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == [], path


def test_a_view_has_no_place_to_draw_in_and_so_draws_nothing_late() -> None:
    """It comes to its parts, and `app.js` draws those that were asked for last."""
    draws = re.compile(r'getElementById\("main"\)\)|\b(?:redraw|replaceWith)\(|\bpage\.main\b')
    assert [name for name, text in MODULES.items() if draws.search(text)] == ["app.js", "dom.js"]


def test_each_view_weighs_little_until_somebody_views_something() -> None:
    sources = {one.name: one.read_text(encoding="utf-8") for one in PAGES.iterdir()}
    at_once = re.compile(r'^import .* from "\./(?:player/(?!gettext)|package)/?', re.MULTILINE)
    assert [name for name, text in sources.items() if at_once.search(text)] == []
    assert "player" not in sources["index.html"], "its style sheet comes with it"
    # What comes later comes with a separate place; of the words, those of one language.
    comes_later = re.compile(r'import\("\./(\w+\.js)"\)')
    places = {one for text in sources.values() for one in comes_later.findall(text)}
    words = {one for one in sources if one.startswith("translations_")}
    places = {one for one in places if not one.startswith("translations_")}
    assert places >= {"people.js", "report.js", "cameras.js"}
    start = {"index.html", "style.css", "icon.svg"}
    heaviest = max(words, key=lambda one: len(sources[one]))
    for place in ("app.js", *places):
        names = start | _closure("app.js", sources) | _closure(place, sources)
        # As it goes over the line: in English, and in the language with the longest texts.
        weight = {one: len(gzip.compress(sources[one].encode())) for one in (*names, heaviest)}
        assert sum(weight[one] for one in names) < 60_000, place
        assert sum(weight.values()) < 72_000, place
    reached = set().union(*(_closure(one, sources) for one in ("app.js", *places)))
    assert sources.keys() - reached == start | words | {"print.js"}  # that is of the printed sheets


def _texts() -> list[str]:
    return re.findall(r'\b(?:N_|gettext)\("((?:[^"\\]|\\.)+)"', "".join(MODULES.values()))


def _closure(name: str, sources: dict[str, str]) -> set[str]:
    """A module, and all that it imports at once."""
    found, left = {name}, [name]
    while left:
        text = sources[left.pop()]
        more = set(re.findall(r'^import .* from "\./(\w+\.js)"', text, re.MULTILINE)) - found
        found |= more
        left += more
    return found
