"""The `camerad` command: one module for each subcommand.

Imported by no other package. Imports `base`, `behaviour`, `config`, `container`, `control`,
`daemon`, `desk`, `doctor`, `index`, `ledger`, `office`, `provisioning`, `state`, `store`, `update`,
`vault` and `verify`.

A package is imported only when a subcommand needs it, since somebody waits for a camera that
starts. Begin with `main`; each module has `add_parser(commands)` and `run(options) -> int`.
"""
