"""A loss of power at every instant of `apply`, in every way that the model of tests/crash knows.

The state that is left is put before `apply` once more, as the next start does. Whatever it is, the
camera has then been set up whole, once, and nothing of the file is left on the card.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from camerad.base.errors import ConfigError
from camerad.config import load
from camerad.provisioning import orders, provisioning_state, provisioning_status
from camerad.provisioning.apply import ApplyOutcome
from camerad.provisioning.card_report import NAME as REPORT
from camerad.provisioning.provisioning_status import ProvisioningStatus
from tests.crash.model import Disk, Rules, Survey, Tree
from tests.crash.runs import FAST
from tests.crash.trace import Op, Recorder
from tests.crash.workspace import Workspace
from tests.unit.provisioning.scene import CAMERA, DESK, OFFICE, SECRET, WIFI, Scene, document, raw

FILE = document(6, f"{WIFI}language: en\n# {'x' * 9000}\n", camera=CAMERA)
"""Three pages, so that it can be overwritten in part."""
EACH = 10
"""States that are tried after each operation, where there are more than so many."""


@pytest.fixture
def fast() -> Iterator[Path]:
    """A directory in memory."""
    with tempfile.TemporaryDirectory(dir=FAST, prefix="camerad-provision-") as place:
        yield Path(place)


def lived(scene: Scene) -> tuple[Tree, Recorder]:
    """The tree before `apply`, and what that did."""
    tree = Workspace(str(scene.root)).read()
    recorder = Recorder(str(scene.root))
    with recorder.recording():
        assert scene.apply() is ApplyOutcome.APPLIED
    return tree, recorder


def states(tree: Tree, recorder: Recorder, rules: Rules) -> Iterator[tuple[Op, Tree]]:
    """Every state that a loss of power may leave after each of the operations."""
    disk, random = Disk(tree, recorder.numbers, rules), Random(1)
    for op in recorder.ops:
        disk.apply(op)
        for state in disk.states(EACH, 4, random, Survey()):
            yield op, state


def restarted(root: Path, state: Tree) -> Scene:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    Workspace(str(root)).show(state)
    return Scene(root, CAMERA)


def judge(scene: Scene, serials: list[int]) -> None:
    """What must hold once the start after a loss of power has come to its end."""
    assert scene.on_card == {REPORT}
    assert scene.report.splitlines()[1] == "SET UP as camera-07."
    assert scene.pinned() == raw(OFFICE)
    settings = load(scene.data / provisioning_state.CONFIG)
    assert (settings.recipients, settings.self_view.language) == ((DESK,), "en")
    assert (scene.data / provisioning_state.WIFI).is_file()
    assert [order.serial for order in scene.orders] == serials
    assert scene.status is not ProvisioningStatus.REFUSED
    there = {path.name for path in scene.data.iterdir()}
    wanted = {
        provisioning_status.ACCEPTED,
        provisioning_state.CONFIG,
        provisioning_state.NETWORK,
        provisioning_state.WIFI,
        provisioning_state.PUBLISH,
        orders.NAME,
    }
    assert there == wanted
    for path in (*scene.boot.iterdir(), *scene.data.iterdir()):
        assert SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("rules", Rules)
@pytest.mark.parametrize("first", [True, False])
def test_a_cut_at_any_instant_leaves_a_camera_that_is_set_up_whole_at_the_next_start(
    first: bool, rules: Rules, scene: Scene, fast: Path
) -> None:
    if first:
        scene.camera = CAMERA
        scene.apply()
    else:
        scene.set_up(5)
    before = scene.config.encode()
    scene.put(FILE)
    tree, recorder = lived(scene)
    after = scene.config.encode()
    tried = set()
    for op, state in states(tree, recorder, rules):
        if state.fingerprint() in tried:
            continue
        tried.add(state.fingerprint())
        assert state.files["data/camerad.yaml"].data in (before, after), op
        again = restarted(fast / "again", state)
        # Nothing is left to do where only the last directory was not synchronised.
        assert again.apply() in {ApplyOutcome.APPLIED, ApplyOutcome.NOTHING}, op
        judge(again, [6] if first else [5, 6])
    assert len(tried) > 30, "the operations of one life leave more states than that"


def test_the_model_finds_what_is_not_synchronised(scene: Scene, fast: Path) -> None:
    """Or the test before could not fail: without the syncs, decisions and files are lost."""
    scene.camera = CAMERA
    scene.put(FILE)
    tree, recorder = lived(scene)
    recorder.events[:] = [op for op in recorder.ops if not op.kind.startswith("sync")]

    def is_lost(state: Tree) -> bool:
        again = restarted(fast / "again", state)
        try:
            again.apply()
            judge(again, [6])
        except (AssertionError, ConfigError, OSError):
            return True
        return False

    # From behind: that is where most is not on the storage yet.
    found = [state for _, state in states(tree, recorder, Rules.HARSH)]
    assert any(map(is_lost, reversed(found)))
