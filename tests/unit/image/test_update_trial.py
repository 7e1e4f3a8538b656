"""The start for a trial, as systemd begins it: the recipe's own units, under a kernel of their own.

The command of camerad's is played by a program that wants the same of its unit, and says yes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from camerad_image.rootfs import FILES
from tests.unit import other_kernel

SYSTEM = FILES / "etc/systemd/system"
PROGRAMS = "/usr/lib/camerad"
UNITS = {"camerad-update-try.service": "", "camerad-update@loop0.service": "stick"}
CAMERAD = """\
#!/bin/sh
[ "$2" != install ] || exec unshare --mount true
"""
TOLD = f"""\
echo "asked: $(cat /run/systemd/reboot-param)"
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""
SCENE = f"""\
if [ -f /stick ]; then losetup /dev/loop0 /stick; udevadm trigger --settle /dev/loop0; fi
systemctl start UNIT || {{
    systemctl status --no-pager UNIT
    echo "{other_kernel.ENDED}"
    systemctl poweroff --force --force
}}
"""


def make_stick(path: Path) -> None:
    """A file system of a stick with a bundle in it."""
    with path.open("wb") as file:
        file.truncate(1 << 20)
    bundle = path.with_name("camerad.raucb")
    bundle.write_bytes(b"")
    for words in (["mkfs.vfat", path], ["mcopy", "-i", path, bundle, "::/"]):
        subprocess.run(words, check=True, capture_output=True)


@pytest.mark.parametrize("unit", UNITS)
def test_the_machine_is_asked_to_start_the_other_slot_once(unit: str, tmp_path: Path) -> None:
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    if not Path("/usr/lib/systemd/systemd-udevd").exists():
        pytest.skip("systemd or udev is not installed")
    system = tmp_path / "etc/systemd/system"
    system.mkdir(parents=True)
    file = re.sub("@.*[.]", "@.", unit)
    (system / file).write_text((SYSTEM / file).read_text().replace(PROGRAMS, "/programs"))
    programs = tmp_path / "programs"
    programs.mkdir()
    for script in (FILES / PROGRAMS.lstrip("/")).glob("update-*"):
        (programs / script.name).write_text(script.read_text().replace(PROGRAMS, "/programs"))
        (programs / script.name).chmod(0o755)
    camerad = tmp_path / "opt/camerad/bin/camerad"
    camerad.parent.mkdir(parents=True)
    camerad.write_text(CAMERAD)
    camerad.chmod(0o755)
    if UNITS[unit]:
        if shutil.which("mkfs.vfat") is None or shutil.which("mcopy") is None:
            pytest.skip("dosfstools or mtools is not installed")
        make_stick(tmp_path / "stick")
    own = "DefaultDependencies=no"
    console = "Type=oneshot\nTTYPath=/dev/console\nStandardOutput=tty\nStandardError=tty\n"
    written = {
        "scene.service": f"[Unit]\n{own}\nAfter=systemd-udev-trigger.service\n[Service]\n"
        f"{console}ExecStart=/bin/sh /scene\n",
        "told.service": f"[Unit]\n{own}\n[Service]\n{console}ExecStart=/bin/sh /told\n",
        "default.target": "[Unit]\nRequires=systemd-udevd.service systemd-udev-trigger.service "
        "scene.service\n",
        # What systemctl starts for a reboot; here it says what the firmware would be asked.
        "reboot.target": f"[Unit]\n{own}\nWants=told.service\n",
        "sysinit.target": f"[Unit]\n{own}\n",
        "basic.target": f"[Unit]\n{own}\n",
    }
    for name, text in written.items():
        (system / name).write_text(text)
    (tmp_path / "scene").write_text(SCENE.replace("UNIT", unit))
    (tmp_path / "told").write_text(TOLD)
    commands = [
        "mount -t tmpfs -o mode=755 tmpfs /mnt; cd /mnt",
        "mkdir -p usr proc sys dev run tmp root home old boot/common etc/rauc",
        "mkdir -p var/tmp var/lib/camerad-provision/update",
        ": >var/lib/camerad-provision/update/pending",
        "for name in bin sbin lib lib64; do ln -s usr/$name $name; done; mount --bind /usr usr",
        f"cp -R {other_kernel.SCRATCH}/* .",
        "cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache etc; : >etc/machine-id",
        ": >etc/rauc/system.conf",
        f"umount {other_kernel.SCRATCH} /run /tmp /dev /sys /proc",
        "pivot_root . old; exec chroot . /usr/lib/systemd/systemd --show-status=no",
    ]
    said = other_kernel.run(commands, tmp_path)
    assert "asked: 0 tryboot" in said, said
