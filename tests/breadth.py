"""How far tests go that could go on for hours: a cut in every run, all of it in `make campaign`.

Such a test has the marker `breadth`, by which `make campaign` finds it.
"""

from __future__ import annotations

import os
from typing import Final, TypeVar

CAMPAIGN: Final = os.environ.get("CAMERAD_BREADTH") == "campaign"
"""Whether this run goes all the way."""
_T = TypeVar("_T")


def breadth(cut: _T, campaign: _T) -> _T:
    """`cut` in every run, `campaign` where there is time."""
    return campaign if CAMPAIGN else cut
