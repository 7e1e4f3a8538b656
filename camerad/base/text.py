"""Makes words from outside fit to be printed.

File names, statements and other files may have been written by an attacker. Printed as they are, a
line break forges a line of a report, an escape sequence rewrites the terminal, and a bidirectional
control makes text read backwards. Every such word that goes to stdout, to stderr or into a log
passes through `printable`.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category, normalize

LONGEST: Final = 200
"""A longer word in a statement is refused, code points."""

_SPELLED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_NEVER_PLAIN: Final = (
    # Controls, and the space that does not break.
    (0x00, 0x1F),
    (0x7F, 0xA0),
    # What formats: hyphenation, signs above numbers and verses, directions, joiners, notes.
    (0xAD, 0xAD),
    (0x600, 0x605),
    (0x61C, 0x61C),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE00FF),
    # Other spaces than the plain one, and separators of lines and paragraphs.
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    # Halves of characters, private use, and noncharacters.
    (0xD800, 0xF8FF),
    (0xFDD0, 0xFDEF),
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0, 0xF0000, 0x10000)),
    (0xF0000, 0x10FFFF),
)
"""Code points that no text of a statement has, first and last. The table is our own, and stands so
in docs/evidence-format.md, section 1: what each version of Unicode adds must not change what is a
statement. What is not assigned yet may be used."""
_SHAPELESS: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Fillers of Hangul, and the pattern of Braille without a dot."""
_ODD: Final = re.compile(
    "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _NEVER_PLAIN) + "]"
)


def printable(text: object) -> str:
    """str(text) on one line, with escapes (as in ``\\x1b``, ``\\u202e``) for what does not print.

    Escaped is what `is_plain` does not take, control and format characters, line and paragraph
    separators, spaces other than the plain one, and lone surrogates (bytes of a file name that are
    no UTF-8), and each character that Python does not know. A backslash stays as it is, so that
    text that was escaped already is not changed again.
    """
    words = str(text)
    if words.isprintable() and _ODD.search(words) is None:
        return words
    return "".join(
        letter if letter.isprintable() and _ODD.search(letter) is None else _escape(letter)
        for letter in words
    )


def is_unicode(text: str) -> bool:
    """Whether it has no half of a pair. A byte of a command line that is no UTF-8 becomes one
    (PEP 383), and neither a statement nor a database takes it."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def count(number: int, one: str, more: str | None = None) -> str:
    """``1 gap``, ``2 gaps``. more: the word for several, where it is not `one` with an s."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def room(amount: int) -> str:
    """An amount of bytes as people speak of free room: in GiB, and below two of them in MiB."""
    return f"{amount >> 30} GiB" if amount >= 2 << 30 else f"{amount >> 20} MiB"


def is_plain(text: str) -> bool:
    """Whether `text` may stand in a statement: it prints on one line, and is not too long. Whatever
    Python or Unicode says of it, the answer is the same for ever."""
    return len(text) <= LONGEST and _ODD.search(text) is None


def looks_empty(text: str) -> bool:
    """Whether nothing in `text` can be seen: it has no letter, number or sign, but
    spaces, marks that stand on others, and letters that fill a place without a shape."""
    return all(letter in _SHAPELESS or category(letter)[0] in "ZMC" for letter in text)


def _escape(letter: str) -> str:
    code = ord(letter)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def folded(text: str) -> str:
    """A name as it is compared with others: an id has no umlauts where its person has."""
    return normalize("NFC", text).strip().casefold().translate(_SPELLED)
