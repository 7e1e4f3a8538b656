"""Alembic's entry point: runs migrations on the connection of `camerad.office.state.database`."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
schema = attributes["schema"]
context.configure(
    connection=attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.version_table,
)
context.run_migrations()
