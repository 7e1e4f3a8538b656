"""Updates of the whole system: installed by RAUC, tried once, kept or given up.

Imports `base`, `behaviour` and `ledger`.

What is decided is in `camerad.behaviour.update`. Begin with `updater`, which carries it out;
docs/updates.md has the order in which things are written.
"""
