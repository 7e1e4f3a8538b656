"""A card with the image on it, and what can be read and written there without mounting it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad_image import layout

CARD_BYTES: Final = 4 << 30
"""A card is larger than the image: the data partition is to grow."""
_SECTOR: Final = 512
_PIECE: Final = 1 << 24


def run(*words: str | Path, **more: str) -> str:
    """Run a program; it has to succeed. more: its environment besides. Returns what it said."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | more)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Slot:
    """What a board's firmware loads of a boot partition. `number` is that of the partition."""

    number: int
    kernel: Path
    initramfs: Path
    cmdline: str


class Card:
    """The image as a disk in `folder`. size: of the card, bytes; 0: as large as the image."""

    def __init__(self, image: Path, folder: Path, size: int = CARD_BYTES) -> None:
        self.folder = folder
        self.disk = folder / "card.img"
        run("zstd", "-q", "-d", "-f", "--sparse", image, "-o", self.disk)
        if size:
            os.truncate(self.disk, size)
        table = json.loads(run("sfdisk", "--json", self.disk))["partitiontable"]
        assert int(table["id"], 16) == layout.DISK_ID
        self._starts, self._sizes = (
            {
                int(entry["node"].removeprefix(str(self.disk))): entry[what] * _SECTOR
                for entry in table["partitions"]
            }
            for what in ("start", "size")
        )

    def start(self, partition: layout.Partition) -> int:
        """The byte of the disk at which a partition begins."""
        return int(self._starts[partition.number])

    def length(self, partition: layout.Partition) -> int:
        """How large a partition is by the image's table."""
        return int(self._sizes[partition.number])

    def _fat(self, partition: layout.Partition | int) -> list[str]:
        number = partition if isinstance(partition, int) else partition.number
        return ["-i", f"{self.disk}@@{self._starts[number]}"]

    def files(self, partition: layout.Partition) -> list[str]:
        """The names in the root of a FAT partition."""
        found = run("mdir", "-b", *self._fat(partition), "::/", MTOOLS_SKIP_CHECK="1").splitlines()
        return sorted(name.removeprefix("::/") for name in found if name)

    def get(self, partition: layout.Partition | int, name: str, target: Path) -> Path:
        """Copy a file of a FAT partition to `target`."""
        run("mcopy", "-n", "-o", *self._fat(partition), f"::/{name}", target, MTOOLS_SKIP_CHECK="1")
        return target

    def put(self, partition: layout.Partition, *files: Path) -> None:
        """Copy files to a FAT partition, as a technician's computer does."""
        run("mcopy", "-o", *self._fat(partition), *files, "::/", MTOOLS_SKIP_CHECK="1")

    def remove(self, partition: layout.Partition, *names: str) -> None:
        """Delete files of a FAT partition; as everywhere, what was in them stays in free room."""
        paths = [f"::/{name}" for name in names]
        run("mdel", *self._fat(partition), *paths, MTOOLS_SKIP_CHECK="1")

    def slot(self, *, tryboot: bool = False) -> Slot:
        """What the firmware would start from: autoboot.txt says the partition, in its section
        [tryboot] for the start after a reboot that asked for that."""
        text = self.get(layout.COMMON, "autoboot.txt", self.folder / "autoboot.txt").read_text()
        section = "tryboot" if tryboot else "all"
        number = int(settings(text, section)["boot_partition"])
        loaded = self.folder / f"slot-{number}"
        loaded.mkdir(exist_ok=True)
        text = self.get(number, "config.txt", loaded / "config.txt").read_text()
        found = settings(text, "all", f"boot_partition={number}")
        names = ("vmlinuz", "initrd.img", found.get("cmdline", "cmdline.txt"))
        kernel, initramfs, cmdline = (self.get(number, name, loaded / name) for name in names)
        return Slot(number, kernel, initramfs, cmdline.read_text().strip())

    def read(self, partition: layout.Partition, target: Path) -> Path:
        """Copy a whole partition, byte for byte, to `target`."""
        with self.disk.open("rb") as disk, target.open("wb") as file:
            disk.seek(self._starts[partition.number])
            left = partition.size
            while left:
                piece = disk.read(min(left, _PIECE))
                file.write(piece)
                left -= len(piece)
        return target

    def read_data(self, target: Path) -> Path:
        """Copy everything on the data partition to the new folder `target`."""
        return read_ext4(f"{self.disk}?offset={self._starts[layout.DATA.number]}", target)

    def where(self, needle: bytes) -> list[int]:
        """At which bytes of the whole card `needle` stands."""
        found = []
        with self.disk.open("rb") as disk:
            position, rest = 0, b""
            while True:
                # A card's image has holes: what was never written is not read.
                try:
                    data = os.lseek(disk.fileno(), position, os.SEEK_DATA)
                except OSError:
                    return found
                if data != position:
                    position, rest = data, b""
                disk.seek(position)
                piece = disk.read(_PIECE)
                text = rest + piece
                at = text.find(needle)
                while at >= 0:
                    found.append(position - len(rest) + at)
                    at = text.find(needle, at + 1)
                position += len(piece)
                rest = text[-len(needle) + 1 :]


def settings(text: str, *sections: str) -> dict[str, str]:
    """The settings of a file such as config.txt that stand in these sections; the last one holds.

    A section holds from its name to the next one; before the first it is "all" (Raspberry Pi's
    documentation, "Conditional filters").
    """
    found = {}
    section = "all"
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if line.startswith("["):
            section = line.strip().strip("[]")
        elif equals and section in sections and not line.startswith("#"):
            found[name] = value
    return found


def read_unclean(disk: Path, target: Path) -> Path:
    """`read_ext4` of a whole disk whose machine may have been reset: what its journal holds is put
    into its place before (e2fsck(8): 1 is "errors corrected")."""
    done = subprocess.run(["e2fsck", "-p", disk], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return read_ext4(disk, target)


def read_ext4(disk: str | Path, target: Path) -> Path:
    """Copy everything on an ext4 disk to the new folder `target`."""
    target.mkdir()
    run("debugfs", "-R", f"rdump / {target}", str(disk))
    return target
