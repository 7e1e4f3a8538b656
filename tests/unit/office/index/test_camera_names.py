"""Which cameras somebody means, and that nothing but names is looked at for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert

from camerad.office.index.camera_names import MOST_NAMES, camera_names, names_meant
from camerad.office.index.recording_query import LOOKED_UP, QueryError, RecordingQuery, find
from camerad.office.state.index_tables import metadata, recordings

NAMES = ["Bahnhof", "camera-01", "camera-03", "camera-10", "camera-13", "camera-30", "mueller.a"]


def put(connection: Connection, *rows: dict[str, object]) -> None:
    """Rows that say this, and are told apart by when they began."""
    empty = {one.name: None if one.nullable else 0 for one in recordings.columns} | {"place": ""}
    made = [empty | {"at_us": number} | one for number, one in enumerate(rows)]
    connection.execute(insert(recordings), made)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An empty index in memory."""
    made = create_engine("sqlite://")
    metadata.create_all(made)
    yield made
    made.dispose()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("camera-03", ["camera-03"]),
        ("Camera-03", ["camera-03"]),
        ("3", ["camera-03"]),
        (" Kamera 3 ", ["camera-03"]),
        ("Camera-3", ["camera-03"]),
        ("kamera3", ["camera-03"]),
        ("013", ["camera-13"]),
        ("camera-0", ["camera-01", "camera-03"]),
        ("0", ["camera-01", "camera-03", "camera-10", "camera-30"]),
        ("BAHN", ["Bahnhof"]),
        ("camera-4", []),
        ("4", []),
        ("cam 3", ["camera-03"]),
        ("bodycam 3", ["camera-03"]),
        # A word that is none of a camera's means no camera.
        ("none-3", []),
        ("era 3", []),
        ("bahnhof 3", []),
        ("Müller", ["mueller.a"]),
    ],
)
def test_people_say_a_name_a_part_of_it_or_its_number(said: str, meant: list[str]) -> None:
    assert names_meant(NAMES, said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("p 14", ["P-014"]),
        ("kamera 14", []),
        ("w-14", ["Nord W-14"]),
        ("14", ["P-014", "Nord W-14"]),
    ],
)
def test_a_wearer_is_not_called_a_camera(said: str, meant: list[str]) -> None:
    assert names_meant(["P-014", "Nord W-14"], said, ()) == meant


def test_rows_of_several_cameras_come_in_one_order_page_by_page(engine: Engine) -> None:
    names = [*NAMES, *(f"other-{number}" for number in range(LOOKED_UP + 1))]
    rows: list[dict[str, object]] = [
        {"id": f"{number:04}", "camera": name} for number, name in enumerate([None, *names] * 2)
    ]
    with engine.begin() as connection:
        assert camera_names(connection) == []
        put(connection, *rows)
        assert camera_names(connection) == sorted(names)
        wanted = [one["id"] for one in rows[::-1] if one["camera"] in NAMES[1:6]]
        found, after = [], None
        for _ in range(4):
            query = RecordingQuery(camera_said="CAMERA", limit=3, after=after)
            page = find(connection, query)
            found += [one.id for one in page.recordings]
            after = page.next
        assert (found, after) == (wanted, None)
        with pytest.raises(QueryError, match="ask for fewer"):
            find(connection, RecordingQuery(camera_said="other-"))


def test_a_name_that_is_exactly_that_is_found_beyond_the_names_that_are_looked_through(
    engine: Engine,
) -> None:
    names = [f"camera-{number:05}" for number in range(MOST_NAMES + 5)] + ["camera-00007 b"]
    with engine.begin() as connection:
        put(connection, *({"id": name, "camera": name} for name in names))
        assert len(camera_names(connection)) == MOST_NAMES
        for said in (names[MOST_NAMES + 3], f" {names[MOST_NAMES + 3]} ", names[3]):
            (found,) = find(connection, RecordingQuery(camera_said=said)).recordings
            assert found.id == said.strip()
        said = find(connection, RecordingQuery(camera_said="camera-00007")).recordings
        assert [one.id for one in said] == ["camera-00007"]


def test_too_many_cameras_with_too_many_wearers_are_asked_for_less(engine: Engine) -> None:
    with engine.begin() as connection:
        for number in range(21):
            named = {"camera": f"cam-{number}x", "wearer": f"who-{number % 20}x"}
            put(connection, {"id": f"{number:04}"} | named)
        with pytest.raises(QueryError, match="420 cameras and wearers may be meant"):
            find(connection, RecordingQuery(camera_said="cam-", wearer_said="who-"))
        few = find(connection, RecordingQuery(camera_said="cam-1x", wearer_said="who-"))
        assert [one.id for one in few.recordings] == ["0001"]
