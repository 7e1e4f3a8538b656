"""How the index's tables are made, version by version. Alembic runs these files; nobody imports
them. `camerad.index.database` says when.

A new version is a file more in ``versions``, named by its number. Since the index can be made anew
at any time, a migration may drop a table and leave it empty, together with what `sources` says of
it.
"""
