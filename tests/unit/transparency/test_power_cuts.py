"""Power is lost at any instant, at the office or its camera: no two checkpoints of one size are
ever signed, no camera accuses its office, and both go on."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from camerad.container.keys import SigningKey
from camerad.transparency import checkpoints, tree_files
from camerad.transparency.checkpoints import Checkpoint, SignedCheckpoint
from tests.breadth import breadth
from tests.crash.model import Disk, Rules, Survey
from tests.crash.trace import Recorder
from tests.crash.workspace import Workspace
from tests.unit.transparency.test_witness import Scene

LIMIT, TORN = breadth((6, 1), (24, 4))
"""States at each point."""


@pytest.mark.breadth
@pytest.mark.parametrize("rules", list(Rules))
def test_whenever_the_power_goes_both_go_on(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Complete subtrees of four leaves instead of 256 have files, so that they grow here.
    monkeypatch.setattr(tree_files, "STEP", 2)
    monkeypatch.setattr(tree_files, "_WIDTH", 4)
    signed: list[Checkpoint] = []
    sign = checkpoints.sign

    def signing(key: SigningKey, checkpoint: Checkpoint) -> SignedCheckpoint:
        signed.append(checkpoint)
        return sign(key, checkpoint)

    monkeypatch.setattr(checkpoints, "sign", signing)
    root = tmp_path / "life"
    scene = Scene(root)
    scene.work(2)
    tree = Workspace(str(root)).read()
    recorder = Recorder(str(root), sites=False)
    before = {0: tuple(signed)}
    with recorder.recording():
        for count in (1, 2, 1):
            scene.work(count)
            assert scene.check_in() is None
            before[len(recorder.ops)] = tuple(signed)
    disk, random, seen = Disk(tree, recorder.numbers, rules), Random(1), set[int]()
    for done, op in enumerate(recorder.ops, 1):
        disk.apply(op)
        # What was signed at the latest when the last step before was over.
        earlier = next(before[at] for at in reversed(before) if at <= done)
        for state in disk.states(LIMIT, TORN, random, Survey()):
            if (fingerprint := state.fingerprint()) in seen:
                continue
            seen.add(fingerprint)
            again = tmp_path / "state"
            shutil.rmtree(again, ignore_errors=True)
            again.mkdir()
            Workspace(str(again)).show(state)
            signed.clear()
            after = Scene(again)
            after.written = 1_000
            for count in (0, 1, 5):
                after.work(count)
                assert after.check_in() is None
            assert "office_disputed" not in after.kinds()
            after.office.ledger.close()
            after.camera.ledger.close()
            roots = {(one.origin, one.size): one.root for one in earlier}
            for one in signed:
                assert roots.setdefault((one.origin, one.size), one.root) == one.root
    assert len(seen) > 50
