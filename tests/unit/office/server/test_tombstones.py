"""Deletions are known by all of the office's ledger, of which little is read again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEYS, ONE, THREE, TWO, Camera
from vault_helpers import OFFICE_KEY, Vault

from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.evidence.office_store import open_office_store
from camerad.ledger import log_segments
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.log_segments import SegmentReading
from camerad.office.server.tombstones import Tombstones
from camerad.store.locations import office_place

NAMES = (ONE, TWO, THREE)


class Desk:
    """An office with three recordings, whose ledger is changed by commands of the desk."""

    def __init__(self, root: Path) -> None:
        self.camera, self.vault = Camera(root / "state"), Vault(root / "archive")
        for one in NAMES:
            self.camera.put(one)
        self.vault.dock(self.camera)
        self.place = office_place(str(self.vault.root))
        self.known: LedgerState | None = None
        self.do("nothing")

    def do(self, what: str) -> None:
        clock = self.camera.clock
        with open_office_store(self.place, OFFICE_KEY, clock, KEYS, lambda _: None) as store:
            if what == "hold":
                store.hold(ONE, "a reason", "a person")
            elif what == "release":
                store.release(ONE, "a person")
            elif what == "entry":
                store.ledger.append("stop")
            elif what == "rotate":
                store.ledger.rotate()
            elif what == "delete":
                clock.advance(DAYS * DAY)
                assert store.purge()
            self.known = self.known or store.ledger.state

    def answers(self, stones: Tombstones) -> list[bool]:
        assert self.known is not None
        known = self.known.recordings
        return [stones.has(one, known[one].final, known[one].header) for one in NAMES]

    def file(self, epoch: int) -> Path:
        name = log_segments.list_files(self.place.ledger).name(epoch)
        assert name is not None
        return Path(self.place.ledger, name)

    def stones(self) -> Tombstones:
        return Tombstones(self.place.root, OFFICE_KEY.public)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that are read."""
    found: list[int] = []
    read_epoch = log_segments.read_epoch

    def noted(before: Any, number: int, *rest: Any) -> SegmentReading:
        found.append(number)
        return read_epoch(before, number, *rest)

    monkeypatch.setattr(log_segments, "read_epoch", noted)
    return found


def epochs(desk: Desk) -> list[int]:
    return sorted(log_segments.list_files(desk.place.ledger).epochs)


def test_what_it_has_kept_says_what_all_of_the_ledger_says(desk: Desk) -> None:
    stones = desk.stones()
    steps = ("hold", "rotate", "nothing", "delete", "rotate", "release", "rotate", "delete")
    seen = []
    for step in steps:
        desk.do(step)
        seen.append(desk.answers(stones))
        assert seen[-1] == desk.answers(desk.stones()), step
    assert seen[2] == [False] * 3
    assert seen[3:7] == [[False, True, True]] * 4
    assert seen[7] == [True] * 3, "held no more"


def test_after_an_entry_only_the_newest_epoch_is_read(desk: Desk, read: list[int]) -> None:
    for step in ("rotate", "delete", "rotate"):
        desk.do(step)
    stones = desk.stones()
    read.clear()
    assert desk.answers(stones) == [True] * 3
    assert read == epochs(desk)
    for _ in range(3):
        desk.do("entry")
        read.clear()
        assert desk.answers(stones) == [True] * 3
        assert read == epochs(desk)[-1:]
    read.clear()
    assert desk.answers(stones) == [True] * 3
    assert read == []


def test_an_older_epoch_that_is_another_one_is_read_again(desk: Desk, read: list[int]) -> None:
    for step in ("delete", "rotate", "rotate", "rotate"):
        desk.do(step)
    stones = desk.stones()
    assert desk.answers(stones) == [True] * 3
    os.utime(desk.file(epochs(desk)[1]), ns=(1, 1))
    read.clear()
    assert desk.answers(stones) == [True] * 3
    assert read == epochs(desk)
    # A tombstone is carried into one further epoch.
    for number in epochs(desk)[:-1]:
        desk.file(number).unlink()
    assert desk.answers(stones) == desk.answers(desk.stones()) == [False] * 3


def test_an_epoch_that_could_not_be_read_counts_once_it_can(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("delete", "rotate", "rotate"):
        desk.do(step)
    stones = desk.stones()
    last = desk.file(epochs(desk)[-1]).name
    read_file = log_segments.read_file

    def away(directory: str, name: str) -> bytes:
        if name == last:
            raise StorageError("the disk does not answer")
        return read_file(directory, name)

    with monkeypatch.context() as patch:
        patch.setattr(log_segments, "read_file", away)
        for _ in range(2):
            with pytest.raises(StorageError):
                desk.answers(stones)
    assert desk.answers(stones) == [True] * 3
