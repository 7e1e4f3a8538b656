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
PARTS = (1, 2, 3, 5, 6)
"""Of a stick, each with a file system; the last two are in an extended partition."""
TURNS = "/var/lib/camerad-provision/turns"
IN_TURNS = f"""\
#!/bin/sh
[ "$2" = install ] || exit 75
mkdir {TURNS}/busy || : >{TURNS}/two-at-once
: >"{TURNS}/begun-$$"
until [ -e {TURNS}/go ]; do sleep 0.1; done
rmdir {TURNS}/busy
exit 75
"""
"""What takes as long as it is told to, and sees whether it is alone."""
MANY = f"""\
mkdir {TURNS}
udevadm trigger --type=devices --subsystem-match=block
udevadm settle
begun() {{ ls {TURNS} | grep -c begun; }}
waiting() {{ cat /proc/[0-9]*/comm 2>/dev/null | grep -cx flock; }}
until [ "$(begun)" -gt 1 ] || [ "$(begun) $(waiting)" = "1 3" ]; do sleep 0.1; done
echo "begun: $(begun), waiting: $(waiting)"
echo "slice:" $(systemctl show -P Slice camerad-update@ubda1 camerad-update@ubdb)
touch {TURNS}/go
while systemctl list-units --no-legend --state=activating 'camerad-update@*' | grep -q .; do
    sleep 0.1
done
echo "in the end: $(begun)"
echo "of:" $(systemctl list-units --no-legend --plain --all 'camerad-update@*' | cut -d' ' -f1)
echo "together: $(ls {TURNS} | grep -c two-at-once)"
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""
LATER = f"""\
systemctl start camerad-update-try.path
echo "before: $(systemctl is-active camerad-update-try.timer)"
: >{PENDING}
"""
"""An update that could not be tried at once: something looks again and again, and only then."""

INSTALLS = "/run/camerad-update/installs"
OFFERED = f"""\
#!/bin/sh
[ "$2" != try ] || exit 0
echo "$2 $3" >>{INSTALLS}
: >/data/upload/touched
[ "$(wc -l <{INSTALLS})" -gt 1 ] || exit 75
exec unshare --mount true
"""
"""What installs a bundle of the office's: the first time it is not the time for that."""
BY_DOCK = f"""\
: >{PENDING}
mkdir -p /data/upload
systemctl start camerad-update-dock.path
hand_in() {{ echo x >/data/upload/ready.new; mv /data/upload/ready.new /data/upload/ready; }}
state() {{
    echo $(systemctl show -P ActiveState camerad-update-dock.service) \
        $(systemctl show -P SubState camerad-update-dock.path) $(wc -l <{INSTALLS})
}}
hand_in
for try in $(seq 600); do [ "$(state)" = "inactive waiting 1" ] && break; sleep 0.1; done
echo "after the first: $(state), $(systemctl show -P Result camerad-update-dock.service)"
echo "asked: $(cat {INSTALLS})"
hand_in
"""
"""A bundle that comes through the dock: each time that it is handed in, and only then, it is looked
at."""


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


def make_parts(path: Path, one: Path) -> None:
    """A stick whose PARTS are each what `one` is."""
    if shutil.which("sfdisk") is None:
        pytest.skip("sfdisk is not installed")
    with path.open("wb") as file:
        file.truncate(16 << 20)
    starts = {number: number * 2 << 20 for number in PARTS}
    rows = ["label: dos", f"{path}4 : start={4 * 4096}, size={4 * 4096}, type=5"]
    rows += [f"{path}{n} : start={at // 512}, size=2048, type=c" for n, at in starts.items()]
    words = ["sfdisk", "--quiet", path]
    subprocess.run(words, input="\n".join(rows), text=True, check=True)
    with path.open("r+b") as file:
        for at in starts.values():
            file.seek(at)
            file.write(one.read_bytes())


def make_system(folder: Path, scene: str, command: str = CAMERAD, patience: int = 1) -> None:
    """What the other kernel finds beside /usr: the units, their programs, and `scene`. command:
    what is played of camerad. patience: of whoever waits for a turn, in seconds."""
    system, programs = folder / "etc/systemd/system", folder / "programs"
    system.mkdir(parents=True)
    for path in [*SYSTEM.glob("camerad-update*"), SYSTEM / "system-sticks.slice"]:
        text = path.read_text().replace(PROGRAMS, "/programs")
        # Whoever waits five minutes waits a second here.
        (system / path.name).write_text(text.replace("OnActiveSec=5min", "OnActiveSec=1s"))
    programs.mkdir()
    for path in (FILES / PROGRAMS.lstrip("/")).glob("update-*"):
        text = path.read_text().replace(PROGRAMS, "/programs")
        (programs / path.name).write_text(text.replace("timeout 60", f"timeout {patience}"))
        (programs / path.name).chmod(0o755)
    rules = folder / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    rule = (FILES / "etc/udev/rules.d/61-camerad-update.rules").read_text()
    assert rule.count('ENV{ID_BUS}!="usb"') == 1
    # There is no USB in this kernel.
    rule = rule.replace('ENV{ID_BUS}!="usb"', 'KERNEL!="ubd*"')
    (rules / "61-camerad-update.rules").write_text(rule)
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


def tried(folder: Path, *sticks: Path) -> str:
    """What was said until the machine was asked to start anew. sticks: those that udev finds."""
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
    words = [f"ubd{number}={stick}" for number, stick in enumerate(sticks)]
    return other_kernel.run(commands, folder, words=words)


@pytest.mark.campaign
def test_a_stick_has_the_machine_asked_to_start_the_other_slot_once(tmp_path: Path) -> None:
    make_stick(tmp_path / "stick")
    make_system(tmp_path, STICK)
    said = tried(tmp_path)
    assert "asked: 0 tryboot" in said, said


@pytest.mark.campaign
def test_what_is_handed_in_through_the_dock_is_looked_at_each_time_and_tried(
    tmp_path: Path,
) -> None:
    make_system(tmp_path, BY_DOCK, OFFERED)
    said = tried(tmp_path)
    assert "after the first: inactive waiting 1, success" in said, said
    assert "asked: offered /data/upload" in said, said
    assert "asked: 0 tryboot" in said, said


@pytest.mark.campaign
def test_another_file_system_of_a_stick_takes_nothing_from_the_one_with_the_bundle(
    tmp_path: Path,
) -> None:
    """Computers give large sticks one more partition with FAT, which holds nothing of ours."""
    make_stick(tmp_path / "stick-0")
    make_stick(tmp_path / "stick-1", bundle=False)
    make_system(tmp_path, TWO, WHILE_INSTALLING)
    said = tried(tmp_path)
    assert "ended: success" in said, said


@pytest.mark.campaign
def test_of_many_file_systems_few_are_looked_at_and_one_at_a_time(tmp_path: Path) -> None:
    """A service that installs takes memory by the ten megabytes, and a stranger's stick may have
    any number of partitions."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    make_stick(whole)
    make_parts(parts, whole)
    make_system(tmp_path, MANY, IN_TURNS, patience=200)
    said = tried(tmp_path, parts, whole)
    assert "begun: 1, waiting: 3" in said, said
    assert "in the end: 4" in said, said
    assert "together: 0" in said, said
    (looked_at,) = re.findall(r"^of: (.*?)\r?$", said, re.MULTILINE)
    wanted = ("ubda1", "ubda2", "ubda3", "ubdb")
    assert looked_at.split() == [f"camerad-update@{name}.service" for name in wanted]
    assert "slice: system-sticks.slice system-sticks.slice" in said, said


@pytest.mark.campaign
def test_a_trial_that_could_not_begin_is_begun_later_and_nothing_looks_before(
    tmp_path: Path,
) -> None:
    make_system(tmp_path, LATER)
    said = tried(tmp_path)
    assert "before: inactive" in said, said
    assert "asked: 0 tryboot" in said, said
