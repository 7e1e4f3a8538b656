"""A card with a file system of its own: what is left on it is looked for in its raw bytes."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from camerad.config.provisioning import NAME
from camerad.provisioning import boot_partition, signing
from camerad.provisioning.apply import ApplyOutcome
from camerad.provisioning.card_report import NAME as REPORT
from tests.unit import other_kernel
from tests.unit.provisioning.scene import OFFICE, SECRET, WIFI, Scene, document

MAKE = {
    # As a Pi's card has it; not every kernel that runs tests knows it.
    "vfat": ["mkfs.vfat", "-n", "CAMERAD"],
    # Writes in place as FAT does, and has no journal either.
    "ext2": ["mkfs.ext2", "-q", "-F", "-b", "1024"],
}
MIB = 8
TREE = Path(__file__).parents[3]


def known(kind: str) -> bool:
    """Whether this kernel has a file system; most are modules, which only root may load."""
    if shutil.which("modprobe") is not None:
        subprocess.run(["modprobe", "--quiet", kind], check=False, capture_output=True)
    return kind in Path("/proc/filesystems").read_text().split()


@dataclass
class Image:
    """A card. file: its raw bytes. at: where it is mounted."""

    file: Path
    at: Path

    def raw(self) -> bytes:
        """What is on the card, once everything has been written."""
        os.sync()
        return self.file.read_bytes()


@pytest.fixture(params=[kind for kind in MAKE if known(kind)])
def image(request: pytest.FixtureRequest, scene: Scene, tmp_path: Path) -> Iterator[Image]:
    kind = request.param
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    if shutil.which(MAKE[kind][0]) is None:
        pytest.skip(f"{MAKE[kind][0]} is not installed")
    file = tmp_path / "card.img"
    file.write_bytes(bytes(MIB << 20))
    subprocess.run([*MAKE[kind], str(file)], check=True, capture_output=True)
    done = subprocess.run(
        ["mount", "-t", kind, "-o", "loop", str(file), str(scene.boot)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"no loop device here: {done.stderr.strip()}")
    try:
        yield Image(file, scene.boot)
    finally:
        subprocess.run(["umount", str(scene.boot)], check=True)


@pytest.mark.campaign
def test_all_of_this_holds_on_a_cards_own_file_system(tmp_path: Path) -> None:
    """Where this kernel has no FAT, every test with a card is run by one that has."""
    if known("vfat"):
        pytest.skip("this kernel has it, and the other tests are run on it")
    if lacking := other_kernel.missing():
        pytest.skip(f"no FAT in this kernel, and {lacking}")
    tests = other_kernel.pytest(TREE, "-k", "vfat", "-rA", __file__)
    said = other_kernel.run([*tests, *other_kernel.end()], tmp_path)
    with_card = [
        name
        for name, test in globals().items()
        if name.startswith("test_") and "image" in inspect.signature(test).parameters
    ]
    assert sorted(re.findall(r"^PASSED .*::(\w+)\[vfat\]", said, re.M)) == sorted(with_card), said


def edited(scene: Scene) -> None:
    """The file as an editor leaves it: earlier versions were written and removed."""
    for version in range(3):
        path = scene.boot / f"{NAME}.{version}"
        path.write_bytes(document(version, WIFI + "#" * 5000 * version))
        os.sync()
        path.unlink()
    scene.put(document(9, WIFI))


def test_no_secret_is_left_in_the_raw_bytes_of_a_card(scene: Scene, image: Image) -> None:
    edited(scene)
    assert image.raw().count(SECRET.encode()) > 1, "or there would be nothing to be overwritten"
    assert scene.apply() is ApplyOutcome.APPLIED
    assert SECRET.encode() not in image.raw()
    assert signing.sign(OFFICE, document(9, WIFI)).strip() not in image.raw()
    assert "all free room of this partition" in scene.report
    assert {path.name for path in scene.boot.iterdir()} - {"lost+found"} == {REPORT}


def test_without_overwriting_free_room_earlier_versions_would_be_found(
    scene: Scene, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test before could otherwise not fail."""
    edited(scene)
    monkeypatch.setattr(boot_partition, "MOST_FREE", 0)
    assert scene.apply() is ApplyOutcome.APPLIED
    assert SECRET.encode() in image.raw()
    assert "Free room was not" in scene.report


def test_a_card_that_is_full_to_the_last_byte_has_its_file_taken(
    scene: Scene, image: Image
) -> None:
    scene.put(document(9, WIFI))
    fill(image.at / "film.mp4")
    assert scene.apply() is ApplyOutcome.APPLIED
    assert SECRET.encode() not in image.raw()
    assert NAME not in scene.on_card
    assert "SET UP as camera-07." in scene.report, "the file that is gone has left room for it"


def test_on_a_full_card_a_wrong_file_is_told_where_there_was_a_report(
    scene: Scene, image: Image
) -> None:
    scene.apply()
    scene.put(document(9), by=None)
    fill(image.at / "film.mp4")
    assert scene.apply() is ApplyOutcome.REFUSED
    assert f"NOT SET UP: {NAME} was refused (unsigned)." in scene.report


def fill(path: Path) -> None:
    """Leave not a block free."""
    size = 1 << 20
    with path.open("wb", buffering=0) as file:
        while size >= 1:
            try:
                file.write(b"\1" * size)
            except OSError:
                size //= 2


def test_a_card_that_is_read_only_keeps_its_file_and_the_camera_its_settings(
    scene: Scene, image: Image
) -> None:
    scene.put(document(9, WIFI))
    subprocess.run(["mount", "-o", "remount,ro", str(image.at)], check=True)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert [order.why for order in scene.orders] == ["card_read_only"]
    assert NAME in scene.on_card
    subprocess.run(["mount", "-o", "remount,rw", str(image.at)], check=True)
    assert scene.apply() is ApplyOutcome.APPLIED
