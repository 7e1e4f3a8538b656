"""The demonstration office: whose key recordings of a simulated camera are sealed to."""

from __future__ import annotations

from typing import Final

DEMONSTRATION_RECIPIENT: Final = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
"""A public key of age. Its private half, hw-mocks/demo-office.txt, is everybody's."""
