"""After a loss of power at any instant an upload has what counted, and nothing that did not come.

A random client works; at any operation of the file system the power may go, and any state that the
model of the storage (`tests.crash.model`) allows may be left. The next server begins there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from state_helpers import refused, state_in

from camerad.base import durable_files
from camerad.base.clock import ManualClock
from camerad.base.errors import StorageError
from camerad.office.server.part_upload import PartUpload
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.upload_files import Declaration, UploadFiles, UploadProgress
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import Uploads
from tests.crash.model import Disk, Rules, Survey, Tree
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
        (self.root / "state").mkdir()
        self.state = state_in(self.root / "state")
        self.acknowledged: dict[str, int | None] = dict.fromkeys(IDS)

    @initialize(rules=st.sampled_from(Rules))
    def begin(self, rules: Rules) -> None:
        self.rules = rules
        self._start(Tree())

    def _start(self, tree: Tree) -> None:
        """A server begins on what the storage has."""
        self.life += 1
        directory = self.root / str(self.life)
        directory.mkdir()
        Workspace(str(directory)).show(tree)
        self.tree = tree
        self.recorder = Recorder(str(directory), sites=False)
        self.uploads = Uploads(str(directory), self.state, LIMITS, ManualClock())
        self.promised: list[tuple[int, dict[str, int | None]]] = []
        self._promise()
        with self.recorder.recording():
            self.uploads.tidy()

    def _promise(self) -> None:
        self.promised.append((len(self.recorder.events), dict(self.acknowledged)))

    @rule(recording=st.sampled_from(IDS))
    def declare(self, recording: str) -> None:
        with self.recorder.recording():
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
        with self.recorder.recording():
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
        with self.recorder.recording():
            self.uploads.remove(KID, recording)
        self.acknowledged[recording] = None
        self._promise()

    @rule(seed=st.integers(0, 2**32), at=st.floats(0, 1))
    def lose_power(self, seed: int, at: float) -> None:
        """at: which part of what the server did is done by then."""
        random = Random(seed)
        events = [event for event in self.recorder.events if isinstance(event, Op)]
        done = round(at * len(events))
        disk = Disk(self.tree, self.recorder.numbers, self.rules)
        for event in events[:done]:
            disk.apply(event)
        before = [said for count, said in self.promised if count <= done][-1]
        after = next((said for count, said in self.promised if count > done), before)
        states = list(disk.states(12, 4, random, Survey()))
        for tree in random.sample(states, min(len(states), 4)):
            left = self._look(tree)
            for recording in IDS:
                assert left[recording] in (before[recording], after[recording])
        tree = random.choice(states)
        self.acknowledged = self._look(tree)
        self._start(tree)

    def _look(self, tree: Tree) -> dict[str, int | None]:
        """How far the uploads are in a state, whose bytes are compared."""
        directory = Path(tempfile.mkdtemp(dir=self.root))
        Workspace(str(directory)).show(tree)
        uploads = Uploads(str(directory), self.state, LIMITS, ManualClock())
        found: dict[str, int | None] = {}
        for recording in IDS:
            try:
                offset = found[recording] = uploads.offset(KID, recording)
            except UploadError:
                found[recording] = None
                continue
            content = Path(uploads.content_path(KID, recording)).read_bytes()
            assert content[:offset] == WHOLE[recording][:offset]
        assert {one.recording for _, one in uploads.complete()} == {
            recording for recording, offset in found.items() if offset == LENGTH
        }
        return found

    def teardown(self) -> None:
        self.state.close()
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
        events = len(client.recorder.events)
        record, tree, promised = client.recorder, client.tree, client.promised
        for at in range(events + 1):
            client.recorder, client.tree, client.promised = record, tree, promised
            client.lose_power(at, at / events)
    finally:
        client.teardown()


@pytest.mark.parametrize("rules", Rules)
def test_at_every_operation_what_counted_is_there(rules: Rules) -> None:
    hard_client(rules)


def test_an_offset_that_is_written_before_its_bytes_are_durable_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync = durable_files.sync

    def careless(descriptor: int, path: str) -> None:
        if not path.endswith("/content"):
            sync(descriptor, path)

    monkeypatch.setattr(durable_files, "sync", careless)
    with pytest.raises(AssertionError):
        hard_client(Rules.HARSH)


def test_an_answer_before_the_offset_is_durable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sync = durable_files.sync

    def careless(descriptor: int, path: str) -> None:
        if not path.endswith("/offset"):
            sync(descriptor, path)

    monkeypatch.setattr(durable_files, "sync", careless)
    with pytest.raises(AssertionError):
        hard_client(Rules.HARSH)


def test_a_declaration_whose_files_are_not_durable_yet_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced = durable_files.sync_directory

    def careless(directory: str) -> None:
        if os.path.basename(directory) not in IDS:
            synced(directory)

    monkeypatch.setattr(durable_files, "sync_directory", careless)
    with pytest.raises((AssertionError, StorageError)):
        hard_client(Rules.HARSH)


def test_a_part_that_counts_though_it_was_given_up_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def count_all(part: PartUpload) -> None:
        durable_files.sync(part._descriptor, part._files.content)
        part._files.note(part._progress, part._end, 0)
        durable_files.close(part._descriptor, part._files.content)
        part._on_close()

    monkeypatch.setattr(PartUpload, "close", count_all)
    with pytest.raises((AssertionError, UploadError)):
        hard_client(Rules.HARSH)


def test_a_resume_where_the_file_ends_and_not_where_it_counts_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted mistake "resume at a wrong offset", of the server: bytes that nobody compared."""
    real = UploadFiles.progress

    def by_size(files: UploadFiles) -> UploadProgress:
        said = real(files)
        return UploadProgress(os.path.getsize(files.content), said.wall_us, said.number)

    monkeypatch.setattr(UploadFiles, "progress", by_size)
    with pytest.raises((AssertionError, UploadError)):
        hard_client(Rules.HARSH)
