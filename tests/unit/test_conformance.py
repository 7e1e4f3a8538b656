"""The tests that docs/conformance.md and threat-model.md name exist; no row and no promise goes
without one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
PAGE = TREE / "docs" / "conformance.md"
THREATS = TREE / "docs" / "threat-model.md"
PROMISE = re.compile(r"^\| (O\d) \|.*\| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ONLY_ON_A_BOARD = re.compile(r"\*\*only on a board\*\*", re.IGNORECASE)


def rows(text: str) -> list[list[str]]:
    """The rows of the tables of what is asked: four cells each."""
    found = []
    for table in re.split(r"^\| asked \|.*\n\|[-|]+\n", text, flags=re.MULTILINE)[1:]:
        for line in table.splitlines():
            if not line.startswith("|"):
                break
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_every_row_has_a_source_and_a_proof_or_says_that_only_a_board_shows_it() -> None:
    found = rows(PAGE.read_text())
    assert len(found) >= 20
    for row in found:
        asked, by, _, shown = row  # as many cells as there are columns
        assert asked
        assert by
        assert NAMED.search(shown) or ONLY_ON_A_BOARD.search(shown), asked


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


NAMES = sorted({one for page in (PAGE, THREATS) for one in NAMED.findall(page.read_text())})


@pytest.mark.parametrize(("file", "test"), NAMES, ids=[" ".join(one) for one in NAMES])
def test_what_shows_it_is_there(file: str, test: str) -> None:
    assert (TREE / file).is_file()
    assert not test or test in functions_of(TREE / file)


def test_each_promise_of_the_office_names_a_test() -> None:
    shown = dict(PROMISE.findall(PAGE.read_text()))
    assert sorted(shown) == [f"O{number}" for number in range(1, 9)]
    assert [one for one, by in shown.items() if not NAMED.search(by)] == []


def test_each_promise_of_the_office_has_tests_that_carry_its_number_and_no_other_has() -> None:
    promises = {one.lower() for one, _ in PROMISE.findall(PAGE.read_text())}
    carried = re.compile(r"^def test_(o\d+)_", re.MULTILINE)
    files = (TREE / "tests").rglob("test_*.py")
    assert {one for path in files for one in carried.findall(path.read_text())} == promises


def test_the_pages_that_it_names_are_there() -> None:
    for target in re.findall(r"\]\(([\w.-]+\.md)\)", PAGE.read_text()):
        assert (TREE / "docs" / target).is_file(), target


def test_a_row_without_a_proof_is_found() -> None:
    table = "| asked | by | here | shown by |\n|---|---|---|---|\n| a | b | c | |\n\nother\n"
    assert rows(table) == [["a", "b", "c", ""]]
