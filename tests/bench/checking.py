"""A process that checks a recording, or opens it, as `camerad evidence` does.

python -m tests.bench.checking RECORDING DEVICE_KEY [OFFICE_KEY OUTPUT]

Prints one JSON object, {"seconds": ..., "megabytes": ...}: how long it took without starting
Python, and the most memory that the process has had.
"""

from __future__ import annotations

import sys
import time

from camerad.evidence.keys import KeyRing
from camerad.evidence.report import Verdict
from camerad.evidence.unseal import open_recording, read_identities
from camerad.evidence.verify import verify
from tests.bench.machine import peak_rss_megabytes
from tests.bench.plan import answer


def main() -> None:
    """Check, or open, what the arguments name. Exits with 1 if it is not authentic."""
    path, keys = sys.argv[1], KeyRing.read([sys.argv[2]])
    began = time.monotonic()
    if len(sys.argv) > 3:
        identities = read_identities(sys.argv[3], passphrase=str)
        report = open_recording(path, keys, identities, sys.argv[4])
    else:
        report = verify(path, keys)
    seconds = time.monotonic() - began
    if report.verdict is not Verdict.AUTHENTIC:
        sys.exit(f"{path}: {report.verdict.name}")
    answer({"seconds": seconds, "megabytes": peak_rss_megabytes()})


if __name__ == "__main__":
    main()
