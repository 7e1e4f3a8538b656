"""A damaged or silent database is rebuilt or asked again, and the log says so."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from postgresql import PostgreSQL
from sqlalchemy import text

from camerad.office.index import recording_query
from camerad.office.index.recording_query import RecordingQuery
from camerad.office.state import database
from camerad.office.state.database import Database, DatabaseDamagedError, IndexUnavailableError
from camerad.office.state.database_settings import path_in
from camerad.office.state.index_tables import INDEX
from tests.unit.office.index.office_scene_indexed import IndexedOffice, answers, identity

_SET = "UPDATE camerad_index_version SET version_num = :version"
A, B = identity(1), identity(2)


@pytest.fixture
def file(office: IndexedOffice) -> Path:
    """The file of an index that has one recording."""
    office.take(A)
    office.index().refresh()
    return Path(path_in(str(office.directory)))


def test_it_is_nobody_elses_to_read(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["rubbish", "cut", "holes", "link", "another"])
@pytest.mark.parametrize("opened", [True, False])
def test_a_damaged_file_is_made_anew(
    office: IndexedOffice, file: Path, what: str, opened: bool
) -> None:
    """opened: the server has it open already, and finds out when it writes."""
    content = file.read_bytes()
    index = office.index(checked=True) if opened else None
    for ending in ("-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    if what == "rubbish":
        file.write_bytes(b"rubbish" * 1000)
    elif what == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif what == "holes":
        # The first page is whole, so that it is opened like a sound one.
        file.write_bytes(content[:4096] + bytes(len(content) - 4096))
    elif what == "another":
        file.unlink()
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE recordings (one TEXT)")
        connection.close()
    else:
        file.rename(office.root / "elsewhere")
        file.symlink_to(office.root / "elsewhere")
    office.take(B)
    if index is None:
        index = office.index(checked=True)
    index.refresh()
    assert answers(index) == [B, A]
    if what == "link" and opened:
        return  # it is looked for when an index is opened
    assert len(office.said) == 1
    assert "the index is made anew" in office.said[0]
    assert file.stat().st_mode & 0o777 == 0o600
    assert not file.is_symlink()


def test_of_damage_a_question_says_what_to_do(office: IndexedOffice, file: Path) -> None:
    index = office.index()
    file.write_bytes(b"rubbish" * 1000)
    with pytest.raises(IndexUnavailableError, match="camerad office reindex"):
        index.ask(recording_query.find, RecordingQuery())
    with pytest.raises(DatabaseDamagedError):
        list(index.dump())


@pytest.mark.parametrize("version", ["0000", "9999", None])
def test_tables_of_another_version_are_made_anew(
    office: IndexedOffice, url: str, version: str | None
) -> None:
    office.take(A)
    index = office.index(url)
    index.refresh()
    with Database(url, INDEX).writing() as connection:
        if version is None:
            connection.exec_driver_sql("DROP TABLE camerad_index_version")
        else:
            connection.execute(text(_SET).bindparams(version=version))
        connection.exec_driver_sql("ALTER TABLE recordings DROP COLUMN quarantine_why")
    again = office.index(url)
    assert len(office.said) == 1
    assert (f"version {version}" if version else "no version") in office.said[0]
    again.refresh()
    assert answers(again) == [A]
    # One that had it open goes on with the new tables.
    assert answers(index) == [A]


def test_a_table_that_is_gone_is_made_again(office: IndexedOffice, url: str) -> None:
    office.take(A)
    index = office.index(url)
    index.refresh()
    with Database(url, INDEX).writing() as connection:
        connection.exec_driver_sql("DROP TABLE holds")
    office.take(B)
    index.refresh()
    assert answers(index) == [B, A]
    assert len(office.said) == 1


def test_a_writer_waits_for_another_one_only_so_long(
    office: IndexedOffice, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks waits for nobody."""
    monkeypatch.setattr(database, "WAIT_SECONDS", 1)
    office.take(A)
    index = office.index(url)
    index.refresh()
    office.take(B)
    with Database(url, INDEX).writing():
        with pytest.raises(IndexUnavailableError):
            index.refresh()
        assert answers(index) == [A]
    index.refresh()
    assert answers(index) == [B, A]
    assert office.said == []


def test_a_directory_that_is_gone_is_no_damage(office: IndexedOffice, file: Path) -> None:
    index = office.index()
    file.parent.rename(file.parent.with_name("away"))
    with pytest.raises(IndexUnavailableError):
        index.refresh()


def test_postgresql_that_is_away_is_asked_again(
    office: IndexedOffice, postgresql: PostgreSQL
) -> None:
    url = postgresql.make()
    office.take(A)
    index = office.index(url)
    index.refresh()
    office.take(B)
    postgresql.stop(at_once=False)
    with pytest.raises(IndexUnavailableError, match="does not answer"):
        index.refresh()
    with pytest.raises(IndexUnavailableError):
        office.index(url)
    postgresql.start()
    index.refresh()
    assert answers(index) == [B, A]
    assert office.said == []


def test_without_libpq_it_says_so() -> None:
    """It is Debian's, and only who uses PostgreSQL needs it."""
    asked = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from camerad.office.state.database import Database, IndexUnavailableError\n"
        "from camerad.office.state.index_tables import INDEX\n"
        "Database('sqlite:////nowhere', INDEX)\n"
        "try: Database('postgresql+psycopg:///camerad', INDEX)\n"
        "except IndexUnavailableError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "psycopg" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_belongs_to_the_directorys_owner(office: IndexedOffice) -> None:
    """Else the server could not open it."""
    os.chown(office.directory / "office", 65534, 65534)
    office.take(A)
    office.index().refresh()
    for ending in ("", "-wal", "-shm"):
        path = Path(path_in(str(office.directory)) + ending)
        if path.exists():
            assert path.stat().st_uid == 65534, path


def test_on_storage_that_became_read_only_it_answers_and_is_left_alone(
    office: IndexedOffice, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite makes no file beside it then, as it does where it may write."""
    before = file.read_bytes()
    index = office.index()
    real = os.statvfs

    def read_only(path: str) -> object:
        found = real(path)
        return SimpleNamespace(f_flag=found.f_flag | os.ST_RDONLY)

    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", read_only)
        with index._database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM sources").scalar()
            assert not list(file.parent.glob("index.sqlite-*"))
        assert answers(index) == [A]
        office.take(B)
        with pytest.raises(IndexUnavailableError, match="readonly"):
            index.refresh()
        assert answers(index) == [A]
    assert file.read_bytes() == before and office.said == []
    index.refresh()
    assert answers(index) == [B, A]
