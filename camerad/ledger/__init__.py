"""The ledger of a device or an office: signed entries, chained, in files that only grow.

Imports `base` and `container`.

Begin with `entry_types` and `recording_entries` (all that can be said), then `ledger` (the writer)
and `ledger_state` (what all entries add up to). `audit` checks a ledger; `outbox` delivers what
others leave for it. `ledger_lines` reads single entries.
"""
