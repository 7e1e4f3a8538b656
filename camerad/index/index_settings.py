"""Section ``index`` of ``office.yaml``: where the index is kept."""

from __future__ import annotations

import os
from typing import Annotated, Final

import msgspec

from camerad.config.fields import Matches
from camerad.store.locations import OFFICE

FILE: Final = "index.sqlite"
_POSTGRESQL: Final = (
    # No password: the settings' file is no secret. libpq finds one in ~/.pgpass.
    r"postgresql\+psycopg://([A-Za-z0-9._-]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])?(:[0-9]{1,5})?"
    r"/[A-Za-z0-9._-]+(\?(?!(?i:([^&]*&)*(ssl)?pass(word)?=))[A-Za-z0-9._~/&=+,:-]*)?"
)


class IndexSettings(msgspec.Struct, frozen=True):
    """Where the index is kept, which answers questions about recordings. It can be made anew at any
    time."""

    url: Annotated[
        str | None,
        "A database of PostgreSQL. Left out: a file of SQLite in the office's directory.",
        Matches(
            _POSTGRESQL,
            "an address such as postgresql+psycopg://user@host/database, without a password,",
        ),
    ] = None


def url_of(settings: IndexSettings, directory: str) -> str:
    """The database's address, as SQLAlchemy has it. directory: the office's."""
    return settings.url or f"sqlite:///{path_in(directory)}"


def path_in(directory: str) -> str:
    """The file of the index in an office's directory, where no other database is named."""
    return os.path.join(os.path.abspath(directory), OFFICE, FILE)
