"""What recordings are here, what may be deleted, and what a crash left behind.

The daemon and the office import it; it imports `ledger` and `container`. Begin with `store`, which
states its invariants. `retention` decides what may be deleted, `deletion` deletes it, `recovery`
closes what was cut off, `reconcile` compares files and ledger, `locations` knows where things lie.
"""
