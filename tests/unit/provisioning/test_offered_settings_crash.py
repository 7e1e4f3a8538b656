"""A loss of power at every instant at which settings come through the dock and take effect.

In every way that the model of tests/crash knows. Before the next start the camera has the whole
offer or none; afterwards it is as it was or as the file says, and the office is told right.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camerad.provisioning import settings_offer, signing
from camerad.provisioning.apply import ApplyOutcome, apply
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.card_report import NAME as REPORT
from camerad.provisioning.offered_settings import OfferedSettings
from camerad.provisioning.provisioning_state import ProvisioningState
from camerad.provisioning.validation import digest
from tests.crash.model import Rules, Tree
from tests.crash.runs import FAST
from tests.crash.trace import Recorder
from tests.crash.workspace import Workspace
from tests.unit.provisioning.scene import CAMERA, OFFICE, WIFI, Scene, document
from tests.unit.provisioning.test_applying_crash import restarted, states

FILE = document(6, f"{WIFI}language: en\n# {'x' * 9000}\n", camera=CAMERA)
OFFER = settings_offer.join(FILE, signing.sign(OFFICE, FILE))


@pytest.fixture
def fast() -> Iterator[Path]:
    """A directory in memory."""
    with tempfile.TemporaryDirectory(dir=FAST, prefix="camerad-offer-") as place:
        yield Path(place)


def take(scene: Scene) -> None:
    assert OfferedSettings(str(scene.state), scene.data).take(OFFER, CAMERA) is None


def start(scene: Scene) -> ApplyOutcome:
    card, kept = BootPartition(str(scene.boot)), ProvisioningState(str(scene.data))
    offer = settings_offer.read_offer(str(scene.state))
    return apply(card, kept, scene.camera, programs=str(scene.programs), offer=offer)


def recorded(scene: Scene, *steps: Callable[[Scene], object]) -> tuple[Tree, Recorder]:
    tree = Workspace(str(scene.root)).read()
    recorder = Recorder(str(scene.root))
    with recorder.recording():
        for step in steps:
            step(scene)
    return tree, recorder


@pytest.mark.parametrize("rules", Rules)
def test_what_came_waits_whole_or_not_at_all(rules: Rules, scene: Scene, fast: Path) -> None:
    scene.set_up(5)
    tree, recorder = recorded(scene, take)
    tried = 0
    for op, state in states(tree, recorder, rules):
        again = restarted(fast / "again", state)
        assert settings_offer.read_offer(str(again.state)) in (None, OFFER), op
        take(again)  # the client brings it once more
        assert start(again) is ApplyOutcome.APPLIED, op
        assert again.orders[-1].serial == 6
        tried += 1
    assert tried > 5


@pytest.mark.parametrize("rules", Rules)
def test_what_waits_takes_effect_once(rules: Rules, scene: Scene, fast: Path) -> None:
    scene.set_up(5)
    take(scene)
    before = scene.config.encode()
    tree, recorder = recorded(
        scene, start, lambda scene: OfferedSettings(str(scene.state), scene.data).status()
    )
    after = scene.config.encode()
    tried = set()
    for op, state in states(tree, recorder, rules):
        if state.fingerprint() in tried:
            continue
        tried.add(state.fingerprint())
        assert state.files["data/camerad.yaml"].data in (before, after), op
        again = restarted(fast / "again", state)
        assert start(again) in {ApplyOutcome.APPLIED, ApplyOutcome.NOTHING}, op
        status = OfferedSettings(str(again.state), again.data).status()
        assert (status.waiting, status.refused) == (None, ()), op
        assert status.running is not None and status.running.sha256 == digest(FILE), op
        assert [order.serial for order in again.orders] == [5, 6], op
        assert "language: en" in again.config
        assert again.on_card == {REPORT}
    assert len(tried) > 20
