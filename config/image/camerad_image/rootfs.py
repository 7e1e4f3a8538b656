"""The root's packages: mmdebstrap, for 64-bit ARM, with programs emulated by qemu-user.

What is made here is the base: packages alone, nothing of camerad's. It takes nearly all of a
build's time, so it can be used again (BASE=).
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError
from camerad_image.flavours import BACKPORTS, SUITE, Flavour
from camerad_image.kernels import Rebuilt
from camerad_image.programs import run

BINFMT: Final = Path("/proc/sys/fs/binfmt_misc")
RULE: Final = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")

FILES: Final = Path(__file__).resolve().parents[1] / "files"
"""What is copied into the root besides packages, by its place in there."""

MODULES: Final = (
    # The card, on every board; what switches its power, its voltage and its pins
    # (`camerad_image.drivers`); what the root is read through; and the same in an emulator.
    *("mmc_block", "sdhci_iproc", "sdhci_of_dwcmshc", "sdhci_brcmstb", "bcm2835"),
    *("fixed", "gpio_regulator", "gpio_brcmstb", "pinctrl_brcmstb_bcm2712", "reset_raspberrypi"),
    *("dm_mod", "dm_verity", "squashfs", "ext4"),
    *("virtio_blk", "virtio_mmio", "virtio_pci"),
    # What dm-verity checks the root with, by all names that kernels have for it; those that are for
    # processors with instructions of their own are passed over by others.
    *("sha256_generic", "sha256_arm64", "sha2_ce", "sha256"),
    # What these boards start anew by: without it a kernel that panics this early stands still.
    "bcm2835_wdt",
)
"""Of the initramfs. A name that a kernel does not have is passed over, since it may be built in."""


_NEED: Final = re.compile(r"Need to get ([^/]+?)(?:/.*)? of archives")
_STEP: Final = re.compile(r"(Get:|Unpacking|Setting up)")
_WORDS: Final = {"Get:": "fetched", "Unpacking": "unpacked", "Setting up": "set up"}
_EVERY: Final = 25
"""How many packages are one line of progress: emulated, some ten seconds."""


def register_emulator(*, log: Path) -> None:
    """See to it that the kernel runs programs for 64-bit ARM, also in another root.

    A machine with systemd has done so when it installed qemu-user-binfmt; a container has not.
    Raises ImageError if the kernel cannot.
    """
    if not (BINFMT / "register").exists():
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], log=log)
    if not (BINFMT / "qemu-aarch64").exists():
        if not RULE.exists():
            raise ImageError(
                "qemu-user-binfmt is not installed: 'sh hw-mocks/prepare.sh image' installs it"
            )
        (BINFMT / "register").write_text(RULE.read_text(encoding="ascii"), encoding="ascii")
    if "F" not in (BINFMT / "qemu-aarch64").read_text(encoding="ascii").split("flags:")[1][:8]:
        raise ImageError(
            f"the emulator is registered without the flag F, so another root cannot use it: "
            f"'echo -1 >{BINFMT}/qemu-aarch64', then try again"
        )


def initramfs_files(root: str = '"$1"') -> str:
    """The shell commands that configure the initramfs before its package does: made once, zstd at
    a level that costs seconds, and only the modules in MODULES."""
    folder = f"{root}/etc/initramfs-tools"
    modules = "\\n".join(MODULES)
    settings = "MODULES=list\\nCOMPRESS=zstd\\nCOMPRESSLEVEL=3\\nFSTYPE=squashfs\\nRESUME=none\\n"
    return (
        f"mkdir -p {folder}/conf.d && "
        f"printf '{modules}\\n' >{folder}/modules && "
        f"printf '{settings}' >{folder}/conf.d/camerad && "
        f"printf 'update_initramfs=no\\nbackup_initramfs=no\\n' >{folder}/update-initramfs.conf && "
        f"cp -R {shlex.quote(str(FILES / 'etc/initramfs-tools'))}/. {folder}/"
    )


def preferences(newer: tuple[str, ...], root: str = '"$1"') -> str:
    """The shell command that has apt take the packages `newer` from BACKPORTS."""
    text = f"Package: {' '.join(newer)}\\nPin: release n={BACKPORTS}\\nPin-Priority: 900\\n"
    folder = f"{root}/etc/apt/preferences.d"
    return f"mkdir -p {folder} && printf '{text}' >{folder}/camerad"


def _install(kernel: Rebuilt, cache: Path) -> str:
    """The shell command that keeps a rebuilt kernel's package in `cache` and installs it."""
    # By the name that the bill of materials finds it by.
    kept = shlex.quote(str(cache / f"{kernel.name}_{kernel.version}_arm64.deb"))
    return (
        f'cp {shlex.quote(str(kernel.file.absolute()))} {kept} && cp {kept} "$1"/kernel.deb && '
        'chroot "$1" dpkg -i /kernel.deb && rm "$1"/kernel.deb'
    )


def mmdebstrap(
    flavour: Flavour,
    sources: Path,
    root: Path,
    cache: Path,
    more: tuple[str, ...] = (),
    *,
    kernel: Rebuilt | None = None,
) -> list[str]:
    """The command that makes the base of `flavour` at `root`, with `more` packages than every image
    has; they are kept in `cache`. kernel: in place of the flavour's."""
    wanted = [one for one in flavour.packages if kernel is None or one != flavour.kernel]
    kept = shlex.quote(str(cache))
    archives = '"$1"/var/cache/apt/archives'
    return [
        *("mmdebstrap", "--verbose", "--mode=root", "--arch=arm64", "--format=directory"),
        # Only what is essential and what is asked for: no apt, which could install nothing.
        "--variant=essential",
        *(
            f"--aptopt={option}"
            for option in (
                'APT::Install-Recommends "false"',
                'Acquire::Languages "none"',
                # A build machine's clock may be anything; the signatures are what counts.
                'Acquire::Check-Valid-Until "false"',
                'Acquire::Check-Date "false"',
            )
        ),
        *(
            f"--dpkgopt={option}"
            for option in (
                "force-unsafe-io",
                "force-confold",
                "path-exclude=/usr/share/doc/*",
                "path-include=/usr/share/doc/*/copyright",
                "path-exclude=/usr/share/man/*",
                "path-exclude=/usr/share/info/*",
                "path-exclude=/usr/share/locale/*",
                "path-exclude=/usr/share/lintian/*",
            )
        ),
        "--skip=download/empty,essential/unlink,cleanup/apt/cache",
        # The first time there are none, and the pattern stands for itself.
        f"--setup-hook=mkdir -p {archives} && for deb in {kept}/*.deb; do "
        f'[ ! -e "$deb" ] || cp -l "$deb" {archives}/ || exit 1; done',
        *(f"--setup-hook={preferences(flavour.newer)}" for _ in flavour.newer[:1]),
        f"--essential-hook={initramfs_files()}",
        f"--customize-hook=cp -lf {archives}/*.deb {kept}/ && rm -rf {archives}",
        # What only the boot partitions get is fetched beside the root, with the same sources: apt
        # leaves a file as it is that is there, and the newest one may be of other sources.
        f"--customize-hook=cd {kept} && rm -f {flavour.firmware}_*.deb && "
        f"APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq download {flavour.firmware}",
        *(() if kernel is None else (f"--customize-hook={_install(kernel, cache)}",)),
        *('--customize-hook=rm -r "$1"/etc/apt/preferences.d' for _ in flavour.newer[:1]),
        f"--include={','.join((*wanted, *more))}",
        *(SUITE, str(root), str(sources)),
    ]


class Progress:
    """What a person is told while packages are fetched, unpacked and set up: `say` gets a line now
    and then, made of the lines of apt and dpkg."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._done: Counter[str] = Counter()

    def __call__(self, line: str) -> None:
        """One line of what the programs say."""
        if found := _NEED.match(line):
            self._say(f"{found[1]} to fetch")
        elif found := _STEP.match(line):
            word = _WORDS[found[1]]
            self._done[word] += 1
            if self._done[word] % _EVERY == 0:
                self._say(f"{self._done[word]} packages {word}")


def firmware(flavour: Flavour, cache: Path, work: Path, *, log: Path) -> tuple[Path, str]:
    """Unpack the newest package of the boards' firmware in `cache`; returns the folder of its
    files, and what dpkg's status would say of it, were it installed."""
    packages = cache.glob(f"{flavour.firmware}_*.deb")
    newest = max(packages, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        raise ImageError(f"{cache} holds no {flavour.firmware}: build without BASE=")
    target = work / "firmware"
    shutil.rmtree(target, ignore_errors=True)
    run(["dpkg-deb", "-x", newest, target], log=log)
    stanza = run(["dpkg-deb", "-f", newest], log=log).strip()
    return target / "usr/lib/raspi-firmware", f"{stanza}\nStatus: install ok installed\n"


def left_mounted(root: Path, mounts: str) -> list[str]:
    """What is mounted below `root`, by the text of /proc/self/mounts; the last one first."""
    places = [line.split()[1].encode().decode("unicode_escape") for line in mounts.splitlines()]
    return [place for place in reversed(places) if place.startswith(f"{root}/")]


def _unmount(root: Path, *, log: Path) -> None:
    for place in left_mounted(root, Path("/proc/self/mounts").read_text(encoding="utf-8")):
        run(["umount", place], log=log)


def make_base(
    flavour: Flavour,
    sources: str,
    work: Path,
    cache: Path,
    more: tuple[str, ...] = (),
    *,
    kernel: Rebuilt | None = None,
    epoch: int,
    log: Path,
    say: Callable[[str], None],
) -> Path:
    """Make the base anew and return its directory. sources: the text of a deb822 file; more:
    packages besides the flavour's; kernel: in place of the flavour's; epoch: what programs of the
    packages take for the time when they date something; say: as for `Progress`."""
    root = work / "base.part"
    # Whatever may have left a mount there: through it a removal would reach this machine.
    _unmount(root, log=log)
    shutil.rmtree(root, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    listed = work / "sources.sources"
    listed.write_text(sources, encoding="utf-8")
    register_emulator(log=log)
    command = mmdebstrap(flavour, listed, root, cache, more, kernel=kernel)
    environment = {"SOURCE_DATE_EPOCH": str(epoch)}
    run(command, log=log, environment=environment, contained=True, follow=Progress(say))
    # So that what has this name is whole: it may be used again.
    shutil.rmtree(work / "base", ignore_errors=True)
    root.rename(work / "base")
    return work / "base"
