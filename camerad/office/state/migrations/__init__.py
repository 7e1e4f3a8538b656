"""Migrations of both schemas, run by Alembic alone. `camerad.office.state.schema` says when.

A new version is one more file in ``index_versions`` or ``state_versions``. The index can be rebuilt
at any time, so a migration of it may empty a table, together with its rows in `sources`. A
migration of the state keeps every row.
"""
