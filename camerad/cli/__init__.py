"""The `camerad` command: one module for each subcommand.

Nobody imports it. It imports every other room, each when it is needed, since a camera that starts
is waited for. Begin with `main`; each module has `add_parser(commands)` and `run(options) -> int`.
"""
