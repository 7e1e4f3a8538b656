"""Updates of the whole system: installed by RAUC, tried once, kept or given up.

Imported by `cli`, `control`, `daemon`, `dock` and `recording`. Imports `base`, `behaviour` and
`ledger`.

What is decided is in `camerad.behaviour.update`. Begin with `updater`, which carries it out;
docs/updates.md has the order in which things are written.
"""
