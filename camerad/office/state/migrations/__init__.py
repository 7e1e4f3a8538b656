"""Migrations of the state, run by Alembic alone. `camerad.office.state.schema` says when.

A new version is one more file in ``state_versions``, and keeps every row.
"""
