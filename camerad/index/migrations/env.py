"""What Alembic runs: the migrations, on the connection that `camerad.index.database` hands over."""

from __future__ import annotations

from alembic import context

from camerad.index.index_tables import metadata
from camerad.index.schema_version import VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
context.run_migrations()
