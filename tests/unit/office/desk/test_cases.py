"""Cases: what they may have, how they are found however many there are, and that none of them keeps
the others from being shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from desk_helpers import ONE
from msgspec.structs import replace

from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.evidence.case_file import Case, CaseNote, directory_of_cases, name_of
from camerad.office.desk import cases as changes
from camerad.office.desk.cases import DOUBLE_US, MOST_HAND_OVERS, Cases
from camerad.office.desk.desk_refusals import RefusalError
from camerad.office.index.case_query import CaseQuery, case_mark
from camerad.office.index.case_rows import row_of_case
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.index.recording_query import QueryError, spell_mark
from camerad.office.state.database import IndexUnavailableError

KEY: Final = SigningKey.generate()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RecordingIndex]:
    (tmp_path / "office").mkdir()
    made = index_of(tmp_path)
    made.open()
    made.refresh()
    yield made
    made.close()


@pytest.fixture
def cases(tmp_path: Path, index: RecordingIndex) -> Cases:
    return cases_of(tmp_path)


def index_of(root: Path) -> RecordingIndex:
    return RecordingIndex(f"sqlite:///{root}/index.sqlite", files_of(root), print)


def files_of(root: Path) -> OfficeFiles:
    return OfficeFiles(str(root), KEY.public)


def cases_of(root: Path) -> Cases:
    """Those of another server on the same directory."""
    return Cases(str(root), RecordingIndex(f"sqlite:///{root}/index.sqlite", files_of(root)))


def opens(cases: Cases, number: str, by: str = "desk", now_us: int = 1) -> Case:
    case = cases.opened(number, by, now_us)
    cases.write(case)
    return case


def changes_it(cases: Cases, number: str, change: Callable[[Case], Case]) -> Case:
    case, _ = cases.changed(number, change)
    cases.write(case)
    return case


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(RefusalError) as error:
        work()
    return str(error.value)


def numbers(cases: Cases, query: CaseQuery | None = None) -> list[str]:
    return [one.number for one in cases.list_page(query or CaseQuery()).rows]


def put(root: Path, case: Case) -> Path:
    """A case, as an operator does who puts files back."""
    path = Path(directory_of_cases(str(root)), name_of(case.number) + ".json")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(case.encoded)
    return path


def test_a_case_is_handed_over_so_often_and_no_more() -> None:
    case = changes.with_recording(Case("7", 1, "desk"), ONE, "desk", 2)
    for number in range(MOST_HAND_OVERS):
        case = changes.with_hand_over(case, f"Az. {number}", "desk", 3)
    assert refused(lambda: changes.with_hand_over(case, "Az.", "desk", 4)) == "case_full"
    empty = Case("8", 1, "desk")
    assert refused(lambda: changes.with_hand_over(empty, "Az.", "desk", 4)) == "case_empty"


def test_what_could_not_be_read_again_is_refused_before_its_entry(cases: Cases) -> None:
    opens(cases, "7", "desk", 1)

    def large(case: Case) -> Case:
        return Case(case.number, 1, "desk", notes=(CaseNote(1, "desk", "x" * (1 << 20)),))

    assert refused(lambda: cases.changed("7", large)) == "case_full"
    assert cases.find("7") == Case("7", 1, "desk")


def test_a_case_that_cannot_be_read_hides_no_other(
    cases: Cases, tmp_path: Path, index: RecordingIndex, caplog: pytest.LogCaptureFixture
) -> None:
    opens(cases, "7", "desk", 1)
    changes_it(cases, "7", lambda case: changes.with_recording(case, ONE, "desk", 2))
    (tmp_path / "office/desk/cases/0.json").write_bytes(b"{")
    index.refresh()
    assert numbers(cases) == ["7"]
    there, complete = cases.list_about(ONE)
    assert ([one.has(ONE) for one in there], complete) == ([True], False)
    assert cases.count_unreadable() == 1
    assert "a case of the desk cannot be shown" in caplog.text
    assert caplog.text.count("0.json") == 1, "it is said once"
    (tmp_path / "office/desk/cases/0.json").unlink()
    index.refresh()
    assert cases.count_unreadable() == 0


def test_a_file_under_another_cases_name_is_none(
    cases: Cases, tmp_path: Path, index: RecordingIndex
) -> None:
    put(tmp_path, Case("7", 1, "desk")).rename(put(tmp_path, Case("8", 1, "desk")))
    index.refresh()
    assert (numbers(cases), cases.count_unreadable()) == ([], 1)
    with pytest.raises(StorageError, match="belongs to another one"):
        cases.find("8")


def test_cases_come_by_the_page_open_ones_first_then_the_newest(
    cases: Cases, tmp_path: Path, index: RecordingIndex
) -> None:
    for number in range(7):
        put(tmp_path, Case(str(number), number // 2, "desk", closed_us=9 if number < 2 else None))
    index.refresh()
    for number in (7, 8):  # of which the index does not know yet
        opens(cases, str(number), "desk", number // 2)
    changes_it(cases, "6", lambda case: changes.closed(case, 9))
    expected = sorted(range(9), key=lambda n: (n not in (0, 1, 6), n // 2, name_of(str(n))))
    found: list[str] = []
    query = CaseQuery(limit=2)
    while True:
        page = cases.list_page(query)
        assert 0 < len(page.rows) <= 2
        found += [one.number for one in page.rows]
        if page.next is None:
            break
        query = replace(query, after=page.next)
    assert found == [str(n) for n in reversed(expected)]
    before = found
    index.refresh()
    assert numbers(cases) == before
    assert numbers(cases, CaseQuery(open=False)) == [one for one in before if one in "016"]
    assert len(numbers(cases, CaseQuery(open=True))) == 6


def test_a_part_of_a_number_finds_it_however_it_is_typed(
    cases: Cases, tmp_path: Path, index: RecordingIndex
) -> None:
    for number in ("12 Js 34/26", "ST-Ä%_1", "12 Js 99/26"):
        put(tmp_path, Case(number, 1, "desk"))
    index.refresh()
    opens(cases, "12 js 34/27", "desk", 2)
    changes_it(cases, "12 JS 99/26", lambda case: changes.closed(case, 3))
    for said, expected in (
        (" js 34", ["12 js 34/27", "12 Js 34/26"]),
        ("99", ["12 Js 99/26"]),
        ("a\u0308%", ["ST-Ä%_1"]),
        ("_", ["ST-Ä%_1"]),
        ("1%2", []),
        ("", ["12 js 34/27", "12 Js 99/26"]),
    ):
        assert set(expected) <= set(numbers(cases, CaseQuery(said=said))), said
        if said:
            assert numbers(cases, CaseQuery(said=said)) == expected, said
    assert numbers(cases, CaseQuery(said="99", open=True)) == []


def test_what_is_no_mark_of_a_page_of_cases_is_refused(cases: Cases) -> None:
    for mark in (spell_mark(1, "x", "2"), spell_mark(1, "x", ""), "!"):
        with pytest.raises(QueryError):
            cases.list_page(CaseQuery(after=mark))
    unreadable = row_of_case("x", None)
    with pytest.raises(QueryError):
        cases.list_page(CaseQuery(after=case_mark(unreadable)))


def test_an_index_that_is_behind_hides_no_case_of_a_recording(
    cases: Cases, tmp_path: Path, index: RecordingIndex
) -> None:
    def with_one(case: Case) -> Case:
        return changes.with_recording(case, ONE, "desk", 2)

    opens(cases, "7", "desk", 1)
    changes_it(cases, "7", with_one)
    assert [one.number for one in cases.list_about(ONE)[0]] == ["7"]
    other = cases_of(tmp_path)
    assert other.list_about(ONE) == ([], True), "it is behind another server"
    index.refresh()
    assert [one.number for one in other.list_about(ONE)[0]] == ["7"]
    changes_it(cases, "7", lambda case: changes.without_recording(case, ONE, "desk", 3))
    assert [one.taken_out[0].by for one in cases.list_about(ONE)[0]] == ["desk"]
    # Of an index that is made anew it is not known what it will have.
    index.close()
    (tmp_path / "index.sqlite").unlink()
    index.open()
    assert [one.number for one in other.list_about(ONE)[0]] == ["7"]
    with pytest.raises(IndexUnavailableError, match="being made"):
        other.list_page(CaseQuery())


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
    opens(cases, "Ä/26 sp", "desk", 1)
    with pytest.raises(RefusalError, match="case_taken"):
        opens(cases, number, "desk", 2)
    opens(cases, "Ä/27 sp", "desk", 3)
    assert cases.find(number) == Case("Ä/26 sp", 1, "desk")
