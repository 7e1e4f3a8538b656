"""The `camerad` command: a table of its command lines, and the functions that carry them out.

Imports `base`, `behaviour`, `config`, `container`, `control`, `daemon`, `doctor`, `evidence`,
`ledger`, `office/desk`, `office/index`, `office/jobs`, `office/replicas`, `office/report`,
`office/server`, `office/state`, `office/trial`, `provisioning`, `store`, `transparency`, `update`
and `verify`.

Begin with ``command_lines.txt``, the table, which names each command's function. `main`
makes the parsers of it, and imports the command's module alone, since a starting camera is waited
for. A function takes the parsed options, returns the exit code, and raises CameradError.
"""
