"""A file that is no configuration at all gives one clear line, and never a traceback."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camerad.base import file_status
from camerad.config import check_file, policies
from camerad.config.document import MAX_BYTES, NoDocumentError, read_document
from camerad.config.settings_reader import SettingsReader

Write = Callable[..., Path]

EXAMPLE = Path(__file__).parents[3] / "config" / "camerad.yaml"

BROKEN = {
    "bracket_left_open": (
        "a: [1, 2\nb: 3\n",
        "c.yaml:2:2: not valid YAML: the bracket opened in line 1 is not closed; close it",
    ),
    "quote_left_open": (
        'a: "x\nb: 3\n',
        "c.yaml:3:1: not valid YAML: the quote opened in line 1 is never closed; close it",
    ),
    "tab": (
        "a:\n\tb: 1\n",
        "c.yaml:2:1: not valid YAML: a tab; indent with spaces only",
    ),
    "second_colon": (
        "a: b: c\n",
        "c.yaml:1:5: not valid YAML: this colon cannot stand here; check that this line begins "
        "as far right as its neighbours, and put text that has a colon in quotes",
    ),
    "line_too_far_left": (
        "a:\n    b: 1\n  c: 2\n",
        "c.yaml:3:3: not valid YAML: this line does not fit the section begun in line 1; "
        "indent it exactly as far as that section's other lines",
    ),
    "key_without_colon": (
        "a: 1\nb\nc: 1\n",
        'c.yaml:3:1: not valid YAML: a key without a colon; write "key: value"',
    ),
    "second_document": (
        "a: 1\n---\nb: 1\n",
        'c.yaml:2:1: not valid YAML: a second document begins here; remove the line "---"',
    ),
    "star": (
        "a: *.example\n",
        "c.yaml:1:5: not valid YAML: a text begins with *, & or !; put it in quotes",
    ),
    "at_sign": (
        "a: @office\n",
        "c.yaml:1:4: not valid YAML: a text begins with @; put it in quotes",
    ),
    "anything_else": (
        "%YAML 2.0\n---\na: 1\n",
        "c.yaml:1:1: not valid YAML: found incompatible YAML document (version 1.* is required); "
        "check indentation, colons, brackets and quotes here and in the line above",
    ),
    "control_character": (
        "a: 1\nb: x\x07\n",
        "c.yaml:2:5: not valid YAML: a character that cannot be typed (code 0x7); delete it",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_yaml_is_one_line_with_line_column_and_remedy(name: str, write: Write) -> None:
    text, message = BROKEN[name]
    assert check_file(write(text)) == [message]


@pytest.mark.parametrize("text", ["", "\n\n", "# all of it\n# commented out\n"])
def test_an_empty_file_says_what_to_begin_with(text: str, write: Write) -> None:
    hint = f"begin with a copy of {EXAMPLE}"
    assert check_file(write(text)) == [f"c.yaml: the file is empty; {hint}"]


def test_a_missing_file_says_what_to_begin_with(write: Write) -> None:
    assert check_file("nowhere.yaml") == [
        f"nowhere.yaml: there is no such file; begin with a copy of {EXAMPLE}"
    ]


def test_without_any_example_a_missing_file_is_still_told_clearly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policies, "shipped_directories", lambda: ())
    assert check_file("nowhere.yaml") == [
        "nowhere.yaml: there is no such file; begin with a copy of camerad's camerad.yaml"
    ]


def test_a_directory_is_told_apart_from_a_file(tmp_path: Path) -> None:
    assert check_file(tmp_path) == [f"{tmp_path}: this is a directory; name the file in it"]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "this user may not read the file; run this as a user who may"),
        (errno.EIO, "the file cannot be read: Input/output error; check the name and the card"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    number: int, told: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests may run as root, who may read everything, so the refusal is made here.
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    path = write("policy: generic\n")
    monkeypatch.setattr(Path, "open", refuse)
    assert check_file(path) == [f"c.yaml: {told}"]


def test_a_name_that_no_file_can_have_is_told_clearly() -> None:
    (mistake,) = check_file("a\0b")
    assert mistake.startswith("a\\x00b: the file cannot be read: embedded null byte")


def test_text_that_is_not_utf8_says_where(write: Write) -> None:
    path = write("")
    path.write_bytes("policy: generic\ndevice: {id: K\xf6ln}\n".encode("latin-1"))
    told = "not UTF-8 text (byte 0xf6); save the file as UTF-8"
    assert check_file(path) == [f"c.yaml:2:15: {told}"]


def test_a_byte_order_mark_does_no_harm(write: Write) -> None:
    path = write("")
    path.write_bytes(b"\xef\xbb\xbfpolicy: generic\n")
    assert check_file(path) == []


def test_something_huge_is_not_read_to_its_end(write: Write) -> None:
    assert check_file("/dev/zero") == [
        "/dev/zero: larger than 1024 KiB, so this is no configuration; name a YAML file of camerad"
    ]
    path = write("policy: generic\n#" + "x" * (MAX_BYTES - len("policy: generic\n#")))
    assert check_file(path) == []  # exactly MAX_BYTES


def test_nesting_without_end_is_a_mistake_and_no_crash(write: Write) -> None:
    assert check_file(write("[" * 50_000)) == [
        "c.yaml:1: not a configuration: far too deeply nested; at most six levels are needed"
    ]


def test_an_alias_within_itself_is_a_mistake_and_no_endless_loop(write: Write) -> None:
    (mistake,) = check_file(write("policy: generic\nring: &r {stall_seconds: *r}\n"))
    assert mistake.startswith("c.yaml:2: ring.stall_seconds: found a section; a number is needed")


def test_an_error_of_yaml_without_a_place_still_names_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise yaml.MarkedYAMLError()

    monkeypatch.setattr(yaml.SafeLoader, "get_single_node", fail)
    with pytest.raises(NoDocumentError, match=r"^c\.yaml: not valid YAML: "):
        read_document(write("a: 1\n"))


@given(text=st.text(alphabet="ab:-#[]{}'\"|>&*!%@?, \n\t0\x07\xe4", max_size=40))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_whatever_gives_a_traceback_or_a_message_of_two_lines(
    text: str, write: Write
) -> None:
    for mistake in check_file(write(text)):
        assert mistake.startswith("c.yaml")
        assert "\n" not in mistake
        assert "; " in mistake  # what was found; what to do


def test_a_file_that_is_needed_and_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, away, failing = tmp_path / "there", tmp_path / "no", tmp_path / "failing"
    there.touch()
    look = os.lstat

    def fail(path: str) -> os.stat_result:
        if path == str(failing):
            raise OSError(errno.EIO, "Input/output error")
        return look(path)

    monkeypatch.setattr(file_status.os, "lstat", fail)
    reader = SettingsReader("office.yaml")
    reader.require_files([("a", there), ("b", away), ("c", failing)])
    no, cannot = reader.mistakes
    assert (no.where, no.text) == ("b", f"there is no file {away}; make it, or name another one")
    assert cannot.where == "c" and "Input/output error" in cannot.text
