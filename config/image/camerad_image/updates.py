"""What makes a system one that can be updated: its version, RAUC's configuration, and the bundle.

docs/updates.md says how they fit together. Formats: RAUC's manual, "Reference" (system.conf and
manifest), os-release(5).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from camerad_image.boards import SLOTS
from camerad_image.programs import run
from camerad_image.signing import TOKEN, intermediates

MINIMUM: Final = "0.1.0-0"
"""The lowest version that a system of this recipe lets in. It is raised by a release that mends
what must not come back: a camera that runs it takes no older one."""

DATA: Final = "/var/lib/camerad-provision/rauc"
"""Where RAUC keeps what it has installed: on the data partition."""
CONF: Final = "/etc/rauc/system.conf"
KEYRING: Final = "/etc/rauc/keyring.pem"
BACKEND: Final = "/usr/lib/camerad/boot-slot"
UNITS: Final = (
    "camerad-update-boot.service",
    "camerad-update-dock.path",
    "camerad-update-try.path",
)
"""Those of config/image/files that are enabled."""


def version(camerad: str, epoch: int) -> str:
    """Of a system: camerad's version, and when it was made, so that two systems with the same
    camerad and other packages are told apart. epoch: seconds since 1970."""
    return f"{camerad}-{datetime.fromtimestamp(epoch, UTC):%Y%m%d%H%M%S}"


def os_release(text: str, image: str, release: str) -> str:
    """The text of os-release with the image's name and version."""
    lines = [line for line in text.splitlines() if not line.startswith(("IMAGE_ID", "IMAGE_VER"))]
    return "\n".join([*lines, f"IMAGE_ID={image}", f"IMAGE_VERSION={release}", ""])


def system_conf(image: str, minimum: str = MINIMUM) -> str:
    """RAUC's configuration. image: which bundles are for this system.

    use-bundle-signing-time: a camera's clock may be anything, so a certificate is looked at as of
    when it signed. docs/updates.md says what is done about a key that was stolen.
    """
    lines = [
        "# Made by the image recipe of camerad.",
        "[system]",
        f"compatible={image}",
        "bootloader=custom",
        "bundle-formats=verity",
        f"min-bundle-version={minimum}",
        f"data-directory={DATA}",
        "mountprefix=/run/rauc",
        "",
        "[handlers]",
        f"bootloader-custom-backend={BACKEND}",
        "",
        "[keyring]",
        f"path={KEYRING}",
        "check-purpose=codesign",
        "use-bundle-signing-time=true",
    ]
    for index, (name, (boot, root)) in enumerate(SLOTS.items()):
        lines += [
            "",
            f"[slot.root.{index}]",
            f"device={root.link}",
            "type=raw",
            f"bootname={name}",
            "",
            f"[slot.boot.{index}]",
            f"device={boot.link}",
            "type=raw",
            f"parent=root.{index}",
        ]
    return "\n".join([*lines, ""])


def manifest(image: str, release: str) -> str:
    """What a bundle says of itself (manifest.raucm)."""
    return "\n".join(
        [
            "[update]",
            f"compatible={image}",
            f"version={release}",
            "",
            "[bundle]",
            "format=verity",
            "",
            "[image.root]",
            "filename=root.img",
            "",
            "[image.boot]",
            "filename=boot.img",
            "",
        ]
    )


def make_bundle(
    images: tuple[Path, Path],
    text: str,
    target: Path,
    signer: tuple[str, str],
    *,
    key: bytes | None = None,
    log: Path,
) -> None:
    """Sign a root and a boot partition as a bundle at `target`. text: its manifest. signer:
    certificate and key, as files or PKCS #11 URIs; key: as PEM, in the place of a file that a
    passphrase locks. Raises ImageError."""
    root, boot = images
    stage = root.parent / "bundle"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    os.link(root, stage / "root.img")
    os.link(boot, stage / "boot.img")
    (stage / "manifest.raucm").write_text(text, encoding="ascii")
    target.unlink(missing_ok=True)
    certificate, place = signer
    chain = []
    for number, pem in enumerate(intermediates(certificate)):
        # RAUC takes the first certificate of a file only.
        between = root.parent / f"intermediate-{number}.pem"
        between.write_bytes(pem)
        chain.append(f"--intermediate={between}")
    with contextlib.ExitStack() as stack:
        keep = []
        if key is not None:
            # In memory, for RAUC alone: it never is on a disk.
            memory = stack.enter_context(os.fdopen(os.memfd_create("key"), "wb", buffering=0))
            memory.write(key)
            keep.append(memory.fileno())
            place = f"/proc/self/fd/{memory.fileno()}"
        run(
            [
                *("rauc", "bundle", f"--cert={certificate}", f"--key={place}", *chain),
                # What is in there is compressed already, but for the free room.
                "--mksquashfs-args=-comp zstd -Xcompression-level 3",
                *(stage, target),
            ],
            keep=keep,
            # A token's PIN.
            asks=place.startswith(TOKEN),
            log=log,
        )
