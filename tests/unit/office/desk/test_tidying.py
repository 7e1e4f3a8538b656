"""Removal of rows that name people (of every kind) soon after they are over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from camerad.base.clock import DAY, SECOND
from camerad.office.desk.desk_server import TIDY_SECONDS
from camerad.office.desk.people import DeskRole
from camerad.office.desk.tokens import Answered, Grant, Link, Session, Tokens
from camerad.office.jobs.office_jobs import OfficeJobs
from camerad.office.server.office_server import Vault
from camerad.office.state import state_tables
from tests.unit.office.server.office_scene import Running
from tests.waiting import until

from .desk_scene import DeskScene

HOUR = 3600 * SECOND


@pytest.fixture
def scene(tmp_path: Path) -> DeskScene:
    made = DeskScene(tmp_path / "office")
    made.add("clerk", DeskRole.DESK)
    return made


TABLES = {
    state_tables.sessions: Session,
    state_tables.links: Link,
    state_tables.answers: Answered,
    state_tables.viewings: Grant,
    state_tables.viewing_requests: Grant,
}


def put(scene: DeskScene, table: Table, lasts_us: int) -> None:
    """A row which is over then."""
    now = scene.clock.wall_us()
    end, kind = now + lasts_us, TABLES[table]
    records: dict[type[Any], Any] = {
        Session: Session("clerk", now, now, end, end, (), "passkey"),
        Link: Link("clerk", "", end),
        Answered: Answered(end),
        Grant: Grant("clerk", "s", "r", "view", "Az. 7", "", end),
    }
    with scene.state.writing() as rows:
        Tokens(table, kind, 100).issue(rows, records[kind], now)


def left(scene: DeskScene) -> list[int]:
    """How many rows each table has."""
    with scene.state.reading() as rows:
        return [len(rows.execute(select(one)).all()) for one in TABLES]


def test_of_every_kind_goes_what_is_over_and_stays_what_is_not(scene: DeskScene) -> None:
    columns = [one for one in state_tables.metadata.sorted_tables if "until_us" in one.c]
    assert set(columns) == {*TABLES, state_tables.access_requests}  # test_access_requests
    for table in TABLES:
        put(scene, table, HOUR)
        put(scene, table, DAY)
    scene.clock.advance(HOUR)
    assert scene.desk.tidy() == TIDY_SECONDS
    assert left(scene) == [1] * len(TABLES)


def test_the_server_sees_to_it_when_it_starts_and_each_hour(scene: DeskScene) -> None:
    put(scene, state_tables.viewings, HOUR)
    scene.clock.advance(HOUR)
    jobs = OfficeJobs(scene.office.settings, scene.clock, scene.desk.tidy)
    with Running(Vault(scene.office.settings, scene.clock, scene.desk, jobs)):
        until(lambda: not any(left(scene)), what="it goes at the start")
        put(scene, state_tables.viewing_requests, HOUR)
        until(_an_hour_later(scene, jobs), what="it goes in the next hour")
    scene.close()


def _an_hour_later(scene: DeskScene, jobs: OfficeJobs) -> Callable[[], bool]:
    def look() -> bool:
        scene.clock.advance(HOUR // 4)
        for work in jobs._works:
            with work._changed:
                work._changed.notify_all()  # it reads this clock again, and is not woken
        return not any(left(scene))

    return look
