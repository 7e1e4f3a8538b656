"""What the doctor can come to, and that there are words for all of it."""

from __future__ import annotations

import re

import pytest

from camerad.base.words import languages, words_in
from camerad.doctor.check_results import CheckResult, FindingId, Level, exit_code
from camerad.doctor.checks import BRING_UP, CHECK_NAMES, CHECKS
from camerad.doctor.sentences import SENTENCES, check_name, sentence

ENGLISH, GERMAN, NOT = words_in("en"), words_in("de"), Level.NOT_TESTED


def test_a_finding_is_called_in_json_as_in_the_code() -> None:
    assert {one.name: one.value for one in FindingId} == {
        name: name.lower() for name in FindingId.__members__
    }


def test_the_exit_code_is_that_of_the_worst_and_what_was_not_tested_does_not_count() -> None:
    def code(*found: FindingId) -> int:
        return exit_code(CheckResult("x", what) for what in found)

    assert code() == 0
    assert code(FindingId.CARD_OK, FindingId.CARD_BUSY) == 0
    assert code(FindingId.CARD_OK, FindingId.CARD_HESITATES) == 2
    assert code(FindingId.CARD_HESITATES, FindingId.CARD_SLOW, FindingId.CARD_OK) == 1


def test_every_check_has_a_name_and_every_finding_a_sentence() -> None:
    assert set(SENTENCES) == set(FindingId)
    assert set(CHECK_NAMES) == {*CHECKS, *BRING_UP}


@pytest.mark.parametrize("found", FindingId)
def test_a_fault_has_a_remedy_and_a_part_that_works_has_none(found: FindingId) -> None:
    told = SENTENCES[found].remedy
    assert told if found.level in (Level.WARN, Level.FAIL) else not told or found.level is NOT


@pytest.mark.parametrize(
    ("check", "english", "german"),
    [
        ("light_red", "red light", "rotes Licht"),
        ("button_main", "button main", "Taste main"),
        ("button_trigger_2", "button trigger_2", "Taste trigger_2"),
        ("unheard_of", "unheard_of", "unheard_of"),
    ],
)
def test_a_check_has_a_plain_name(check: str, english: str, german: str) -> None:
    assert [check_name(check, words) for words in (ENGLISH, GERMAN)] == [english, german]


@pytest.mark.parametrize(("state", "word"), [("on", "eingeschaltet"), ("off", "ausgeschaltet")])
def test_the_state_of_a_line_is_in_the_language_of_the_sentence(state: str, word: str) -> None:
    dead = CheckResult("light_red", FindingId.OUTPUT_DEAD, {"gpio": 23, "state": state})
    assert word in sentence(dead, GERMAN)
    assert f"switched {state}" in sentence(dead, ENGLISH)


@pytest.mark.parametrize("language", languages())
def test_commands_in_remedies_are_the_same_in_every_language(language: str) -> None:
    commands = re.compile(
        r"camerad (?:doctor|config|keys|identity|offload|evidence)|sudo (?:systemctl|chmod|du)"
    )
    for found in FindingId:
        told = SENTENCES[found].remedy
        translated = words_in(language).gettext(told) if told else ""
        assert sorted(commands.findall(translated)) == sorted(commands.findall(told)), found
