"""How far tests go that could go on for hours: a cut in every run, all of it in `make campaign`.

Such a test has the marker `breadth`, by which `make campaign` finds it. What only runs there has
the marker `campaign`.
"""

from __future__ import annotations

import os
from typing import Any, Final, TypeVar

import pytest

CAMPAIGN: Final = os.environ.get("CAMERAD_BREADTH") == "campaign"
"""Whether this run goes all the way."""
_T = TypeVar("_T")


def breadth(cut: _T, campaign: _T) -> _T:
    """`cut` in every run, `campaign` where there is time."""
    return campaign if CAMPAIGN else cut


def campaign(*values: Any) -> Any:
    """A set of parameters that only `make campaign` tries."""
    return pytest.param(*values, marks=pytest.mark.campaign)
