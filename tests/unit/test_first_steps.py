"""What a newcomer meets who has only the documents."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TECHNICIAN = (ROOT / "docs/technician.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def state_dir(*given: str) -> str:
    """Where `make run` keeps the camera's key and recordings."""
    done = subprocess.run(
        ["make", "-n", "run", *given], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = re.search(r"--state-dir '(.*?)'", done.stdout)
    assert found is not None, done.stdout
    return found[1]


def test_another_configuration_is_another_camera() -> None:
    """With recordings of a buffer that its law forbids it would be none."""
    demonstration = state_dir()
    assert demonstration == ".state/bodycam-sim"
    other = state_dir("CONFIG=config/camerad.yaml")
    assert other not in (demonstration, state_dir("CONFIG=/tmp/camerad.yaml"))
    assert f"`{other}`" in README
    assert state_dir("CONFIG=config/camerad.yaml", "STATE=/srv/mine") == "/srv/mine"


@pytest.mark.parametrize(
    "name",
    [
        *("device.pem", "office/cam-1/ledger/000001.jws", "20261124T153000Z-000001-00000001.mp4"),
        *("desk.txt", "spare.txt", "camera-01/camerad-provision.yaml", "register.json"),
        *("cards/camera-02/camerad-provision.jws", "card/camerad-device.pem", "data/camerad.yaml"),
        *("keys/camera-01.pem", "labels.html", ".state/trial/camerad/identity.pem"),
    ],
)
def test_what_is_made_on_trial_gets_into_no_commit(name: str, tmp_path: Path) -> None:
    """Private keys among it, and footage in the clear."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = subprocess.run(["git", "-C", tmp_path, "check-ignore", "-q", name], check=False)
    assert done.returncode == 0, name


def section(text: str, begin: str, end: str) -> str:
    return text.split(begin, 1)[1].split(end, 1)[0]


def test_who_follows_readme_ends_one_simulated_board_before_the_other() -> None:
    before = README.split("bodycam-sim doctor --fault", 1)[0].rsplit("\n\n", 2)[-2]
    assert "End `make run` first" in before


def test_what_is_done_every_day_breaks_no_seal() -> None:
    """What section 12 calls a camera that was opened by nobody knows whom."""
    back = section(TECHNICIAN, "## 10. Take back", "## 11.")
    daily, _, card = back.partition("**By the card**")
    assert "**Every day:" in daily
    assert "mount -o nosuid,nodev,noexec,nosymfollow /dev/sdX7" not in daily
    assert "put a new one there" in card
    examine = section(TECHNICIAN, "## 8. Examine", "## 9.")
    assert "number" in examine.split("Finally, seal the card's slot", 1)[1]
    broken = next(line for line in TECHNICIAN.splitlines() if "who opened a housing" in line)
    assert "not that of the papers" in broken


def test_the_trial_without_hardware_is_no_part_of_the_checkout() -> None:
    trial = section(TECHNICIAN, "## Without hardware", "\n| on the camera")
    assert "cd ~/cameras-trial" in trial
    assert "bodycam-sim/camerad" not in trial, "the demonstration's own key and recordings"


def test_who_has_no_browser_makes_a_recording_and_ends_it() -> None:
    """One press only shows the display; a hold of more than two seconds and a press end it."""
    page = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    presses = re.findall(r'"button": "main", "seconds": ([0-9.]+)', page)
    assert presses == ["0.1", "0.1", "2.2", "0.1"]


def test_whoever_carries_recordings_on_sticks_is_told_to_use_one_directory() -> None:
    back = section(TECHNICIAN, "## 10. Take back", "## 11.")
    assert "**Use one directory.**" in back
