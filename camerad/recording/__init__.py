"""From the ring to the card: fragments of half a second, sealed, signed, synchronised.

The daemon imports it; it imports `container` and `stream`. Begin with `recorder`, the thread that
does it; `container_writer` appends to the file, and `write_retry` waits for a card that refuses for
a moment.
"""
