"""Locks in the office's directory: one holder at a time, and nobody waits who does not want to."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.vault.directory_locks import DirectoryLocks


def test_who_only_tries_is_told_at_once_whether_it_is_held(tmp_path: Path) -> None:
    locks, others = DirectoryLocks(str(tmp_path)), DirectoryLocks(str(tmp_path))
    with locks.hold("one"), others.try_hold("one") as held, others.try_hold("other") as other:
        assert (held, other) == (False, True)
    with others.try_hold("one") as held, locks.try_hold("one") as again:
        assert (held, again) == (True, False)
    with locks.hold("one"):
        pass


@pytest.mark.parametrize("name", ["", "../one", "a b", "x" * 101])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    locks = DirectoryLocks(str(tmp_path))
    for attempt in (locks.hold, locks.try_hold):
        with pytest.raises(ValueError, match="no lock is called so"), attempt(name):
            pass
    assert list(tmp_path.iterdir()) == []
