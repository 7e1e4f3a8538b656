"""Tests, and the programs beside them (`python -m tests.campaign`, `python -m tests.bench`).

Both use what lies in `tests/helpers`, each module by its name.
"""

import sys
from pathlib import Path

_HELPERS = str(Path(__file__).parent / "helpers")
if _HELPERS not in sys.path:
    sys.path.append(_HELPERS)
