"""Stored recordings: listing, deletion, holds, and repair after a crash.

Imports `base`, `container`, `ledger`, `recording` and `stream`.

Begin with `store`, which states its invariants. Its `Store.purge` and `Store.make_room` delete
recordings, by `deletion`: the tombstone first, then the files. `Store.reconcile` unlinks the files
and copies that a tombstone names and that are still there. `Store.expire_missing` writes the
tombstone of a recording whose file vanished here; the owner of its copies removes them. `retention`
lists what may be deleted: what is due by `ledger_state.LedgerState.is_due`, and what may make room.
`holds` keeps a recording beyond its day. `recovery` closes what was cut off, `reconcile` compares
files and ledger, `locations` knows where things lie.
"""
