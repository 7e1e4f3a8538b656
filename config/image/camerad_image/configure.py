"""From a base to a camera's root: units, users, mounts, and nothing that a start would change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from camerad_image import layout, rights, units, updates
from camerad_image.errors import ImageError
from camerad_image.parts import Part
from camerad_image.programs import run
from camerad_image.rootfs import FILES

HOSTNAME: Final = "camerad"

LINKS: Final = {
    # What the technician's file asks for is on the data partition; the root is every camera's.
    "/etc/camerad/camerad.yaml": "/var/lib/camerad-provision/camerad.yaml",
    "/etc/systemd/timesyncd.conf.d/camerad.conf": "/var/lib/camerad-provision/timesyncd.conf",
    "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf": (
        "/var/lib/camerad-provision/wpa_supplicant-wlan0.conf"
    ),
    "/etc/systemd/network/80-camerad-dock.network.d/camerad.conf": (
        "/var/lib/camerad-provision/dock.network"
    ),
    "/etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
    # Empty unless a network is there, in the dock.
    "/etc/resolv.conf": "/run/systemd/resolve/resolv.conf",
    "/usr/local/bin/camerad": "/opt/camerad/bin/camerad",
    # A rule of udev's that asks for what alsa-restore.service would have kept.
    "/etc/udev/rules.d/90-alsa-restore.rules": "/dev/null",
    # No line asks for a name: the generator would make one for every console.
    "/etc/systemd/system-generators/systemd-getty-generator": "/dev/null",
    # Nor is there a way in by SSH but that of camerad-dock.target: this one would make another.
    "/etc/systemd/system-generators/systemd-ssh-generator": "/dev/null",
    "/etc/systemd/system/default.target": f"/usr/lib/systemd/system/{units.DEFAULT}",
}
EMPTY: Final = ("/data", "/boot/common", "/etc/credstore")
"""Directories that something is mounted on, or that units want to be there."""

GONE: Final = (
    # Where packages come from is the build machine's affair, and none is installed here.
    "/etc/apt",
    # Made when the package was installed, and thus the same on every camera.
    *(
        f"/etc/ssh/ssh_host_{kind}_key{end}"
        for kind in ("rsa", "ecdsa", "ed25519")
        for end in ("", ".pub")
    ),
    # What programs leave behind when they have changed a file.
    *("/etc/.pwd.lock", "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-"),
    *("/etc/subuid-", "/etc/subgid-", "/var/log/journal"),
    *("/etc/.resolv.conf.systemd-resolved.bak", "/etc/dpkg/dpkg.cfg.d/99mmdebstrap"),
    # On the boot partitions.
    *("/vmlinuz", "/vmlinuz.old", "/initrd.img", "/initrd.img.old"),
)
"""Files of the base that a camera's root is without."""

CATALOG: Final = "/usr/lib/camerad/catalog"
TMPFILES: Final = f"""\
# What /var is made of at every start, beside what the packages say of it.
d /var/lib/systemd 0755 root root -
L /var/lib/systemd/catalog - - - - {CATALOG}
# Of the group that may read it here: the number of an earlier image's may have been another one.
z /var/log/journal/*/* - root systemd-journal -
# On the data partition, where one that an earlier image made has none.
d {layout.UPLOAD.where} {layout.UPLOAD.mode:04o} {layout.UPLOAD.uid} {layout.UPLOAD.gid} -
"""


def unlocked(table: str) -> list[str]:
    """The users whose password opens something, by the text of /etc/shadow or /etc/passwd: one that
    is empty, or a hash. ``*`` and ``!`` are no password's hash, and ``x`` says that it is in the
    other file (passwd(5), shadow(5))."""
    found = []
    for line in table.splitlines():
        name, _, rest = line.partition(":")
        if rest.partition(":")[0] != "x" and not rest.startswith(("*", "!")):
            found.append(name)
    return found


def wrong_numbers(sysusers: str, passwd: str, group: str) -> list[str]:
    """Which of the users and groups that `sysusers` gives a number have another one, by the texts
    of /etc/passwd and /etc/group: whoever was there before keeps theirs (systemd-sysusers(8))."""
    had = {"u": passwd, "g": group}
    found = []
    for line in sysusers.splitlines():
        words = line.split()
        if len(words) < 3 or words[0] not in had:
            continue
        kind, name, number = words[:3]
        numbers = {row.split(":")[0]: row.split(":")[2] for row in had[kind].splitlines() if row}
        if numbers.get(name) != number:
            found.append(f"{name} ({numbers.get(name, 'none')} instead of {number})")
    return found


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(path)
    path.symlink_to(target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def without_network(root: Path, *, log: Path) -> None:
    """Let nothing start that has a network but what hangs on the dock, and put the recipe's own
    files there."""
    # Not the other way round: with a unit's links of the packages, the recipe's would go as well.
    present = [name for name in units.DOCK if _below(root, f"{units.PACKAGED}/{name}").exists()]
    run(["systemctl", f"--root={root}", "disable", *present], log=log)
    shutil.copytree(FILES, root, symlinks=True, dirs_exist_ok=True)


def configure(
    root: Path, tree: Path, epoch: int, parts: tuple[Part, ...] = (), *, log: Path
) -> None:
    """Make the base at `root` a camera's, but for what is in `camerad_image.python`.

    tree: the checkout, of which systemd/ is installed. parts: what the camera has beside its board.
    Raises ImageError if somebody could log in without a key.
    """
    for gone in GONE:
        _remove(_below(root, gone))
    # What comes later are files of this tree, which have no such bits: git keeps none.
    rights.take(root)
    systemctl = ["systemctl", f"--root={root}"]
    without_network(root, log=log)
    for part in parts:
        for name, content in part.firmware.items():
            target = _below(root, f"/usr/lib/firmware/{name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    readme = (tree / "systemd" / "README.md").read_text(encoding="utf-8")
    for name, place in units.places(readme).items():
        target = _below(root, str(place))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / "systemd" / name, target)
    _write(_below(root, "/etc/sysusers.d/00-camerad-image.conf"), layout.SYSUSERS)
    _write(_below(root, "/etc/tmpfiles.d/00-camerad-image.conf"), TMPFILES)
    _write(_below(root, "/etc/fstab"), layout.fstab())
    _write(_below(root, "/etc/hostname"), f"{HOSTNAME}\n")
    _write(
        _below(root, "/etc/hosts"), f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {HOSTNAME}\n"
    )
    # Empty, and not missing: systemd takes no start for the first one, and puts the id over it.
    _write(_below(root, "/etc/machine-id"), "")
    for link, target_text in LINKS.items():
        _link(_below(root, link), target_text)
    for directory in EMPTY:
        _below(root, directory).mkdir(parents=True, exist_ok=True)
    _below(root, "/etc/credstore").chmod(0o700)
    # As sudo wants it (sudoers(5), "SUDOERS FILE MODE"); git keeps no such modes.
    _below(root, "/etc/sudoers.d/camerad").chmod(0o440)

    environment = {"SOURCE_DATE_EPOCH": str(epoch)}
    run(["systemd-sysusers", f"--root={root}"], log=log, environment=environment)
    etc = [_below(root, f"/etc/{name}").read_text(encoding="utf-8") for name in ("passwd", "group")]
    if wrong := wrong_numbers(layout.SYSUSERS, *etc):
        raise ImageError(f"the base has taken the numbers of {', '.join(wrong)}: build it anew")
    shutil.chown(_below(root, "/etc/camerad"), 0, layout.CAMERAD_UID)
    _below(root, "/etc/camerad").chmod(0o750)
    run(
        [*systemctl, "enable", *units.enabled(readme), *updates.UNITS, "camerad-grow.service"],
        log=log,
    )
    run([*systemctl, "mask", *units.MASKED], log=log)
    run(["journalctl", f"--root={root}", "--update-catalog"], log=log)
    _below(root, CATALOG).parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_below(root, "/var/lib/systemd/catalog"), _below(root, CATALOG))
    # Those that the programs above have left behind in their turn.
    for gone in GONE:
        _remove(_below(root, gone))
    for volatile in ("var", "run", "tmp", "dev", "root", "home", "mnt", "media", "srv"):
        for path in sorted(_below(root, volatile).iterdir()):
            _remove(path)
    tables = (_below(root, f"/etc/{name}") for name in ("passwd", "shadow"))
    open_to = [user for path in tables for user in unlocked(path.read_text(encoding="utf-8"))]
    if open_to:
        raise ImageError(f"{', '.join(open_to)} could log in without a key: lock them (shadow(5))")
