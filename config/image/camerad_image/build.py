"""The whole way from an empty folder to an image, with what it says on the way."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from camerad_image import (
    accounts,
    boards,
    configure,
    drivers,
    filesystems,
    kernels,
    layout,
    materials,
    publishing,
    python,
    rootfs,
    sbom,
    signing,
    sources,
    space,
    units,
    updates,
    vex,
)
from camerad_image import parts as hardware
from camerad_image.errors import ImageError
from camerad_image.flavours import BACKPORTS, SUITE, Flavour
from camerad_image.programs import run
from camerad_image.verity import Verity, append_tree

TREE: Final = Path(__file__).resolve().parents[3]
"""The checkout."""
CACHE: Final = TREE / ".cache" / "image"
STEPS: Final = 6
"""And one more for a bundle."""
PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built. `out`: the folder for the results; `base`: packages to be used again,
    None makes them anew; `sources`: a file in the place of apt's own configuration; `epoch`: the
    time that everything in the image is dated at, seconds since 1970; `parts`: what the camera has
    beside its board; `keyring`: the certificate of whoever signs updates, None for an image without
    them; `signer`: certificate and key that a bundle is signed with, None for no bundle; `creator`:
    who hands the image out, an e-mail address or a URL, empty if that is not to be said; `kernel`:
    a rebuilt one in place of the archive's, None for that."""

    flavour: Flavour
    boards: str
    out: Path
    base: Path | None
    sources: Path | None
    epoch: int
    parts: tuple[hardware.Part, ...] = ()
    keyring: Path | None = None
    signer: tuple[str, str] | None = None
    creator: str = ""
    kernel: kernels.Rebuilt | None = None

    @property
    def name(self) -> str:
        """Of the image, without an ending; an update has to be of the same name."""
        words = ("camerad", self.flavour.name, self.boards, hardware.label(self.parts))
        return "-".join(word for word in words if word)

    @property
    def file(self) -> str:
        """The name of the image itself."""
        return f"{self.name}.img.zst"


@dataclass(frozen=True, slots=True)
class Kernel:
    """What of the kernel's package goes to a boot partition; `config` is its configuration's text,
    `trees` the folder of device trees, `overlays` that of overlays, if there are any."""

    version: str
    config: str
    image: Path
    initramfs: Path
    trees: Path
    overlays: Path | None


def commit_time(tree: Path) -> int:
    """When the newest commit of the checkout was made, seconds since 1970."""
    # As root in another user's checkout, git wants to be told that it is meant.
    meant = f"safe.directory={tree}"
    words = ["git", "-c", meant, "-C", str(tree), "log", "-1", "--format=%ct"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ImageError(f"{tree} is no git checkout: say with SOURCE_DATE_EPOCH when it was made")
    return int(done.stdout)


def _check_base(order: Order, base: Path) -> None:
    """Raise ImageError unless `base` has the packages of this flavour and these parts: any Debian's
    root looks like some, this machine's own too, and would be copied before it is found out."""
    try:
        status = (base / "var/lib/dpkg/status").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ImageError(f"BASE={base} is no packages of an earlier build: leave it out") from None
    if order.kernel is not None:
        package = f"Package: {order.kernel.name}\n"
        stanza = next((one for one in status.split("\n\n") if one.startswith(package)), "")
        if f"\nVersion: {order.kernel.version}\n" not in stanza:
            raise ImageError(
                f"BASE={base} was not made with {order.kernel.name} {order.kernel.version} of "
                "KERNEL=: leave it out"
            )
        hardware.check_packages(order.parts, status)
        return
    kernel = order.flavour.kernel
    stanzas = [one for one in status.split("\n\n") if one.startswith(f"Package: {kernel}\n")]
    # Packages of the backports have that in their versions.
    if ["~bpo" in one for one in stanzas] != [bool(order.flavour.newer)]:
        suite = " of the backports" if order.flavour.newer else ""
        raise ImageError(
            f"BASE={base} has no package {kernel}{suite}, so it was not made for "
            f"FLAVOUR={order.flavour.name}: leave it out"
        )
    hardware.check_packages(order.parts, status)


def _sources(order: Order) -> str:
    newer = BACKPORTS if order.flavour.newer else ""
    return sources.read(SUITE, order.flavour.components, order.sources, newer=newer)


def check_hardware(order: Order) -> list[str]:
    """Raise ImageError if the flavour's kernel can drive none of these boards, or not these parts;
    returns what is to be said where it cannot drive some."""
    hardware.check_flavour(order.parts, order.flavour)
    rebuilt = order.kernel
    if rebuilt is not None:
        if (order.flavour.name, order.boards) != ("debian-backports", "5"):
            raise ImageError("KERNEL= is for FLAVOUR=debian-backports BOARD=5, and no other image")
        hardware.check_kernel(order.parts, rebuilt.release, rebuilt.config, rebuilt.overlays)
    elif wanting := [part.name for part in order.parts if part.rebuilt]:
        raise ImageError(
            f"PARTS={' '.join(wanting)}: no kernel of an archive has what it takes: name a rebuilt "
            "one with KERNEL=DIR, which 'make kernel OUT=DIR' makes"
        )
    return boards.check_flavour(order.boards, order.flavour)


def check(order: Order, work: Path) -> bytes | None:
    """Raise ImageError if something is wrong with what was asked for, or there is no room in
    `work`: said before anything is built, which takes ten minutes. Makes the folder of results.
    Returns the signer's key if a passphrase locks it: as `signing.check_signer`."""
    check_hardware(order)
    if order.base is None:
        if order.flavour.archives and order.sources is None:
            raise ImageError(
                f"FLAVOUR={order.flavour.name} wants SOURCES=FILE, since Debian's archive has no "
                f"{order.flavour.kernel}: a file of apt's sources (sources.list(5), deb822) with "
                f"{SUITE} of {order.flavour.archives}"
            )
        _sources(order)
    else:
        _check_base(order, order.base)
    if order.keyring is not None:
        signing.check_keyring(order.keyring, datetime.now(UTC))
    elif order.signer is not None:
        raise ImageError(
            "a camera with a system that was made without KEYRING= takes no updates any more, so "
            "there is no bundle of one: say whose updates it takes"
        )
    try:
        order.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"OUT={order.out} cannot be made: {error.strerror}") from None
    if not os.access(order.out, os.W_OK):
        raise ImageError(f"OUT={order.out} cannot be written to: name another folder")
    space.check([work], order.out)
    if order.signer is None or order.keyring is None:
        return None
    # Last, since it may ask for a passphrase.
    return signing.check_signer(order.signer, order.keyring)


def find_kernel(root: Path) -> Kernel:
    """The one kernel that is installed in `root`; raises ImageError if there is another number."""
    images = sorted((root / "boot").glob("vmlinuz-*"))
    if len(images) != 1:
        raise ImageError(f"{root}/boot holds {len(images)} kernels, and one is wanted")
    version = images[0].name.removeprefix("vmlinuz-")
    package = root / f"usr/lib/linux-image-{version}"
    overlays = package / "overlays"
    return Kernel(
        version=version,
        config=(root / f"boot/config-{version}").read_text(encoding="ascii"),
        image=images[0],
        initramfs=root / f"boot/initrd.img-{version}",
        trees=package / "broadcom",
        overlays=overlays if overlays.is_dir() else None,
    )


def take_out(kernel: Kernel, root: Path, boot: Path) -> Kernel:
    """Move what belongs to a boot partition from `root` to the folder `boot`, which is made anew.

    The root keeps the modules alone, and no other name of what was moved.
    """
    shutil.rmtree(boot, ignore_errors=True)
    boot.mkdir()
    package = kernel.trees.parent
    shutil.move(kernel.image, boot / "vmlinuz")
    shutil.move(kernel.initramfs, boot / "initrd.img")
    shutil.move(package.resolve(), boot / "trees")
    # From kernel 7 on all of it lies beside the modules, and these are links.
    package.unlink(missing_ok=True)
    modules = root / f"usr/lib/modules/{kernel.version}"
    for path in (*(root / "boot").iterdir(), modules / "vmlinuz", modules / "config"):
        if path.name != "common":
            path.unlink(missing_ok=True)
    return replace(
        kernel,
        image=boot / "vmlinuz",
        initramfs=boot / "initrd.img",
        trees=boot / "trees" / "broadcom",
        overlays=kernel.overlays and boot / "trees" / "overlays",
    )


def boot_files(
    order: Order, kernel: Kernel, firmware: Path, verity: Verity | None
) -> dict[str, bytes | Path]:
    """The files of boot partition A, by their paths in there."""
    chosen = boards.boards(order.boards)
    overlays = () if kernel.overlays is None else sorted(kernel.overlays.glob("*.dtbo"))
    have = {path.stem for path in overlays}
    hardware.check_kernel(order.parts, kernel.version, kernel.config, have)
    config = boards.config_txt(chosen, upstream=order.flavour.upstream, parts=order.parts)
    lacking = [one for one in hardware.overlays(config) if one not in have]
    # The kernel's own sources have none at all, and the firmware passes them over.
    if lacking and not order.flavour.upstream:
        raise ImageError(
            f"kernel {kernel.version} comes without the overlays {', '.join(lacking)}, which "
            "config.txt names, so a camera would have its radio on, or no display: mend their "
            "names in camerad_image/boards.py"
        )
    files: dict[str, bytes | Path] = {
        "config.txt": config.encode("ascii"),
        **{
            name: boards.cmdline(slot, verity).encode("ascii")
            for slot, name in boards.CMDLINES.items()
        },
        "vmlinuz": kernel.image,
        "initrd.img": kernel.initramfs,
    }
    for pattern in ("start*.elf", "fixup*.dat"):
        files |= {path.name: path for path in firmware.glob(pattern)}
    trees = {name for board in chosen for name in board.trees}
    files |= {path.name: path for path in kernel.trees.glob("*.dtb") if path.name in trees}
    if kernel.overlays is not None:
        files |= {f"overlays/{path.name}": path for path in kernel.overlays.iterdir()}
    for board in chosen:
        if not any(name in files for name in board.trees):
            raise ImageError(f"kernel {kernel.version} has no device tree for BOARD={board.name}")
    return files


class Build:
    """One build; `order` says what, `work` is a folder that it has to itself."""

    def __init__(self, order: Order, work: Path) -> None:
        self.order = order
        self.work = work
        self.log = work / "build.log"
        self._debs = CACHE / f"debs-{order.flavour.name}"
        self._begun = time.monotonic()
        self._step = 0

    def _say(self, what: str) -> None:
        self._step += 1
        steps = STEPS + (self.order.signer is not None)
        self._tell(f"[{self._step}/{steps}]", what)

    def _say_more(self, what: str) -> None:
        self._tell("", f"  {what}")

    def _tell(self, step: str, what: str) -> None:
        seconds = time.monotonic() - self._begun
        print(f"{step:5} {seconds:5.0f} s  {what}", file=sys.stderr, flush=True)

    def build(self) -> Path:
        """Build the image and return it, compressed; beside it lie its block map, its bill of
        materials, and its packages' versions. Raises ImageError."""
        order, work, log = self.order, self.work, self.log
        key = check(order, work)
        for said in check_hardware(order):
            self._tell("", said)
        work.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        base = order.base
        if base is None:
            base = self._packages()
        else:
            self._say(f"Packages as they are in {base}")
        firmware, firmware_status = rootfs.firmware(order.flavour, self._debs, work, log=log)
        root = work / "root"
        shutil.rmtree(root, ignore_errors=True)
        run(["cp", "-a", "--reflink=auto", base, root], log=log)

        self._say("camerad, and the Python packages that it needs")
        wheels = python.download(list(PIP), CACHE / "wheels", log=log)
        own = python.build_wheel(list(PIP), TREE, work / "wheel", order.epoch, log=log)
        status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
        hardware.check_packages(order.parts, status)
        configure.configure(root, TREE, order.epoch, order.parts, log=log)
        release = self._release(root, own)
        python.install_all([*order.flavour.wheels(wheels), own], root)
        python.compile_modules(root, log=log)
        self._account(base, root)

        self._say("Root: compressed, read only, with what it is checked against")
        kernel = find_kernel(root)
        trees = (kernel.trees / name for one in boards.boards(order.boards) for name in one.trees)
        modules = root / f"usr/lib/modules/{kernel.version}"
        drivers.check(filter(Path.exists, trees), modules, rootfs.MODULES)
        if filesystems.has_verity(kernel.config):
            drivers.check_hash(kernel.config, modules, rootfs.MODULES)
        boot = take_out(kernel, root, work / "boot")
        card = work / "card"
        shutil.rmtree(card, ignore_errors=True)
        card.mkdir()
        slot = card / f"{layout.ROOT_A.name}.img"
        compression = filesystems.compressor(kernel.config)
        filesystems.make_squashfs(root, slot, compression, order.epoch, log=log)
        verity = append_tree(slot, log=log) if filesystems.has_verity(kernel.config) else None
        filesystems.check_fits(slot, layout.ROOT_A)
        root_size = filesystems.mib(slot)

        self._say(f"Partitions; the root takes {root_size} of its slot")
        self._partitions(card, boot, firmware, verity)

        results = work / "results"
        shutil.rmtree(results, ignore_errors=True)
        results.mkdir()
        if order.signer is not None:
            self._say("Bundle for updates")
            updates.make_bundle(
                (slot, card / f"{layout.BOOT_A.name}.img"),
                updates.manifest(order.name, release),
                results / f"{order.name}.raucb",
                order.signer,
                key=key,
                log=log,
            )

        self._say("Card")
        image = filesystems.make_card(card, f"{order.name}.img", log=log)

        self._say("Bill of materials")
        components = materials.gather(
            root,
            f"{status}\n\n{firmware_status}",
            f"debian-{SUITE}",
            firmware=work / "firmware",
            cache=self._debs,
            files=[*wheels, own],
        )
        self._describe(results, image, components, kernel, verity)
        for path in (image.with_suffix(".bmap"), image):
            shutil.move(path, results / path.name)
        publishing.publish(results, order.out)
        seconds = time.monotonic() - self._begun
        done = order.out / image.name
        print(
            f"{done}: {filesystems.mib(done)}, made in {seconds:.0f} s. To a card: bmaptool copy "
            f"{done} /dev/...",
            file=sys.stderr,
        )
        return done

    def packages(self) -> Path:
        """Make the base alone, and return its directory: what BASE= may name. Raises ImageError."""
        check(self.order, self.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        return self._packages()

    def _packages(self) -> Path:
        order = self.order
        self._say(f"Packages of {order.flavour.name}: the longest part; it is told in {self.log}")
        return rootfs.make_base(
            order.flavour,
            _sources(order),
            self.work,
            self._debs,
            hardware.packages(order.parts),
            kernel=order.kernel,
            epoch=order.epoch,
            log=self.log,
            say=self._say_more,
        )

    def _release(self, root: Path, wheel: Path) -> str:
        """Give the root its version, and let in the updates that it is to trust."""
        order = self.order
        release = updates.version(wheel.name.split("-")[1], order.epoch)
        path = root / "usr/lib/os-release"
        text = updates.os_release(path.read_text(encoding="utf-8"), order.name, release)
        path.write_text(text, encoding="utf-8")
        conf = root / updates.CONF.lstrip("/")
        shutil.rmtree(conf.parent, ignore_errors=True)
        if order.keyring is not None:
            keyring = signing.read_keyring(order.keyring)
            conf.parent.mkdir()
            conf.write_text(updates.system_conf(order.name), encoding="ascii")
            (root / updates.KEYRING.lstrip("/")).write_text(keyring, encoding="ascii")
        return release

    def _account(self, base: Path, root: Path) -> None:
        """Raises ImageError if there is a file in `root` that no reader of the bill knows of."""
        known = accounts.packaged(base / "var/lib/dpkg/info") | accounts.recorded(root)
        known |= set(accounts.present(rootfs.FILES))
        readme = (TREE / "systemd" / "README.md").read_text(encoding="utf-8")
        known |= {str(place).lstrip("/") for place in units.places(readme).values()}
        if strange := accounts.unaccounted(accounts.present(root), known):
            found = self.work / "unaccounted"
            found.write_text("".join(f"{path}\n" for path in strange), encoding="utf-8")
            raise ImageError(
                f"nothing in the bill of materials accounts for {len(strange)} files of the root, "
                f"such as {strange[0]}; all are in {found}: if they are to be there, say in "
                "camerad_image/accounts.py what makes them"
            )

    def _partitions(
        self, card: Path, kernel: Kernel, firmware: Path, verity: Verity | None
    ) -> None:
        order, log = self.order, self.log
        common: dict[str, bytes | Path] = {"autoboot.txt": boards.autoboot_txt().encode("ascii")}
        if any(board.bootcode for board in boards.boards(order.boards)):
            common["bootcode.bin"] = firmware / "bootcode.bin"
        slots: tuple[tuple[layout.Partition, dict[str, bytes | Path]], ...] = (
            (layout.COMMON, common),
            (layout.BOOT_A, boot_files(order, kernel, firmware, verity)),
            (layout.BOOT_B, {}),
        )
        for partition, files in slots:
            path = card / f"{partition.name}.img"
            filesystems.make_fat(partition, files, path, order.epoch, log=log)
        data = card / f"{layout.DATA.name}.img"
        filesystems.make_data(data, self.work / "data", order.epoch, log=log)

    def _describe(
        self,
        results: Path,
        image: Path,
        components: list[sbom.Component],
        kernel: Kernel,
        verity: Verity | None,
    ) -> None:
        """The bill of materials, for programs and for people; and what the image is not affected
        by."""
        order = self.order
        properties = {
            "flavour": order.flavour.name,
            "boards": order.boards,
            "parts": " ".join(part.name for part in order.parts) or "none",
            "kernel": kernel.version,
            "kernel-package": (
                f"{order.kernel.name} {order.kernel.version}, rebuilt from Debian's source"
                if order.kernel
                else f"{order.flavour.kernel}, of the archive"
            ),
            "root-hash": verity.root_hash if verity else "none: this kernel cannot check its root",
            "tried": order.flavour.tried if order.kernel is None else kernels.TRIED,
        }
        product = sbom.Product(
            order.name,
            next(c.version for c in components if (c.kind, c.name) == ("pypi", "camerad")),
            file=image.name,
            hashes=sbom.hashes(image.read_bytes()),
            creator=order.creator,
            properties=tuple(sorted(properties.items())),
        )
        bill = sbom.document(product, components, order.epoch)
        statement, gone = vex.document(bill, order.name, order.epoch)
        sbom.write(results / f"{order.name}.cdx.json", bill)
        sbom.write(results / f"{order.name}.vex.cdx.json", statement)
        (results / f"{order.name}.versions").write_text(sbom.lines(components), encoding="utf-8")
        for purl in gone:
            self._say_more(f"{purl} is no longer carried: remove it from camerad_image/vex.py")
        if not order.creator:
            self._say_more("the bill does not say who hands this image out: CREATOR=")


def office_bill(out: Path, epoch: int, creator: str) -> Path:
    """Write the bill of materials of the office's server to `out` and return its path: of what pip
    installs for this Python on this machine, by constraints.txt. Raises ImageError."""
    out.mkdir(parents=True, exist_ok=True)
    log = CACHE / "office-bill.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels = folder / "wheels"
        wheels.mkdir()
        own = python.build_wheel(list(PIP), TREE, folder / "own", epoch, log=log)
        options = ["--quiet", "--only-binary=:all:", f"--constraint={TREE / 'constraints.txt'}"]
        run([*PIP, "download", *options, "-d", wheels, f"{own}[office]"], log=log)
        files = sorted(wheels.iterdir())
        python.install_all(files, folder / "root")
        components = materials.wheels(folder / "root", files, "office", {})
    version = next(one.version for one in components if one.name == "camerad")
    properties = (("machine", platform.machine()), ("python", platform.python_version()))
    product = sbom.Product(
        "camerad-office", version, kind="application", creator=creator, properties=properties
    )
    path = out / "camerad-office.cdx.json"
    sbom.write(path, sbom.document(product, components, epoch))
    return path
