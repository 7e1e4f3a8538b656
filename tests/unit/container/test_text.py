"""Which texts may stand in a statement: by a table of our own, whatever Python's Unicode knows."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from camerad.base.text import LONGEST, is_plain, looks_empty, printable

EVERYTHING = range(sys.maxunicode + 1)


def test_what_is_assigned_one_day_does_not_change_what_is_a_statement() -> None:
    """U+0378 has no character in any version of Unicode so far, and in a later one it may."""
    assert is_plain("\u0378")
    assert printable("\u0378") == "\\u0378"


def test_the_table_refuses_nothing_that_any_python_so_far_took() -> None:
    """What was signed stays valid."""
    taken = [code for code in EVERYTHING if chr(code).isprintable()]
    assert [hex(code) for code in taken if not is_plain(chr(code))] == []


def test_beyond_that_the_table_takes_only_what_is_not_assigned() -> None:
    odd = (code for code in EVERYTHING if not chr(code).isprintable() and is_plain(chr(code)))
    assert {unicodedata.category(chr(code)) for code in odd} <= {"Cn"}


@pytest.mark.parametrize(
    "letter",
    [chr(0xA), chr(0x1B), chr(0x7F), chr(0x85), chr(0x202E), chr(0x2066), chr(0x2028), chr(0xA0)],
)
def test_what_does_not_print_on_one_line_is_refused_and_escaped(letter: str) -> None:
    assert not is_plain(f"a{letter}b")
    assert printable(f"a{letter}b") == f"a{ascii(letter)[1:-1]}b".replace("\\n", "\\x0a")


def test_letters_of_all_the_world_are_plain() -> None:
    assert is_plain("Ordnungsamt Köln, Müller-Lüdenscheidt; дело 1/26; 案件; 😀")


def test_a_text_has_so_many_code_points_and_no_more() -> None:
    assert is_plain("ß" * LONGEST)
    assert not is_plain("ß" * (LONGEST + 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "\u3164\u3164",
        "\u2800",
        "\u115f\u1160",
        "\uffa0",
        "\ufe0f",
        "\u0301\u0308",
        " \u0301",
    ],
)
def test_what_shows_nothing_looks_empty(text: str) -> None:
    assert looks_empty(text)
    assert not looks_empty(f"{text}7")


def test_what_people_type_does_not_look_empty() -> None:
    for text in ("Az. 7", "-", "ä", "案件", "\u1100\u1161", "😀", "\u2801"):
        assert not looks_empty(text), text
