"""An update from its bundle to its end, on a card in a directory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import EX_REBOOT, StorageError
from camerad.behaviour.update import Begun, CameraStatus, UpdatePhase, other
from camerad.update import updater
from camerad.update.boot_selection import NAME, PARTITIONS, SIZE, Autoboot
from camerad.update.errors import (
    BundleRefusedError,
    TrialFailedError,
    UpdateError,
    UpdateNotNowError,
)
from camerad.update.rauc import Rauc
from camerad.update.update_file import MOST, PENDING, open_update_file
from camerad.update.updater import Updater
from tests.unit.update.scene import DOCKED, NEW, OLD, PlayedRauc, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def outcomes(scene: Scene) -> list[str]:
    return [fact.outcome for fact in scene.kept.read().facts]


def begun_only(carry_out: Callable[..., Any]) -> Callable[..., Any]:
    """As `Updater._carry_out` of a process that is killed in the middle."""
    return lambda self, event: carry_out(self, event) if isinstance(event, Begun) else ()


def pending(scene: Scene) -> bool:
    return os.path.exists(os.path.join(scene.kept.directory, PENDING))


def test_an_update_from_its_bundle_to_the_system_that_starts_by_default(scene: Scene) -> None:
    scene.install()
    assert scene.card.primary == "A", "nothing starts by default before it was tried"
    assert (scene.kept.state.phase, scene.kept.state.slot) == (UpdatePhase.TO_TRY, "B")
    scene.updates.begin_trial()
    assert scene.start("B", NEW) == "trying"
    assert scene.card.primary == "A"
    assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.CONFIRMED
    assert scene.card.primary == "B"
    assert outcomes(scene) == ["to_try", "confirmed"]
    assert not pending(scene), "an ordinary start has nothing to look at"
    (_, last) = scene.kept.read().facts
    assert (last.version, last.before, last.slot) == (NEW, OLD, "B")


def test_and_back_again(scene: Scene) -> None:
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", NEW)
    scene.updates.confirm_trial(scene.slot, scene.version)
    scene.install(scene.rauc(OLD))
    scene.updates.begin_trial()
    assert scene.start("A", OLD) == "trying"
    assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.CONFIRMED
    assert scene.card.primary == "A"
    assert len(outcomes(scene)) == 4


def test_a_system_that_never_came_up_is_given_up(scene: Scene) -> None:
    scene.install()
    scene.updates.begin_trial()
    assert scene.start("A", OLD) == "fell_back"
    assert outcomes(scene) == ["to_try", "fell_back"]
    assert not pending(scene)
    # The stick is still there, and must not begin it anew for ever.
    with pytest.raises(BundleRefusedError, match="tried in vain"):
        scene.install()
    scene.install(again=True)
    assert scene.kept.state.phase is UpdatePhase.TO_TRY


@pytest.mark.parametrize(
    ("camera", "faults", "why"),
    [
        (None, (), "its daemon does not answer"),
        (DOCKED, None, "no report"),
        (DOCKED, ("camera: camera_dark",), "camera_dark"),
    ],
)
def test_a_system_on_trial_that_does_not_work_has_the_machine_start_the_former_one(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    camera: CameraStatus | None,
    faults: tuple[str, ...] | None,
    why: str,
) -> None:
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", NEW)
    scene.camera, scene.faults = camera, faults
    with pytest.raises(TrialFailedError, match=why):
        scene.updates.confirm_trial(scene.slot, scene.version, ready_seconds=0)
    assert scene.card.primary == "A"
    assert scene.start("A", OLD) == "fell_back"


@pytest.mark.parametrize(
    "camera",
    [
        CameraStatus("idle", ()),
        CameraStatus("recording", ()),
        CameraStatus("recording", ("docked",)),
    ],
    ids=str,
)
@pytest.mark.parametrize("version", [NEW, "0.1.5-3"])
def test_a_trial_that_fails_reboots_no_camera_that_somebody_uses(
    scene: Scene, camera: CameraStatus, version: str
) -> None:
    """It was taken out of its dock while the doctor looked, and may be recording."""
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", version)
    scene.camera, scene.faults = camera, ("camera: camera_dark",)
    with pytest.raises(UpdateNotNowError, match=r"\. The camera does not start anew now, because"):
        scene.updates.confirm_trial(scene.slot, scene.version)
    assert scene.card.primary == "A"
    assert scene.start("A", OLD) == "fell_back"


def test_another_version_than_was_judged_is_not_kept(scene: Scene) -> None:
    """A stick that gives one bundle to be looked at, and another one to be installed."""
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", "0.1.5-3")
    with pytest.raises(TrialFailedError, match=f"'0.1.5-3' runs in the place of {NEW}"):
        scene.updates.confirm_trial(scene.slot, scene.version)
    assert scene.card.primary == "A"
    assert scene.start("A", OLD) == "fell_back"
    assert outcomes(scene) == ["to_try", "fell_back"]


def test_a_daemon_on_trial_is_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", NEW)
    scene.camera = None

    def passes(_seconds: float) -> None:
        scene.camera = DOCKED

    monkeypatch.setattr(updater.time, "sleep", passes)
    assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.CONFIRMED


@pytest.mark.parametrize("comes", [True, False])
def test_the_camera_of_a_daemon_on_trial_is_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, comes: bool
) -> None:
    """The doctor would find it missing, while it is still being opened."""
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", NEW)
    scene.camera, scene.faults = CameraStatus("starting", ("docked",)), ("camera: camera_down",)

    def passes(_seconds: float) -> None:
        scene.camera, scene.faults = DOCKED, ()

    monkeypatch.setattr(updater.time, "sleep", passes)
    if comes:
        assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.CONFIRMED
        return
    with pytest.raises(UpdateNotNowError, match="camera: camera_down"):
        scene.updates.confirm_trial(scene.slot, scene.version, ready_seconds=-1)


def test_what_the_doctor_found_before_is_no_fault_of_the_update_s(scene: Scene) -> None:
    scene.faults = ("display: display_dark",)
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", NEW)
    assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.CONFIRMED


def test_without_the_doctor_s_report_nothing_is_installed(scene: Scene) -> None:
    scene.faults = None
    with pytest.raises(UpdateNotNowError, match="the doctor's report could not be made"):
        scene.install()
    assert scene.kept.state.phase is UpdatePhase.IDLE
    assert outcomes(scene) == []


def test_a_system_that_cannot_be_committed_is_not_kept(scene: Scene) -> None:
    scene.install()
    scene.updates.begin_trial()
    scene.start("B", NEW)
    path = scene.root / "boot" / NAME
    path.rename(scene.root / "away")
    with pytest.raises(TrialFailedError, match="cannot be kept"):
        scene.updates.confirm_trial(scene.slot, scene.version)
    assert TrialFailedError("").exit_code == EX_REBOOT, "what the unit reboots for"
    (scene.root / "away").rename(path)
    assert scene.start("A", OLD) == "fell_back"


def test_only_the_system_on_trial_is_confirmed(scene: Scene) -> None:
    assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.IDLE
    scene.install()
    assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.TO_TRY
    scene.updates.begin_trial()
    assert scene.updates.confirm_trial(scene.slot, scene.version) is UpdatePhase.TRYING, (
        "in slot A there is no trial"
    )
    assert scene.card.primary == "A"


@pytest.mark.parametrize(
    "camera", [None, CameraStatus("idle", ()), CameraStatus("recording", ("docked",))], ids=str
)
def test_nothing_begins_while_the_camera_is_worn_or_records(
    scene: Scene, camera: CameraStatus | None
) -> None:
    scene.camera = camera
    with pytest.raises(UpdateNotNowError):
        scene.install()
    assert scene.kept.state.phase is UpdatePhase.IDLE
    scene.camera = DOCKED
    scene.install()
    scene.camera = camera
    with pytest.raises(UpdateNotNowError):
        scene.updates.begin_trial()
    assert scene.kept.state.phase is UpdatePhase.TO_TRY


def test_a_trial_needs_something_to_try(scene: Scene) -> None:
    with pytest.raises(UpdateNotNowError, match="no update waits"):
        scene.updates.begin_trial()


def test_an_installation_ends_when_the_camera_is_taken(scene: Scene) -> None:
    rauc = scene.rauc()

    def taken() -> None:
        scene.camera = CameraStatus("idle", ())

    rauc.meanwhile = taken
    with pytest.raises(UpdateError, match="not in its dock"):
        scene.install(rauc)
    assert scene.kept.state.phase is UpdatePhase.IDLE
    assert not pending(scene)
    assert scene.start("A", OLD) == "idle"


def test_an_installation_that_was_killed_keeps_no_other_from_beginning(scene: Scene) -> None:
    """Whoever pulls out the stick has systemd end the command, which says nothing any more."""

    class Killed(BaseException):
        """As SIGKILL: nothing behind it runs."""

    rauc = scene.rauc()

    def killed() -> None:
        raise Killed

    rauc.meanwhile = killed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Updater, "_carry_out", begun_only(Updater._carry_out))
        with pytest.raises(Killed):
            scene.install(rauc)
    assert scene.kept.state.phase is UpdatePhase.INSTALLING
    scene.install()
    assert scene.kept.state.phase is UpdatePhase.TO_TRY


def test_of_two_sticks_at_once_one_is_installed(scene: Scene) -> None:
    rauc = scene.rauc()
    told: list[str] = []

    def another() -> None:
        for begin in (scene.install, scene.updates.begin_trial):
            with pytest.raises(UpdateNotNowError, match="another command") as refused:
                begin()
            told.append(str(refused.value))

    rauc.meanwhile = another
    scene.install(rauc)
    assert len(told) == 2
    assert outcomes(scene) == ["to_try"]
    scene.updates.begin_trial()


def test_what_goes_wrong_once_the_slot_is_active_takes_nothing_back(scene: Scene) -> None:
    class Late(PlayedRauc):
        def install(self, bundle: str, hindrance: Callable[[], str | None]) -> None:
            super().install(bundle, hindrance)
            raise UpdateError("given up, because it is not in its dock")

    with pytest.raises(UpdateError, match="not in its dock"):
        scene.install(Late(scene.rauc().offer, scene.backend))
    assert scene.kept.state.phase is UpdatePhase.TO_TRY
    scene.updates.begin_trial()


def test_an_installation_that_the_power_cut_off_is_forgotten(scene: Scene) -> None:
    rauc = scene.rauc()

    def lost() -> None:
        raise KeyboardInterrupt

    rauc.meanwhile = lost
    before = scene.kept.read
    with pytest.raises(KeyboardInterrupt):
        scene.install(rauc)
    assert before().state.phase is UpdatePhase.IDLE
    # As a loss of power leaves it, without anybody who cleans up.
    scene.install()
    state = Path(scene.kept.directory, "update.json")
    document = json.loads(state.read_bytes())
    document["state"]["phase"] = "installing"
    state.write_text(json.dumps(document))
    assert scene.start("A", OLD) == "idle"


def test_a_rauc_that_activates_nothing_has_not_installed_it(scene: Scene) -> None:
    rauc = scene.rauc()
    rauc.activates = False
    with pytest.raises(UpdateError, match="without activating"):
        scene.install(rauc)
    assert scene.kept.state.phase is UpdatePhase.IDLE


def test_what_is_not_for_this_camera_changes_nothing(scene: Scene) -> None:
    for rauc in (scene.rauc("0.0.1-1"), scene.rauc(compatible="another"), scene.rauc(OLD)):
        with pytest.raises(BundleRefusedError):
            scene.install(rauc)
    rauc = scene.rauc()
    rauc.error = BundleRefusedError("not trusted")
    with pytest.raises(BundleRefusedError, match="not trusted"):
        scene.install(rauc)
    scene.bundle.unlink()
    with pytest.raises(BundleRefusedError, match="no such file"):
        scene.install()
    assert scene.kept.state.phase is UpdatePhase.IDLE
    assert outcomes(scene) == []


def test_no_more_facts_are_kept_than_the_daemon_can_be_late_with(scene: Scene) -> None:
    for _ in range(MOST):
        scene.install(again=True)
        scene.updates.begin_trial()
        scene.start("A", OLD)
    assert len(outcomes(scene)) == MOST


@pytest.mark.parametrize("damage", [b"", b"{", b'{"state": {"phase": "ready"}}'])
def test_what_cannot_be_read_is_no_update(
    scene: Scene, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    scene.install()
    Path(scene.kept.directory, "update.json").write_bytes(damage)
    assert scene.start("A", OLD) == "idle"
    assert "counts as none" in caplog.text
    assert not pending(scene)


def test_a_data_partition_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot make the directory"):
        open_update_file(str(tmp_path / "data" / "update"))


def test_what_another_command_is_about_to_publish_is_left_to_it(scene: Scene) -> None:
    """Several sticks at once, or a technician beside one: who comes second has not its turn yet."""
    theirs = Path(scene.kept.directory, "update.json.new")
    theirs.write_bytes(b"{}")
    open_update_file(scene.kept.directory)
    assert theirs.exists()
    # As a loss of power would leave it: it is in nobody's way.
    scene.install()
    assert not theirs.exists()


# ------------------------------------------------------------------------------------- RAUC asks


def test_rauc_is_told_of_both_slots(scene: Scene) -> None:
    backend = scene.backend()
    assert backend.call(["get-current"]) == "A"
    assert backend.call(["get-primary"]) == "A"
    assert [backend.call(["get-state", slot]) for slot in "AB"] == ["good", "bad"]
    scene.install()
    assert [backend.call(["get-state", slot]) for slot in "AB"] == ["good", "good"]
    scene.updates.begin_trial()
    scene.start("B", NEW)
    scene.updates.confirm_trial(scene.slot, scene.version)
    assert [scene.backend().call(["get-state", slot]) for slot in "AB"] == ["good", "good"]
    assert scene.backend().call(["get-primary"]) == "B"


@pytest.mark.parametrize(
    "words",
    [
        ["set-state", "A", "bad"],
        ["set-state", "B", "bad"],
        ["set-state", "B", "good"],
        ["set-primary", "B"],
        ["get-state", "C"],
        ["set-state", "B", "better"],
        ["get-primary", "A"],
        ["format"],
        [],
    ],
    ids=" ".join,
)
def test_nobody_else_writes_a_slot_or_spoils_the_one_that_runs(
    scene: Scene, words: list[str]
) -> None:
    with pytest.raises(UpdateError):
        scene.backend().call(words)
    assert scene.card.primary == "A"
    assert scene.kept.state.phase is UpdatePhase.IDLE


def test_rauc_may_say_what_is_so(scene: Scene) -> None:
    assert scene.backend().call(["set-primary", "A"]) is None
    assert scene.backend().call(["set-state", "A", "good"]) is None
    assert scene.kept.state.phase is UpdatePhase.IDLE


# ---------------------------------------------------------------------------------- autoboot.txt


def test_autoboot_txt_is_one_sector_and_names_both_slots() -> None:
    for slot in "AB":
        text = Autoboot(slot).text()
        assert len(text) == SIZE == 512, "what the firmware reads of it"
        lines = text.decode().split()
        assert lines == [
            "[all]",
            "tryboot_a_b=1",
            f"boot_partition={PARTITIONS[slot]}",
            "[tryboot]",
            f"boot_partition={PARTITIONS[other(slot)]}",
        ]


def test_autoboot_txt_is_written_over_in_place(scene: Scene) -> None:
    path = scene.root / "boot" / NAME
    before = path.stat()
    scene.card.commit("B")
    after = path.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, SIZE)
    assert path.read_bytes() == Autoboot("B").text()
    changed = path.stat().st_mtime_ns
    scene.card.commit("B")
    assert path.stat().st_mtime_ns == changed, "nothing to write"


@pytest.mark.parametrize("text", [b"", Autoboot("A").text()[:-1], b"[all]\nboot_partition=2\n"])
def test_a_card_with_another_autoboot_txt_is_left_alone(scene: Scene, text: bytes) -> None:
    path = scene.root / "boot" / NAME
    path.write_bytes(text)
    with pytest.raises(UpdateError, match="flash its card anew"):
        scene.card.commit("B")
    assert path.read_bytes() == text


def test_a_rauc_that_is_killed_has_judged_nothing(tmp_path: Path) -> None:
    """Whoever takes that for a refusal never looks at a good bundle again."""
    program = tmp_path / "rauc"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    with pytest.raises(UpdateError, match="ended by signal 9") as caught:
        Rauc("/nowhere", str(program)).info(str(program))
    assert not isinstance(caught.value, BundleRefusedError)
