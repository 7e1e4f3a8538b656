"""Notes, outside the capture process, a piece of every packet that leaves its encoder.

A test puts this folder on PYTHONPATH. The piece goes from the packet's memory straight into a file
(``os.write`` of a view), so that the noting leaves no copy in the memory that is searched later.
"""

import os
import sys

PIECE = 32

if "camerad.capture" in sys.orig_argv and "CAMERAD_TEST_NOTES" in os.environ:
    from camerad.capture.pictures import Pictures

    notes = os.open(os.environ["CAMERAD_TEST_NOTES"], os.O_WRONLY | os.O_APPEND)
    encoded = Pictures.encoded

    def noting(self, data, key, timestamp_us):  # type: ignore[no-untyped-def]
        if len(data) >= 4 * PIECE:
            middle = len(data) // 2
            os.write(notes, data[middle : middle + PIECE])
        return encoded(self, data, key, timestamp_us)

    Pictures.encoded = noting
