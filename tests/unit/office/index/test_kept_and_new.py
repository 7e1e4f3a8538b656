"""What changes no row of a file is noticed all the same: a kept index has what a new one has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from camerad.base.errors import StorageError
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register
from camerad.evidence.quarantine_reasons import UNKNOWN
from camerad.office.index import refresh
from camerad.office.index.index import RecordingIndex
from camerad.store import listing
from tests.unit.office.index.office_scene_indexed import (
    QUARANTINE,
    IndexedOffice,
    identity,
    row,
    take_back,
)
from tests.unit.office.index.office_scene_indexed import table as rows_of

A, B = identity(1), identity(2)


@pytest.fixture
def index(office: IndexedOffice) -> RecordingIndex:
    return office.index()


def check_same(office: IndexedOffice, index: RecordingIndex) -> None:
    """Bring it up to date, and compare it."""
    index.refresh()
    made = office.index(f"sqlite:///{office.root}/anew.sqlite")
    made.rebuild()
    assert list(index.dump()) == list(made.dump())


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("other_fails", [False, True])
def test_what_lay_in_the_place_of_a_recording_goes(
    office: IndexedOffice,
    index: RecordingIndex,
    monkeypatch: pytest.MonkeyPatch,
    restarted: bool,
    other_fails: bool,
) -> None:
    """other_fails: meanwhile another file beside it cannot be read."""
    office.take(A)
    path = office.path(A)
    if other_fails:
        office.take(B)
    office.reconcile()
    if other_fails:
        read = listing.read_file

        def fails(name: str) -> object:
            if B in name:
                raise StorageError("input/output error")
            return read(name)

        monkeypatch.setattr(listing, "read_file", fails)
    index.refresh()
    for _ in range(2):
        path.write_bytes(b"rubbish" * 1000)
        check_same(office, index)
        assert row(index, A)["state"] == "unreadable"
        if restarted:
            index = office.index()
        path.unlink()
        check_same(office, index)
        assert row(index, A)["state"] == "missing"


def test_a_reason_that_could_not_be_read_once_is_read_the_next_time(
    office: IndexedOffice, index: RecordingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: str) -> str:
        raise StorageError("input/output error")

    office.quarantine()
    with monkeypatch.context() as patch:
        patch.setattr(refresh, "read_reason", fails)
        index.refresh()
        index.refresh()
        assert row(index, QUARANTINE)["quarantine_why"] == UNKNOWN
    check_same(office, index)
    assert row(index, QUARANTINE)["quarantine_why"] == "a chain that breaks"


def test_a_key_goes_that_lies_beside_another_directory_as_well(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    """The camera was renamed, and no register has it: it is called after the first directory."""
    camera_register.write(str(office.register), Register(()))
    office.take(A)
    holding = office.path(A).parents[1]
    other = holding.with_name(holding.name.replace("cam-1", "a"))
    shutil.copytree(holding, other)
    index.refresh()
    assert [one["name"] for one in rows_of(index, "cameras")] == ["a"]
    (other / "device.jwk").unlink()
    check_same(office, index)
    assert [one["name"] for one in rows_of(index, "cameras")] == ["cam-1"]


@pytest.mark.parametrize(("gone", "entries"), [(0, 0), (-1, 3)])
def test_an_epoch_that_went_before_an_update_of_the_tables_is_missed(
    office: IndexedOffice, url: str, gone: int, entries: int
) -> None:
    """gone: which epoch. entries: how many are said to be lost; what expired is none of them."""
    office.take(A)
    office.hold(A)
    for _ in range(3):
        with office.store() as store:
            store.ledger.rotate()
    office.hold(A, "another")
    index = office.index(url)
    index.refresh()
    index.close()
    take_back(url)
    epochs = sorted((office.directory / "office" / "ledger").glob("*.jws"))
    epochs.pop(gone).unlink()
    lost: list[int] = []
    again = RecordingIndex(
        url, office.files, office.said.append, lambda number, _: lost.append(number)
    )
    again.open()
    check_same(office, again)
    assert office.said == []
    assert lost == ([entries] if entries else [])
    there = {one["epoch"] for one in rows_of(again, "entries")}
    assert there == {int(Path(one).name.partition(".")[0]) for one in epochs}
