"""A life of the image in an emulated board, on a card that keeps a log of its writes; and what was
certain of that card at any instant.

One start is all of it: a card that nobody has set up, with recordings on it of which most are due,
and the office's file. What happens is in `tests/image/layer/scenario.py`, `power`. The log is
QEMU's (`tests.campaign.logwrites`), of the whole card; what is kept of it concerns the common
partition and the data partition.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from camerad_image import layout
from tests.campaign import blocklog, judging, lives
from tests.campaign.lives import Life, Window
from tests.campaign.logwrites import Part, converted
from tests.crash.device import STATE
from tests.image import disks
from tests.image.board import Board
from tests.image.card import Card, run
from tests.image.life import DOCK, Start, found_after, office_files

PROVISIONING: Final = "provisioning"
PHASES: Final = ("recording", "closing", "retention", PROVISIONING)
CAMERAD: Final = "camerad"
"""The state directory, in the data partition."""
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    **DOCK,
    # The card is as small as the image, and the processor is emulated.
    "storage": lives.MINUTES,
    "idle": {"camera": "none"},
}
WRITTEN: Final = (layout.COMMON, layout.DATA)
"""The partitions that are written to where nothing is updated."""
_PLACE: Final = "/var/lib/camerad/"
_BEFORE_US, _AFTER_US = 100_000, 300_000
_FACTS: Final = "guest.json"


@dataclass(frozen=True)
class GuestLife:
    """What is kept of it in `folder`: the card before, `card.img`; the layer disk. windows: of each
    phase. life: of the data partition; both: of the common partition and, behind it, of the data
    partition; neither has windows."""

    folder: Path
    windows: dict[str, list[Window]]
    life: Life
    both: Life

    def of(self, phase: str) -> Life:
        """The data partition's life in a phase."""
        return replace(self.life, windows=self.windows[phase])


def parts(card: Card, partitions: Sequence[layout.Partition] = WRITTEN) -> list[Part]:
    """Where partitions lie."""
    return [Part(card.start(partition), card.length(partition)) for partition in partitions]


def card_with(
    image: Path, folder: Path, content: Path, partitions: Sequence[layout.Partition] = WRITTEN
) -> Card:
    """The image as a card in `folder`, these partitions of which are those in the file `content`,
    one behind the other."""
    card = Card(image, folder, size=0)
    at = 0
    for part in parts(card, partitions):
        # Whole: what is empty in there may not be so in the image.
        words = ["status=none", "conv=notrunc", f"bs={layout.MIB}", f"skip={at // layout.MIB}"]
        words += [f"seek={part.start // layout.MIB}", f"count={part.size // layout.MIB}"]
        run("dd", f"if={content}", f"of={card.disk}", *words)
        at += part.size
    run("fallocate", "--dig-holes", card.disk)
    return card


def gather(disk: Path, of_disk: Sequence[Part], target: Path) -> None:
    """Copy parts of a disk into a new file, one behind the other."""
    at = 0
    for part in of_disk:
        copy_part(disk, part, target, at)
        at += part.size


@contextmanager
def mounted_part(disk: Path, part: Part, place: Path) -> Iterator[None]:
    """An ext4 partition of a disk."""
    place.mkdir(exist_ok=True)
    options = f"loop,offset={part.start},sizelimit={part.size},{blocklog.OPTIONS}"
    run("mount", "-t", "ext4", "-o", options, disk, place)
    try:
        yield
    finally:
        run("umount", place)


def copy_part(source: Path, part: Part, target: Path, at: int = 0) -> None:
    """Copy a part of a file into another file, to the byte `at`, leaving out what is empty."""
    with source.open("rb") as disk, target.open("r+b" if target.exists() else "wb") as file:
        if file.seek(0, os.SEEK_END) < at + part.size:
            file.truncate(at + part.size)
        for start, end in _extents(disk.fileno(), part):
            disk.seek(start)
            file.seek(at + start - part.start)
            left = end - start
            while left:
                piece = disk.read(min(left, 1 << 20))
                file.write(piece)
                left -= len(piece)


def _extents(descriptor: int, part: Part) -> Iterator[tuple[int, int]]:
    """Where a part of a sparse file has data."""
    at, last = part.start, part.start + part.size
    while at < last:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:
            return
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), last)
        if start < end:
            yield start, end
        at = end


def live(image: Path, folder: Path, seed: int) -> GuestLife:
    """Live it, and keep it in the new `folder`."""
    folder.mkdir(parents=True)
    random = Random(f"{seed}/guest/life")
    card = Card(image, folder, size=0)
    common, data = parts(card)
    due, kept = seeded(card, data, folder, random)
    card.put(layout.COMMON, *office_files(folder / "office", SETTINGS))
    before = folder / "before.img"
    run("cp", "--sparse=always", card.disk, before)
    layer = disks.make_layer(folder, {"power.json": json.dumps({"due": due})})
    board = Board(card, layer, disks.make_result(folder), folder)
    log = folder / "card.log"
    start = found_after(board, board.start("power", log=log), 1)
    assert "error" not in start.found, start.found["error"]
    assert set(start.found["answers"]) == {202}, start.found["answers"]
    times = []
    for name, of_card in (("data", [data]), ("both", [common, data])):
        place = folder / name
        place.mkdir()
        gather(before, of_card, place / "before")
        times = converted(log, of_card, place / "log.blocks")
    log.unlink()
    keep_files(card, data, folder / "data")
    os.replace(before, card.disk)
    facts = facts_of(start, times, (due, kept))
    (folder / _FACTS).write_text(json.dumps(facts))
    guest = load(folder)
    assert guest is not None
    return guest


def seeded(card: Card, data: Part, folder: Path, random: Random) -> tuple[list[str], list[str]]:
    """A store in which most has expired, on the card; what is due there, and what is not."""
    root = folder / "seeded"
    (root / STATE).mkdir(parents=True)
    due, kept = lives.seeded(root, random)
    place = folder / "mnt"
    with mounted_part(card.disk, data, place):
        run("cp", "-a", f"{root / STATE}/.", place / CAMERAD)
        owner = f"{layout.CAMERAD_UID}:{layout.CAMERAD_UID}"
        run("chown", "-R", owner, place / CAMERAD)
    shutil.rmtree(root)
    return due, kept


def keep_files(card: Card, data: Part, place: Path) -> None:
    """Keep what the daemon's files were at the end, and the device's public key."""
    copy = place / "after.img"
    copy_part(card.disk, data, copy)
    done = subprocess.run(["e2fsck", "-p", copy], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    with mounted_part(copy, Part(0, data.size), place / "mnt"):
        shutil.copytree(place / "mnt" / CAMERAD, place / "card")
        judging.device_key(place / "card", place / "device.jwk")
    copy.unlink()


def facts_of(
    start: Start, times: list[int], recorded: tuple[list[str], list[str]]
) -> dict[str, Any]:
    """What the witness of a start said, for `load`. times: of the log; recorded: as `seeded`."""
    said = start.folder / "witness/reports.jsonl"
    reports = [json.loads(line) for line in said.read_text().splitlines()]
    syncs = sorted(
        (one["at_us"], one["synced"].removeprefix(_PLACE)) for one in reports if "synced" in one
    )
    return {
        "syncs": syncs,
        "phases": {one["phase"]: one["at_us"] for one in reports if "phase" in one},
        "times": [times[0], times[-1]],
        "wall_us": start.found["wall_us"],
        "boot_id": start.found["boot_id"],
        "due": recorded[0],
        "kept": recorded[1],
    }


def load(folder: Path) -> GuestLife | None:
    """The life that is kept there; None if there is none."""
    try:
        facts = json.loads((folder / _FACTS).read_text())
    except FileNotFoundError:
        return None
    phases = facts["phases"]
    life = life_of(folder / "data", facts)
    syncs = life.syncs
    windows = {
        PROVISIONING: [(0, phases["ready"])],
        "retention": [(syncs[0][0], phases["retained"])],
        "recording": [(phases["retained"], phases["recorded"])],
        "closing": _closings(life, phases["recorded"]),
    }
    return GuestLife(folder, windows, life, replace(life, directory=folder / "both"))


def life_of(directory: Path, facts: Mapping[str, Any]) -> Life:
    """A data partition's life, of such facts; without windows."""
    syncs = [(at_us, path) for at_us, path in facts["syncs"]]
    return Life(
        *(directory, syncs, 0, *facts["times"], [], facts["wall_us"], facts["boot_id"]),
        *(facts["due"], facts["kept"], CAMERAD),
    )


def _closings(life: Life, from_us: int) -> list[Window]:
    """From the end of each recording to a moment after the ledger has said so."""
    found = []
    for path in judging.recordings(life.card / "recordings"):
        read = lives.read_once(path)
        if read.header["boot_id"] != life.boot_id or read.header["trigger_us"] < from_us:
            continue
        closed_us = lives.closed_at(life.card, path.stem)
        assert closed_us is not None, f"{path.name} is not closed in the ledger"
        found.append((lives.ended_at(life.card, path.stem) - _BEFORE_US, closed_us + _AFTER_US))
    return found
