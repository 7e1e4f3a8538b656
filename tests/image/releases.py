"""Two releases of one image, and bundles that no camera must be harmed by."""

from __future__ import annotations

import base64
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad_image import layout, updates
from camerad_image.boards import CMDLINES
from tests.image.card import run
from tests.image.disks import CHECKOUT
from tests.updates import pki

NAME: Final = "camerad-debian-all"
EPOCHS: Final = {"old": 1_780_000_000, "new": 1_790_000_000}
"""At which the two are dated, so which version they have."""
BELOW: Final = "0.0.9-20260101000000"
HANGS, SILENT = ("0.1.0-20261201000000", "0.1.0-20261202000000")
_STOP: Final = """\
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze'
"""
"""A unit that makes systemd stand still."""
_BROKEN: Final = {
    # systemd takes units from its command line (systemd.system-credentials(7)).
    HANGS: "systemd.set_credential_binary=systemd.extra-unit.hang.service:"
    f"{base64.b64encode(_STOP.encode()).decode()} systemd.wants=hang.service",
    SILENT: "systemd.mask=camerad.service",
}
"""What the command line of a system has besides that does not work."""


@dataclass(frozen=True, slots=True)
class Releases:
    """folder: where they are. image: of the release "old", compressed. versions: of both. bundles:
    by what is in them. images: root and boot partition of the release "new"."""

    folder: Path
    image: Path
    versions: dict[str, str]
    bundles: dict[str, Path]
    images: tuple[Path, Path]


def _build(base: Path, name: str, authority: pki.Authority, out: Path) -> None:
    certificate, key = authority.signer
    keyring = authority.folder / "update-ca.pem"
    words = [sys.executable, "-m", "camerad_image", "--base", base, "--out", out]
    words += ["--keyring", keyring, "--cert", certificate, "--key", key]
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    environment = [f"PYTHONPATH={CHECKOUT}/config/image", f"SOURCE_DATE_EPOCH={EPOCHS[name]}"]
    run(*as_root, "env", *environment, *words)


def _broken(images: tuple[Path, Path], words: str, folder: Path) -> tuple[Path, Path]:
    """A root and a boot partition whose kernel gets `words` as well."""
    folder.mkdir()
    root, boot = folder / "root.img", folder / "boot.img"
    os.link(images[0], root)
    run("cp", "--sparse=always", images[1], boot)
    for name in CMDLINES.values():
        path = folder / name
        run("mcopy", "-i", boot, f"::/{name}", path, MTOOLS_SKIP_CHECK="1")
        path.write_text(f"{path.read_text().strip()} {words}\n")
        run("mcopy", "-o", "-i", boot, path, f"::/{name}", MTOOLS_SKIP_CHECK="1")
    return root, boot


def make_two(base: Path, folder: Path) -> Releases:
    """Build both with the recipe, of the packages in `base`; takes some minutes."""
    assert base.is_dir(), f"{base}: no packages of an earlier build there; make image leaves them"
    folder.mkdir()
    authority = pki.make(folder / "authority")
    bundles = {}
    for name in EPOCHS:
        _build(base, name, authority, folder / name)
        bundles[name] = folder / name / f"{NAME}.raucb"
    taken = folder / "taken"
    # As a camera has it, which wants a certificate for programs.
    conf = folder / "system.conf"
    keyring = str(authority.folder / "update-ca.pem")
    text = updates.system_conf(NAME).replace(updates.KEYRING, keyring)
    # RAUC makes the directory that it would note its work in.
    conf.write_text(text.replace(updates.DATA, str(folder / "rauc")))
    run("rauc", f"--conf={conf}", "extract", bundles["new"], taken)
    images = (taken / "root.img", taken / "boot.img")
    versions = {name: updates.version("0.1.0", epoch) for name, epoch in EPOCHS.items()}
    return Releases(folder, folder / "old" / f"{NAME}.img.zst", versions, bundles, images)


def make(base: Path, folder: Path) -> Releases:
    """Both, and bundles that no camera must be harmed by."""
    made = make_two(base, folder)
    authority = pki.Authority(folder / "authority")
    stranger = pki.make(folder / "stranger")
    bundles, versions, images = made.bundles, made.versions, made.images
    log = folder / "log"
    for kind, version, signer in (
        ("stranger", versions["new"], stranger.signer),
        ("below", BELOW, authority.signer),
    ):
        bundles[kind] = folder / f"{kind}.raucb"
        text = updates.manifest(NAME, version)
        updates.make_bundle(images, text, bundles[kind], signer, log=log)
    for kind, version in (("hangs", HANGS), ("silent", SILENT)):
        bundles[kind] = folder / f"{kind}.raucb"
        broken = _broken(images, _BROKEN[version], folder / kind)
        text = updates.manifest(NAME, version)
        updates.make_bundle(broken, text, bundles[kind], authority.signer, log=log)
    bundles["half"] = folder / "half.raucb"
    whole = bundles["new"].read_bytes()
    bundles["half"].write_bytes(whole[: len(whole) // 2])
    return made


def make_stick(folder: Path, name: str, bundle: Path) -> Path:
    """A stick with `bundle` as a technician puts it there: one partition, FAT32. Table and file
    system have number and label of a card's, for which no camera may take it."""
    disk = folder / f"{name}.img"
    mib = 1 << 20
    with disk.open("wb") as file:
        file.truncate(bundle.stat().st_size // mib * mib + 64 * mib)
    table = f"label: dos\\nlabel-id: {layout.DISK_ID:#x}\\nstart=2048, type=c\\n"
    run("sh", "-c", f"printf '{table}' | sfdisk --quiet {disk}")
    place = f"{disk}@@1M"
    run("mformat", "-F", "-v", layout.COMMON.label, "-i", place, "::")
    run("mcopy", "-i", place, bundle, "::/camerad.raucb")
    return disk
