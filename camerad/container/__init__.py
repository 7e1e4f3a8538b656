"""Format of a recording's file: its statements, their signatures, their chain, the archive.

Imports `base`.

Begin with `chain`, which lists the members of a recording, then `statements` (what each says),
`jws` (the one spelling), `encryption` (where a fragment is encrypted to the office's keys) and
`ustar` (the archive). docs/evidence-format.md is the same for strangers.
"""
