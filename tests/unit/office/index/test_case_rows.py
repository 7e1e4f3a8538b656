"""The desk's cases in the index: read when their files change, and not looked at when none has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.evidence.case_file import Case, CaseRecording, name_of
from camerad.office.index import case_query, case_rows
from camerad.office.index.case_query import CaseQuery, case_mark
from camerad.office.index.index import RecordingIndex
from tests.unit.office.index.office_scene_indexed import IndexedOffice, identity


def case_of(number: str, how: int = 1) -> Case:
    return Case(number, how, "desk")


@pytest.fixture
def put(office: IndexedOffice) -> Callable[[str, int], Path]:
    """Writes a case as the desk does: into place as a whole."""

    def put(number: str, how: int = 1) -> Path:
        path = office.case_path(number)
        path.with_suffix(".new").write_bytes(case_of(number, how).encoded)
        return path.with_suffix(".new").rename(path)

    return put


@pytest.fixture
def index(office: IndexedOffice) -> RecordingIndex:
    return office.index()


def there(index: RecordingIndex) -> list[tuple[str, int]]:
    rows = index.ask(case_query.find_cases, CaseQuery(limit=100))
    return sorted((row["number"], row["opened_us"]) for row in rows)


def test_files_are_compared_until_their_directory_is_as_it_was_twice(
    office: IndexedOffice, index: RecordingIndex, put: Callable[..., Path]
) -> None:
    path = put("7")
    for _ in range(3):
        index.refresh(complete=False)
    path.write_bytes(case_of("7", 2).encoded)  # in place, as nothing of camerad does
    index.refresh(complete=False)
    assert there(index) == [("7", 1)]
    index.refresh()
    assert there(index) == [("7", 2)]
    # A change that comes within one tick of the clock of the one before it is not missed.
    path = put("8")
    times = os.stat(path.parent)
    index.refresh(complete=False)
    put("9")
    os.utime(path.parent, ns=(times.st_atime_ns, times.st_mtime_ns))
    index.refresh(complete=False)
    assert there(index) == [("7", 2), ("8", 1), ("9", 1)]
    office.case_path("9").unlink()
    index.refresh(complete=False)
    assert there(index) == [("7", 2), ("8", 1)]


def test_what_cannot_be_read_is_tried_at_every_look(
    index: RecordingIndex, put: Callable[..., Path]
) -> None:
    path = put("7")
    path.write_bytes(b"{")
    for _ in range(4):
        index.refresh(complete=False)
    assert (there(index), index.ask(case_query.count_unreadable)) == ([], 1)
    path.write_bytes(case_of("7").encoded)
    index.refresh(complete=False)
    assert (there(index), index.ask(case_query.count_unreadable)) == ([("7", 1)], 0)


def test_many_are_compared_a_piece_at_a_time(
    office: IndexedOffice,
    index: RecordingIndex,
    put: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(case_rows, "_AT_ONCE", 3)
    paths = sorted(put(str(number)) for number in range(10))
    index.refresh()
    before = there(index)
    assert len(before) == 10
    for gone in (paths[:4], paths[4:5], paths[5:9], paths[9:]):
        for path in gone:
            path.unlink()
        index.refresh()
        names = {path.stem for path in office.case_path("").parent.glob("*.json")}
        assert {row["name"] for row in index.ask(case_query.find_cases, CaseQuery())} == names
    assert there(index) == []


def test_numbers_and_times_that_no_case_has_break_no_index(office: IndexedOffice, url: str) -> None:
    """Whoever writes into the directory may write anything."""
    index = office.index(url)
    for number, opened_us in (("\0" * 3, 1), ("\ufdfa" * 60, 1 << 80), ("x" * 9000, -1)):
        office.case_path(number).write_bytes(case_of(number, opened_us).encoded)
    index.refresh()
    assert len(there(index)) == 3
    assert index.ask(case_query.count_unreadable) == 0


def test_a_file_that_goes_while_it_is_looked_at_is_none(
    index: RecordingIndex, put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("7")
    gone = put("8")
    listed = os.listdir(gone.parent)
    gone.unlink()
    monkeypatch.setattr(os, "listdir", lambda _: listed)
    index.refresh()
    assert there(index) == [("7", 1)]


def test_every_engine_says_what_a_recording_belongs_to_and_what_is_lost(
    office: IndexedOffice, url: str
) -> None:
    ids = (CaseRecording(identity(1), 1, "desk"),)
    office.case_path("7 Js").write_bytes(Case("7 Js", 2, "desk", ids).encoded)
    office.case_path("8 Js").write_bytes(Case("8 Js", 1, "desk", closed_us=3).encoded)
    facts = {"who": "desk", "recording": "", "reason": "", "sha256": "0" * 64}
    with office.store() as store:
        for number in ("7 Js", "9 js", "9 Js", "10 Js"):
            store.ledger.append("case", case=number, what="closed", **facts)
        store.ledger.append("case", case="11 Js", what="opened", **facts)
    index = office.index(url)
    index.refresh()
    assert index.ask(case_query.cases_of, identity(1)) == {name_of("7 Js")}
    assert index.ask(case_query.cases_of, identity(2)) == frozenset()
    lost = index.ask(case_query.find_lost, 1)
    assert lost.count == 2 and len(lost.some) == 1
    assert index.ask(case_query.find_lost, 9).some == {
        name_of("9 Js"): "9 Js",
        name_of("10 Js"): "10 Js",
    }
    assert [
        index.ask(case_query.is_told_of, name_of(one)) for one in ("9 JS", "11 Js", "8 Js")
    ] == [*(True, False, False)]
    first = index.ask(case_query.find_cases, CaseQuery(limit=1))
    assert [row["number"] for row in first] == ["7 Js", "8 Js"], "one more than was asked for"
    after = CaseQuery(after=case_mark(first[0]), said="JS")
    assert [row["number"] for row in index.ask(case_query.find_cases, after)] == ["8 Js"]
    besides = index.ask(case_query.find_cases, CaseQuery(), [name_of("8 Js")])
    assert [row["number"] for row in besides] == ["7 Js"]
