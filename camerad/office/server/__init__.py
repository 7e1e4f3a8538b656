"""The office's server: ingests recordings from cameras in their docks, and signs the receipts.

Imports `base`, `behaviour`, `config`, `container`, `evidence`, `exchange`, `ledger`,
`office/index`, `office/replicas`, `office/report`, `office/state`, `provisioning`, `store`,
`transparency` and `verify`.

It has no key that opens footage. Begin with `office_server`, which lists the parts.
`authentication` checks the signature of a request, and `cameras` says whose key counts. Uploads
arrive at `upload_routes`. `ingest` is what a receipt rests on. See docs/office-api.md and
docs/office.md.
"""
