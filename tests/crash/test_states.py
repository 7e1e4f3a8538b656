"""A device and its office survive every loss of power that the model knows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.breadth import breadth
from tests.crash import runs
from tests.crash.model import Disk
from tests.crash.trace import Kind, Op
from tests.crash.workspace import Workspace

STATES = int(os.environ.get("CAMERAD_CRASH_STATES", breadth("2500", "5000")))
"""What `LIVES` lives have in any case; `python -m tests.crash` tries many more."""
LIVES = breadth(1, runs.LIVES)
"""One is on the kind of file system that keeps least; the others are on the other one, too, and
with a clock that is right."""
SEED = int(os.environ.get("CAMERAD_CRASH_SEED", "1"))


@pytest.mark.breadth
def test_nothing_promised_is_lost_in_any_crash_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = runs.try_states(STATES, SEED, lives=LIVES)
    with capsys.disabled():
        sys.stdout.write(f"\ncrash states: {tally}\n")
    assert [str(violation) for violation in tally.violations[:5]] == []
    assert tally.states >= STATES
    assert tally.lives >= LIVES
    # At few points there is more that may be left than is tried.
    assert tally.survey.sampled < 0.2 * tally.survey.complete
    assert tally.nested_states > 0
    assert tally.twice > 0


def test_a_life_is_recorded_whole() -> None:
    """What the operations add up to is what is there: nothing went by unrecorded."""
    with runs.lived(SEED) as life, runs.quiet():
        disk = Disk(life.before)
        for event in life.events:
            if isinstance(event, Op):
                disk.apply(event)
        assert disk.cached() == Workspace(life.root).read()
        kinds = {event.kind for event in life.events if isinstance(event, Op)}
    # Only the office's server gives a file one more name
    # (tests/unit/office/server/test_ingest_crash.py).
    assert kinds == set(Kind) - {Kind.SYNC_FILE, Kind.LINK}


_STRACE = shutil.which("strace")
_CALLS = {
    "pwritev": Kind.WRITE,
    "pwritev2": Kind.WRITE,
    "pwrite64": Kind.WRITE,
    "write": Kind.WRITE,
    "writev": Kind.WRITE,
    "ftruncate": Kind.TRUNCATE,
    "fallocate": Kind.ALLOCATE,
    "fchmod": Kind.MODE,
    "fdatasync": Kind.SYNC_DATA,
    "fsync": Kind.SYNC_DIRECTORY,
    "rename": Kind.RENAME,
    "renameat": Kind.RENAME,
    "unlink": Kind.UNLINK,
    "unlinkat": Kind.UNLINK,
    "mkdir": Kind.MKDIR,
    "mkdirat": Kind.MKDIR,
    "rmdir": Kind.RMDIR,
}
_SILENT = "link,linkat,symlink,symlinkat,truncate,renameat2,chmod"


@pytest.mark.skipif(_STRACE is None, reason="strace is not installed")
def test_the_kernel_saw_what_was_recorded_and_nothing_else(tmp_path: Path) -> None:
    log, root = tmp_path / "strace", tmp_path / "root"
    root.mkdir()
    traced = f"trace={','.join(_CALLS)},{_SILENT},openat"
    options = ["-f", "-y", "-qq", "-s", "0", "-e", traced, "-o", str(log)]
    done = subprocess.run(
        [_STRACE or "", *options, sys.executable, "-m", "tests.crash.life", str(root)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    recorded = Counter(
        {Kind[name]: int(count) for name, count in map(str.split, done.stdout.splitlines())}
    )
    seen: Counter[Kind] = Counter()
    for line in log.read_text().splitlines():
        call = line.split(maxsplit=1)[1]
        name = call.partition("(")[0]
        # A file without a name, as `storage.probe` uses one, never becomes part of any state.
        if str(root) not in call or " = -1 " in call or "(deleted)" in call:
            continue
        if name == "openat":
            seen[Kind.CREATE] += "O_CREAT" in call
            assert "O_TRUNC" not in call, call
        else:
            assert name in _CALLS, f"nothing records {call}"
            seen[_CALLS[name]] += 1
    seen[Kind.MKDIR] -= 1  # the office's directory, which is there before
    assert seen == recorded
