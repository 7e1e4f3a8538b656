"""From the card's table to the mounted data, or to a report on the card: udev, systemd, and the
recipe's units, programs and fstab, as first processes of a kernel of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from camerad_image import filesystems, layout
from camerad_image.flavours import FLAVOURS
from camerad_image.layout import MIB
from camerad_image.rootfs import FILES
from tests.unit import other_kernel
from tests.unit.image.test_filesystems import need
from tests.unit.systemd.units import SOURCE

OWN = (
    *("camerad-check.service", "camerad-data-report.service", "camerad-grow.service"),
    "data.mount.d/camerad.conf",
    *("camerad-check-common.service", "boot-common.mount.d/camerad.conf"),
)
EPOCH = 1_700_000_000
COMMON, DATA = 4 * MIB, 80 * MIB
"""Where the two begin on the card of this test. There is little beside them."""
SAYS = """\
[Unit]
DefaultDependencies=no
Wants=boot-common.mount
After={after} boot-common.mount
[Service]
Type=oneshot
TTYPath=/dev/console
StandardOutput=tty
ExecStart=/bin/sh /scene {name}
"""
SCENE = f"""\
echo
echo "it is $1"
echo "data: $(findmnt -n -o FSTYPE,OPTIONS /data)"
echo "kept: $(findmnt -n -o FSROOT /var/lib/camerad)"
echo "labels:" $(ls /dev/disk/by-label)
echo "of that name:" $(blkid -t PARTUUID=ca3e7ad0-01 -o device)
echo "sources:" $(findmnt -n -o SOURCE /data) $(findmnt -n -o SOURCE /boot/common)
journalctl -b -q --no-pager -o cat -u camerad-check.service
echo "common: $(findmnt -n -o FSTYPE,OPTIONS /boot/common)"
echo "seen:" $(ls /boot/common)
[ ! -e /boot/common/made ] || rm /boot/common/made
echo "afterwards: $(findmnt -n -o OPTIONS /boot/common)"
systemctl show -P ActiveState -P Result camerad-check-common.service | cat
journalctl -b -q --no-pager -o cat -u camerad-check-common.service
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""


def make_card(folder: Path) -> Path:
    """A whole card below an empty folder, for one start."""
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    need("sfdisk", "mke2fs", "e2fsck", "mkfs.vfat", "fsck.vfat", "mtype", "mcopy")
    need("/usr/lib/systemd/systemd-udevd")
    if os.geteuid() != 0:
        pytest.skip("files of other users take root")
    path, log = folder / "card", folder / "log"
    data, common = folder / "data.img", folder / "common.img"
    filesystems.make_data(data, folder / "stage", EPOCH, log=log)
    filesystems.make_fat(layout.COMMON, {}, common, EPOCH, log=log)
    end = DATA + layout.DATA.size
    rows = ["label: dos", f"label-id: {layout.DISK_ID:#x}"]
    for number, start, until in (
        (1, COMMON, COMMON + layout.COMMON.size),
        (4, 69 * MIB, end),
        (5, 70 * MIB, 71 * MIB),
        (6, 72 * MIB, 73 * MIB),
        (7, DATA, end),
    ):
        kind = {1: "c", 4: "5"}.get(number, "83")
        span = f"start={start // 512}, size={(until - start) // 512}"
        rows.append(f"{path}{number} : {span}, type={kind}")
    with path.open("wb") as file:
        file.truncate(end + MIB)
    subprocess.run(["sfdisk", "--quiet", path], input="\n".join(rows), text=True, check=True)
    with path.open("r+b") as file:
        for start, image in ((COMMON, common), (DATA, data)):
            file.seek(start)
            file.write(image.read_bytes())
    return path


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return make_card(tmp_path)


def started(card: Path, *, check: str = "", stick: Path | None = None) -> str:
    """All that is said in a start with this card. check: what is run in place of fsck.vfat; stick:
    another disk, found after the card, which counts as one at USB."""
    tree = card.parent / "tree"
    system = tree / "etc/systemd/system"
    system.mkdir(parents=True)
    # /usr is this machine's.
    shutil.copytree(FILES / "usr/lib/camerad", tree / "programs")
    texts = {name: (FILES / "etc/systemd/system" / name).read_text() for name in OWN}
    texts["boot-common.mount"] = (SOURCE / "boot-common.mount").read_text()
    texts["default.target"] = (
        "[Unit]\nRequires=systemd-udevd.service systemd-udev-trigger.service "
        "systemd-journald.service scene.service\nWants=local-fs.target\n"
    )
    texts["scene.service"] = SAYS.format(after="local-fs.target", name="ready").replace(
        "After", "Requires=local-fs.target\nAfter"
    )
    texts["emergency.service"] = SAYS.format(after="camerad-data-report.service", name="over")
    for name, text in texts.items():
        (system / name).parent.mkdir(exist_ok=True)
        here = text.replace("/usr/lib/camerad/", "/programs/")
        if check:
            here = here.replace("ExecStart=/usr/sbin/fsck.vfat -a", f"ExecStart={check}")
            here = here.replace("TimeoutStartSec=10s", "TimeoutStartSec=2s")
        (system / name).write_text(here)
    (system / "local-fs-pre.target.wants").mkdir()
    (system / "local-fs-pre.target.wants/camerad-grow.service").symlink_to(
        "../camerad-grow.service"
    )
    (tree / "etc/fstab").write_text(layout.fstab())
    (tree / "scene").write_text(SCENE)
    rules = tree / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    rule = (FILES / "etc/udev/rules.d/61-camerad-card.rules").read_text()
    assert rule.count('SUBSYSTEMS=="usb"') == 1
    # There is no USB in this kernel.
    text = rule.replace('SUBSYSTEMS=="usb"', 'KERNELS=="ubdb"' if stick else 'KERNELS=="none"')
    (rules / "61-camerad-card.rules").write_text(text)
    disks = [card] if stick is None else [card, stick]
    users = ("camerad-provision", "camerad")
    added = [f"{user}:x:{970 + n}:{970 + n}::/:/bin/false" for n, user in enumerate(users)]
    commands = [
        "mount -t tmpfs -o mode=755 tmpfs /mnt; cd /mnt",
        "mkdir usr etc proc sys dev run tmp var root old data boot boot/common",
        "for name in bin sbin lib lib64; do ln -s usr/$name $name; done; mount --bind /usr usr",
        f"cp -R {other_kernel.SCRATCH}/tree/. .",
        "cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache etc; : >etc/machine-id",
        *(f"echo {row} >>etc/passwd" for row in added),
        *(f"echo {user}:x:{970 + n}: >>etc/group" for n, user in enumerate(users)),
        f"umount {other_kernel.SCRATCH} /run /tmp /dev /sys /proc",
        "pivot_root . old; exec chroot . /usr/lib/systemd/systemd --show-status=no",
    ]
    words = [f"ubd{number}={disk}" for number, disk in enumerate(disks)]
    return other_kernel.run(commands, card.parent, words=words)


def overwritten(card: Path, at: int, length: int) -> None:
    with card.open("r+b") as file:
        file.seek(DATA + at)
        file.write(bytes(length))


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that is said where a loss of power has left its traces on both partitions."""
    card = make_card(tmp_path_factory.mktemp("mended"))
    overwritten(card, 1024 + 512, 512)
    made_and_cut(card)
    said = started(card)
    assert "it is ready" in said
    return said


@pytest.mark.campaign
def test_a_torn_superblock_is_mended_and_the_data_mounted(mended: str) -> None:
    assert "copy in block 32768" in mended
    (options,) = re.findall(r"^data: ext4 (\S+)", mended, re.MULTILINE)
    # As the kernel tells ``dioread_lock``.
    assert {"rw", "noatime", "nodioread_nolock", "errors=remount-ro"} <= set(options.split(","))
    assert "\nkept: /camerad" in mended


@pytest.mark.campaign
def test_data_that_cannot_be_mended_is_told_on_the_card_and_nothing_starts(card: Path) -> None:
    overwritten(card, 0, layout.DATA.size)
    said = started(card)
    assert "it is over" in said
    assert "it is ready" not in said
    assert re.search(r"^data: *$", said, re.MULTILINE)
    words = ["mtype", "-i", f"{card}@@{COMMON}", "::/camerad-data-report.txt"]
    report = subprocess.run(words, capture_output=True, check=True).stdout
    assert report.startswith(b"THE DATA PARTITION CANNOT BE USED.")
    assert set(re.findall(rb"(.?)\n", report)) == {b"\r"}, "every editor shows its lines"
    for line in (b"Bad magic number in super-block", b"is not mounted: e2fsck ends with 8"):
        assert line in report
    with card.open("rb") as file:
        file.seek(DATA)
        assert not any(file.read(layout.DATA.size)), "nothing was made in its place"


@dataclass(frozen=True)
class Grown:
    """A start with more room behind the card's table, and with a stick that is another camera's
    card. before, after: the card's table. said: all that was."""

    before: dict[int, tuple[int, int]]
    after: dict[int, tuple[int, int]]
    said: str


ROOM = 24 * MIB


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    card = make_card(tmp_path_factory.mktemp("grown"))
    stick = card.with_name("stick")
    shutil.copyfile(card, stick)
    file = card.with_name("office")
    file.write_text("recipients: [a stranger]\n")
    words = ["mcopy", "-i", f"{stick}@@{COMMON}", file, "::/camerad-provision.yaml"]
    subprocess.run(words, check=True)
    with card.open("r+b") as whole:
        whole.truncate(card.stat().st_size + ROOM)
    before = table(card)
    said = started(card, stick=stick)
    assert "it is ready" in said
    return Grown(before, table(card), said)


@pytest.mark.campaign
def test_a_stick_that_is_another_cameras_card_is_not_taken_for_the_card(grown: Grown) -> None:
    """All cards have the same number, label and partitions."""
    said = grown.said
    (both,) = re.findall(r"^of that name: (.*?)\r?$", said, re.MULTILINE)
    assert sorted(both.split()) == ["/dev/ubda1", "/dev/ubdb1"], "or this would show nothing"
    assert re.findall(r"^sources: (.*?)\r?$", said, re.MULTILINE) == ["/dev/ubda7 /dev/ubda1"]
    assert re.findall(r"^seen:(.*?)\r?$", said, re.MULTILINE) == [""]


def made_and_cut(card: Path) -> None:
    """A file with a name on the common partition, whose clusters count as free. Layout of FAT32:
    Microsoft, FAT32 File System Specification 1.03, "Boot Sector and BPB"."""
    made = card.with_name("made")
    made.write_bytes(bytes(3000))
    subprocess.run(["mcopy", "-i", f"{card}@@{COMMON}", made, "::/made"], check=True)
    with card.open("r+b") as file:
        file.seek(COMMON)
        boot = file.read(512)
        size, reserved, tables = struct.unpack_from("<HxHB", boot, 11)
        (length,) = struct.unpack_from("<I", boot, 36)
        for table in range(tables):
            # What comes before are two reserved entries, and the root's only cluster.
            file.seek(COMMON + (reserved + table * length) * size + 3 * 4)
            file.write(bytes(-(-3000 // size) * 4))


def common(said: str) -> tuple[list[str], list[str], list[str]]:
    """Options of the common partition before and after a file was removed there; what became of
    its check."""
    (before,) = re.findall(r"^common: vfat (\S+)", said, re.MULTILINE)
    (after,) = re.findall(r"^afterwards: (\S+)", said, re.MULTILINE)
    (check,) = re.findall(r"^afterwards: .*\r?\n([\w-]+)\r?\n([\w-]+)", said, re.MULTILINE)
    return before.split(","), after.split(","), sorted(check)


@pytest.mark.campaign
def test_a_file_that_was_being_made_on_the_common_partition_can_be_removed(mended: str) -> None:
    before, after, check = common(mended)
    assert "rw" in before
    assert "rw" in after
    assert check == ["active", "success"]
    assert "Contains a free cluster (3)" in mended
    assert "made" in re.findall(r"^seen: (.*)", mended, re.MULTILINE)[0]


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("check", "result"),
    [
        # 1 is success: something was mended.
        ("/bin/sh -c 'exit 2'", "exit-code"),
        ("/bin/sh -c 'exec sleep 1000'", "timeout"),
    ],
    ids=["fails", "hangs"],
)
def test_a_check_that_comes_to_no_end_keeps_the_common_partition_from_nobody(
    card: Path, check: str, result: str
) -> None:
    """Unchecked, such a file does what it does: Linux writes no more."""
    made_and_cut(card)
    said = started(card, check=check)
    before, after, became = common(said)
    assert "it is ready" in said
    assert "rw" in before
    assert "ro" in after
    assert became == sorted(["failed", result])


@pytest.mark.campaign
def test_the_data_takes_the_rest_of_the_card_before_anything_is_mounted(grown: Grown) -> None:
    for number, (start, size) in grown.before.items():
        longer = ROOM + MIB if number in (4, 7) else 0
        assert grown.after[number] == (start, size + longer // 512)


def table(card: Path) -> dict[int, tuple[int, int]]:
    """Of each partition: where it begins, and how long it is, in sectors."""
    words = ["sfdisk", "--json", card]
    said = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return {
        int(row["node"].removeprefix(str(card))): (row["start"], row["size"])
        for row in said["partitiontable"]["partitions"]
    }


def test_every_image_has_what_the_checks_run() -> None:
    for flavour in FLAVOURS.values():
        assert {"e2fsprogs", "dosfstools"} <= set(flavour.packages)
    units = FILES / "etc/systemd/system"
    check = (units / "camerad-check-common.service").read_text()
    assert f"ExecStart=/usr/sbin/fsck.vfat -a {layout.COMMON.link}\n" in check
    mount = (units / "boot-common.mount.d/camerad.conf").read_text()
    assert "Requires" not in mount and "BindsTo" not in mount, "whatever the check finds"
