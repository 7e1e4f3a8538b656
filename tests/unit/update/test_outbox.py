"""The ledger has the outcome of an update, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import StorageError
from camerad.update.update_file import FOLDER
from camerad.update.update_outbox import UpdateOutbox
from tests.unit.update.scene import NEW, OLD, Scene


class Ledger:
    """Takes entries, and refuses them while `refuses`."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.refuses = False

    def append(self, kind: str, **facts: Any) -> None:
        if self.refuses:
            raise StorageError("the card is gone")
        self.said.append((kind, facts))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


def outcomes(ledger: Ledger) -> list[str]:
    assert {kind for kind, _ in ledger.said} <= {"updated"}
    return [facts["outcome"] for _, facts in ledger.said]


def facts(scene: Scene, state: Path) -> UpdateOutbox:
    directory = Path(scene.kept.directory)
    assert directory.name == FOLDER
    return UpdateOutbox(directory.parent, str(state))


def test_what_happens_between_two_starts_and_while_it_runs_is_told(
    scene: Scene, state: Path
) -> None:
    ledger: Any = Ledger()
    scene.install()
    daemon = facts(scene, state)
    daemon.write_to(ledger)
    assert ledger.said == [
        ("updated", {"outcome": "to_try", "version": NEW, "before": OLD, "slot": "B"})
    ]
    daemon.write_to(ledger)
    scene.updates.begin_trial()
    daemon = facts(scene, state)
    daemon.write_to(ledger)
    scene.start("B", NEW)
    scene.updates.confirm_trial(scene.slot, scene.version)
    daemon.write_to(ledger)
    daemon.write_to(ledger)
    facts(scene, state).write_to(ledger)
    assert outcomes(ledger) == ["to_try", "confirmed"]


def test_a_ledger_that_does_not_take_it_is_told_again(scene: Scene, state: Path) -> None:
    ledger: Any = Ledger()
    scene.install()
    daemon = facts(scene, state)
    ledger.refuses = True
    with pytest.raises(StorageError):
        daemon.write_to(ledger)
    ledger.refuses = False
    daemon.write_to(ledger)
    assert outcomes(ledger) == ["to_try"]


def test_a_camera_without_updates_has_nothing_to_tell(scene: Scene, state: Path) -> None:
    ledger: Any = Ledger()
    UpdateOutbox(None, str(state)).write_to(ledger)
    facts(scene, state).write_to(ledger)
    assert ledger.said == []


def test_what_cannot_be_read_keeps_no_camera_from_recording(
    scene: Scene, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger: Any = Ledger()
    scene.install()
    path = Path(scene.kept.directory, "update.json")
    path.unlink()
    path.symlink_to("/proc/self/mem")
    facts(scene, state).write_to(ledger)
    assert ledger.said == []
