"""The demonstration office: whose key recordings of a simulated camera are sealed to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEMONSTRATION_RECIPIENT: Final = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
"""A public key of age. Its private half, hw-mocks/demo-office.txt, is everybody's."""


def identity_file() -> Path:
    """The private half, as age keeps it. It comes with a checkout, not with the package."""
    return Path(__file__).parents[1] / "demo-office.txt"
