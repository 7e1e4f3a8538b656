"""Questions to whoever stands before the camera."""

from __future__ import annotations

import io
import sys

import pytest

from camerad.doctor.asking import Terminal
from camerad.doctor.wording import ENGLISH, GERMAN


@pytest.mark.parametrize(
    ("typed", "agrees", "questions"),
    [
        ("j\n", True, 1),
        ("Ja\n", True, 1),
        ("y\n", True, 1),
        ("n\n", False, 1),
        ("vielleicht\n\nj\n", True, 3),
        ("", False, 1),
    ],
)
def test_an_answer_is_yes_or_no_and_asked_for_until_it_is(
    typed: str,
    agrees: bool,
    questions: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert Terminal(GERMAN).saw("light_red") is agrees
    asked = capsys.readouterr()
    assert asked.err.count("rotes Licht: gesehen") == questions
    assert asked.out == ""


def test_the_other_questions_say_what_is_to_be_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    person = Terminal(ENGLISH)
    assert not person.sees_pattern()
    person.asked_to_press("button_main", 10)
    person.asked_to_speak()
    asked = capsys.readouterr().err
    assert "coloured bars" in asked
    assert "Press the button main and let it go, within 10 s." in asked
    assert "Say something" in asked
