"""One start of a card's system after the other, under a kernel that has FAT and dm-verity.

It is User-mode Linux (tests/unit/other_kernel.py), with this machine's programs; the card is its
disk, and `tests.updates.inside` does there what initramfs, fstab and units do on a camera.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.unit import other_kernel
from tests.updates import card

NEEDS: Final = (
    *("rauc", "dbus-run-session", "mtype", "mkfs.vfat", "mksquashfs", "veritysetup"),
    *("dmsetup", "sfdisk"),
)
MODULES: Final = (
    *("drivers/dax/dax", "drivers/md/dm-mod", "drivers/md/dm-bufio"),
    *("drivers/md/dm-verity", "fs/squashfs/squashfs"),
)
SECONDS: Final = 600.0
SAYS: Final = "BED "


def missing() -> str | None:
    """What this machine lacks; None: nothing."""
    lacking = [name for name in NEEDS if shutil.which(name) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else other_kernel.missing()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a start went. slot: the one that the firmware chose. said: what was told, in order; next:
    what the machine asks for: "tryboot", "reboot", "reset" (it hung) or "off"."""

    slot: str
    said: tuple[dict[str, Any], ...]
    next: str

    def told(self, what: str) -> dict[str, Any]:
        """The last thing of that kind."""
        return [one for one in self.said if one["what"] == what][-1]

    @property
    def codes(self) -> list[tuple[str, int]]:
        """Every command with its exit code."""
        return [(one["what"], one["code"]) for one in self.said if "code" in one]


def start(
    disk: Path, scratch: Path, actions: list[dict[str, Any]], *, tryboot: bool = False
) -> Ended:
    """Start what the card has, and carry out `actions` there (see `tests.updates.inside.act`).
    tryboot: as the firmware was asked. scratch: a folder; what bundles are named lies in there."""
    chosen = card.firmware(disk, tryboot=tryboot)
    (scratch / "job.json").write_text(json.dumps({"words": chosen.words, "actions": actions}))
    tree = Path(__file__).parents[2]
    text = other_kernel.run(
        [
            "export DM_DISABLE_UDEV=1 LANG=C.UTF-8",
            "mount -t tmpfs tmpfs /mnt",
            # Not as a disk of that kernel's own, which says that it has no cache: nothing would
            # be flushed.
            "mkdir /run/card",
            f"mount -t hostfs -o hostfs={shlex.quote(str(disk.parent))} card /run/card",
            f"losetup --partscan /dev/loop0 /run/card/{shlex.quote(disk.name)}",
            f"cd {shlex.quote(str(tree))}",
            f"{shlex.quote(sys.executable)} -m tests.updates.inside "
            f"{other_kernel.SCRATCH}/job.json",
            *other_kernel.end(),
        ],
        scratch,
        modules=MODULES,
        # What of the slot's command line is not the initramfs's.
        words=[word for word in chosen.words.split() if word.startswith("rauc.slot=")],
        seconds=SECONDS,
    )
    said = [json.loads(line.partition(SAYS)[2]) for line in text.splitlines() if SAYS + "{" in line]
    kinds = [one["what"] for one in said]
    assert "up" in kinds, f"it did not come up:\n{text[-4000:]}"
    assert "error" not in kinds, said
    asked = [one for one in ("reset", "reboot", "tryboot") if one in kinds]
    return Ended(chosen.slot, tuple(said), asked[0] if asked else "off")
