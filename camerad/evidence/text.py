"""Words that come from outside, made fit to be printed.

File names, and what statements and other files say, may have been written by anybody. Printed as
they are, a line break forges a line of a report, an escape sequence rewrites the terminal, and a
bidirectional control makes text read backwards. Whatever prints such words, on stdout, on stderr or
into a log, passes them through `printable`.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 200
"""A longer word in a statement is refused, characters."""


def printable(text: object) -> str:
    """str(text) on one line, with escapes (as in ``\\x1b``, ``\\u202e``) for what does not print.

    Escaped is what `str.isprintable` says no to: control and format characters, line and paragraph
    separators, spaces other than the plain one, lone surrogates (bytes of a file name that are no
    UTF-8), and code points without a character. A backslash stays as it is, so that text that was
    escaped already is not changed again.
    """
    words = str(text)
    if words.isprintable():
        return words
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in words)


def count(number: int, one: str, more: str | None = None) -> str:
    """``1 gap``, ``2 gaps``. more: the word for several, where it is not `one` with an s."""
    return f"{number} {one if number == 1 else more or one + 's'}"


class Number(int):
    """A number in the template of a catalogue, which chooses the word behind itself: of
    ``{days} {days:Tag|Tage}`` becomes ``1 Tag``, ``2 Tage``."""

    def __format__(self, form: str) -> str:
        one, choice, more = form.partition("|")
        if not choice:
            return super().__format__(form)
        return one if self == 1 else more


def is_plain(text: str) -> bool:
    """Whether `text` may stand in a statement: it prints on one line, and is not too long."""
    return len(text) <= LONGEST and text.isprintable()


def _escape(letter: str) -> str:
    code = ord(letter)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
