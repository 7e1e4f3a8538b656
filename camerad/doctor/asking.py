"""What is asked of whoever stands before the camera, with ``--interactive``."""

from __future__ import annotations

import sys
from typing import Protocol

from camerad.doctor.wording import Wording


class Person(Protocol):
    """Somebody who looks, listens, feels and presses."""

    def saw(self, part: str) -> bool:
        """Whether they noticed the output; blocks until they answer."""

    def sees_pattern(self) -> bool:
        """Whether they see the test picture; blocks until they answer."""

    def asked_to_press(self, part: str, seconds: float) -> None:
        """Ask for a press of the button."""

    def asked_to_speak(self) -> None:
        """Ask for a word."""


class Terminal:
    """A person at the terminal: questions on standard error, answers from standard input."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def saw(self, part: str) -> bool:
        """As `Person.saw`."""
        return self._agrees(self._wording.ask_seen.format(part=self._wording.name(part)))

    def sees_pattern(self) -> bool:
        """As `Person.sees_pattern`."""
        return self._agrees(self._wording.ask_display)

    def asked_to_press(self, part: str, seconds: float) -> None:
        """As `Person.asked_to_press`."""
        name = self._wording.name(part)
        self._say(self._wording.ask_press.format(part=name, seconds=seconds))

    def asked_to_speak(self) -> None:
        """As `Person.asked_to_speak`."""
        self._say(self._wording.ask_speak)

    @staticmethod
    def _say(text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def _agrees(self, question: str) -> bool:
        """An answer that is neither is asked for again; none at all is a no."""
        while True:
            sys.stderr.write(question)
            sys.stderr.flush()
            line = sys.stdin.readline()
            answer = line.strip().lower()
            if not line or answer in ("n", "no", "nein"):
                return False
            if answer in (self._wording.yes, "y", "yes", "ja"):
                return True
