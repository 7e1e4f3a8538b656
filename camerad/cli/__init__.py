"""The `camerad` command: one module for each subcommand.

Imports `base`, `behaviour`, `config`, `container`, `control`, `daemon`, `doctor`, `evidence`,
`ledger`, `office/desk`, `office/index`, `office/jobs`, `office/replicas`, `office/report`,
`office/server`, `office/state`, `provisioning`, `store`, `update` and `verify`.

A package is imported only when a subcommand needs it, since somebody waits for a camera that
starts. Begin with `main`; each module has `add_parser(commands)` and `run(options) -> int`.
"""
