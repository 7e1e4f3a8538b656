"""A small card, made with the recipe's own functions, and what its firmware reads of it."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from camerad_image import boards, filesystems, layout, updates, verity
from camerad_image.layout import MIB, Partition

SIZES: Final = {
    "common": 36 * MIB,
    "boot-a": 36 * MIB,
    "boot-b": 36 * MIB,
    "root-a": 8 * MIB,
    "root-b": 8 * MIB,
    "data": 160 * MIB,
}
"""FAT32 has to have 65,525 clusters, of one sector here; ext4 a second group, of 128 MiB, for the
copy of its superblock."""
IMAGE: Final = "camerad-debian-all"
EPOCH: Final = 1_700_000_000


@dataclass(frozen=True, slots=True)
class System:
    """One version of one image. behaves: "well", "hangs", or "never-ready"."""

    version: str
    behaves: str = "well"
    image: str = IMAGE


def partitions() -> dict[str, tuple[Partition, int]]:
    """Every partition with the byte at which it begins."""
    found, place = {}, layout.ALIGN
    for partition in layout.PARTITIONS:
        if partition.logical:
            place += layout.ALIGN
        small = replace(partition, size=SIZES[partition.name])
        found[partition.name] = (small, place)
        place += small.size
    return found


PARTITIONS: Final = partitions()


def make_system(system: System, keyring: str, folder: Path) -> tuple[Path, Path]:
    """Root and boot partition of a system, in `folder`."""
    log = folder / "log"
    root = folder / "root"
    root.mkdir(parents=True)
    (root / "os-release").write_text(
        updates.os_release("ID=debian\n", system.image, system.version)
    )
    (root / "system.conf").write_text(updates.system_conf(system.image))
    (root / "keyring.pem").write_text(keyring)
    (root / "behaves").write_text(system.behaves)
    # Something to write: what is random does not become smaller.
    (root / "ballast").write_bytes(_ballast(system.version))
    image = folder / "root.img"
    filesystems.make_squashfs(root, image, ["-comp", "zstd"], EPOCH, log=log)
    tree = verity.append_tree(image, log=log)
    boot = folder / "boot.img"
    files: dict[str, bytes | Path] = {
        "config.txt": boards.config_txt(boards.boards("4"), upstream=True).encode("ascii"),
        **{
            name: boards.cmdline(slot, tree).encode("ascii")
            for slot, name in boards.CMDLINES.items()
        },
        "vmlinuz": _ballast(f"kernel {system.version}")[:MIB],
    }
    filesystems.make_fat(PARTITIONS["boot-a"][0], files, boot, EPOCH, log=log)
    return image, boot


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _ballast(seed: str) -> bytes:
    return Random(seed).randbytes(4 * MIB)


def make_card(system: System, keyring: str, evidence: dict[str, bytes], folder: Path) -> Path:
    """A card as the recipe makes it: slot A has `system`, slot B is empty; on the data partition
    lies `evidence`, by its path."""
    log = folder / "log"
    root, boot = make_system(system, keyring, folder / "system")
    common = folder / "common.img"
    filesystems.make_fat(
        PARTITIONS["common"][0],
        {"autoboot.txt": boards.autoboot_txt().encode("ascii")},
        common,
        EPOCH,
        log=log,
    )
    stage = folder / "stage"
    for name, content in evidence.items():
        path = stage / "camerad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (stage / "provision").mkdir()
    data = folder / "data.img"
    subprocess.run(
        [
            *("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "65536", "-m", "0"),
            *("-J", "size=16", "-O", "metadata_csum", "-d", stage, data),
            str(SIZES["data"] // 4096),
        ],
        check=True,
    )
    card = folder / "card.img"
    last, place = PARTITIONS["data"]
    with card.open("wb") as file:
        file.truncate(place + last.size + MIB)
    script = ["label: dos", f"label-id: {layout.DISK_ID:#x}"]
    for partition, start in PARTITIONS.values():
        if partition.number == 5:
            begin = start - layout.ALIGN
            length = place + last.size - begin
            script.append(f"{card}4 : start={begin // 512}, size={length // 512}, type=5")
        row = f"start={start // 512}, size={partition.size // 512}, type={partition.kind:x}"
        script.append(f"{card}{partition.number} : {row}")
    subprocess.run(["sfdisk", "--quiet", card], input="\n".join(script), text=True, check=True)
    for name, source in (
        ("common", common),
        ("boot-a", boot),
        ("root-a", root),
        ("data", data),
    ):
        put(card, name, source)
    return card


def put(card: Path, name: str, source: Path) -> None:
    """Write a partition."""
    with card.open("r+b") as file, source.open("rb") as content:
        file.seek(PARTITIONS[name][1])
        shutil.copyfileobj(content, file)


def get(card: Path, name: str, target: Path) -> Path:
    """Read a partition."""
    partition, start = PARTITIONS[name]
    with card.open("rb") as file:
        file.seek(start)
        target.write_bytes(file.read(partition.size))
    return target


def read_fat(card: Path, name: str, path: str) -> bytes:
    """A file of a FAT partition, read by mtools; CalledProcessError if it is not there."""
    words = ["mtype", "-i", f"{card}@@{PARTITIONS[name][1]}", f"::/{path}"]
    environment = {"MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/bin"}
    return subprocess.run(words, capture_output=True, check=True, env=environment).stdout


@dataclass(frozen=True, slots=True)
class Start:
    """What the firmware would start. words: the kernel's command line."""

    slot: str
    words: str


class NoStartError(Exception):
    """The firmware would start nothing."""


def firmware(card: Path, *, tryboot: bool = False) -> Start:
    """Where the board's firmware goes, by autoboot.txt and config.txt. Raises NoStartError."""
    try:
        return _firmware(card, tryboot=tryboot)
    except (subprocess.CalledProcessError, LookupError, ValueError) as error:
        raise NoStartError(repr(error)) from error


def _firmware(card: Path, *, tryboot: bool) -> Start:
    number = 0
    section = "all"
    for line in read_fat(card, "common", "autoboot.txt")[:512].decode("ascii").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("boot_partition=") and (
            section == "all" or (section == "tryboot" and tryboot)
        ):
            number = int(line.partition("=")[2])
    slots = {boot.number: (name, boot.name) for name, (boot, _) in boards.SLOTS.items()}
    slot, name = slots[number]
    filters: dict[str, bool] = {}
    chosen = "cmdline.txt"
    for line in read_fat(card, name, "config.txt").decode("ascii").splitlines():
        if line == "[all]":
            filters = {}
        elif match := re.fullmatch(r"\[boot_partition=(\d+)\]", line):
            filters["partition"] = int(match[1]) == number
        elif line.startswith("["):
            filters["board"] = line == "[pi4]"
        elif line.startswith("cmdline=") and all(filters.values()):
            chosen = line.partition("=")[2]
    return Start(slot, read_fat(card, name, chosen).decode("ascii").strip())


def is_whole(card: Path, start: Start, folder: Path) -> bool:
    """Whether every block of the slot's root is what its command line says."""
    root = get(card, boards.SLOTS[start.slot][1].name, folder / "root.check")
    return verity_fits(root, start.words)


def verity_fits(root: Path, words: str) -> bool:
    """Whether every block of a root is what the kernel's command line says."""
    match = re.search(r"camerad\.verity=(\d+):([0-9a-f]+):([0-9a-f]+)", words)
    if match is None:
        return False
    blocks = int(match[1])
    command = [
        *("veritysetup", "verify", "--no-superblock", "--hash=sha256"),
        *("--data-block-size=4096", "--hash-block-size=4096", f"--data-blocks={blocks}"),
        *(f"--hash-offset={blocks * 4096}", f"--salt={match[3]}", str(root), str(root), match[2]),
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
