"""What an installed camera gets besides the package: systemd/, as its README says where it goes.

The README is the one list, for people and for this recipe: a row of its table names files and their
place, and the commands below it what is enabled.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError

_ROW: Final = re.compile(r"^\| (`[^|]+`) \| `(/[^`|]+)` \|", re.MULTILINE)
_NAME: Final = re.compile(r"`([^`]+)`")
_ENABLE: Final = re.compile(r"^ +sudo systemctl enable (.+)$", re.MULTILINE)

MASKED: Final = (
    # Nobody can log in: there is no password, and no line that asks for one.
    "getty.target",
    "console-getty.service",
    # The root is made once and read only: nothing of it is updated at a start.
    "systemd-journal-catalog-update.service",
    "systemd-update-done.service",
    "systemd-hwdb-update.service",
    "ldconfig.service",
    "systemd-firstboot.service",
    "systemd-machine-id-commit.service",
    # No package is installed on a camera, and nothing else waits for a night to work.
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    # Whatever a card said last of its mixer is not kept: the configuration says it.
    "alsa-restore.service",
    "alsa-state.service",
    # Where keys of its own would go nothing can be written: camerad-ssh-key.service makes one.
    "sshd-keygen.service",
    # Nobody waits for a network.
    "systemd-networkd-wait-online.service",
    # Nobody sits in front of it, and pam_systemd, which would ask, is not installed.
    "systemd-logind.service",
    # Sockets at which nobody calls, and some of which every user could: names, extensions and
    # credentials are the image's own, no TPM measures a start, and nothing is of System V.
    *("systemd-hostnamed.socket", "systemd-sysext.socket", "systemd-creds.socket"),
    *("systemd-pcrextend.socket", "systemd-pcrlock.socket", "systemd-initctl.socket"),
    # What a keyboard asks for: camerad-usb.conf in /etc/modprobe.d says whose it could be.
    "ctrl-alt-del.target",
    # File systems of the kernel that nothing here looks into, and whose modules a start would load.
    *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount"),
    *("sys-fs-fuse-connections.mount", "dev-hugepages.mount", "dev-mqueue.mount"),
    *("proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service", "systemd-pstore.service"),
)
"""Units of the packages that a camera does not run."""
DOCK: Final = (
    "ssh.service",
    "ssh.socket",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "wpa_supplicant.service",
)
"""Units that their packages enable, and that only camerad-dock.target starts here, if anything."""
PACKAGED: Final = "/usr/lib/systemd/system"
"""Where packages have their units."""
DEFAULT: Final = "multi-user.target"


def places(readme: str) -> dict[str, Path]:
    """Where each file goes, by the table of systemd/README.md."""
    found = {}
    for names, target in _ROW.findall(readme):
        for name in _NAME.findall(names):
            found[name] = Path(target) / name if target.endswith("/") else Path(target)
    return found


def enabled(readme: str) -> tuple[str, ...]:
    """The units that are enabled on a card made from the image, by the commands in
    systemd/README.md; raises ImageError if it has none."""
    found = tuple(unit for units in _ENABLE.findall(readme) for unit in units.split())
    if not found:
        raise ImageError("systemd/README.md has no command 'sudo systemctl enable ...'")
    return found
