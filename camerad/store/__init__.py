"""What recordings are here, what may be deleted, and what a crash left behind.

Packages that keep, show or ask for recordings import it; it imports `base`, `container`, `ledger`,
`recording` and `stream`. Begin with `store`, which states its invariants. Its `Store.purge` and
`Store.make_room` delete recordings, by `deletion`: the tombstone first, then the files. `retention`
decides what may be deleted, `recovery` closes what was cut off, `reconcile` compares files and
ledger, `locations` knows where things lie.
"""
