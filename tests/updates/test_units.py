"""A whole update by its units, as they are: a stick, RAUC, the trial, its confirmation.

systemd is the first process of the kernel that the other tests of this folder use, the units and
their programs are the recipe's, `camerad` is this checkout's, and partitions are found by the names
that udev gives them. The daemon is played: it says that it is idle and in its dock.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from camerad_image import layout, updates
from camerad_image.rootfs import FILES
from tests.unit import other_kernel
from tests.unit.systemd.units import SOURCE
from tests.updates import card, guest
from tests.updates.card import System
from tests.updates.story import NEW, OLD, Story

SYSTEM: Final = FILES / "etc/systemd/system"
PROGRAMS: Final = "/usr/lib/camerad"
TREE: Final = Path(__file__).parents[2]
PYTHON: Final = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
CAMERAD: Final = f"""\
#!/bin/sh
export PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=/opt/checkout:/opt/packages
case "$2" in
    install | try | confirm) set -- "$@" --doctor /programs/update-doctor
esac
exec {PYTHON} -m camerad "$@"
"""
DAEMON: Final = """\
import socketserver
from tests.updates.inside import Daemon
socketserver.ThreadingUnixStreamServer("/run/camerad/control.sock", Daemon).serve_forever()
"""
STICK: Final = """\
systemctl start camerad-update@ubdb.service || sh /told
"""
TRIAL: Final = """\
systemctl start camerad-update-boot.service
systemctl start camerad-update-confirm.service
sh /told
"""
TOLD: Final = f"""\
echo "asked: $(cat /run/systemd/reboot-param)"
echo "status: $(/opt/camerad/bin/camerad update status | tail -n 1)"
systemctl list-units --no-pager --no-legend --plain --state=failed 'camerad*'
journalctl -b -q --no-pager -o short-monotonic | tail -n 60
sync
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""


def make_system(folder: Path, version: str, keyring: str, scene: str) -> None:
    """What the other kernel finds beside /usr. version: the one that runs."""
    system, programs, etc = folder / "etc/systemd/system", folder / "programs", folder / "etc"
    system.mkdir(parents=True)
    for path in [*SYSTEM.glob("camerad-update*"), SOURCE / "boot-common.mount"]:
        (system / path.name).write_text(path.read_text().replace(PROGRAMS, "/programs"))
    programs.mkdir()
    for path in (FILES / PROGRAMS.lstrip("/")).iterdir():
        (programs / path.name).write_text(path.read_text().replace(PROGRAMS, "/programs"))
        (programs / path.name).chmod(0o755)
    camerad = folder / "opt/camerad/bin/camerad"
    camerad.parent.mkdir(parents=True)
    camerad.write_text(CAMERAD)
    camerad.chmod(0o755)
    (etc / "rauc").mkdir()
    conf = updates.system_conf(card.IMAGE).replace(PROGRAMS, "/programs")
    (etc / "rauc/system.conf").write_text(conf)
    (etc / "rauc/keyring.pem").write_text(keyring)
    (etc / "os-release").write_text(updates.os_release("ID=debian\n", card.IMAGE, version))
    own = "DefaultDependencies=no"
    console = "Type=oneshot\nTTYPath=/dev/console\nStandardOutput=tty\nStandardError=tty\n"
    for name, text in {
        "camerad.service": f"[Unit]\n{own}\n[Service]\nUser=camerad\nRuntimeDirectory=camerad\n"
        f"Environment=PYTHONPATH=/opt/checkout:/opt/packages PYTHONDONTWRITEBYTECODE=1\n"
        f"ExecStart={PYTHON} /daemon\n",
        "scene.service": f"[Unit]\n{own}\nAfter=systemd-udev-trigger.service camerad.service\n"
        f"[Service]\n{console}ExecStart=/bin/sh /scene\n",
        "told.service": f"[Unit]\n{own}\n[Service]\n{console}ExecStart=/bin/sh /told\n",
        "default.target": "[Unit]\nRequires=systemd-udevd.service systemd-udev-trigger.service "
        "systemd-journald.service camerad.service scene.service\n",
        # What systemctl starts for a reboot; here it says what the firmware would be asked.
        "reboot.target": f"[Unit]\n{own}\nWants=told.service\n",
        "sysinit.target": f"[Unit]\n{own}\n",
        "basic.target": f"[Unit]\n{own}\n",
    }.items():
        (system / name).write_text(text)
    for name, text in (("scene", scene), ("told", TOLD), ("daemon", DAEMON)):
        (folder / name).write_text(text)


def started(story: Story, slot: str, version: str, scene: str, stick: Path) -> str:
    """All that is said in a start of that slot."""
    folder = story.root / f"start-{slot}"
    folder.mkdir()
    make_system(folder / "tree", version, story.authority.keyring, scene)
    owners = {"camerad": layout.CAMERAD_UID, "camerad-provision": layout.PROVISION_UID}
    packages = Path(sys.prefix) / "lib" / Path(PYTHON).name / "site-packages"
    binds = {"checkout": TREE, "packages": packages, "python": sys.base_prefix}
    commands = [
        "mount -t tmpfs -o mode=755 tmpfs /mnt; cd /mnt",
        "mkdir -p usr proc sys dev run tmp root home old boot/common etc var/tmp data",
        "mkdir -p var/lib/camerad var/lib/camerad-provision",
        "for name in bin sbin lib lib64; do ln -s usr/$name $name; done; mount --bind /usr usr",
        f"cp -R {other_kernel.SCRATCH}/tree/* .",
        *(f"mkdir -p opt/{name}; mount --bind {place} opt/{name}" for name, place in binds.items()),
        "cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache etc; : >etc/machine-id",
        *(f"echo {name}:x:{n}:{n}::/:/bin/false >>etc/passwd" for name, n in owners.items()),
        *(f"echo {name}:x:{n}: >>etc/group" for name, n in owners.items()),
        "mount -o noatime /dev/ubda7 data",
        *(f"chown -R {n}:{n} data/{part}" for part, n in (("camerad", 970), ("provision", 972))),
        "mount --bind data/camerad var/lib/camerad",
        "mount --bind data/provision var/lib/camerad-provision",
        f"umount {other_kernel.SCRATCH} /run /tmp /dev /sys /proc",
        "pivot_root . old; exec chroot . /usr/lib/systemd/systemd --show-status=no",
    ]
    return other_kernel.run(
        commands,
        folder,
        modules=guest.MODULES,
        words=[f"ubd0={story.disk}", f"ubd1={stick}", f"rauc.slot={slot}"],
    )


def make_stick(bundle: Path, path: Path) -> None:
    """A file system of a stick with the bundle in it."""
    with path.open("wb") as file:
        file.truncate(bundle.stat().st_size + (4 << 20))
    for words in (["mkfs.vfat", path], ["mcopy", "-i", path, bundle, "::/camerad.raucb"]):
        subprocess.run(words, check=True, capture_output=True)


def test_a_stick_s_update_is_installed_tried_and_kept_by_the_units_as_they_are(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path)
    story.bundle("new", System(NEW))
    stick = tmp_path / "stick"
    make_stick(story.scratch / "new.raucb", stick)

    first = started(story, "A", OLD, STICK, stick)
    assert "asked: 0 tryboot" in first, first
    assert re.search(rf"^status: update to {re.escape(NEW)} in slot B: trying", first, re.M), first
    assert card.firmware(story.disk).slot == "A"
    assert card.is_whole(story.disk, card.firmware(story.disk, tryboot=True), tmp_path)

    second = started(story, "B", NEW, TRIAL, stick)
    assert re.search(rf"^status: update to {re.escape(NEW)} in slot B: confirmed", second, re.M), (
        second
    )
    assert card.firmware(story.disk).slot == "B"
    shutil.rmtree(tmp_path)
