"""Transparency of an office's ledger: a Merkle tree over its entries, checkpoints and witnesses.

Imports `base`, `container` and `ledger`.

Begin with `merkle` (RFC 6962) and `checkpoints` (what a log and its witnesses sign), then
`office_log` (the office's side) and `camera_witness` (the camera's). docs/transparency.md has the
formats and what they prove.
"""
