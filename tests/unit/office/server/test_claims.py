"""Claims exclude requests and servers, on both engines, and end with their holder."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgresql import PostgreSQL

from camerad.base.errors import NotNowError
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState

Two = tuple[OfficeState, OfficeState]


@contextlib.contextmanager
def opened(settings: IndexSettings, directory: Path) -> Iterator[Two]:
    states = OfficeState(settings, str(directory)), OfficeState(settings, str(directory))
    yield states
    for state in states:
        state.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    """The state as two servers have it; with SQLite, as two parts of one server."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").make()
    with opened(IndexSettings(url), tmp_path) as states:
        yield states


def test_a_claim_has_one_holder(two: Two) -> None:
    one, other = two
    with one.hold("a"):
        for state in two:
            with state.try_hold("a") as held, state.try_hold("b") as free:
                assert (held, free) == (False, True)
            with pytest.raises(NotNowError, match="'a'"), state.hold("a", 0.05):
                raise AssertionError("it was held twice")
    with other.try_hold("a") as held:
        assert held


def test_a_claim_is_waited_for(two: Two) -> None:
    one, other = two
    had = threading.Event()

    def wait() -> None:
        with other.hold("a", 20):
            had.set()

    waiting = threading.Thread(target=wait)
    with one.hold("a"):
        waiting.start()
        assert not had.wait(0.1)
    assert had.wait(20)
    waiting.join(20)


def test_another_thread_may_give_a_claim_up(two: Two) -> None:
    one, other = two
    claim = contextlib.ExitStack()
    claim.enter_context(one.hold("a"))
    thread = threading.Thread(target=claim.close)
    thread.start()
    thread.join(20)
    with other.try_hold("a") as held:
        assert held


def test_a_lost_connection_holds_nothing(tmp_path: Path, postgresql: PostgreSQL) -> None:
    with opened(IndexSettings(postgresql.make()), tmp_path) as (one, other):
        with one.hold("a"):
            with postgresql.connect("index") as operator:
                operator.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                    "WHERE application_name = 'camerad'"
                )
            with other.try_hold("a") as held:
                assert held
        with one.try_hold("a") as held:
            assert held
