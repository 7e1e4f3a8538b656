"""What it costs to bring an index up to date goes by what has changed, not by what there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from camerad.store.trust import unvouched_facts
from tests.unit.office.index.office_scene_indexed import IndexedOffice, identity

HERE = (1, 2, 3)
FEW, MANY = 20, 400
STEP = 50
"""So many instructions of SQLite's machine count as one."""


class Counted:
    """An office with so many tombstones, its index, and what the index's database is asked."""

    def __init__(self, root: Path, tombstones: int) -> None:
        root.mkdir()
        self.office = IndexedOffice(root)
        self.office.take(*map(identity, HERE))
        with self.office.store() as store:
            for number in range(tombstones):
                one = identity(100 + number)
                store.ledger.append("found", **unvouched_facts(one, *store.ledger.now()))
                store.ledger.append("deleted", id=one, final=None, why="offloaded", age_us=0)
            for _ in range(3):
                store.ledger.rotate()
        self.index = self.office.index()
        self.statements = self.steps = 0
        engine = self.index._database.engine
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "before_cursor_execute", self._asked)
        self.index.refresh()

    def _connected(self, connection: Any, _record: object) -> None:
        connection.set_progress_handler(self._stepped, STEP)

    def _stepped(self) -> int:
        self.steps += 1
        return 0

    def _asked(self, *_: object) -> None:
        self.statements += 1

    def cost(self) -> tuple[int, int]:
        """Of a refresh: statements, and steps."""
        self.statements = self.steps = 0
        assert self.index.refresh() >= 1
        return self.statements, self.steps


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Counted, Counted]]:
    monkeypatch.setattr("os.fdatasync", lambda descriptor: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    made = Counted(tmp_path / "few", FEW), Counted(tmp_path / "many", MANY)
    yield made
    for one in made:
        one.office.close()


def test_an_entry_costs_the_same_however_many_tombstones_there_are(
    both: tuple[Counted, Counted],
) -> None:
    for change in ("hold", "hand over", "take"):
        costs = []
        for one in both:
            if change == "hold":
                one.office.hold(identity(1))
            elif change == "hand over":
                one.office.hand_over(identity(2))
            else:
                one.office.take(identity(4))
            costs.append(one.cost())
        (few, few_steps), (many, many_steps) = costs
        assert few == many, change
        # To find which parts there are, SQLite looks through an index of one column.
        assert many_steps - few_steps < (MANY - FEW) * 12 / STEP, change
    for one in both:
        assert list(one.index.dump()) == anew(one)


def test_what_becomes_of_one_that_is_gone_is_in_its_row(both: tuple[Counted, Counted]) -> None:
    for one in both:
        gone = identity(105)
        one.office.hand_over(gone)
        one.index.refresh()
        assert list(one.index.dump()) == anew(one)
        one.office.lose(identity(3))
        one.index.refresh()
        one.office.hold(identity(2))
        one.index.refresh()
        assert list(one.index.dump()) == anew(one)


def test_what_another_one_wrote_meanwhile_is_noticed(tmp_path: Path) -> None:
    """Two servers keep one index."""
    one = Counted(tmp_path / "one", FEW)
    other = one.office.index()
    for number, index in enumerate((other, one.index, one.index, other)):
        one.office.hold(identity(1 + number % 3), f"{number}/26")
        one.office.hand_over(identity(100 + number))
        index.refresh()
        assert list(index.dump()) == anew(one)
    one.office.close()


def anew(one: Counted) -> list[bytes]:
    """What an index says that is made anew."""
    made = one.office.index(f"sqlite:///{one.office.root}/anew.sqlite")
    made.rebuild()
    return list(made.dump())
