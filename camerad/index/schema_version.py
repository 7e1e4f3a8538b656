"""Which version of the tables a database has, and how it gets the present one.

Alembic keeps the version in a table of its own. It is asked only if the tables are not the present
ones, since it takes a while to import.
"""

from __future__ import annotations

import os
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from camerad.index.index_tables import metadata

PRESENT: Final = "0007"
"""The version that this camerad works with: the last file in ``migrations/versions``."""
VERSION_TABLE: Final = "camerad_index_version"
KNOWN: Final = frozenset({"0001", "0002", "0003", "0004", "0005", "0006", "0007"})
"""The versions from which a migration leads to the present one."""
_VERSION: Final = table(VERSION_TABLE, column("version_num"))


def read_version(connection: Connection) -> str | None:
    """The version of the tables there; None if there are none, "" if there are some of no
    version."""
    there = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in there:
        return "" if there & set(metadata.tables) else None
    return connection.execute(select(_VERSION.c.version_num)).scalar() or ""


def migrate(connection: Connection) -> None:
    """Bring the tables to the present version, or make them; within the connection's transaction.

    Only for a version of `KNOWN`, or where there are no tables.
    """
    from alembic import command  # noqa: PLC0415 - slow to import
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", os.path.join(os.path.dirname(__file__), "migrations"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, PRESENT)


def drop_all(connection: Connection) -> None:
    """Remove the tables, of whatever version they are."""
    metadata.drop_all(connection)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {VERSION_TABLE}")
