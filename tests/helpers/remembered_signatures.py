"""Remembers the answers of Ed25519: the same key and bytes have one signature, and one verdict.

The tests that change a file in hundreds of ways check the same statements each time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from unittest import mock

import pytest

from camerad.container.keys import PublicKey, SigningKey


@pytest.fixture(autouse=True, scope="module")
def remembered_signatures() -> Iterator[None]:
    """Meanwhile no signature is made or checked twice."""
    with (
        mock.patch.object(PublicKey, "verify", functools.cache(PublicKey.verify)),
        mock.patch.object(SigningKey, "sign", functools.cache(SigningKey.sign)),
    ):
        yield
