"""An office's public key."""

from typing import Final

PUBLIC: Final = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
