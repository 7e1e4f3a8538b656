"""From a root to partitions, and from those to a card: no mounts, and the same bytes each time."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from camerad_image import layout
from camerad_image.errors import ImageError
from camerad_image.layout import MIB, Partition
from camerad_image.programs import run

UUIDS: Final = uuid.UUID("8a1c9f5e-3b0d-5f6a-9c43-63616d657261")
"""The name space of all that wants a UUID or a serial number here."""
HEADROOM: Final = 0.85
"""How full a slot may be: what fits today has to fit with two years' updates as well."""
_OF_MAP: Final = ("BlockSize", "BlocksCount")


def fixed(name: str) -> uuid.UUID:
    """The UUID of the thing called `name`: the same in every build."""
    return uuid.uuid5(UUIDS, name)


def make_fat(
    partition: Partition, files: Mapping[str, bytes | Path], path: Path, epoch: int, *, log: Path
) -> None:
    """A FAT32 file system at `path`, with `files` by their path in there ("overlays/x.dtbo").

    Written by mtools, one file after the other in order, since FAT keeps the order of writing.
    """
    environment = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}
    path.unlink(missing_ok=True)
    with path.open("wb") as image:
        image.truncate(partition.size)
    serial = f"{fixed(partition.name).int & 0xFFFFFFFF:08x}"
    # Small clusters, so that 64 MiB are enough clusters to be FAT32.
    options = ["--invariant", "-F32", "-s1", f"-n{partition.label}", f"-i{serial}"]
    run(["mkfs.vfat", *options, path], log=log, environment=environment)
    made: set[str] = set()
    for name, content in sorted(files.items()):
        folder = name.rpartition("/")[0]
        if folder and folder not in made:
            made.add(folder)
            run(["mmd", "-i", path, f"::/{folder}"], log=log, environment=environment)
        source = content if isinstance(content, Path) else path.with_suffix(".part")
        if isinstance(content, bytes):
            source.write_bytes(content)
        os.utime(source, (epoch, epoch))
        run(["mcopy", "-m", "-i", path, source, f"::/{name}"], log=log, environment=environment)
    path.with_suffix(".part").unlink(missing_ok=True)


def compressor(config: str) -> list[str]:
    """The options of mksquashfs for the best compression that the kernel reads, by the text of its
    configuration (``/boot/config-*``)."""
    if re.search(r"^CONFIG_SQUASHFS_ZSTD=y$", config, re.MULTILINE):
        return ["-comp", "zstd", "-Xcompression-level", "6"]
    if re.search(r"^CONFIG_SQUASHFS_XZ=y$", config, re.MULTILINE):
        return ["-comp", "xz"]
    return ["-comp", "gzip"]


def has_verity(config: str) -> bool:
    """Whether the kernel can check a root while it is read, by its configuration."""
    return re.search(r"^CONFIG_DM_VERITY=[ym]$", config, re.MULTILINE) is not None


def make_squashfs(root: Path, path: Path, compression: list[str], epoch: int, *, log: Path) -> None:
    """The read-only file system of a slot: everything below `root`, times no later than `epoch`."""
    path.unlink(missing_ok=True)
    environment = {"SOURCE_DATE_EPOCH": str(epoch)}
    options = ["-noappend", "-no-progress", "-quiet", "-exports", "-b", "128K"]
    run(["mksquashfs", root, path, *options, *compression], log=log, environment=environment)


def check_fits(path: Path, partition: Partition) -> None:
    """Raises ImageError if what is at `path` leaves too little of its slot free."""
    share = path.stat().st_size / partition.size
    if share > HEADROOM:
        raise ImageError(
            f"{partition.name} would be {share:.0%} full, and {HEADROOM:.0%} are allowed: leave "
            "packages out, or make the slots of camerad_image/layout.py larger, for new cards only"
        )


def make_data(path: Path, stage: Path, epoch: int, *, log: Path) -> None:
    """The data partition with the directories that are kept, and nothing in them.

    It has no holes, since what is one is not written to a card (`check_map`). A used card would
    keep its journal there: the place, the file system's UUID and so the seed of all checksums are
    the same on every card. After a loss of power its records would be played back behind the new
    ones, over what was recorded since.
    """
    shutil.rmtree(stage, ignore_errors=True)
    for kept in layout.KEPT:
        folder = stage / kept.name
        folder.mkdir(parents=True)
        os.chown(folder, kept.uid, kept.gid)
        folder.chmod(kept.mode)
        os.utime(folder, (epoch, epoch))
    os.utime(stage, (epoch, epoch))
    path.unlink(missing_ok=True)
    extended = f"hash_seed={fixed('data hash')},root_owner=0:0,lazy_itable_init=0"
    command: list[str | Path] = [
        *("mke2fs", "-q", "-t", "ext4", "-L", layout.DATA.label, "-U", str(fixed("data"))),
        # Blocks, inodes and journal as for a card, not as for what it is before it has grown: so
        # small a one would get blocks of 1 KiB, and with those could not grow to 256 GB.
        *("-b", "4096", "-I", "256", "-i", "65536", "-J", "size=32", "-m", "0"),
        *("-O", "metadata_csum", "-E", extended, "-d", stage),
        *(path, f"{layout.DATA.size // 1024}k"),
    ]
    run(command, log=log, environment={"SOURCE_DATE_EPOCH": str(epoch)})
    with path.open("r+b") as file:
        for place in range(0, layout.DATA.size, MIB):
            os.pwrite(file.fileno(), os.pread(file.fileno(), MIB, place), place)
    shutil.rmtree(stage)


def check_map(bmap: str) -> None:
    """Raises ImageError if writing the image to a card would leave anything of the data partition,
    the last one of it, as it was on that card. bmap: the text of the image's block map."""
    words = {key: int(re.findall(rf"<{key}> *(\d+) *</{key}>", bmap)[0]) for key in _OF_MAP}
    size, blocks = words["BlockSize"], words["BlocksCount"]
    # A range of one block is a single number.
    ranges = re.findall(r"<Range[^>]*> *(\d+)(?:-(\d+))? *</Range>", bmap)
    first, last = ranges[-1]
    if int(last or first) != blocks - 1 or int(first) > blocks - layout.DATA.size // size:
        raise ImageError(
            "the block map leaves out parts of the data partition, which would keep what a used "
            "card has there: build where files may hold zeros, on ext4 for example"
        )


def make_card(folder: Path, name: str, *, log: Path) -> Path:
    """Put ``NAME.img`` of every partition in `folder` into one image, and say which of its blocks
    matter (``.bmap``); returns the image compressed."""
    for partition in layout.PARTITIONS:
        path = folder / f"{partition.name}.img"
        if not path.exists():
            path.touch()
        os.truncate(path, partition.size)
    (folder / "genimage.cfg").write_text(layout.genimage_configuration(name), encoding="ascii")
    for empty in ("tmp", "nothing"):
        shutil.rmtree(folder / empty, ignore_errors=True)
        (folder / empty).mkdir()
    places: list[str | Path] = ["--inputpath", folder, "--outputpath", folder]
    places += ["--tmppath", folder / "tmp", "--rootpath", folder / "nothing"]
    run(["genimage", "--config", folder / "genimage.cfg", *places], log=log)
    image = folder / name
    run(["bmaptool", "create", "-o", f"{image}.bmap", image], log=log)
    check_map(Path(f"{image}.bmap").read_text(encoding="utf-8"))
    run(["zstd", "-q", "-f", "-T2", "-6", image, "-o", f"{image}.zst"], log=log)
    return Path(f"{image}.zst")


def mib(path: Path) -> str:
    """The size of a file, for people."""
    return f"{path.stat().st_size / MIB:.0f} MiB"
