"""Texts in the reader's language: lookup, and the tool that keeps the catalogues."""

from __future__ import annotations

import gettext
import json
from pathlib import Path

import pytest
from generators import words as tool

from camerad.base.words import Words, languages, words_in


def test_english_is_the_text_itself_and_has_plural_forms() -> None:
    english = words_in("en")
    assert english.gettext("{a} of {{b}}", a=1) == "1 of {b}"
    assert english.gettext("not {filled} in") == "not {filled} in"
    assert [english.ngettext("{number} day", "{number} days", n) for n in (1, 2)] == [
        "1 day",
        "2 days",
    ]
    assert set(languages()) >= {"de", "en"}
    with pytest.raises(FileNotFoundError):
        words_in("xx")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tree with texts, and an empty German catalogue."""
    package = tmp_path / "package"
    catalogue = package / "locale" / "de" / "LC_MESSAGES" / "camerad.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.touch()
    (package / "a.py").write_text(
        """
# TRANSLATORS: of a person
A = N_("Name")
B = Sentence("It " "fails.", A, "Mend it.")
C = NC_("switch", "on")
print(f"{words.gettext('in an f-string')}", words.ngettext("{number} day", "{number} days", n))
"""
    )
    (package / "b.js").write_text(
        """// TRANSLATORS: of a page
x(`${gettext("in a template")}`, pgettext("switch", "on"), gettext("{n} of {m}", { n, m }));
"""
    )
    return package


def catalogue(source: Path) -> Path:
    return source / "locale" / "de" / "LC_MESSAGES" / "camerad.po"


def translate(source: Path, translations: dict[str, str]) -> None:
    """Add what is given for an empty translation, by the original."""
    text = catalogue(source).read_text(encoding="utf-8")
    for original, translated in translations.items():
        before, found, after = text.partition(f'"{original}"\n')
        assert found, original
        text = before + found + after.replace('msgstr ""', f'msgstr "{translated}"', 1)
    catalogue(source).write_text(text, encoding="utf-8")


ALL = {
    "Name": "Name",
    "It fails.": "Es versagt.",
    "Mend it.": "Richten.",
    "on": "ein",
    "in an f-string": "darin",
    "in a template": "in einer Vorlage",
    "{n} of {m}": "{n} von {m}",
}
LONG = "Mit sehr vielen Wörtern. " * 4 + "Dann: " * 20


def test_texts_are_found_translated_and_compiled(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main([], [source]) != 0
    assert capsys.readouterr().err.count("not translated") == len(ALL) + 1
    assert "#. of a person" in catalogue(source).read_text(encoding="utf-8")
    translate(source, {**ALL, "Name": LONG})
    text = catalogue(source).read_text(encoding="utf-8")
    text = text.replace('msgstr[0] ""', 'msgstr[0] "{number} Tag"')
    catalogue(source).write_text(text.replace('msgstr[1] ""', 'msgstr[1] "{number} Tage"'))
    assert tool.main(["--check"], [source]) != 0  # not compiled
    assert (tool.main([], [source]), tool.main(["--check"], [source])) == (0, 0)
    german = Words("de", gettext.translation("camerad", source / "locale", ["de"]))
    assert german.gettext("It fails.") == "Es versagt."
    assert german.gettext("Name") == LONG
    assert german.pgettext("switch", "on") == "ein"
    assert german.ngettext("{number} day", "{number} days", 2) == "2 Tage"


@pytest.mark.parametrize(
    ("translated", "problem"),
    [
        ("{n} von {x}", "other placeholders"),
        ("{n} von {m:d}", "other placeholders"),
        ("{n} davon", "lacks a placeholder"),
        ("{n} von {m", "cannot be filled in"),
        ("{n} von {0}", "cannot be filled in"),
    ],
)
def test_a_translation_has_the_same_placeholders(
    translated: str, problem: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool.main([], [source])
    translate(source, {**ALL, "{n} of {m}": translated})
    capsys.readouterr()
    assert tool.main(["--check"], [source]) != 0
    assert problem in capsys.readouterr().err


def test_a_removed_text_goes_and_a_changed_one_is_translated_anew(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool.main([], [source])
    translate(source, ALL)
    code = (source / "a.py").read_text().replace('"Mend it."', "A").replace("fails.", "fails now.")
    (source / "a.py").write_text(code)
    capsys.readouterr()
    assert tool.main([], [source]) != 0
    assert "'It fails now.': not translated" in capsys.readouterr().err
    text = catalogue(source).read_text(encoding="utf-8")
    assert "Mend it." not in text
    assert "fuzzy" in text


def test_a_page_has_its_own_texts_that_are_translated(source: Path) -> None:
    page = source / "evidence" / "player" / "page.js"
    page.parent.mkdir(parents=True)
    page.write_text('gettext("{n} of {m}", { n, m }); gettext("only English");')
    tool.main([], [source])
    translate(source, ALL)
    tool.main([], [source])
    found = json.loads((page.parent / "translations.json").read_bytes())["de"]
    assert found["texts"] == {"{n} of {m}": "{n} von {m}"}
    assert found["plural"].startswith("1011")


def test_a_text_is_written_as_it_is(source: Path) -> None:
    (source / "a.py").write_text("print(gettext(f'so {many}'))")
    with pytest.raises(ValueError, match=r"a\.py:1: gettext takes texts as they are"):
        tool.main([], [source])
