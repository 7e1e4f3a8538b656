"""Uploads a docked camera's recordings to the office, with signed requests.

Imports `base`, `behaviour`, `config`, `container`, `control`, `exchange`, `ledger`,
`provisioning`, `store` and `update`.

Begin with `handover`, which is the procedure;
`dock_watch` says when it runs, `office_client` what is asked, `office_connection` how it gets
there. `camerad.exchange` is what both ends have in common.
"""
