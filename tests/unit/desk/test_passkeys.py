"""What passkeys are made of, without a browser."""

from __future__ import annotations

from typing import Any

import pytest

from camerad.container.keys import decode_base64url


@pytest.mark.parametrize("value", [400_000_000, True, [1, 2], None, 1.5, {}])
def test_what_is_no_text_is_no_base64url(value: Any) -> None:
    """bytes(N) would be N zeros, of whatever memory there is."""
    with pytest.raises(ValueError, match="no text"):
        decode_base64url(value)
