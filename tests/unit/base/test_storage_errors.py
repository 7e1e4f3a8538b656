"""An error of the system becomes one sentence: where, what failed, why, and what helps."""

from __future__ import annotations

import errno
import os

import pytest

from camerad.base.errors import StorageError
from camerad.base.storage_errors import ForbiddenError, explaining


def test_an_error_is_explained_where_it_happened_and_only_there() -> None:
    with (
        pytest.raises(StorageError) as raised,
        explaining("copy the recording", "outer"),
        explaining("read it", "inner"),
    ):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert str(raised.value).startswith("inner: cannot read it: Input/output error; ")
    assert "outer" not in str(raised.value)
    assert raised.value.errno == errno.EIO


def test_what_is_no_error_of_the_system_passes_as_it_is() -> None:
    with pytest.raises(ValueError, match="a mistake of ours"), explaining("read it", "inner"):
        raise ValueError("a mistake of ours")


def test_who_may_not_is_told_from_what_is_not_there() -> None:
    with pytest.raises(ForbiddenError), explaining("read it", "inner"):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
