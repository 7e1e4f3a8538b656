"""Uploads a docked camera's recordings to the office, with signed requests.

Imports `base`, `behaviour`, `config`, `container`, `control`, `ledger`, `provisioning`, `store` and
`update`.

The office's server needs it for the signatures. Begin with `handover`, which is the procedure;
`dock_watch` says when it runs, `office_client` what is asked, `office_connection` how it gets
there; `request_signature` is what both ends have in common. docs/office-api.md is the same for
strangers.
"""
