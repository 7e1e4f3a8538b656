"""A process that carries out a command of `camerad evidence`: verify or open.

python -m tests.bench.checking verify RECORDING OPTION...

Prints one JSON object, {"seconds": ..., "megabytes": ...}: how long it took without loading the
program, which is the same for ten minutes and ten hours, and the most memory that the process has
had.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time

from camerad.cli import main as cli
from camerad.cli import open_export, verify
from tests.bench.machine import peak_rss_megabytes
from tests.bench.plan import answer


def main() -> None:
    """Carry it out. Ends with what the command said unless that is "authentic and complete"."""
    # The command would load them; tqdm comes with them.
    assert open_export is not None and verify is not None
    said = io.StringIO()
    began = time.monotonic()
    with contextlib.redirect_stdout(said):
        code = cli.main(["evidence", *sys.argv[1:]])
    seconds = time.monotonic() - began
    if code:
        sys.exit(said.getvalue())
    answer({"seconds": seconds, "megabytes": peak_rss_megabytes()})


if __name__ == "__main__":
    main()
