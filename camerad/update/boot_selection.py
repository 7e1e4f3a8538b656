"""Selects the boot partition of the board's firmware by autoboot.txt.

Raspberry Pi's documentation, "autoboot.txt": at most 512 bytes; `boot_partition` below ``[all]``
counts at every start, that below ``[tryboot]`` at one that was asked for with the reboot argument
``0 tryboot``; `tryboot_a_b=1` has such a start read the same file names.

The file always has 512 bytes, one sector, and is written over in place: FAT has no journal, and to
put another file into its place would change a directory, two chains of clusters and the free room,
in any order. One sector that keeps its place is old or new, as far as the card keeps its word.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec

from camerad.base import durable_files
from camerad.base.safe_read import read_plain
from camerad.behaviour.update import SLOTS, other
from camerad.update.errors import UpdateError

NAME: Final = "autoboot.txt"
SIZE: Final = 512
PARTITIONS: Final = {"A": 2, "B": 3}
"""The card's partitions that the firmware starts a slot from."""


class Autoboot(msgspec.Struct, frozen=True):
    """primary: the slot that starts by default. The other one starts when it is on trial."""

    primary: str

    def text(self) -> bytes:
        """The file, `SIZE` bytes."""
        lines = (
            "[all]",
            "tryboot_a_b=1",
            f"boot_partition={PARTITIONS[self.primary]}",
            "[tryboot]",
            f"boot_partition={PARTITIONS[other(self.primary)]}",
        )
        return ("\n".join(lines) + "\n").encode("ascii").ljust(SIZE, b"\n")


def parse_autoboot(text: bytes) -> Autoboot | None:
    """The file's content; None if it is not, byte for byte, one that is written here."""
    found = (Autoboot(slot) for slot in SLOTS)
    return next((one for one in found if one.text() == text), None)


class BootSelection:
    """The FAT partition of the card, mounted at `directory`. Everything raises CameradError."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, NAME)

    @property
    def primary(self) -> str:
        """The slot that starts by default."""
        found = parse_autoboot(read_plain(self._path, NAME, SIZE + 1))
        if found is None:
            raise UpdateError(
                f"{self._path}: this is not what a camera's card has there: offload the camera's "
                "recordings, and flash its card anew"
            )
        return found.primary

    def commit(self, slot: str) -> None:
        """Have `slot` start by default, durably; nothing is written if it does already."""
        if self.primary == slot:
            return
        descriptor = durable_files.open_existing(self._path)
        try:
            durable_files.write(descriptor, [Autoboot(slot).text()], 0, self._path)
            durable_files.sync(descriptor, self._path)
        finally:
            os.close(descriptor)
