"""The card: its partitions, the mounts of a running camera, and the tables that say so to tools.

An MBR, because the boot ROM of the boards up to the 3 and the Zero 2 W reads nothing else; the
firmware starts from primary partitions only, so roots and data are in the extended one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20
DISK_ID: Final = 0xCA3E7AD0
"""The MBR's signature, of which Linux makes PARTUUIDs: the same on every card and ever after."""
ALIGN: Final = 4 * MIB
"""Partitions begin at multiples of it: none shares with another what a card erases at once."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition; `size` in bytes, `kind` the type in the MBR, `label` of its file system."""

    number: int
    name: str
    label: str
    kind: int
    size: int

    @property
    def device(self) -> str:
        """How the kernel and fstab name it, on whatever bus the card is."""
        return f"PARTUUID={self._uuid}"

    @property
    def link(self) -> str:
        """Its name in /dev, which udev makes of the table alone: a file system that cannot be read
        has no label."""
        return f"/dev/disk/by-partuuid/{self._uuid}"

    @property
    def _uuid(self) -> str:
        return f"{DISK_ID:08x}-{self.number:02x}"

    @property
    def logical(self) -> bool:
        """Whether it lies in the extended partition."""
        return self.number > 4


_FAT: Final = 0x0C
_LINUX: Final = 0x83

COMMON: Final = Partition(1, "common", "CAMERAD", _FAT, 64 * MIB)
BOOT_A: Final = Partition(2, "boot-a", "CAMERAD-SYS", _FAT, 128 * MIB)
BOOT_B: Final = Partition(3, "boot-b", "CAMERAD-SYS", _FAT, 128 * MIB)
ROOT_A: Final = Partition(5, "root-a", "", _LINUX, 640 * MIB)
ROOT_B: Final = Partition(6, "root-b", "", _LINUX, 640 * MIB)
DATA: Final = Partition(7, "data", "camerad-data", _LINUX, 256 * MIB)
PARTITIONS: Final = (COMMON, BOOT_A, BOOT_B, ROOT_A, ROOT_B, DATA)
"""In their order on the card. The last one grows to the card's end at the first start."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of fstab."""

    what: str
    where: str
    kind: str
    options: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A directory of the data partition; `uid` and `gid` own it, `where` it appears."""

    name: str
    where: str
    uid: int
    gid: int
    mode: int


CAMERAD_UID: Final = 970
"""Users that own something on the data partition have the same number in every image, since that
partition outlives the roots: below those that systemd-sysusers gives out from 999 downwards."""
GPIO_GID: Final = 971
PROVISION_UID: Final = 972
UPLOAD_UID: Final = 973

SYSUSERS: Final = f"""\
# Fixed numbers for whoever owns something on the data partition, which outlives this root.
u camerad {CAMERAD_UID} "Body-worn camera" /var/lib/camerad
g gpio {GPIO_GID}
u camerad-provision {PROVISION_UID} "Settings of a body-worn camera" /var/lib/camerad-provision
u camerad-upload {UPLOAD_UID} "Hand-over of the body camera's recordings" -
"""

KEPT: Final = (
    Kept("camerad", "/var/lib/camerad", CAMERAD_UID, CAMERAD_UID, 0o750),
    Kept("provision", "/var/lib/camerad-provision", PROVISION_UID, PROVISION_UID, 0o755),
    Kept("ssh", "/var/lib/camerad-ssh", 0, 0, 0o700),
    Kept("journal", "/var/log/journal", 0, 0, 0o2755),
)
"""All that outlives a start, beside `UPLOAD`."""

UPLOAD: Final = Kept("upload", "/data/upload", UPLOAD_UID, UPLOAD_UID, 0o700)
"""For updates that come through the dock. It is made at each start (`camerad_image.configure`), and
appears nowhere else: a card that was made before has none, and a mount of what is not there would
keep it from starting."""

CHECK: Final = "camerad-check.service"
"""Looks at the data before it is mounted. Not systemd-fsck@.service: that mounts what could not be
looked at, and knows of no other superblock."""
DATA_OPTIONS: Final = ",".join(
    (
        *("noatime", "dioread_lock", "errors=remount-ro", "nodev", "nosuid", "noexec"),
        *("x-systemd.growfs", f"x-systemd.requires={CHECK}"),
    )
)
"""``dioread_lock,noatime``: what was measured to write least; ``errors=remount-ro``: what is
broken is not written to. See docs/storage.md."""

_QUIET: Final = "mode=0755,nodev,nosuid,noexec"

MOUNTS: Final = (
    Mount("tmpfs", "/var", "tmpfs", f"{_QUIET},size=48M"),
    Mount(DATA.device, "/data", "ext4", DATA_OPTIONS),
    *(Mount(f"/data/{kept.name}", kept.where, "none", "bind") for kept in KEPT),
)


def fstab() -> str:
    """The fstab of both roots: the root itself is the kernel's affair."""
    lines = [f"{m.what} {m.where} {m.kind} {m.options} 0 0" for m in MOUNTS]
    return "# Made by the image recipe of camerad.\n" + "\n".join(lines) + "\n"


def genimage_configuration(image: str) -> str:
    """The configuration of genimage that puts ``NAME.img`` of every partition into `image`.

    Slot B is empty: an update is what fills it.
    """
    lines = [
        f"image {image} {{",
        "  hdimage {",
        '    partition-table-type = "mbr"',
        f"    disk-signature = {DISK_ID:#010x}",
        f"    align = {ALIGN}",
        "    extended-partition = 4",
        "  }",
    ]
    for partition in PARTITIONS:
        lines += [
            f"  partition {partition.name} {{",
            f"    partition-type = {partition.kind:#04x}",
            f'    image = "{partition.name}.img"',
            f"    size = {partition.size}",
        ]
        if partition is COMMON:
            lines.append("    bootable = true")
        lines.append("  }")
    return "\n".join([*lines, "}", ""])
