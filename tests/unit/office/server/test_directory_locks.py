"""Locks in the office's directory: one holder at a time, and nobody waits who does not want to."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from camerad.office.server.directory_locks import DirectoryLocks
from camerad.office.state.waiting_room import LockHeldError


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
        "from camerad.office.server.directory_locks import DirectoryLocks\n"
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


def test_who_waits_with_a_bound_is_told_when_it_is_over(tmp_path: Path) -> None:
    locks, others = DirectoryLocks(str(tmp_path)), DirectoryLocks(str(tmp_path))
    with locks.hold("one"):
        with pytest.raises(LockHeldError, match="'one'"), others.hold("one", 0.05):
            raise AssertionError("it was held twice")
        with others.hold("other", 0.05):
            pass
    with others.hold("one", 0.05), locks.try_hold("one") as held:
        assert not held


def test_a_file_that_somebody_removed_excludes_again_when_its_holder_has_ended(
    tmp_path: Path,
) -> None:
    locks, file = DirectoryLocks(str(tmp_path)), tmp_path / "office" / "lock"
    held, release = threading.Event(), threading.Event()

    def wait_for_it() -> None:
        with locks.hold("one"):
            held.set()
            assert release.wait(20)

    waiting = threading.Thread(target=wait_for_it)
    with locks.hold("one"):
        opened = len(os.listdir("/proc/self/fd"))
        waiting.start()
        while len(os.listdir("/proc/self/fd")) == opened:  # until it has opened the file
            pass
        file.unlink()
    assert held.wait(20)
    with locks.try_hold("one") as also:
        assert not also, "who waited holds the lock of the file that is there now"
    release.set()
    waiting.join(20)
    with locks.try_hold("one") as free:
        assert free


def test_what_goes_while_it_is_opened_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks, others = DirectoryLocks(str(tmp_path)), DirectoryLocks(str(tmp_path))
    opened = locks._open

    def then_it_goes() -> int:
        monkeypatch.setattr(locks, "_open", opened)
        descriptor = opened()
        os.unlink(tmp_path / "office" / "lock")
        return descriptor

    monkeypatch.setattr(locks, "_open", then_it_goes)
    with locks.try_hold("one") as held, others.try_hold("one") as again:
        assert (held, again) == (True, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_is_the_owner_s_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "office").mkdir()
    os.chown(tmp_path / "office", 12345, 12346)
    with DirectoryLocks(str(tmp_path)).hold("one"):
        pass
    state = (tmp_path / "office" / "lock").stat()
    assert (state.st_uid, state.st_gid, state.st_mode & 0o777) == (12345, 12346, 0o600)


def test_who_loses_the_race_to_make_the_file_takes_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, missing = os.open, [True]

    def opened(path: str, flags: int, *mode: int, **at: int) -> int:
        if path.endswith("/lock") and missing:
            missing.clear()
            os.close(really(path, os.O_CREAT | os.O_RDWR, 0o600))
            raise FileNotFoundError(path)
        return really(path, flags, *mode, **at)

    monkeypatch.setattr(os, "open", opened)
    with DirectoryLocks(str(tmp_path)).try_hold("one") as held:
        assert held and not missing
