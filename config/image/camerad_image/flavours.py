"""The flavours of the one recipe: which packages an image is made of.

They differ in where packages come from, in the kernel, and in what reaches the pins of the header;
everything else is common. Package names are Debian's; those of Raspberry Pi OS are from its archive
for trixie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError

SUITE: Final = "trixie"
BACKPORTS: Final = f"{SUITE}-backports"
"""Newer packages, built for SUITE."""
PYTHON: Final = "3.13"
"""The version of Python in SUITE: wheels are chosen and modules compiled for it."""

WHEEL_FOR_PINS: Final = "adafruit_lgpio-"
"""What the file of lgpio begins with that is used where the archive has none. lgpio itself has no
wheel for PYTHON; this one is of the same source, under the same name of the module."""

COMMON: Final = (
    # What starts the machine, and finds its root.
    "systemd",
    "systemd-sysv",
    # systemd loads it for SocketBindDeny= of the units, and without it only says that it cannot.
    "libbpf1",
    "udev",
    "kmod",
    "dbus",
    "initramfs-tools",
    "dmsetup",
    "zstd",
    # The data partition: checked at every start, grown at the first.
    "e2fsprogs",
    "fdisk",
    # The common partition: checked before it is mounted.
    "dosfstools",
    # The time of day, where the configuration names a server or a clock.
    "systemd-timesyncd",
    "tzdata",
    "util-linux-extra",
    # In the dock: names of time servers, and a technician's way in. Nothing of it runs unless the
    # office's file asks for it.
    "systemd-resolved",
    "openssh-server",
    "sudo",
    # Updates; it brings the bus that it speaks on.
    "rauc",
    # What camerad runs on.
    "python3",
    "python3-libcamera",
    "python3-prctl",
    "libcamera-ipa",
    "alsa-utils",
)
"""In every image."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """One flavour.

    `components` of the archive; `kernel` and `pins` are packages that go into the root, the latter
    empty where the archive has no library for the header's pins: then WHEEL_FOR_PINS; `upstream`:
    whether device trees have the names of the kernel's own sources instead of Raspberry Pi's, which
    the firmware has to be told; `firmware` is the package whose files go to the boot partitions
    only; `tried`: what it was tried on, in a sentence for the bill of materials; `archives`: what a
    file of sources has to name, empty where Debian's archive, which a build machine's apt has
    anyway, is all; `unable`: boards whose card the kernel cannot drive, so that they never start,
    with what it lacks for that; `newer`: packages, by patterns of apt_preferences(5), that come
    from BACKPORTS.
    """

    name: str
    components: tuple[str, ...]
    kernel: str
    upstream: bool
    pins: str
    firmware: str
    tried: str
    archives: str = ""
    unable: Mapping[str, str] = field(default_factory=dict)
    newer: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """All packages that the root is asked for, without what they depend on."""
        return (*COMMON, self.kernel, *((self.pins,) if self.pins else ()))

    def wheels(self, files: Iterable[Path]) -> list[Path]:
        """Which of the Python packages' files go into the root."""
        return [path for path in files if not self.pins or not path.name.startswith(WHEEL_FOR_PINS)]


FLAVOURS: Final = {
    flavour.name: flavour
    for flavour in (
        Flavour(
            name="debian",
            components=("main", "non-free-firmware"),
            kernel="linux-image-arm64",
            upstream=True,
            pins="",
            firmware="raspi-firmware",
            tried="started in emulation; drives no CSI camera, for which its kernel has no drivers",
            unable={"5": "CONFIG_MMC_SDHCI_BRCMSTB"},
        ),
        Flavour(
            name="debian-backports",
            components=("main", "non-free-firmware"),
            kernel="linux-image-arm64",
            upstream=True,
            pins="",
            firmware="raspi-firmware",
            tried="started in emulation; drives card and camera interface of a 5, no sensor",
            newer=("linux-image-*", "linux-base", "libcamera*", "python3-libcamera", "libpisp*"),
        ),
        Flavour(
            name="raspios",
            components=("main",),
            # The kernel with pages of 4 KiB starts every board from the Zero 2 W to the 5.
            kernel="linux-image-rpi-v8",
            upstream=False,
            pins="python3-lgpio",
            firmware="raspi-firmware",
            tried="not built and not tried on a board yet",
            archives="both archives of Raspberry Pi OS, Debian's own and Raspberry Pi's",
        ),
    )
}


def flavour(name: str) -> Flavour:
    """The flavour of that name; raises ImageError if there is none."""
    try:
        return FLAVOURS[name]
    except KeyError:
        raise ImageError(f"FLAVOUR={name}: there are {' and '.join(FLAVOURS)}") from None
