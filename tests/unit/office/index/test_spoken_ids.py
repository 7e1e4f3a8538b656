"""Parts of ids as people say them, and that only the rows of these are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, create_engine, insert

from camerad.office.index.recording_query import QueryError, RecordingQuery, find, statement
from camerad.office.index.recording_rows import quarantined_row
from camerad.office.index.spoken_ids import IdPart, columns_of, ids_meant
from camerad.office.state.database import Database
from camerad.office.state.index_tables import INDEX, metadata, recordings
from tests.unit.office.index.test_tables import ONE_OF, explain, said

ONE = "20261124T153000Z-000412-9f3c02ab"


@pytest.mark.parametrize(
    ("spoken", "meant"),
    [
        ("02ab", [IdPart(tail="ba20")]),
        (" 9F3C02AB ", [IdPart(tail="ba20c3f9")]),
        ("-9f3c02ab", [IdPart(tail="ba20c3f9")]),
        ("000412-9f3c02ab", [IdPart(412, "ba20c3f9")]),
        ("412-02ab", [IdPart(412, "ba20")]),
        ("412", [IdPart(412)]),
        ("000412", [IdPart(tail="214000"), IdPart(412)]),
        ("0", [IdPart(0)]),
        ("1234567890", [IdPart(1234567890)]),
        ("2ab", []),
        ("ab", []),
        ("9f3c02ab1", []),
        ("20261124T153000Z", []),
        ("Bahnhof", []),
        ("4\u0661", []),
        ("1" * 19, []),
        ("", []),
    ],
)
def test_people_say_the_number_or_the_last_letters(spoken: str, meant: list[IdPart]) -> None:
    assert ids_meant(spoken) == meant


def test_a_row_has_what_people_say_of_its_id() -> None:
    assert columns_of(ONE) == {"number": 412, "tail": "ba20c3f9"}
    assert columns_of("a.tar") == {"number": None, "tail": None}


def some(connection: Connection, count: int) -> None:
    """Rows of as many numbers, with letters that spread."""
    ids = [f"20261124T153000Z-{n:06d}-{n:04x}{n * 7919 % 65536:04x}" for n in range(count)]
    rows = [quarantined_row(f"p{n}", one, 1, 1, ("k", "c", "")) for n, one in enumerate(ids)]
    connection.execute(insert(recordings), rows)


def found_by(connection: Connection, spoken: str, **how: Any) -> list[str]:
    query = RecordingQuery(id_said=spoken, **how)
    return [one.id[-15:] for one in find(connection, query).recordings]


def test_what_somebody_says_of_an_id_finds_it_and_little_else_is_looked_at() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        some(connection, 6000)
        steps: list[int] = []
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: steps.append(1), 10)
        for spoken, there in (
            ("001000-03e8d598", ["001000-03e8d598"]),
            ("D598", ["001000-03e8d598"]),
            ("1000", ["001000-03e8d598"]),
            ("999-b6a9", ["000999-03e7b6a9"]),
            ("999-b6a8", []),
            ("ffffd598", []),
        ):
            assert found_by(connection, spoken) == there, spoken
            assert len(steps) < 100, "instructions of SQLite, by ten"
            steps.clear()
        # Digits are a number and an end; what is both comes once.
        some_more = quarantined_row("p", "20261124T153000Z-000007-00001003", 1, 1, ("k", "c", ""))
        both = quarantined_row("p", "20261124T153000Z-001003-00001003", 1, 1, ("k", "c", ""))
        connection.execute(insert(recordings), [some_more, both])
        assert found_by(connection, "1003") == [
            *("001003-03eb3265", "001003-00001003", "000007-00001003"),
        ]
        assert found_by(connection, "1003", camera_said="d") == []
        assert found_by(connection, "1003", camera_said="c", state="here") == []
        assert found_by(connection, "1003", state="quarantined", limit=1) == ["001003-03eb3265"]
        with pytest.raises(QueryError, match="its number is needed or its last 4 to 8"):
            found_by(connection, "20261124T15")


FEW: dict[str, tuple[str, RecordingQuery]] = {
    "number": ("number", RecordingQuery(id_part=IdPart(number=4))),
    "end": ("tail", RecordingQuery(id_part=IdPart(tail="abcd"))),
    "number and end": ("tail", RecordingQuery(id_part=IdPart(4, "abcd"))),
    "not authentic": ("verdict", RecordingQuery(not_authentic=True)),
}
"""What few rows are, with the index that finds them."""


@pytest.mark.parametrize(("by", "query"), FEW.values(), ids=FEW)
def test_what_is_asked_for_besides_is_looked_at_in_few_rows(
    tmp_path: Path, by: str, query: RecordingQuery
) -> None:
    base = Database(f"sqlite:///{tmp_path}/index.sqlite", INDEX)
    base.prepare()
    nothing = RecordingQuery()
    with base.reading() as connection:
        for other in (nothing, replace(nothing, after="WzEsImEiLCJiIl0"), *ONE_OF.values()):
            both = replace(query, **said(other))
            plan = explain(connection, statement(connection, both).limit(100))
            assert f"recordings USING INDEX recordings_by_{by}" in plan, (other, plan)


def test_each_engine_finds_few_rows_by_an_index(url: str) -> None:
    base = Database(url, INDEX)
    base.prepare()
    with base.writing() as connection:
        some(connection, 4000)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE recordings")
        for by, query in FEW.values():
            plan = explain(connection, statement(connection, query).limit(100), sorts=True)
            assert f"recordings_by_{by}" in plan, (by, plan)
            assert "Seq Scan" not in plan, (by, plan)
