"""Questions to the person at the camera, with ``--interactive``."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from typing import Final, Protocol

from camerad.base.words import Words
from camerad.doctor.sentences import check_name

_LOOK_SECONDS: Final = 0.05


class Person(Protocol):
    """The person at the camera, who looks, listens, feels and presses."""

    async def noticed(self, part: str) -> bool:
        """Whether they noticed the output, once they answer."""

    async def sees_test_picture(self) -> bool:
        """Whether they see the test picture, once they answer."""

    def ask_to_press(self, part: str, seconds: float) -> None:
        """Ask for a press of the button."""

    def ask_to_speak(self) -> None:
        """Ask for a word."""

    def ask_to_record(self) -> None:
        """Ask for the start of a recording."""

    def ask_to_cut_power(self) -> None:
        """Ask for a power cut."""

    def goes_on(self) -> bool:
        """Whether they want to go on without it."""


class Terminal:
    """A person at the terminal: questions on standard error, answers from standard input."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._typed = b""

    async def noticed(self, part: str) -> bool:
        """As `Person.noticed`."""
        return await self._agrees(
            self._words.gettext(
                "{part}: did you see, feel or hear it? [y/n] ", part=check_name(part, self._words)
            )
        )

    async def sees_test_picture(self) -> bool:
        """As `Person.sees_test_picture`."""
        return await self._agrees(
            self._words.gettext("Does the display show coloured bars in a white frame? [y/n] ")
        )

    def ask_to_press(self, part: str, seconds: float) -> None:
        """As `Person.ask_to_press`."""
        self._say(
            self._words.gettext(
                "Press and release the {part} within {seconds:.0f} s.",
                part=check_name(part, self._words),
                seconds=seconds,
            )
        )

    def ask_to_speak(self) -> None:
        """As `Person.ask_to_speak`."""
        self._say(self._words.gettext("Say something into the microphone."))

    def ask_to_record(self) -> None:
        """As `Person.ask_to_record`."""
        self._say(
            self._words.gettext(
                "Start a recording with the buttons, as an officer does, and let it run for a "
                "minute. Move before the camera."
            )
        )

    def ask_to_cut_power(self) -> None:
        """As `Person.ask_to_cut_power`."""
        self._say(
            self._words.gettext(
                "Now cut the power while the camera records: pull the plug. Then start the camera "
                "and give the same command again. To leave this out, press Enter."
            )
        )

    def goes_on(self) -> bool:
        """As `Person.goes_on`."""
        descriptor = sys.stdin.fileno()
        return bool(select.select([descriptor], [], [], 0)[0] and os.read(descriptor, 4096))

    @staticmethod
    def _say(text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    async def _agrees(self, question: str) -> bool:
        """An answer that is neither is asked for again; none at all is a no."""
        while True:
            sys.stderr.write(question)
            sys.stderr.flush()
            line = await self._line()
            answer = line.decode(errors="replace").strip().lower()
            if not line or answer in ("n", "no", "nein"):
                return False
            if answer in (self._words.pgettext("typed answer", "y"), "y", "yes", "ja"):
                return True

    async def _line(self) -> bytes:
        """What is typed next; empty when nothing more can come. No thread waits for it, so that
        Ctrl-C needs no answer."""
        descriptor = sys.stdin.fileno()
        while b"\n" not in self._typed:
            if not select.select([descriptor], [], [], 0)[0]:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            data = os.read(descriptor, 4096)
            if not data:
                break
            self._typed += data
        line, end, self._typed = self._typed.partition(b"\n")
        return line + end
