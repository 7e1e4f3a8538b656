"""After a loss of power at any instant a replica in a directory is whole and locked, or not
there, and the next attempt completes it.

Every operation of the file system is a point at which the power may go, and any state that the
model of the storage (`tests.crash.model`) allows there is tried, torn pages included.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from state_helpers import state_in

from camerad.base import durable_files
from camerad.base.clock import DAY, ManualClock
from camerad.office.replicas import directory_store
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_store import Lock, read_back
from camerad.office.replicas.replicas import Replicas
from camerad.store.verified_copy import Digest
from tests.crash.model import Disk, Rules, Survey, Tree
from tests.crash.trace import Op, Recorder
from tests.crash.workspace import Workspace
from tests.unit.office.replicas.replica_scene import NAME, content, file_of

CONTENT = content(10_000)
WHOLE = Digest(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
CLOCK = ManualClock()
LOCK = Lock(CLOCK.wall_us() + DAY)
LATER = ManualClock(wall_us=CLOCK.wall_us() + 2 * DAY)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_store, "PART", 4096)


class World:
    """A directory of replicas in which one is made, and deleted when its day is over."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = file_of(root, CONTENT)
        self.tried = 0

    def live(self) -> None:
        directory = self.root / "second"
        directory.mkdir()
        recorder = Recorder(str(directory), sites=False)
        with recorder.recording():
            copies(directory, CLOCK).make(NAME, self.source, WHOLE, LOCK)
            self.made = len(recorder.ops)
            copies(directory, LATER).store.delete(NAME)
        self.ops, self.numbers = recorder.ops, recorder.numbers

    def states(self, rules: Rules) -> Iterator[tuple[int, Tree]]:
        """How many operations were done, and what a loss of power may leave then, each once."""
        disk, random, seen = Disk(Tree(), self.numbers, rules), Random(1), set[tuple[bool, int]]()
        for done in range(len(self.ops) + 1):
            if done:
                op = self.ops[done - 1]
                assert isinstance(op, Op)
                disk.apply(op)
            for tree in disk.states(24, 4, random, Survey()):
                # What is promised depends on whether the copy was made, and was being deleted.
                key = (done >= self.made, tree.fingerprint())
                if key not in seen:
                    seen.add(key)
                    yield done, tree

    def judge(self, rules: Rules) -> None:
        for done, tree in self.states(rules):
            self.tried += 1
            state = self.root / "state"
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir()
            Workspace(str(state)).show(tree)
            found = copies(state, CLOCK)
            there = [tuple(one) for one in found.store.list_copies()]
            assert there in ([], [(NAME, len(CONTENT))]), "half of a copy"
            if there and done <= self.made:
                assert read_back(found.store, NAME) == WHOLE
                assert found.store.lock_of(NAME) == LOCK, "a copy without its lock"
            if done == self.made:
                assert there, "what was called made is not there"
            if done < self.made:
                found.make(NAME, self.source, WHOLE, LOCK)
                assert read_back(found.store, NAME) == WHOLE
                assert found.store.lock_of(NAME) == LOCK
                assert not list(state.rglob("*.new"))
            else:
                copies(state, LATER).store.delete(NAME)
                assert list(state.iterdir()) == []


def copies(directory: Path, clock: ManualClock) -> Replicas:
    office = str(directory.parent / "archive")  # its locks are of no interest either
    made = Replicas(DirectoryStore(str(directory), clock), clock, state_in(office))
    made._probed = True  # what the probe writes is of no interest here
    return made


@pytest.mark.parametrize("rules", Rules)
def test_o3_at_every_operation_a_copy_is_whole_and_locked_or_not_there(
    tmp_path: Path, rules: Rules
) -> None:
    world = World(tmp_path)
    world.live()
    world.judge(rules)
    assert world.tried >= 20


@pytest.mark.parametrize("what", ["the lock", "the bytes"])
def test_a_name_before_that_is_durable_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    sync = durable_files.sync

    def careless(descriptor: int, path: str) -> None:
        if (".lock" in path) != (what == "the lock"):
            sync(descriptor, path)

    monkeypatch.setattr(durable_files, "sync", careless)
    world = World(tmp_path)
    world.live()
    with pytest.raises((AssertionError, OSError)):
        world.judge(Rules.HARSH)
