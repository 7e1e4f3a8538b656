"""Cases: what they may have, and that none of them keeps the others from being shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import ONE

from camerad.desk import cases as changes
from camerad.desk.cases import DOUBLE_US, MOST_HAND_OVERS, Case, CaseNote, Cases
from camerad.vault.refusals import RefusedRequestError


@pytest.fixture
def cases(tmp_path: Path) -> Cases:
    (tmp_path / "office").mkdir()
    return Cases(str(tmp_path))


def silent(_case: Case) -> None:
    """An entry that nobody looks for."""


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedRequestError) as error:
        work()
    return str(error.value)


def test_a_case_is_handed_over_so_often_and_no_more() -> None:
    case = changes.with_recording(Case("7", 1, "desk"), ONE, "desk", 2)
    for number in range(MOST_HAND_OVERS):
        case = changes.with_hand_over(case, f"Az. {number}", "desk", 3)
    assert refused(lambda: changes.with_hand_over(case, "Az.", "desk", 4)) == "case_full"
    empty = Case("8", 1, "desk")
    assert refused(lambda: changes.with_hand_over(empty, "Az.", "desk", 4)) == "case_empty"


def test_what_could_not_be_read_again_is_refused_before_its_entry(cases: Cases) -> None:
    cases.open("7", "desk", 1, silent)
    noted: list[Case] = []

    def large(case: Case) -> Case:
        return Case(case.number, 1, "desk", notes=(CaseNote(1, "desk", "x" * (1 << 20)),))

    assert refused(lambda: cases.change("7", large, noted.append)) == "case_full"
    assert noted == []
    assert cases.find("7") == Case("7", 1, "desk")


def test_a_case_that_cannot_be_read_hides_no_other(
    cases: Cases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cases.open("7", "desk", 1, silent)
    cases.change("7", lambda case: changes.with_recording(case, ONE, "desk", 2), silent)
    (tmp_path / "office/desk/cases/0.json").write_bytes(b"{")
    assert [one.number for one in cases.list_all()] == ["7"]
    assert [one.has(ONE) for one in cases.list_all()] == [True]
    assert "a case of the desk cannot be shown" in caplog.text


def test_there_are_so_many_cases_and_no_more(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_CASES", 1)
    cases.open("7", "desk", 1, silent)
    assert refused(lambda: cases.open("8", "desk", 2, silent)) == "too_many_cases"


def test_a_hand_over_that_was_clicked_twice_is_one() -> None:
    case = changes.with_recording(Case("7", 1, "desk"), ONE, "desk", 2)
    once = changes.with_hand_over(case, "Az. 1", "desk", 3, "a" * 64)
    assert changes.with_hand_over(once, " Az. 1", "desk", 3 + DOUBLE_US - 1, "a" * 64) == once
    for to, by, at_us, package in (
        ("Az. 1", "desk", 3 + DOUBLE_US, "a" * 64),
        ("Az. 2", "desk", 4, "a" * 64),
        ("Az. 1", "boss", 4, "a" * 64),
        ("Az. 1", "desk", 4, "b" * 64),
    ):
        assert len(changes.with_hand_over(once, to, by, at_us, package).handed_over) == 2


@pytest.mark.parametrize("number", ["ä/26 SP", "A\u0308/26 sp", "Ä/26 SP"])
def test_a_number_that_reads_the_same_opens_no_other_case(cases: Cases, number: str) -> None:
    cases.open("Ä/26 sp", "desk", 1, silent)
    with pytest.raises(RefusedRequestError, match="case_taken"):
        cases.open(number, "desk", 2, silent)
    cases.open("Ä/27 sp", "desk", 3, silent)
