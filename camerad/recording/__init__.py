"""Writes recordings from the ring to the card in encrypted, signed fragments.

Imports `base`, `behaviour`, `config`, `container`, `stream` and `update`.

The store needs it to repair what was cut off; of `update` it needs the software's version. Begin
with `recorder`, the thread that does it; `container_writer` has each fragment encrypted
(`container.encryption`) and signed and appends it to the file, and `write_retry` tries again when a
card refuses for a moment.
"""
