"""The examples of properties that `make campaign` looks for: others with every seed, and more.

In every other run they are the same (pyproject.toml). How long one takes is no finding in either:
cameras may run beside these tests, and go first.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile(
    "campaign", settings.get_profile("ci"), derandomize=False, max_examples=500
)
