"""What the doctor can come to, and that there are words for all of it."""

from __future__ import annotations

import re
import string

import pytest

from camerad.doctor.check_results import CheckResult, FindingId, Level, exit_code
from camerad.doctor.checks import CHECKS
from camerad.doctor.wording import ENGLISH, GERMAN, LANGUAGES, DoctorWording


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


@pytest.mark.parametrize("wording", LANGUAGES.values(), ids=LANGUAGES)
def test_a_language_has_words_for_everything(wording: DoctorWording) -> None:
    assert LANGUAGES[wording.code] is wording
    assert set(wording.findings) == set(FindingId)
    assert set(wording.levels) == set(Level)
    assert set(CHECKS) == set(wording.checks)


@pytest.mark.parametrize("wording", LANGUAGES.values(), ids=LANGUAGES)
def test_what_is_wrong_has_a_cure_and_what_is_well_has_none(wording: DoctorWording) -> None:
    for what, said in wording.findings.items():
        assert said.sentence, what
        if what.level in (Level.WARN, Level.FAIL):
            assert said.cure, what
        elif what.level is Level.OK:
            assert not said.cure, what


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_put_in_the_same_values() -> None:
    for what in FindingId:
        german, english = GERMAN.findings[what], ENGLISH.findings[what]
        assert names(german.sentence) == names(english.sentence), what
        assert names(german.cure) == names(english.cure), what


def test_a_check_is_named_as_a_person_calls_it() -> None:
    assert GERMAN.name("light_red") == "rotes Licht"
    assert GERMAN.name("button_main") == "Taste main"
    assert ENGLISH.name("button_trigger_2") == "button trigger_2"
    assert ENGLISH.name("unheard_of") == "unheard_of"


@pytest.mark.parametrize(("state", "word"), [("on", "eingeschaltet"), ("off", "ausgeschaltet")])
def test_what_a_line_was_switched_to_is_said_in_the_language_of_the_sentence(
    state: str, word: str
) -> None:
    dead = CheckResult("light_red", FindingId.OUTPUT_DEAD, {"gpio": 23, "state": state})
    assert word in GERMAN.sentence(dead)
    assert f"switched {state}" in ENGLISH.sentence(dead)


def test_texts_are_plain_and_commands_in_them_are_the_same_in_both() -> None:
    commands = re.compile(
        r"camerad (?:doctor|config|keys|identity|offload|evidence)|sudo (?:systemctl|chmod|du)"
    )
    for what in FindingId:
        german, english = GERMAN.findings[what].cure, ENGLISH.findings[what].cure
        assert sorted(commands.findall(german)) == sorted(commands.findall(english)), what
