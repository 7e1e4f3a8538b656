"""After a loss of power at any instant an upload has what counted, and nothing that did not come.

A random client works; at any operation of the file system the power may go, and any state that the
model of the storage (`tests.crash.model`) allows may be left. The next server begins there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from state_helpers import refused

from camerad.base import durable_files
from camerad.base.clock import ManualClock
from camerad.container.keys import Thumbprint
from camerad.office.server.part_upload import PartUpload
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import Declaration, Upload, Uploads
from tests.crash.model import Disk, Rules, Survey, Tree
from tests.crash.rows import NONE, Commit, CommittedRows, UploadRows
from tests.crash.trace import Op, Recorder
from tests.crash.workspace import Workspace

KID, FINAL = "k" * 43, "ab" * 32
IDS = [f"20261128T120000Z-{count:06d}-0123abcd" for count in (1, 2)]
LENGTH = 9000
WHOLE = {one: Random(one).randbytes(LENGTH) for one in IDS}
LIMITS = UploadLimits(reserve=0)


class Client(RuleBasedStateMachine):
    """acknowledged: bytes of each upload that the server called durable. open: what the operations
    since the last start may have changed it to besides."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="uploads-"))
        self.tree, self.life = Tree(), 0
        self.rows = UploadRows(self.root / "state")
        self.acknowledged: dict[str, int | None] = dict.fromkeys(IDS)

    @initialize(rules=st.sampled_from(Rules))
    def begin(self, rules: Rules) -> None:
        self.rules = rules
        self._start(Tree(), NONE)

    def _uploads(self, directory: Path) -> Uploads:
        return Uploads(str(directory), self.rows.state, LIMITS, ManualClock())

    def _start(self, tree: Tree, rows: CommittedRows) -> None:
        """A server begins on what the storage has."""
        self.life += 1
        directory = self.root / str(self.life)
        directory.mkdir()
        Workspace(str(directory)).show(tree)
        self.tree, self.began = tree, rows
        self.rows.show(rows)
        self.recorder = Recorder(str(directory), sites=False)
        self.uploads = self._uploads(directory)
        self.promised: list[tuple[int, dict[str, int | None]]] = []
        self._promise()
        with self.rows.recording(self.recorder):
            self.uploads.tidy()

    def _promise(self) -> None:
        self.promised.append((len(self.recorder.events), dict(self.acknowledged)))

    @rule(recording=st.sampled_from(IDS))
    def declare(self, recording: str) -> None:
        with self.rows.recording(self.recorder):
            offset = self.uploads.declare(KID, Declaration(recording, FINAL, LENGTH))
        assert offset == (self.acknowledged[recording] or 0)
        self.acknowledged[recording] = offset
        self._promise()

    @rule(
        recording=st.sampled_from(IDS),
        length=st.integers(1, 5000),
        end=st.sampled_from(["finished", "finished", "forged", "given up"]),
    )
    def send(self, recording: str, length: int, end: str) -> None:
        offset = self.acknowledged[recording]
        if offset is None or offset == LENGTH:
            return
        body = WHOLE[recording][offset : offset + length]
        if end != "finished":
            body = bytes(byte ^ 0xFF for byte in body)
        with self.rows.recording(self.recorder):
            part = self.uploads.begin(KID, recording, offset)
            part.write(body[: length // 2])
            part.write(body[length // 2 :])
            if end == "finished":
                offset = part.finish(hashlib.sha256(body).digest())
            elif end == "forged":
                with refused(UploadRefusal.WRONG_BODY):
                    part.finish(hashlib.sha256(WHOLE[recording]).digest())
            part.close()
        self.acknowledged[recording] = offset
        self._promise()

    @rule(recording=st.sampled_from(IDS))
    def remove(self, recording: str) -> None:
        with self.rows.recording(self.recorder):
            self.uploads.remove(KID, recording)
        self.acknowledged[recording] = None
        self._promise()

    @rule(seed=st.integers(0, 2**32), at=st.floats(0, 1))
    def lose_power(self, seed: int, at: float) -> None:
        """at: which part of what the server did is done by then."""
        random = Random(seed)
        done = round(at * len(self.recorder.events))
        disk, rows = Disk(self.tree, self.recorder.numbers, self.rules), self.began
        for event in self.recorder.events[:done]:
            if isinstance(event, Op):
                disk.apply(event)
            elif isinstance(event, Commit):
                rows = event.rows
        before = [said for count, said in self.promised if count <= done][-1]
        after = next((said for count, said in self.promised if count > done), before)
        states = list(disk.states(12, 4, random, Survey()))
        for tree in random.sample(states, min(len(states), 4)):
            left = self._look(tree, rows)
            for recording in IDS:
                assert left[recording] in (before[recording], after[recording])
        tree = random.choice(states)
        self.acknowledged = self._look(tree, rows)
        self._start(tree, rows)

    def _look(self, tree: Tree, rows: CommittedRows) -> dict[str, int | None]:
        """How far the uploads are in a state, whose bytes are compared."""
        directory = Path(tempfile.mkdtemp(dir=self.root))
        Workspace(str(directory)).show(tree)
        self.rows.show(rows)
        uploads = self._uploads(directory)
        found: dict[str, int | None] = {}
        for recording in IDS:
            try:
                offset = found[recording] = uploads.find(KID, recording).came
            except UploadError:
                found[recording] = None
                continue
            content = Path(uploads.content_path(KID, recording))
            there = content.read_bytes() if content.exists() else b""
            assert there[:offset] == WHOLE[recording][:offset]
        assert {one.recording for _, one in uploads.complete()} == {
            recording for recording, offset in found.items() if offset == LENGTH
        }
        return found

    def teardown(self) -> None:
        self.rows.close()
        shutil.rmtree(self.root)


TestClient = Client.TestCase
TestClient.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def hard_client(rules: Rules) -> None:
    """Two parts, and the power goes at every operation: every instant, many states each."""
    client = Client()
    try:
        client.begin(rules)
        client.declare(IDS[0])
        client.send(IDS[0], 4000, "given up")
        client.send(IDS[0], 5000, "finished")
        client.send(IDS[0], 4000, "finished")
        client.declare(IDS[1])
        client.remove(IDS[0])
        client.declare(IDS[0])
        life = client.recorder, client.tree, client.began, client.promised
        events = len(client.recorder.events)
        for at in range(events + 1):
            client.recorder, client.tree, client.began, client.promised = life
            client.lose_power(at, at / events)
    finally:
        client.teardown()


@pytest.mark.parametrize("rules", Rules)
def test_at_every_operation_what_counted_is_there(rules: Rules) -> None:
    hard_client(rules)


def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer before the database has the part."""
    monkeypatch.setattr(Uploads, "_count", lambda *_: None)


def unsynced_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_files, "sync", lambda *_: None)


def unsynced_names(monkeypatch: pytest.MonkeyPatch) -> None:
    synced = durable_files.sync_directory

    def careless(directory: str) -> None:
        if os.path.basename(directory) not in IDS:
            synced(directory)

    monkeypatch.setattr(durable_files, "sync_directory", careless)


def given_up_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def count_all(part: PartUpload) -> None:
        durable_files.sync(part._descriptor, part._path)
        with contextlib.suppress(UploadError):
            part._on_finish(part._end, b"")
        durable_files.close(part._descriptor, part._path)
        part._on_close()

    monkeypatch.setattr(PartUpload, "close", count_all)


def resumed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file ends, and not where it counts: bytes that were compared with nothing."""
    real = Uploads._find

    def by_size(uploads: Uploads, kid: Thumbprint, recording: str) -> Upload | None:
        found, path = real(uploads, kid, recording), uploads.content_path(kid, recording)
        if found is None or not os.path.exists(path):
            return found
        return msgspec.structs.replace(found, came=os.path.getsize(path))

    monkeypatch.setattr(Uploads, "_find", by_size)
    monkeypatch.setattr(durable_files, "truncate", lambda *_: None)


def removed_before_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Uploads.remove

    def hasty(uploads: Uploads, kid: Thumbprint, recording: str) -> None:
        uploads._remove_files(kid, recording)
        real(uploads, kid, recording)

    monkeypatch.setattr(Uploads, "remove", hasty)


def left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of a part that does not count stay, and the next one is written behind them."""
    monkeypatch.setattr(durable_files, "truncate", lambda *_: None)
    real = PartUpload.__init__

    def begun(part: PartUpload, path: str, begin: int, *rest: Any, **more: Any) -> None:
        real(part, path, begin, *rest, **more)
        part._end = max(begin, os.path.getsize(path))

    monkeypatch.setattr(PartUpload, "__init__", begun)


@pytest.mark.parametrize(
    "mistake",
    [
        uncounted,
        unsynced_bytes,
        unsynced_names,
        given_up_and_counted,
        resumed_at_the_end,
        removed_before_the_row,
        left_behind,
    ],
)
def test_a_planted_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, mistake: Callable[[pytest.MonkeyPatch], None]
) -> None:
    mistake(monkeypatch)
    with pytest.raises((AssertionError, UploadError)):
        hard_client(Rules.HARSH)
