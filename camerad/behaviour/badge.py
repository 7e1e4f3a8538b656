"""The text of a badge's QR code: one line, ``camerad:wearer:W-0815``.

The text is the whole code: no white space around it, no other spelling. Everything else is no
badge.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "camerad:wearer:"
WEARER: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,30}[A-Za-z0-9])?"
"""A wearer's id: 1 to 32 ASCII letters, digits, dots, dashes and underscores, the ends letters or
digits. It stands in the stamp and in statements, so it is short and prints everywhere."""
WEARER_MEANING: Final = (
    "1 to 32 letters, digits, dots, dashes and underscores, with a letter or digit at both ends"
)


def is_wearer(text: str) -> bool:
    """Whether `text` may be a wearer's id."""
    return re.fullmatch(WEARER, text) is not None


def badge(wearer: str) -> str:
    """The text of the badge of `wearer`. Raises ValueError if that is no wearer's id."""
    if not is_wearer(wearer):
        raise ValueError(f"{wearer!r} is no wearer's id, which is {WEARER_MEANING}")
    return PREFIX + wearer


def wearer_on(text: str) -> str | None:
    """The wearer of the badge with this text; None if it is no badge."""
    wearer = text.removeprefix(PREFIX)
    return wearer if wearer != text and is_wearer(wearer) else None
