"""Jobs of the office: retention, replicas, alerts, index, readings, each on a separate thread.

Imports `base`, `container`, `evidence`, `ledger`, `office/index`, `office/replicas`,
`office/report`, `office/server`, `office/state`, `store` and `transparency`.

Begin with `office_jobs`, which lists the jobs, and composes the server with them. `periodic_job`
runs each. `alert_watch` gathers facts, `alert_rules` decides what is to be told, `alert_message`
says it in words, and `alert_delivery` gives each alert to a channel once (`alert_channels`).
`replica_job` keeps the replicas as the office's ledger has them; `replica_restore` brings
recordings back.

No alert says who wore a camera, and none has footage: cameras' names, recordings' ids, and days.
"""
