"""Jobs of the office: retention, replicas, alerts, index, readings, each on a separate thread.

Imports `base`, `container`, `evidence`, `ledger`, `office/index`, `office/replicas`,
`office/report`, `office/server`, `office/state` and `store`.

Begin with `office_jobs`, which lists the jobs, and composes the server with them. `periodic_job`
runs each. `alert_rules` decides from facts what is to be told, `alert_memory` knows what was told
already, `alert_message` says it in words, and `alert_delivery` gives it to a channel
(`alert_channels`). `alert_watch` gathers the facts. `replica_job` keeps the replicas as the
office's ledger has them; `replica_restore` brings recordings back.

No alert says who wore a camera, and none has footage: cameras' names, recordings' ids, and days.
"""
