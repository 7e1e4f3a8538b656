"""Lets the tests here use the recordings that the unit tests of evidence make, and the verifier."""

from __future__ import annotations

import sys
from pathlib import Path

from remembered_signatures import remembered_signatures

__all__ = ["remembered_signatures"]

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "evidence"))
sys.path.insert(0, str(Path(__file__).parent))
