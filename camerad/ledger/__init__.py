"""What happened to a device or at an office: one signed, chained, append-only file of entries.

Packages that keep recordings import it; it imports `base` and `container`. Begin with `entry_types`
(all that can be said), then `ledger` (the writer) and `ledger_state` (what all entries add up to).
`audit` checks a ledger, `outbox` keeps what others want said until it is.
"""
