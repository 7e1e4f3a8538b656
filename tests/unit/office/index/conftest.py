"""Both engines: a file of SQLite and, in `make campaign`, a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camerad.office.state.database_settings import IndexSettings, url_of
from tests.breadth import campaign
from tests.unit.office.index.office_scene_indexed import IndexedOffice


@pytest.fixture
def office(tmp_path: Path) -> Iterator[IndexedOffice]:
    made = IndexedOffice(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", campaign("postgresql")])
def url(request: pytest.FixtureRequest, office: IndexedOffice) -> str:
    """An empty database for the office's index, on each engine."""
    if request.param == "sqlite":
        return url_of(IndexSettings(), str(office.directory))
    made: Callable[[], str] = request.getfixturevalue("postgresql").make
    return made()
