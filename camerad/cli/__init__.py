"""The `camerad` command: one module for each subcommand.

Nobody imports it. It may import every other package, and does so only when a subcommand needs it,
since somebody waits for a camera that starts. Begin with `main`; each module has
`add_parser(commands)` and `run(options) -> int`.
"""
