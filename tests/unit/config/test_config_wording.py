"""What the display says: catalogues that are complete, and an office's own texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from re import fullmatch
from typing import get_type_hints

import pytest
from msgspec.structs import asdict, fields

from camerad.base.words import languages
from camerad.behaviour.scene import GRAVITY
from camerad.behaviour.stages import REFUSES_START, Condition
from camerad.config import check_file, load, render
from camerad.config.display_wording import DisplayWording, wording_in
from camerad.config.fields import Matches

Write = Callable[..., Path]


def config(write: Write, own: str, language: str = "de") -> Path:
    Path("own.yaml").write_text(own, encoding="utf-8")
    path = Path("own.yaml").absolute()
    return write(
        f"policy: generic\nself_view:\n  language: {language}\n  wording: {path}\n",
    )


@pytest.mark.parametrize("language", languages())
def test_every_text_of_a_catalogue_is_one_that_an_office_could_write(language: str) -> None:
    hints = get_type_hints(DisplayWording, include_extras=True)
    for field in fields(DisplayWording):
        mark = next(m for m in hints[field.name].__metadata__ if isinstance(m, Matches))
        text = getattr(wording_in(language), field.name)
        assert fullmatch(mark.pattern, text), field.name


def test_the_language_is_german_unless_another_is_named(write: Write) -> None:
    assert load(write("policy: generic\n")).display_wording == wording_in("de")
    english = write("policy: generic\nself_view: {language: en}\n")
    assert load(english).display_wording == wording_in("en")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("condition", [*GRAVITY, None])
def test_a_cause_is_a_short_sentence_and_one_that_says_what_the_officer_does(
    language: str, condition: Condition | None
) -> None:
    name = "cause_cut_off" if condition is None else f"cause_{condition.value}"
    text = getattr(wording_in(language), name)
    what, do = text.removesuffix(".").split(". ")
    assert text.endswith(".")
    assert len(what.split()) <= 4
    assert len(do.split()) <= 8
    # Who wears the camera does it: nobody who would have to be called first.
    assert not {"Technik", "technician", "Techniker"} & set(re.findall(r"\w+", do))
    # What refuses a press is not mended by the officer: there are other cameras.
    if condition in REFUSES_START:
        assert {"de": "ndere Kamera nehmen", "en": "ake another camera"}[language] in do


def test_an_offices_cause_replaces_that_one_only(write: Write) -> None:
    path = config(write, "cause_storage_full: Karte voll. Wache 3, Regal A.\n")
    expected = asdict(wording_in("de")) | {"cause_storage_full": "Karte voll. Wache 3, Regal A."}
    assert asdict(load(path).display_wording) == expected


def test_an_offices_text_replaces_that_one_only(write: Write) -> None:
    path = config(write, "recording: AUFZEICHNUNG LÄUFT\nreaches_back: noch {seconds} s\n")
    wording = load(path).display_wording
    expected = asdict(wording_in("de")) | {
        "recording": "AUFZEICHNUNG LÄUFT",
        "reaches_back": "noch {seconds} s",
    }
    assert asdict(wording) == expected


def test_the_effective_configuration_says_where_the_texts_are(write: Write) -> None:
    path = config(write, "recording: REC\n", "en")
    settings = load(path)
    rendered = write(render(settings))
    assert load(rendered).display_wording == settings.display_wording


@pytest.mark.parametrize(
    ("own", "line", "words"),
    [
        ("recording: R\nrecord: R\n", 2, "record: unknown key; did you mean recording"),
        ("self_view: '{seconds}'\n", 1, "self_view: found"),
        ("battery: '{volts} V'\n", 1, "battery: found"),
        ("recording: 12\n", 1, 'write it in quotes: "12"'),
        ("recording: ''\n", 1, "recording: found"),
        ("recording: '  '\n", 1, "recording: found"),
        ("recording: '{'\n", 1, "recording: found"),
        ("recording: 录音\n", 1, "Latin letters"),
        (f"recording: {'x' * 91}\n", 1, "1 to 90 characters"),
        ("- recording\n", 1, "a section is needed"),
        ("badge: B\ncause_ful: D\n", 2, "cause_ful: unknown key"),
        (f"cause_hot: '{'x. ' * 22}'\n", 1, "1 to 64 characters"),
        (f"badge: B\ncause_hot: Heiß {'x' * 25}\n", 2, "no word of more than 24"),
        ("cause_hot: '{count} Grad'\n", 1, "cause_hot: found"),
        (f"more_causes: '{{count}} {'mehr ' * 5}'\n", 1, "1 to 24 characters"),
    ],
)
def test_a_mistake_in_an_offices_text_is_named_with_its_line(
    write: Write, own: str, line: int, words: str
) -> None:
    mistakes = check_file(config(write, own))
    assert len(mistakes) == 1, mistakes
    assert mistakes[0].startswith(f"{Path('own.yaml').absolute()}:{line}: ")
    assert words in mistakes[0]


def test_a_file_of_texts_that_is_missing_is_named_where_it_is_asked_for(write: Write) -> None:
    path = write("policy: generic\nself_view:\n  wording: /nowhere/texts.yaml\n")
    mistakes = check_file(path)
    assert len(mistakes) == 1
    assert mistakes[0].startswith("c.yaml:3: self_view.wording: /nowhere/texts.yaml: ")


def test_mistakes_of_both_files_are_named_at_once(write: Write) -> None:
    path = config(write, "recording: 12\n")
    path.write_text(path.read_text() + "  fps: 0\n")
    assert len(check_file(path)) == 2
