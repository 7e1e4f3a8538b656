"""The tables: what the migrations make is what the code expects, and questions use indexes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec.structs import asdict, replace
from postgresql import PostgreSQL
from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect

import camerad.office.state
from camerad.base.clock import DAY
from camerad.evidence.case_file import Case
from camerad.office.index import case_query, entry_query
from camerad.office.index.case_query import CaseQuery, case_mark
from camerad.office.index.case_rows import row_of_case
from camerad.office.index.entry_query import EntryQuery
from camerad.office.index.recording_query import RecordingQuery, find, statement
from camerad.office.index.recording_rows import quarantined_row
from camerad.office.state.database import Database, DatabaseUnavailableError
from camerad.office.state.index_tables import INDEX, cases, recordings
from camerad.office.state.state_tables import STATE, imports
from tests.unit.office.index.office_scene_indexed import (
    IndexedOffice,
    identity,
    row,
    take_back,
)

CASE = row_of_case("x", Case("7", 1, "desk"))
MIGRATIONS = Path(camerad.office.state.__file__).parent / "migrations"


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """An empty database, with its tables."""
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('tables')}/index.sqlite", INDEX)
    made.prepare()
    return made


@pytest.fixture
def base(url: str) -> Database:
    made = Database(url, INDEX)
    made.prepare()
    return made


@pytest.fixture(params=[INDEX, STATE], ids=lambda one: one.name)
def each(url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Beside it is the other one, as in PostgreSQL's one database."""
    made = Database(url, request.param)
    made.prepare()
    yield made
    made.close()


def test_the_migrations_make_the_tables_that_the_code_expects(each: Database) -> None:
    schema = each.schema
    with each.reading() as connection:
        options = {"version_table": schema.version_table}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []
        # Which it does not compare: the order of texts, and of columns.
        there = inspect(connection)
        for table in schema.metadata.sorted_tables:
            columns = there.get_columns(table.name)
            assert [one["name"] for one in columns] == [one.name for one in table.columns]
            if connection.dialect.name == "postgresql":
                texts = [one["type"] for one in columns if "TEXT" in str(one["type"])]
                assert texts
                assert {getattr(one, "collation", None) for one in texts} == {"C"}


def test_the_state_s_present_version_is_the_last_migration() -> None:
    versions = str(MIGRATIONS / "state_versions")
    script = ScriptDirectory(str(MIGRATIONS), version_locations=[versions])
    assert script.get_current_head() == STATE.present
    assert {one.revision for one in script.walk_revisions()} == set(STATE.versions)


def test_tables_are_made_once(each: Database) -> None:
    each.prepare()
    with each.reading() as connection:
        assert each.schema.read_version(connection) == each.schema.present


def test_both_schemas_are_made_at_once_by_the_threads_of_one_server(tmp_path: Path) -> None:
    """Alembic's own state is of the whole process; desk and index begin together."""
    for number in range(4):
        urls = [f"sqlite:///{tmp_path}/{number}-{schema.name}.db" for schema in (INDEX, STATE)]
        databases = [Database(url, one) for url, one in zip(urls, (INDEX, STATE), strict=True)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda one: one.prepare(), databases))
        for one in databases:
            one.close()


def test_a_rebuilt_index_leaves_the_state_of_the_same_database_alone(
    office: IndexedOffice, postgresql: PostgreSQL
) -> None:
    """Even if it is emptied because its tables are of another version."""
    url = postgresql.make()
    base = Database(url, STATE)
    base.prepare()
    with base.writing() as connection:
        connection.execute(insert(imports).values(name="kept"))
    index = office.index(url)
    index.rebuild()
    with Database(url, INDEX).writing() as connection:
        connection.exec_driver_sql("UPDATE camerad_index_version SET version_num = '9999'")
    index = office.index(url)
    assert "9999" in office.said[0]
    index.refresh()
    with base.reading() as connection:
        assert connection.execute(select(imports.c.name)).scalars().all() == ["kept"]
    with pytest.raises(DatabaseUnavailableError, match="never emptied"):
        base.empty()
    base.close()


def test_an_index_of_the_first_version_is_made_anew_without_a_word(
    office: IndexedOffice, url: str
) -> None:
    """No file changes by the update."""
    one = identity(1)
    office.take(one)
    end_us = office.clock.wall_us() + 30 * DAY
    with office.store() as store:
        store.hold(one, "objection", "Desk", until_us=end_us)
    office.judge(one, "not_authentic", "m.yilmaz")
    index = office.index(url)
    index.refresh()
    made = list(index.dump())
    index.close()
    take_back(url)
    again = office.index(url)
    assert office.said == []
    again.refresh()
    assert list(again.dump()) == made
    assert row(again, one)["holds"][0]["until_us"] == end_us
    assert [one.id for one in again.ask(find, RecordingQuery(id_said="0001")).recordings] == [one]


def test_o5_the_index_keeps_who_got_which_rights_and_what_they_had_before(
    office: IndexedOffice, url: str
) -> None:
    def rights(what: str, *roles: str, person: str = "m.mueller") -> None:
        with office.store() as store:
            store.ledger.append("rights", person=person, who="admin", what=what, roles=roles)

    rights("roles", "desk")  # what was before has expired, or nobody knows it
    rights("roles", "desk", person="another")
    rights("roles", "desk", "supervisor")
    index = office.index(url)
    index.refresh()
    rows = index.ask(entry_query.find_entries, EntryQuery(who=("m.mueller",)))
    assert [(one["person"], one["facts"]["former"], one["facts"]["roles"]) for one in rows] == [
        ("m.mueller", ["desk"], ["desk", "supervisor"]),
        ("m.mueller", None, ["desk"]),
    ]
    assert len(index.ask(entry_query.find_entries, EntryQuery(who=("admin",)))) == 3


QUESTIONS: dict[str, tuple[str, RecordingQuery]] = {
    "list": ("time", RecordingQuery()),
    "next page": ("time", RecordingQuery(after="WzEsImEiLCJiIl0")),
    "time": ("time", RecordingQuery(from_us=5, to_us=50)),
    "camera": ("camera", RecordingQuery(camera="cam-1")),
    "wearer": ("wearer", RecordingQuery(wearer="W-0815")),
    "mark": ("mark", RecordingQuery(flagged=True)),
    "state": ("state", RecordingQuery(state="deleted")),
    "held": ("hold", RecordingQuery(held=True)),
    "gaps": ("gaps", RecordingQuery(has_gaps=True)),
    "handed over": ("hand_over", RecordingQuery(handed_over=True)),
    "recovered": ("course", RecordingQuery(recovered=True)),
    "due on a day": ("due", RecordingQuery(due_from_us=5, due_before_us=10)),
    "due": ("due", RecordingQuery(due_before_us=10)),
    "due, next page": ("due", RecordingQuery(due_before_us=10, after="WzEsImEiLCJiIl0")),
}
"""Each with the index that finds its answer."""
SEVERAL: dict[str, tuple[str, RecordingQuery]] = {
    "wearer, here": ("wearer", RecordingQuery(wearer="W-0815", state="here", held=False)),
    "camera, here": ("camera", RecordingQuery(camera="cam-1", state="here", flagged=False)),
    "mark, here": ("mark", RecordingQuery(flagged=True, state="here", held=False)),
    "held, deleted": ("hold", RecordingQuery(held=True, state="deleted")),
    "here": ("time", RecordingQuery(state="here", held=False)),
    "due, here": ("due", RecordingQuery(due_before_us=10, state="here", held=False)),
}
"""The same, of several conditions. PostgreSQL chooses by how many rows have which value; SQLite
does not know that, and is told."""


ONE_OF: dict[str, RecordingQuery] = {
    "due": RecordingQuery(due_from_us=5, due_before_us=10),
    "wearer": RecordingQuery(wearer="W-0815"),
    "camera": RecordingQuery(camera="cam-1"),
    "hand_over": RecordingQuery(handed_over=True),
    "course": RecordingQuery(recovered=True),
    "hold": RecordingQuery(held=True),
    "gaps": RecordingQuery(has_gaps=True),
    "mark": RecordingQuery(flagged=True),
    "state": RecordingQuery(state="missing"),
    "time": RecordingQuery(from_us=5, to_us=50),
}
"""Each filter of the page, by the index that finds it. Of two, that of the first one here finds
both: it has the other's column besides, or few rows have its value."""


@pytest.mark.parametrize(("first", "second"), list(combinations(ONE_OF, 2)))
def test_two_filters_are_found_by_one_index(sqlite: Database, first: str, second: str) -> None:
    both = replace(ONE_OF[first], **said(ONE_OF[second]))
    by = "camera_due" if {first, second} == {"due", "camera"} else first
    with sqlite.reading() as connection:
        plan = explain(connection, statement(connection, both).limit(100))
    assert f"SEARCH recordings USING INDEX recordings_by_{by} (" in plan, plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan


def test_what_of_one_camera_is_due_on_a_day_is_all_that_is_looked_at(sqlite: Database) -> None:
    """Neither the camera's other rows nor those of the day."""
    plain = {"flagged": False, "state": "here"}
    rows = [
        quarantined_row(f"p{n}", f"{n:06}", 1, 1, ("k", camera, "")) | plain | {"due_us": due}
        for n, (camera, due) in enumerate([("cam-1", 99), ("cam-2", 7)] * 1000 + [("cam-1", 7)] * 3)
    ]
    steps: list[int] = []
    with sqlite.writing() as connection:
        connection.execute(insert(recordings), rows)
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: steps.append(1), 10)
        query = RecordingQuery(camera="cam-1", due_from_us=5, due_before_us=10)
        found = find(connection, query).recordings
    assert [one.columns["due_us"] for one in found] == [7, 7, 7]
    assert len(steps) < 100, "instructions of SQLite, by ten"


@pytest.mark.parametrize(
    "query",
    [CaseQuery(), CaseQuery(open=True), CaseQuery(said="js"), CaseQuery(after=case_mark(CASE))],
    ids=["list", "open", "searched", "next page"],
)
def test_cases_are_found_in_their_order_in_an_index(base: Database, query: CaseQuery) -> None:
    """What is searched is in it too, so that no row is looked up that does not match."""
    with base.writing() as connection:
        rows = [row_of_case(f"{n}", Case(f"{n}/26", n, "desk")) for n in range(2000)]
        more = {"file_bytes": 1, "file_time_ns": 1}
        connection.execute(insert(cases), [one | more for one in rows])
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE cases")
        plan = explain(connection, case_query.statement(query).limit(51))
    assert "cases_in_order" in plan, plan
    assert "TEMP B-TREE" not in plan and "Sort" not in plan, plan


def said(query: RecordingQuery) -> dict[str, Any]:
    """What a question does not leave open."""
    fields = asdict(query)
    return {name: one for name, one in fields.items() if one is not None and name != "limit"}


def test_no_question_reads_all_recordings(base: Database) -> None:
    """By the engine's own plan. So an index of a million answers about as quickly as a small one.
    What is sorted behind the index are rows of one microsecond alone."""
    with base.writing() as connection:
        rows = [quarantined_row(f"p{n}", identity(n), 1, 1, ("k", "c", "w")) for n in range(200)]
        connection.execute(insert(recordings), rows)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE recordings")
        several = SEVERAL if connection.dialect.name == "sqlite" else {}
        for name, (by, query) in (QUESTIONS | several).items():
            plan = explain(connection, statement(connection, query).limit(100))
            assert f"recordings_by_{by}" in plan, (name, plan)
            assert name in ("list", "here") or "SCAN recordings" not in plan, (name, plan)
            assert "Seq Scan" not in plan, (name, plan)
            assert re.search(r"SCAN recordings(?! USING INDEX)", plan) is None, (name, plan)
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan, (name, plan)
            assert re.search(r"(?<!Incremental )Sort  ", plan) is None, (name, plan)


def explain(connection: Connection, asked: object, *, sorts: bool = False) -> str:
    """How the engine would find it. sorts: it may sort what it has found."""
    if connection.dialect.name == "sqlite":
        text = asked.compile(  # type: ignore[attr-defined]
            dialect=sqlite_dialect.dialect(), compile_kwargs={"literal_binds": True}
        )
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")
        return "\n".join(str(row[3]) for row in found)
    # Of 200 rows the planner would rather read all; what counts is that it need not.
    for way in ("seqscan", "bitmapscan", *(() if sorts else ("sort",))):
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    text = asked.compile(  # type: ignore[attr-defined]
        dialect=postgresql_dialect.dialect(), compile_kwargs={"literal_binds": True}
    )
    found = connection.exec_driver_sql(f"EXPLAIN {str(text).replace('%', '%%')}")
    return "\n".join(str(row[0]) for row in found)


def test_a_plan_that_reads_all_is_found_out(base: Database) -> None:
    with base.writing() as connection:
        for one in recordings.indexes:
            connection.exec_driver_sql(f"DROP INDEX {one.name}")
        plan = explain(connection, statement(connection, RecordingQuery(wearer="W")).limit(1))
    assert "recordings_by_" not in plan
    assert "Seq Scan" in plan or "SCAN recordings" in plan


def test_the_packages_files_are_in_its_wheel() -> None:
    """setuptools takes packages only, and Alembic reads the files itself."""
    assert (MIGRATIONS / "__init__.py").exists()
    versions = os.listdir(MIGRATIONS / "state_versions")
    assert "__init__.py" in versions and len(versions) > len(STATE.versions)
