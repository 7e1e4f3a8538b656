"""Questions to whoever stands before the camera."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from camerad.base.words import words_in
from camerad.doctor.prompts import Terminal

ENGLISH, GERMAN = words_in("en"), words_in("de")


@dataclass
class Keyboard:
    """What is typed at this terminal. descriptor: where to write it."""

    descriptor: int

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def end(self) -> None:
        """Nothing more will come; to be called once."""
        os.close(self.descriptor)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    reading, writing = os.pipe()
    with open(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield Keyboard(writing)


def test_while_nobody_answers_nothing_else_is_held_up(keyboard: Keyboard) -> None:
    async def scene() -> bool:
        answer = asyncio.ensure_future(Terminal(ENGLISH).noticed("light_red"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(answer), 0.1)
        keyboard.type("y\n")
        return await answer

    assert asyncio.run(scene())
    keyboard.end()


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
    keyboard: Keyboard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keyboard.type(typed)
    keyboard.end()
    assert asyncio.run(Terminal(GERMAN).noticed("light_red")) is agrees
    asked = capsys.readouterr()
    assert asked.err.count("rotes Licht: gesehen") == questions
    assert asked.out == ""


def test_the_other_questions_say_what_is_to_be_done(
    keyboard: Keyboard, capsys: pytest.CaptureFixture[str]
) -> None:
    keyboard.type("no\ny\n")
    keyboard.end()
    person = Terminal(ENGLISH)

    async def answers() -> tuple[bool, bool]:
        return await person.sees_test_picture(), await person.noticed("buzzer")

    # Both were typed at once, and each is one answer.
    assert asyncio.run(answers()) == (False, True)
    person.ask_to_press("button_main", 10)
    person.ask_to_speak()
    asked = capsys.readouterr().err
    assert "coloured bars" in asked
    assert "Press and release the button main within 10 s." in asked
    assert "Say something" in asked
