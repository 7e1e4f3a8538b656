"""Notes, outside the capture process, every packet that leaves its encoder.

A test puts this folder on PYTHONPATH. The packet goes from its own memory straight into a file
(``os.writev`` of a view), so that the noting leaves no copy in the memory that is searched later.
Where CAMERAD_TEST_NOTED_BYTES says how much is enough, it is the middle of the packet.
"""

import os
import struct
import sys
import time

NOTE = struct.Struct("<qI?")
"""Before each packet: when it was noted in microseconds of CLOCK_BOOTTIME, how many bytes of it,
whether it is a key frame."""
LEAST_BYTES = 128
"""Smaller packets, of pictures in which nothing moves, are like each other and are not noted."""

if "camerad.capture" in sys.orig_argv and "CAMERAD_TEST_NOTES" in os.environ:
    from camerad.capture.pictures import Pictures

    notes = os.open(os.environ["CAMERAD_TEST_NOTES"], os.O_WRONLY | os.O_APPEND)
    most = int(os.environ.get("CAMERAD_TEST_NOTED_BYTES", "0"))
    encoded = Pictures.encoded

    def noting(self, data, key, timestamp_us):  # type: ignore[no-untyped-def]
        if len(data) >= LEAST_BYTES:
            at_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
            size = min(most or len(data), len(data))
            begin = (len(data) - size) // 2
            with data[begin : begin + size] as part:
                # A packet may have been overwritten by now, where footage is no longer asked for.
                if any(part):
                    os.writev(notes, (NOTE.pack(at_us, size, key), part))
        return encoded(self, data, key, timestamp_us)

    Pictures.encoded = noting
