"""The card is a real ext4 file system that fills up, finds an error in itself, or stands still.

What `test_disk_faults` lets fail in the daemon's system calls fails here in the kernel, with all
that a file system does besides: what it counts as free while room is reserved, what it gives away
at the end, and what it says of itself when it takes nothing any more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from camerad.daemon.crash_recovery import RESUME_US
from tests.campaign import blocklog, judging
from tests.system import sealed
from tests.system.gaps import edges, felt_us, judge_gaps, start_recording, wait_for_quiet
from tests.system.harness import PATIENCE, BodyCamera, body_camera, configuration, now_us, until
from tests.system.test_disk_faults import NOTICED_SECONDS, RING_SECONDS, SMALL_RING, WATCHED_SECONDS


def _impossible() -> str | None:
    """Why no file system can be mounted here; None if one can."""
    if os.geteuid() != 0:
        return "an ext4 file system is mounted for this: run it as root"
    programs = ("mount", "umount", "mkfs.ext4", "e2fsck", "fsfreeze")
    path = f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin"
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: e2fsprogs, mount, util-linux)"
    if not os.path.exists("/dev/loop-control"):
        return "this kernel has no loop devices"
    return None


_WHY_NOT = _impossible()
pytestmark = [pytest.mark.system, pytest.mark.skipif(_WHY_NOT is not None, reason=str(_WHY_NOT))]

CARD_BYTES: Final = 256 << 20
BUSY: Final = {
    "camera": {"width": 1280, "height": 720, "bitrate": 8_000_000, "max_bitrate": 8_000_000},
    "storage": {"low_minutes": 1.0, "full_minutes": 0.5},
    "pre_event": {"seconds": 1},
}
"""A megabyte a second at the most: a card is low with 60 MB, and full with 30 MB."""
LOW_BYTES: Final = 60_000_000
FULL_BYTES: Final = 30_000_000
REFUSES: Final = {"storage_read_only", "storage_failed"}
"""ext4 that has found an error in itself answers EROFS; Linux 6.6 to 6.14, before commit
f3054e53c2f3 ("ext4: add EXT4_FLAGS_EMERGENCY_RO bit") and what came with it, EIO."""


@dataclass(frozen=True)
class Card:
    """A file system on a file, and where it is mounted."""

    image: Path
    mount: Path

    @property
    def free(self) -> int:
        """Bytes that are left."""
        state = os.statvfs(self.mount)
        return state.f_bavail * state.f_frsize

    def fill(self, *, leave: int) -> None:
        """Have another program take all but so many bytes, while the camera takes its own."""
        with (self.mount / "others").open("ab") as file:

            def filled() -> bool:
                with contextlib.suppress(OSError):  # less was left than there was a moment before
                    os.posix_fallocate(file.fileno(), file.tell(), self.free - leave)
                file.seek(0, os.SEEK_END)
                return abs(self.free - leave) < 500_000

            until(filled, PATIENCE, f"others have taken all but {leave} bytes")

    def make_room(self) -> None:
        """Have the other program's file go."""
        (self.mount / "others").unlink()

    def find_error(self) -> None:
        """Have the file system find an error in itself; it takes nothing from then on."""
        source = subprocess.run(
            ["findmnt", "-no", "SOURCE", str(self.mount)],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        device = os.path.basename(source.stdout.strip())
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")

    def check(self) -> None:
        """As is done before a card is mounted."""
        command = ["e2fsck", "-fy", str(self.image)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode in (0, 1), done.stdout


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """A card that is formatted as a camera's, and not yet mounted."""
    image, empty = tmp_path / "card.img", tmp_path / "empty"
    empty.mkdir()
    blocklog.formatted(image, CARD_BYTES, empty)
    return Card(image, tmp_path / "state" / "camerad")


@contextlib.contextmanager
def worn(card: Card, directory: Path, **sections: Any) -> Iterator[BodyCamera]:
    """A camera that keeps its recordings on the card."""
    config = configuration(directory, "generic", **sections)
    with blocklog.mounted(card.image, card.mount), body_camera(directory, config) as camera:
        yield camera


def verified(camera: BodyCamera, directory: Path, *codes: int) -> None:
    """Whoever has the device's public key finds all recordings authentic."""
    state = camera.state_dir / "camerad"
    key = judging.device_key(state, directory / "device.jwk")
    assert judging.verified(state, key, codes) == []


def ended_in_order(camera: BodyCamera, red_us: int) -> dict[str, Any]:
    """The newest recording, closed because the card was full: whole up to then, while red was on
    throughout. red_us: when red came on."""
    (off_us,) = [at_us for at_us, on in edges(camera, "red", red_us) if not on]
    recording = camera.recordings[0]
    end = sealed.read(recording["path"]).end
    assert end is not None
    assert end["closing"]["reason"] == "storage_full"
    assert off_us >= end["closing"]["at_us"]
    verdict = judge_gaps(camera, recording)
    assert verdict.holes == []
    assert verdict.numbers[-1] == pytest.approx(camera.frame_at(end["closing"]["at_us"]), abs=1.5)
    return recording


def refused(camera: BodyCamera) -> None:
    """A press is answered, records nothing, and nothing says that it does."""
    wait_for_quiet(camera)
    pressed_us = camera.press("main", 1.2)["down_us"]
    assert felt_us(camera, pressed_us) - pressed_us - 1_000_000 < 100_000
    assert camera.state["recording"] is None
    assert edges(camera, "red", pressed_us) == []


def test_a_recording_that_fills_the_card_is_warned_of_and_ends_whole_before_the_wall(
    tmp_path: Path, card: Card
) -> None:
    with worn(card, tmp_path, **BUSY) as camera:
        # Not low yet; low when the recording reserves its first piece, and full at the second.
        card.fill(leave=LOW_BYTES + 2_000_000)
        camera.pass_time(WATCHED_SECONDS)
        assert camera.state["conditions"] == []
        red_us = start_recording(camera)
        camera.wait_for_condition("storage_low", holds=True)
        assert "storage_full" not in camera.state["conditions"]
        camera.wait(60, stage="idle")
        state = camera.state
        assert {"storage_low", "storage_full"} <= set(state["conditions"])
        assert state["lights"] == {"red": False, "green": False, "amber": True}
        ended_in_order(camera, red_us)
        # What it had reserved is given back: the wall was never reached.
        assert card.free > FULL_BYTES
        verified(camera, tmp_path, 0)


@pytest.mark.campaign
def test_another_program_that_takes_the_last_byte_costs_a_recording_no_picture(
    tmp_path: Path, card: Card
) -> None:
    with worn(card, tmp_path, **BUSY) as camera:
        red_us = start_recording(camera, quiet=False)
        until(lambda: camera.state["recording"]["seconds"] > 1, PATIENCE, "a second is committed")
        card.fill(leave=0)
        camera.wait(stage="idle")
        assert "storage_full" in camera.state["conditions"]
        recording = ended_in_order(camera, red_us)
        card.fill(leave=0)  # what the recording gave back
        refused(camera)
        card.make_room()
        camera.wait(WATCHED_SECONDS + PATIENCE, ready=True, conditions=[])
        start_recording(camera, quiet=False)
        second = camera.stop()
        assert second["id"] != recording["id"]
        assert judge_gaps(camera, second).holes == []
        verified(camera, tmp_path, 0)


def test_a_card_that_turns_read_only_in_a_recording_ends_it_and_is_whole_after_a_check(
    tmp_path: Path, card: Card
) -> None:
    with worn(card, tmp_path, **SMALL_RING) as camera:
        red_us = start_recording(camera, quiet=False)
        until(
            lambda: camera.state["recording"]["seconds"] > 2, PATIENCE, "two seconds are committed"
        )
        failed_us = now_us()
        card.find_error()
        camera.wait_for_condition("storage_stalled", holds=True)
        state = camera.wait(lights={"red": False, "green": False, "amber": True})
        assert REFUSES & set(state["conditions"])
        (off_us,) = [at_us for at_us, on in edges(camera, "red", red_us) if not on]
        assert off_us - failed_us < (NOTICED_SECONDS + RING_SECONDS) * 1e6
        camera.wait(stage="idle", ready=False)
        refused(camera)
        epoch_us = camera.epoch_us
        # The card does not take that nobody wants it any more: a start before that would go on.
        camera.pass_time(RESUME_US / 1e6)
    card.check()
    with worn(card, tmp_path, **SMALL_RING) as camera:
        (recording,) = camera.recordings
        until(lambda: judging.ended(Path(recording["path"])), PATIENCE, "the recording is closed")
        film = judging.film(Path(recording["path"]), epoch_us, tmp_path)
        assert not film.findings
        assert film.missing == 0
        assert film.last_us is not None
        assert failed_us - film.last_us < 1_000_000, "less than a second before the error is lost"
        second = camera.record(1)
        assert judge_gaps(camera, second).holes == []
        verified(camera, tmp_path, 0, 1)


def test_a_card_that_turns_read_only_while_nothing_is_recorded_is_said_before_a_press(
    tmp_path: Path, card: Card
) -> None:
    with worn(card, tmp_path) as camera:
        card.find_error()
        # What the daemon says and what lights show are two sources, one looked at after the other.
        amber = {"red": False, "green": False, "amber": True}
        state = camera.wait(WATCHED_SECONDS + PATIENCE, ready=False, lights=amber)
        assert REFUSES & set(state["conditions"])
        refused(camera)


def test_a_card_that_stands_still_for_three_seconds_costs_no_picture(
    tmp_path: Path, card: Card
) -> None:
    with worn(card, tmp_path, pre_event={"seconds": 2}) as camera:
        red_us = start_recording(camera, quiet=False)
        until(
            lambda: camera.state["recording"]["seconds"] > 2, PATIENCE, "two seconds are committed"
        )
        subprocess.run(["fsfreeze", "--freeze", str(card.mount)], check=True, timeout=60)
        try:
            camera.pass_time(3)
            assert "storage_stalled" in camera.state["conditions"]
            assert camera.state["lights"]["red"]
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", str(card.mount)], check=True, timeout=60)
        camera.wait_for_condition("storage_stalled", holds=False)
        assert edges(camera, "red", red_us + 1) == []
        recording = camera.stop()
        assert recording["gaps"] == []
        assert judge_gaps(camera, recording).holes == []
        said = [facts["sync_us"] for facts in sealed.read(recording["path"]).facts]
        assert max(filter(None, said)) > 2_000_000
        verified(camera, tmp_path, 0)


@pytest.mark.campaign
def test_a_daemon_that_is_killed_while_its_card_stands_still_leaves_a_gap_up_to_then(
    tmp_path: Path, card: Card
) -> None:
    """What is noted on the card nobody could know: it takes nothing."""
    with worn(card, tmp_path, pre_event={"seconds": 2}) as camera:
        start_recording(camera, quiet=False)
        until(
            lambda: camera.state["recording"]["seconds"] > 2, PATIENCE, "two seconds are committed"
        )
        (path,) = (card.mount / "recordings").glob("*.tar")
        subprocess.run(["fsfreeze", "--freeze", str(card.mount)], check=True, timeout=60)
        try:
            camera.pass_time(5)
            killed_us = camera.ask("POST", "/api/fault", {"name": "daemon_killed"}).body["at_us"]
            camera.pass_time(5)
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", str(card.mount)], check=True, timeout=60)
        until(lambda: judging.ended(path), 2 * PATIENCE, "the recording is closed")
        end = sealed.read(path).end
        assert end is not None
        closing = end["closing"]
        # Not up to when the card came back: the next start put the light out before.
        dark_us = next(at_us for at_us, on in edges(camera, "red", killed_us) if not on)
        assert closing["at_us"] == pytest.approx(dark_us, abs=500_000)
        (gap,) = closing["gaps"]
        assert gap["to_us"] == closing["at_us"]
        assert gap["to_us"] - gap["from_us"] > 4_000_000
        camera.stop()
        verified(camera, tmp_path, 1)
