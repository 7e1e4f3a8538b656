"""Schema versions, and migrations of the state by Alembic.

Each schema has its version in a separate table. Alembic is imported only if a migration is needed,
since that takes a while.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from sqlalchemy import Connection, MetaData, column, inspect, select, table

_MIGRATING: Final = threading.Lock()
"""Held during a migration: Alembic's `op` and `context` are of the whole process."""


class Schema:
    """A set of tables with one version.

    name: of its folder of migrations and of its table with the version. versions: all versions that
    `migrate` brings to the last one, which is the present one. lock: number of PostgreSQL's
    advisory lock for a writer that excludes others. durable: rows survive a loss of power once they
    are committed, and the tables are never emptied.
    """

    def __init__(
        self, name: str, metadata: MetaData, versions: tuple[str, ...], *, lock: int, durable: bool
    ) -> None:
        self.name: Final = name
        self.metadata: Final = metadata
        self.versions: Final = versions
        self.present: Final = versions[-1]
        self.lock: Final = lock
        self.durable: Final = durable
        self.version_table: Final = f"camerad_{name}_version"
        self._version: Final = table(self.version_table, column("version_num"))

    def read_version(self, connection: Connection) -> str | None:
        """The version of the tables there; None if there are none, "" if there are some of no
        version."""
        there = set(inspect(connection).get_table_names())
        if self.version_table not in there:
            return "" if there & set(self.metadata.tables) else None
        return connection.execute(select(self._version.c.version_num)).scalar() or ""

    def migrate(self, connection: Connection) -> None:
        """Bring the tables to the present version, or make them; within the connection's
        transaction. Only for a version of `versions`, or where there are no tables. Thread-safe."""
        from alembic import command  # noqa: PLC0415 - slow to import
        from alembic.config import Config  # noqa: PLC0415

        scripts = os.path.join(os.path.dirname(__file__), "migrations")
        config = Config()
        config.set_main_option("script_location", scripts)
        config.set_main_option("version_locations", os.path.join(scripts, f"{self.name}_versions"))
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        config.attributes["schema"] = self
        with _MIGRATING:
            command.upgrade(config, self.present)

    def drop_all(self, connection: Connection) -> None:
        """Remove the tables, of any version."""
        self.metadata.drop_all(connection)
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {self.version_table}")
