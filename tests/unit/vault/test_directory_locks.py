"""Locks in the office's directory: one holder at a time, and nobody waits who does not want to."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from camerad.vault.directory_locks import DirectoryLocks


def test_who_only_tries_is_told_at_once_whether_it_is_held(tmp_path: Path) -> None:
    locks, others = DirectoryLocks(str(tmp_path)), DirectoryLocks(str(tmp_path))
    with locks.hold("one"), others.try_hold("one") as held, others.try_hold("other") as other:
        assert (held, other) == (False, True)
    with others.try_hold("one") as held, locks.try_hold("one") as again:
        assert (held, again) == (True, False)
    with locks.hold("one"):
        pass


def test_each_name_has_a_lock_of_its_own_and_none_leaves_a_file(tmp_path: Path) -> None:
    locks, others = DirectoryLocks(str(tmp_path)), DirectoryLocks(str(tmp_path))
    with contextlib.ExitStack() as holding:
        for number in range(500):
            assert holding.enter_context(locks.try_hold(f"a copy/../{number}"))
        with others.try_hold("a copy/../499") as held:
            assert not held
    assert [(file.name, file.stat().st_size) for file in tmp_path.glob("*/*")] == [("lock", 0)]


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from camerad.vault.directory_locks import DirectoryLocks\n"
        "with DirectoryLocks(sys.argv[1]).hold('one'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    locks = DirectoryLocks(str(tmp_path))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with locks.try_hold("one") as held:
            assert not held
        other.kill()
    with locks.try_hold("one") as held:
        assert held
