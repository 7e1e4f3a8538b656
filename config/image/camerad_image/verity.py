"""dm-verity: what a root is checked against, block by block, while it is read.

The hash tree lies behind the file system in the same partition. Format and table: the kernel's
Documentation/admin-guide/device-mapper/verity.rst, version 1 without a header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError
from camerad_image.programs import run

BLOCK: Final = 4096
"""Bytes of a block, of data and of hashes: a page of memory on every board."""
SALT: Final = "63616d65726164"
"""Fixed, so that a root has one hash: "camerad". A salt is against tables made beforehand, and
whoever could make one for this image could as well read the salt from the card."""

_ROOT_HASH: Final = re.compile(r"^Root hash:\s+([0-9a-f]{64})$", re.MULTILINE)
_DATA_BLOCKS: Final = re.compile(r"^Data blocks:\s+([0-9]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verity:
    """`blocks` of BLOCK bytes of data, followed by their hash tree; `root_hash` in hex."""

    blocks: int
    root_hash: str

    @property
    def argument(self) -> str:
        """As the initramfs reads it (``camerad.verity=``): blocks, hash, salt."""
        return f"{self.blocks}:{self.root_hash}:{SALT}"

    def table(self, device: str) -> str:
        """The device mapper's table for `device`."""
        sectors = self.blocks * BLOCK // 512
        return (
            f"0 {sectors} verity 1 {device} {device} {BLOCK} {BLOCK} {self.blocks} {self.blocks} "
            f"sha256 {self.root_hash} {SALT}"
        )


def report(text: str) -> Verity:
    """What ``veritysetup format`` said; raises ImageError if it is something else."""
    root_hash, blocks = _ROOT_HASH.search(text), _DATA_BLOCKS.search(text)
    if root_hash is None or blocks is None:
        raise ImageError("veritysetup says no root hash; is it older than 2.0?")
    return Verity(blocks=int(blocks[1]), root_hash=root_hash[1])


def append_tree(path: Path, *, log: Path) -> Verity:
    """Append the hash tree to the file system at `path`, whose size becomes whole blocks."""
    size = -(-path.stat().st_size // BLOCK) * BLOCK
    with path.open("r+b") as file:
        file.truncate(size)
    said = run(
        [
            *("veritysetup", "format", "--no-superblock", "--hash=sha256"),
            *(f"--data-block-size={BLOCK}", f"--hash-block-size={BLOCK}"),
            *(f"--data-blocks={size // BLOCK}", f"--hash-offset={size}", f"--salt={SALT}"),
            *(path, path),
        ],
        log=log,
    )
    return report(said)
