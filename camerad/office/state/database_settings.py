"""Section ``index`` of ``office.yaml``: the address of the office's database."""

from __future__ import annotations

import os
from typing import Annotated, Final

import msgspec

from camerad.config.fields import Matches
from camerad.store.locations import OFFICE

FILE: Final = "index.sqlite"
STATE_FILE: Final = "state.sqlite"
_POSTGRESQL: Final = (
    # No password: the settings' file is no secret. libpq finds one in ~/.pgpass.
    r"postgresql\+psycopg://([A-Za-z0-9._-]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])?(:[0-9]{1,5})?"
    r"/[A-Za-z0-9._-]+(\?(?!(?i:([^&]*&)*(ssl)?pass(word)?=))[A-Za-z0-9._~/&=+,:-]*)?"
)


class IndexSettings(msgspec.Struct, frozen=True):
    """Where the index and the state are kept. The index answers questions about recordings, and can
    be rebuilt at any time; the state has people and sessions, and is in each backup."""

    url: Annotated[
        str | None,
        "A database of PostgreSQL, for index and state. Left out: files of SQLite in the office's "
        "directory.",
        Matches(
            _POSTGRESQL,
            "an address such as postgresql+psycopg://user@host/database, without a password,",
        ),
    ] = None


def url_of(settings: IndexSettings, directory: str) -> str:
    """Address of the index's database, as SQLAlchemy has it. directory: the office's."""
    return settings.url or f"sqlite:///{path_in(directory)}"


def state_url(settings: IndexSettings, directory: str) -> str:
    """The same of the state's."""
    return settings.url or f"sqlite:///{path_in(directory, STATE_FILE)}"


def path_in(directory: str, file: str = FILE) -> str:
    """The index's file in an office's directory, or another one, where no other database is
    named."""
    return os.path.join(os.path.abspath(directory), OFFICE, file)
