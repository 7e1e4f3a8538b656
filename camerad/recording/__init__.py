"""From the ring to the card: fragments of half a second, encrypted, signed, synchronised.

The daemon imports it, and `store` for the repair of what was cut off; it imports `base`,
`behaviour`, `config`, `container` and `stream`, and the software's version from `update`. Begin
with `recorder`, the thread that does it; `container_writer` has each fragment encrypted
(`container.encryption`) and signed and appends it to the file, and `write_retry` tries again when a
card refuses for a moment.
"""
