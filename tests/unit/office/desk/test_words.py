"""What the page says: each word in both languages, and a sentence for each refusal."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from camerad.office.desk.desk_refusals import DeskRefusal
from camerad.office.desk.roles import DeskRole
from camerad.office.state.index_tables import STATES

PAGES = Path(__file__).parents[4] / "camerad/office/desk/pages"
MAKER = PAGES.parent / "package_maker"
SOURCE = (PAGES / "words.js").read_text(encoding="utf-8")
KEY = re.compile(r'^  (\w+): "(.+)",$', re.MULTILINE)
SAID = re.compile(r'\b(?:say|field)\((?:say\()?"(\w+)"')


def words(name: str) -> dict[str, str]:
    source = (PAGES / f"words_{name.lower()}.js").read_text(encoding="utf-8")
    block = source.split(f"export const {name} = {{", 1)[1].split("\n};", 1)[0]
    found = KEY.findall(block)
    assert len(dict(found)) == len(found) == block.count("\n"), "a key is there twice, or no line"
    return dict(found)


ENGLISH, GERMAN = words("EN"), words("DE")
SAID_HERE = re.compile(r'\bsayHere\("(\w+)"')
HERE_GERMAN, HERE = (
    dict(KEY.findall(one))
    for one in (MAKER / "maker_words.js").read_text(encoding="utf-8").split("const EN = {")
)


def test_each_word_is_in_both_languages_with_the_same_blanks() -> None:
    assert ENGLISH.keys() == GERMAN.keys()
    assert list(HERE) == list(HERE_GERMAN)
    german = GERMAN | HERE_GERMAN
    for key, text in (ENGLISH | HERE).items():
        blanks = re.compile(r"\{\w+\}")
        assert sorted(blanks.findall(text)) == sorted(blanks.findall(german[key])), key


def test_what_is_said_of_signing_does_not_call_its_key_as_the_one_that_opens_recordings() -> None:
    """docs/desk.md: "the office's key" opens."""
    for texts, a_key, other_names in (
        (ENGLISH, r"\bsigned\b.*\bkey\b|\bkey of the office\b", "signing key"),
        (GERMAN, r"signiert.*[Ss]chlüssel|[Ss]chlüssel.*signiert", "Signaturschlüssel"),
    ):
        about = {name: text for name, text in texts.items() if re.search(a_key, text)}
        assert {"offer_settings_text", "offer_why_other_office"} <= about.keys()
        assert [name for name, text in about.items() if other_names not in text] == []


def test_each_refusal_role_and_state_has_its_words() -> None:
    wanted = {f"refused_{one}" for one in DeskRefusal} | {f"role_{one}" for one in DeskRole}
    wanted |= {f"state_{one}" for one in STATES}
    assert wanted <= ENGLISH.keys()


def test_what_the_page_says_is_there_and_what_is_there_is_said() -> None:
    source = "".join(
        one.read_text(encoding="utf-8")
        for one in (*PAGES.glob("*.js"), *MAKER.glob("*.js"))
        if not one.name.startswith(("words", "sheet_words", "maker_words"))
    )
    assert set(SAID.findall(source)) <= ENGLISH.keys()
    quoted = set(re.findall(r'"(\w+)"', source))
    stems = tuple(re.findall(r"`(\w+_)\$\{", source + SOURCE))
    assert (
        set(SAID_HERE.findall(source))
        <= HERE.keys()
        <= quoted | {key for key in HERE if key.startswith(stems)}
    )
    unsaid = {key for key in ENGLISH if key not in quoted and not key.startswith(stems)}
    assert unsaid == set()


def test_the_page_has_no_inline_code_and_nothing_from_elsewhere() -> None:
    for path in (*PAGES.iterdir(), *MAKER.iterdir()):
        if path.name == "sheet_words.js":  # the page that it has is no page of the desk
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"\bon\w+=|style=|innerHTML|eval\(|javascript:", text.replace("onclick: ", "")
        ), path
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == [], path


def test_each_view_weighs_little_until_somebody_views_something() -> None:
    sources = {one.name: one.read_text(encoding="utf-8") for one in PAGES.iterdir()}
    at_once = re.compile(r'^import .* from "\./(?:player|package)/', re.MULTILINE)
    assert [name for name, text in sources.items() if at_once.search(text)] == []
    assert "player" not in sources["index.html"], "its style sheet comes with it"
    # What comes later comes with a place of its own; of the words, those of one language.
    comes_later = re.compile(r'import\("\./(\w+\.js)"\)')
    places = {one for text in sources.values() for one in comes_later.findall(text)}
    words = {"words_de.js", "words_en.js"}
    places -= words
    assert places >= {"people.js", "report.js", "cameras.js"}
    start = {"index.html", "style.css", "icon.svg", max(words, key=lambda one: len(sources[one]))}
    for place in ("app.js", *places):
        names = start | _closure("app.js", sources) | _closure(place, sources)
        # As it goes over the line.
        assert sum(len(gzip.compress(sources[one].encode())) for one in names) < 60_000, place
    reached = set().union(*(_closure(one, sources) for one in ("app.js", *places)))
    assert sources.keys() - reached == start | words | {"print.js"}  # that is of the printed sheets


def _closure(name: str, sources: dict[str, str]) -> set[str]:
    """A module, and all that it imports at once."""
    found, left = {name}, [name]
    while left:
        text = sources[left.pop()]
        more = set(re.findall(r'^import .* from "\./(\w+\.js)"', text, re.MULTILINE)) - found
        found |= more
        left += more
    return found
