"""The start for a trial, as systemd begins it: the recipe's own units, under a kernel of their own.

The command of camerad's is played by a program that wants the same of its unit, and says yes.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from camerad_image.rootfs import FILES
from tests.unit import other_kernel

SYSTEM = FILES / "etc/systemd/system"
PROGRAMS = "/usr/lib/camerad"
CAMERAD = """\
#!/bin/sh
[ "$2" != install ] || exec unshare --mount true
"""
TOLD = f"""\
echo "asked: $(cat /run/systemd/reboot-param)"
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""
PENDING = "/var/lib/camerad-provision/update/pending"
STICK = f"""\
: >{PENDING}
losetup /dev/loop0 /stick
udevadm trigger --settle /dev/loop0
systemctl start camerad-update@loop0.service || {{
    systemctl status --no-pager -l camerad-update@loop0.service
    echo "{other_kernel.ENDED}"
    systemctl poweroff --force --force
}}
"""
TWO = f"""\
: >{PENDING}
for number in 0 1; do
    losetup /dev/loop$number /stick-$number
    udevadm trigger --settle /dev/loop$number
done
systemctl start camerad-update@loop0.service
echo "ended: $(systemctl show --value --property=Result camerad-update@loop0.service)"
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""
WHILE_INSTALLING = """\
#!/bin/sh
[ "$2" != install ] || {
    systemctl start camerad-update@loop1.service
    exec cat "$3"
}
exit 75
"""
"""What installs, and during which a file system without a bundle comes and is done with."""
LATER = f"""\
systemctl start camerad-update-try.path
echo "before: $(systemctl is-active camerad-update-try.timer)"
: >{PENDING}
"""
"""An update that could not be tried at once: something looks again and again, and only then."""


def make_stick(path: Path, *, bundle: bool = True) -> None:
    """A file system of a stick, with a bundle in it or without."""
    for program in ("mkfs.vfat", "mcopy"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with path.open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["mkfs.vfat", path], check=True, capture_output=True)
    if bundle:
        file_of_it = path.with_name("camerad.raucb")
        file_of_it.write_bytes(b"")
        words = ["mcopy", "-i", path, file_of_it, "::/"]
        subprocess.run(words, check=True, capture_output=True)


def make_system(folder: Path, scene: str, command: str = CAMERAD) -> None:
    """What the other kernel finds beside /usr: the units, their programs, and `scene`. command:
    what is played of camerad."""
    system, programs = folder / "etc/systemd/system", folder / "programs"
    system.mkdir(parents=True)
    for path in SYSTEM.glob("camerad-update*"):
        text = path.read_text().replace(PROGRAMS, "/programs")
        # Whoever waits five minutes waits a second here.
        (system / path.name).write_text(text.replace("OnActiveSec=5min", "OnActiveSec=1s"))
    programs.mkdir()
    for path in (FILES / PROGRAMS.lstrip("/")).glob("update-*"):
        (programs / path.name).write_text(path.read_text().replace(PROGRAMS, "/programs"))
        (programs / path.name).chmod(0o755)
    camerad = folder / "opt/camerad/bin/camerad"
    camerad.parent.mkdir(parents=True)
    camerad.write_text(command)
    camerad.chmod(0o755)
    own = "DefaultDependencies=no"
    console = "Type=oneshot\nTTYPath=/dev/console\nStandardOutput=tty\nStandardError=tty\n"
    for name, text in {
        "scene.service": f"[Unit]\n{own}\nAfter=systemd-udev-trigger.service\n[Service]\n"
        f"{console}ExecStart=/bin/sh /scene\n",
        "told.service": f"[Unit]\n{own}\n[Service]\n{console}ExecStart=/bin/sh /told\n",
        "default.target": "[Unit]\nRequires=systemd-udevd.service systemd-udev-trigger.service "
        "scene.service\n",
        # What systemctl starts for a reboot; here it says what the firmware would be asked.
        "reboot.target": f"[Unit]\n{own}\nWants=told.service\n",
        "sysinit.target": f"[Unit]\n{own}\n",
        "basic.target": f"[Unit]\n{own}\n",
    }.items():
        (system / name).write_text(text)
    (folder / "scene").write_text(scene)
    (folder / "told").write_text(TOLD)


def tried(folder: Path) -> str:
    """What was said until the machine was asked to start anew."""
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    if not Path("/usr/lib/systemd/systemd-udevd").exists():
        pytest.skip("systemd or udev is not installed")
    commands = [
        "mount -t tmpfs -o mode=755 tmpfs /mnt; cd /mnt",
        "mkdir -p usr proc sys dev run tmp root home old boot/common etc/rauc",
        f"mkdir -p var/tmp .{Path(PENDING).parent}",
        "for name in bin sbin lib lib64; do ln -s usr/$name $name; done; mount --bind /usr usr",
        f"cp -R {other_kernel.SCRATCH}/* .",
        "cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache etc; : >etc/machine-id",
        ": >etc/rauc/system.conf",
        f"umount {other_kernel.SCRATCH} /run /tmp /dev /sys /proc",
        "pivot_root . old; exec chroot . /usr/lib/systemd/systemd --show-status=no",
    ]
    return other_kernel.run(commands, folder)


def test_a_stick_has_the_machine_asked_to_start_the_other_slot_once(tmp_path: Path) -> None:
    make_stick(tmp_path / "stick")
    make_system(tmp_path, STICK)
    said = tried(tmp_path)
    assert "asked: 0 tryboot" in said, said


def test_another_file_system_of_a_stick_takes_nothing_from_the_one_with_the_bundle(
    tmp_path: Path,
) -> None:
    """Computers give large sticks one more partition with FAT, which holds nothing of ours."""
    make_stick(tmp_path / "stick-0")
    make_stick(tmp_path / "stick-1", bundle=False)
    make_system(tmp_path, TWO, WHILE_INSTALLING)
    said = tried(tmp_path)
    assert "ended: success" in said, said


def test_a_trial_that_could_not_begin_is_begun_later_and_nothing_looks_before(
    tmp_path: Path,
) -> None:
    make_system(tmp_path, LATER)
    said = tried(tmp_path)
    assert "before: inactive" in said, said
    assert "asked: 0 tryboot" in said, said
