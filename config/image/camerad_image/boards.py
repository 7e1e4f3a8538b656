"""Files that the boot loader of each board reads: config.txt, cmdline.txt, autoboot.txt.

Words of config.txt and of autoboot.txt: Raspberry Pi's documentation, "config.txt" and
"autoboot.txt"; overlays: README of the overlays in Raspberry Pi's kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from camerad_image.errors import ImageError
from camerad_image.flavours import FLAVOURS, Flavour
from camerad_image.layout import BOOT_A, BOOT_B, ROOT_A, ROOT_B, Partition
from camerad_image.parts import WIFI, Part
from camerad_image.verity import Verity


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of board. `trees`: its device trees, by their names in the kernel's package;
    `filter`: the section of config.txt that only it reads; `bootcode`: whether its boot ROM wants a
    bootcode.bin on the first partition, having no boot loader in a memory of its own; `wifi` and
    `bluetooth`: the overlays that switch these radios off; `cma`: what is set aside for pictures,
    as the parameter of the display's overlay that says it, empty for that overlay's own default.
    """

    name: str
    filter: str
    trees: tuple[str, ...]
    bootcode: bool
    wifi: str
    bluetooth: str
    cma: str = ""


BOARDS: Final = {
    board.name: board
    for board in (
        Board(
            name="zero2w",
            filter="pi02",
            trees=("bcm2710-rpi-zero-2-w.dtb", "bcm2837-rpi-zero-2-w.dtb"),
            bootcode=True,
            wifi="disable-wifi",
            bluetooth="disable-bt",
            # The default is half of its memory.
            cma="cma-128",
        ),
        Board(
            name="3",
            filter="pi3",
            trees=(
                "bcm2710-rpi-3-b.dtb",
                "bcm2710-rpi-3-b-plus.dtb",
                "bcm2710-rpi-cm3.dtb",
                "bcm2837-rpi-3-a-plus.dtb",
                "bcm2837-rpi-3-b.dtb",
                "bcm2837-rpi-3-b-plus.dtb",
                "bcm2837-rpi-cm3-io3.dtb",
            ),
            bootcode=True,
            wifi="disable-wifi",
            bluetooth="disable-bt",
            cma="cma-128",  # a 3A+ has no more memory than a Zero 2 W
        ),
        Board(
            name="4",
            filter="pi4",
            trees=("bcm2711-rpi-4-b.dtb", "bcm2711-rpi-cm4.dtb", "bcm2711-rpi-cm4-io.dtb"),
            bootcode=False,
            wifi="disable-wifi",
            bluetooth="disable-bt",
        ),
        Board(
            name="5",
            filter="pi5",
            trees=("bcm2712-rpi-5-b.dtb", "bcm2712-d-rpi-5-b.dtb", "bcm2712-rpi-cm5-cm5io.dtb"),
            bootcode=False,
            wifi="disable-wifi-pi5",
            bluetooth="disable-bt-pi5",
        ),
    )
}
ALL: Final = "all"
"""One image for every board."""
SLOTS: Final = {"A": (BOOT_A, ROOT_A), "B": (BOOT_B, ROOT_B)}
"""A slot's two partitions, boot and root, by RAUC's ``bootname``."""
CMDLINES: Final = {"A": "cmdline-a.txt", "B": "cmdline-b.txt"}
"""The kernel's command line in either slot; every boot partition has both."""


def boards(name: str) -> tuple[Board, ...]:
    """The boards that BOARD=name stands for; raises ImageError if it stands for none."""
    if name == ALL:
        return tuple(BOARDS.values())
    try:
        return (BOARDS[name],)
    except KeyError:
        raise ImageError(f"BOARD={name}: there are {', '.join((*BOARDS, ALL))}") from None


def check_flavour(name: str, flavour: Flavour) -> list[str]:
    """What is to be said of those boards of BOARD=name that never start with this flavour's kernel,
    a sentence for each. Raises ImageError if that is all of them, or if there is no such BOARD."""
    chosen = boards(name)
    said = []
    for board in chosen:
        if lacks := flavour.unable.get(board.name):
            able = [one.name for one in FLAVOURS.values() if board.name not in one.unable]
            said.append(
                f"BOARD={name}: a {board.name} does not start from it, since the kernel of "
                f"FLAVOUR={flavour.name} has no driver for its card ({lacks}); "
                f"FLAVOUR={' or '.join(able)} has one"
            )
    if len(said) == len(chosen):
        raise ImageError("; ".join(said))
    return said


def config_txt(chosen: tuple[Board, ...], *, upstream: bool, parts: tuple[Part, ...] = ()) -> str:
    """The config.txt of an image for these boards with these parts. upstream: as `Flavour` has it.

    A camera and a DSI display are found by the firmware itself. A bus is switched on by the part
    that needs it: its lines are free for other things where there is none.
    """
    screen = "" if all(part.hdmi for part in parts) else "nohdmi"
    wifi = any(part.name == WIFI for part in parts)
    lines = [
        "# Made by the image recipe of camerad. The next update replaces it.",
        "[all]",
        "arm_64bit=1",
        "kernel=vmlinuz",
        "initramfs initrd.img followkernel",
        "disable_splash=1",
        "enable_uart=0",
        "camera_auto_detect=1",
        "display_auto_detect=1",
        "dtparam=watchdog=on",
        # A press is waited for, not a throttled start.
        "initial_turbo=30",
    ]
    if upstream:
        lines.append("upstream_kernel=1")
    for part in parts:
        lines += ["", f"# {part.what}", *part.lines]
    lines.append(f"cmdline={CMDLINES['A']}")
    for slot, (boot, _) in SLOTS.items():
        # A bundle is for either slot; which one this is, is where the firmware has found it.
        lines += ["", f"[boot_partition={boot.number}]", f"cmdline={CMDLINES[slot]}"]
    # Filters of different kinds add up until this one.
    lines += ["", "[all]"]
    for board in chosen:
        radios = (board.bluetooth,) if wifi else (board.wifi, board.bluetooth)
        display = ",".join(word for word in ("vc4-kms-v3d", screen, board.cma) if word)
        lines += ["", f"[{board.filter}]", *(f"dtoverlay={one}" for one in (display, *radios))]
    return "\n".join([*lines, "", "[all]", ""])


def autoboot_txt(first: Partition = BOOT_A, second: Partition = BOOT_B) -> str:
    """The autoboot.txt that starts from `first`; after a reboot with tryboot, once from `second`.

    The firmware reads 512 bytes of it at most, and partitions 1 to 4 only. The file has all of
    them, since it is one sector that an update writes over (camerad/update/boot_selection.py).
    """
    text = (
        f"[all]\ntryboot_a_b=1\nboot_partition={first.number}\n"
        f"[tryboot]\nboot_partition={second.number}\n"
    )
    return text.ljust(512, "\n")


def cmdline(slot: str = "A", verity: Verity | None = None) -> str:
    """The kernel's command line for slot "A" or "B", one line.

    verity: what its root is checked against; None where the kernel cannot.
    """
    root = SLOTS[slot][1]
    words = [
        f"rauc.slot={slot}",
        "ro",
        "rootwait",
        "rootfstype=squashfs",
        "quiet",
        "loglevel=3",
        # A camera that has panicked starts again; nobody reads its screen.
        "panic=5",
        # What the kernel frees is cleared: packets on their way lie in the buffers of sockets.
        "init_on_free=1",
        # Raspberry Pi's firmware puts cgroup_disable=memory in front, which takes the bounds of
        # memory from all units. Other kernels pass the word over.
        "cgroup_enable=memory",
        "systemd.show_status=no",
        # No journal of a start goes to a console that may be wired to anything.
        "console=tty1",
    ]
    if verity is None:
        words.insert(0, f"root={root.device}")
    else:
        words.insert(0, "root=/dev/mapper/root")
        words.append(f"camerad.root={root.device}")
        words.append(f"camerad.verity={verity.argument}")
    return " ".join(words) + "\n"
