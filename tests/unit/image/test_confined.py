"""What the image's smaller units are for, they do inside all that they may not do: the recipe's own
units, under a kernel of their own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from camerad_image import units
from camerad_image.rootfs import FILES
from tests.unit import other_kernel

pytestmark = pytest.mark.campaign

SYSTEM = FILES / "etc/systemd/system"
PROGRAMS = "/usr/lib/camerad"
UNITS = ("camerad-ssh-key.service", "camerad-wifi.service")
KEYBOARD = ("etc/sysctl.d/60-camerad-image.conf", "etc/systemd/system.conf.d/camerad-image.conf")
DRIVER, PART = "macvlan", "macvtap"
"""Stand for the radio's driver and the part of it that hangs on it, which the driver has loaded."""
SCENE = f"""\
systemctl start camerad-ssh-key.service
echo "key: $(stat -c '%a %U' /var/lib/camerad-ssh/ssh_host_ed25519_key)"
echo "pair: $(ssh-keygen -y -f /var/lib/camerad-ssh/ssh_host_ed25519_key)"
echo "public: $(cat /var/lib/camerad-ssh/ssh_host_ed25519_key.pub)"
systemctl start camerad-wifi.service
echo "loaded: $(grep -c '^{DRIVER} ' /proc/modules)"
modprobe --dirname=/modules {PART}
systemctl stop camerad-wifi.service
echo "left: $(grep -Ec '^({DRIVER}|{PART}) ' /proc/modules)"
echo "failed: $(systemctl list-units --no-legend --plain --state=failed)"
journalctl -b -q --no-pager -o cat -u 'camerad-*'
/usr/lib/systemd/systemd-sysctl /etc/sysctl.d/60-camerad-image.conf
echo "sysrq: $(cat /proc/sys/kernel/sysrq)"
# As the kernel tells of Ctrl-Alt-Del (reboot(2)).
kill -INT 1
echo "in a burst: $(systemctl show -P CtrlAltDelBurstAction)"
echo "jobs: $(systemctl list-jobs --no-legend --no-pager | grep -c 'reboot\\|shutdown\\|ctrl')"
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""


def make_system(folder: Path) -> None:
    """What the other kernel finds beside /usr: units, programs, and the scene."""
    system = folder / "etc/systemd/system"
    system.mkdir(parents=True)
    # /usr is this machine's.
    shutil.copytree(FILES / PROGRAMS.lstrip("/"), folder / "programs")
    for name in UNITS:
        text = (SYSTEM / name).read_text()
        for real, stand_in in (
            (PROGRAMS, "/programs"),
            ("ConditionPathExists=/usr/sbin/wpa_supplicant\n", ""),
            ("brcmfmac_wcc", PART),
            ("brcmfmac", DRIVER),
            ("/usr/sbin/modprobe", "/usr/sbin/modprobe --dirname=/modules"),
        ):
            text = text.replace(real, stand_in)
        (system / name).write_text(text)
    own = "DefaultDependencies=no"
    for name, text in {
        "scene.service": f"[Unit]\n{own}\nAfter=systemd-journald.service\n[Service]\n"
        "Type=oneshot\nTTYPath=/dev/console\nStandardOutput=tty\nExecStart=/bin/sh /scene\n",
        "default.target": "[Unit]\nRequires=systemd-journald.service scene.service\n",
        **{f"{name}.target": f"[Unit]\n{own}\n" for name in ("sysinit", "basic")},
    }.items():
        (system / name).write_text(text)
    for name in KEYBOARD:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / name, target)
    for name in {"ctrl-alt-del.target"} & set(units.MASKED):
        (system / name).symlink_to("/dev/null")
    (folder / "scene").write_text(SCENE)
    for name in ("camerad-ssh", "camerad-provision"):
        (folder / "var/lib" / name).mkdir(parents=True)
    (folder / "var/lib/camerad-ssh").chmod(0o700)
    for name in ("authorized_keys", "wpa_supplicant-wlan0.conf"):
        (folder / "var/lib/camerad-provision" / name).touch()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that is said in one start."""
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    for program in ("ssh-keygen", "modprobe", "/usr/lib/systemd/systemd"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("confined")
    make_system(folder)
    commands = [
        "mount -t tmpfs -o mode=755 tmpfs /mnt; cd /mnt",
        "mkdir -p usr proc sys dev run tmp root home old modules/lib/modules",
        "for name in bin sbin lib lib64; do ln -s usr/$name $name; done; mount --bind /usr usr",
        f"cp -R {other_kernel.SCRATCH}/* .; chown -R 0:0 var; mkdir -p var/tmp",
        f"mount --bind {other_kernel.MODULES} modules/lib/modules",
        "cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache etc; : >etc/machine-id",
        f"umount {other_kernel.SCRATCH} /run /tmp /dev /sys /proc",
        "pivot_root . old; exec chroot . /usr/lib/systemd/systemd --show-status=no",
    ]
    return other_kernel.run(commands, folder)


def test_the_key_of_the_ssh_server_is_made_and_root_s_alone(said: str) -> None:
    assert "key: 600 root" in said, said
    pair, public = re.findall(r"(?m)^(?:pair|public): (ssh-ed25519 \S+)", said)
    assert pair == public
    assert re.search(r"(?m)^failed: *\r?$", said), said


def test_the_radio_s_driver_is_loaded_and_goes_with_what_hangs_on_it(said: str) -> None:
    assert "loaded: 1" in said, said
    assert "left: 0" in said, said


def test_no_keyboard_has_the_machine_start_anew(said: str) -> None:
    """It would end a recording."""
    assert re.search(r"(?m)^sysrq: 0\r?$", said), said
    assert "in a burst: none" in said, said
    assert "jobs: 0" in said, said


def test_what_no_camera_has_at_usb_is_not_loaded_for_a_device_that_says_it_is_that() -> None:
    """A keyboard, or a radio for Bluetooth; sticks, microphones and networks a camera may have."""
    lines = (FILES / "etc/modprobe.d/camerad-usb.conf").read_text().splitlines()
    kept_out = {line.split()[1] for line in lines if line.startswith("blacklist ")}
    assert kept_out == {"usbhid", "btusb"}
