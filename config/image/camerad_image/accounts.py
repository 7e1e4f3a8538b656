"""Whether the bill of materials accounts for every file of a root.

A file is accounted for if a package brought it, Debian's (by dpkg's lists) or Python's (by RECORD);
if it lies in this tree; or if it is one of MADE, which programs of these packages and this recipe
make. Anything else came from nowhere that a reader of the bill could know of.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

MADE: Final = (
    # Users and groups, of packages and of this recipe (base-passwd, systemd-sysusers).
    *("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid"),
    # Written by configure.py: what the root is called, what it mounts, which units run.
    *("etc/fstab", "etc/hostname", "etc/hosts", "etc/machine-id", "etc/localtime", "etc/timezone"),
    *("etc/sysusers.d/00-camerad-image.conf", "etc/tmpfiles.d/00-camerad-image.conf"),
    *("etc/systemd/system/*", "etc/systemd/user/*", "etc/systemd/system-generators/*"),
    *("etc/camerad/camerad.yaml", "etc/systemd/timesyncd.conf.d/camerad.conf"),
    *("etc/udev/rules.d/90-alsa-restore.rules", "usr/local/bin/camerad"),
    "usr/lib/camerad/catalog/database",
    # Made when packages are set up: alternatives, caches of libraries, modules, devices; the
    # initramfs, and from kernel 7 on its links to what lies beside the modules.
    *("etc/alternatives/*", "etc/ld.so.cache", "usr/lib/modules/*/modules.*"),
    *("usr/lib/udev/hwdb.bin", "boot/initrd.img-*", "boot/vmlinuz-*", "boot/config-*"),
    # Files of /etc that scripts of base-files, libc-bin, libpam-runtime, openssh-server,
    # initramfs-tools, kmod, python3 and others make, and this recipe of the initramfs.
    *("etc/profile", "etc/motd", "etc/environment", "etc/default/locale", "etc/inputrc"),
    *("etc/nsswitch.conf", "etc/networks", "etc/hosts.allow", "etc/hosts.deny", "etc/resolv.conf"),
    *("etc/shells", "etc/modules", "etc/mtab", "etc/vconsole.conf", "etc/security/opasswd"),
    *("etc/pam.d/common-*", "etc/python3/debian_config", "etc/ssh/sshd_config"),
    *("etc/dpkg/origins/default", "etc/initramfs-tools/*", "etc/rc?.d/*", "usr/local/man"),
    # The recipe's ways to what the technician's file asks for.
    *(
        "etc/wpa_supplicant/wpa_supplicant-wlan0.conf",
        "etc/systemd/network/*.network.d/camerad.conf",
    ),
    # Written by build.py for updates: by whom they are signed, and where they go.
    "etc/rauc/*",
    # Commands and pages that update-alternatives and install-info keep.
    *("usr/bin/awk", "usr/bin/mt", "usr/bin/nawk", "usr/bin/pager", "usr/bin/which"),
    *("usr/sbin/rmt", "usr/share/info/dir"),
    # The environment that pip would have made, and the modules of the one package without a wheel.
    *("opt/camerad/pyvenv.cfg", "opt/camerad/bin/python", "opt/camerad/bin/python3"),
    "opt/camerad/lib/python*/site-packages/pidng*",
)
"""Patterns of paths that no package lists and that are made while a root is built, by whom."""

_CACHED: Final = re.compile(r"(.*/)__pycache__/([^/]+)\.cpython-\d+(?:\.opt-2)?\.pyc")
_MERGED: Final = re.compile(r"^(bin|sbin|lib)/")


def packaged(info: Path) -> set[str]:
    """Every path that an installed package lists, by dpkg's folder of lists, without a slash in
    front. Directories that are links today (/bin, /sbin, /lib) are resolved."""
    found = set()
    for path in info.glob("*.list"):
        for line in path.read_text(encoding="utf-8").splitlines():
            found.add(_MERGED.sub(r"usr/\1/", line.lstrip("/")))
    return found


def recorded(root: Path) -> set[str]:
    """Every path that an installed wheel records (PEP 376)."""
    found = set()
    for record in root.glob("opt/camerad/lib/python*/site-packages/*.dist-info/RECORD"):
        site = PurePosixPath(record.relative_to(root).as_posix()).parent.parent
        with record.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                found.add(os.path.normpath(site / row[0]))
    return found


def present(root: Path) -> list[str]:
    """Every file and link of `root`, sorted; directories are none."""
    found = []
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in (*names, *links)]
    return sorted(found)


def unaccounted(paths: Iterable[str], known: set[str]) -> list[str]:
    """Those of `paths` that are neither in `known`, nor compiled of what is, nor one of MADE."""
    found = []
    for path in paths:
        source = _CACHED.sub(r"\1\2.py", path)
        if source in known or any(fnmatchcase(path, pattern) for pattern in MADE):
            continue
        found.append(path)
    return found
