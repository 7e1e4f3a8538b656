"""The controller: assembles a camera from its parts.

Imports `base`, `behaviour`, `config`, `container`, `control`, `hardware`, `ledger`, `provisioning`,
`recording`, `store`, `stream`, `update` and `verify`.

It starts the children (`capture`, its `badge_reader`, `selfview`) as programs. Begin with `app`,
which owns the parts; then `dispatcher`, where an event becomes a step and every listener hears of
it in order. Parts stand on `core` and know no parent.
"""
