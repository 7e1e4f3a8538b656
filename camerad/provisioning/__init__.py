"""Applies the signed file that sets a camera up.

Imported by `cli`, `control`, `daemon`, `desk`, `dock`, `office` and `vault`. Imports `base`,
`config`, `container`, `ledger` and `store`.

Begin with `apply`, which runs before the daemon starts; `validation` says whether a file holds.
What an office does is in `camerad.office`. See docs/provisioning.md.
"""
