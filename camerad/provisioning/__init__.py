"""Applies the signed file that sets a camera up.

Imports `base`, `config`, `container`, `ledger` and `store`.

Begin with `apply`, which runs before the daemon starts; `validation` says whether a file holds.
What an office does is in `camerad.evidence`. See docs/provisioning.md.
"""
