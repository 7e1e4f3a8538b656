"""The office's database: schema, migrations, connections and transactions.

Imports `base`, `config` and `store`.

It has two schemas. `index_tables` follows from files and ledgers and can be rebuilt at any time
(`camerad office reindex`). `state_tables` exists nowhere else: it is never rebuilt, and is part of
each backup. With PostgreSQL both are in one database. With SQLite each has its own file: a refresh
of the index is one long transaction, and SQLite has one writer per file. Begin with `database`.
"""
