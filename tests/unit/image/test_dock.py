"""What a camera has of a network: nothing, unless it is in its dock and the office's file asks."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from camerad.base.wall_clock import SYNCHRONISED
from camerad.provisioning import provisioning_state
from camerad_image import accounts, configure, layout, units
from camerad_image.rootfs import FILES
from tests.unit import other_kernel

SYSTEM = FILES / "etc/systemd/system"
MEMBERS = sorted((SYSTEM / "camerad-dock.target.wants").iterdir())
OWN = sorted(p for p in SYSTEM.iterdir() if p.is_file())
KEPT_AT = "/var/lib/camerad-provision"
BEGIN = "camerad-dock-begin@.service"
UPLOAD = "camerad-upload.service"
"""Comes from systemd/, and is enabled for the dock's target."""


def settings(unit: str) -> list[tuple[str, str]]:
    """All settings that the recipe makes for a unit, its own file's and its drop-ins'."""
    files = [SYSTEM / unit, *(SYSTEM / f"{unit}.d").glob("*.conf")]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    return re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("unit", [*(path.name for path in MEMBERS), UPLOAD])
def test_what_has_a_network_ends_with_the_dock_and_begins_for_the_offices_file_only(
    unit: str,
) -> None:
    said = settings(unit)
    assert ("PartOf", "camerad-dock.target") in said
    wanted = [value for key, value in said if key == "ConditionPathExists"]
    files = {value.removeprefix("|") for value in wanted} - {"/usr/sbin/wpa_supplicant"}
    assert files
    assert files <= {
        f"{KEPT_AT}/{name}"
        for name in (
            provisioning_state.SSH,
            provisioning_state.TIME,
            provisioning_state.WIFI,
            provisioning_state.OFFICE,
        )
    }
    # At a camera's first start the file comes while the dock is there already, so the dock's target
    # waits for it; some of its members cannot (camerad-dock-begin@.service).
    after = " ".join(value for key, value in said if key == "After").split()
    assert "camerad-provision.service" not in after
    before = " ".join(value for key, value in settings(BEGIN) if key == "After").split()
    assert "camerad-provision.service" in before


def test_a_contact_that_bounces_has_no_member_started_as_often_as_systemd_refuses() -> None:
    """Five starts in ten seconds, unless a unit says otherwise (systemd-system.conf(5))."""
    (wait,) = [value for key, value in settings(BEGIN) if key == "ExecStart"]
    assert 4 * int(wait.removeprefix("/bin/sleep ")) > 10


def test_the_way_in_asks_for_a_key_and_the_radio_for_a_network() -> None:
    for unit, name in (
        ("ssh.socket", provisioning_state.SSH),
        ("ssh.service", provisioning_state.SSH),
        (UPLOAD, provisioning_state.OFFICE),
        ("camerad-wifi.service", provisioning_state.WIFI),
        ("wpa_supplicant@wlan0.service", provisioning_state.WIFI),
    ):
        assert ("ConditionPathExists", f"{KEPT_AT}/{name}") in settings(unit)


def test_what_a_technician_types_of_persons_is_in_the_ledger_and_not_in_the_journal() -> None:
    """sudo would log the command, and the journal keeps the command line of whoever logs."""
    text = (FILES / "etc/sudoers.d/camerad").read_text()
    (named,) = re.findall(r"^Cmnd_Alias CAMERAD = (.+)$", text, re.MULTILINE)
    place, target = next(one for one in configure.LINKS.items() if one[0].endswith("bin/camerad"))
    assert set(named.split(", ")) == {place, target}
    (said,) = re.findall(r"^Defaults!CAMERAD (.+)$", text, re.MULTILINE)
    assert set(said.split(", ")) == {"!log_allowed", "!pam_session"}


def test_the_time_is_asked_for_once_its_servers_are_known_and_stays_known_outside() -> None:
    """The package's unit is part of what every start waits for, before the data is mounted."""
    name = "systemd-timesyncd.service"
    said = settings(name)
    assert ("ConditionPathExists", f"{KEPT_AT}/{provisioning_state.TIME}") in said
    assert [value for key, value in said if key == "Before"] == []
    assert name in {path.name for path in MEMBERS}
    assert ("RuntimeDirectory", str(SYNCHRONISED.parent.relative_to("/run"))) in said
    assert ("RuntimeDirectoryPreserve", "yes") in said


def test_what_the_dock_s_network_is_told_of_a_camera_is_its_own_name() -> None:
    """The image is every camera's, and so is the name in its /etc/hostname."""
    networks = FILES / "etc/systemd/network"
    (network,) = networks.iterdir()
    place = f"/etc/systemd/network/{network.name}.d/camerad.conf"
    assert configure.LINKS[place] == f"{KEPT_AT}/{provisioning_state.NETWORK}"


def test_the_recipe_accounts_for_every_link_that_it_makes() -> None:
    links = [place.lstrip("/") for place in configure.LINKS]
    assert accounts.unaccounted(links, set()) == []


def test_nobody_stays_logged_in_on_a_camera_that_is_worn() -> None:
    """Debian's unit leaves sessions alone when the server ends (KillMode=process)."""
    assert ("KillMode", "control-group") in settings("ssh.service")
    assert ("PartOf", "camerad-dock.target") in settings("ssh.service")


def test_no_package_starts_any_of_it(tmp_path: Path) -> None:
    """Debian's packages enable their units; what the recipe links to stays."""
    need("systemctl")
    packaged = tmp_path / units.PACKAGED.lstrip("/")
    packaged.mkdir(parents=True)
    for name in units.DOCK:
        text = f"[Service]\nExecStart=/bin/true\n[Install]\nWantedBy={units.DEFAULT}\n"
        (packaged / name).write_text(text if name.endswith("service") else text.partition("[I")[0])
    command = ["systemctl", f"--root={tmp_path}"]
    subprocess.run([*command, "enable", "ssh.service"], check=True, capture_output=True)
    wants = tmp_path / f"etc/systemd/system/{units.DEFAULT}.wants"
    assert [path.name for path in wants.iterdir()] == ["ssh.service"]
    configure.without_network(tmp_path, log=tmp_path / "log")
    assert not wants.exists()
    linked = tmp_path / "etc/systemd/system/camerad-dock.target.wants"
    assert [path.name for path in sorted(linked.iterdir())] == [path.name for path in MEMBERS]


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_a_link_leads_to_a_unit_of_the_recipe_or_of_a_package() -> None:
    for link in MEMBERS:
        target = link.readlink()
        assert link.resolve().is_relative_to(SYSTEM) or str(target.parent) == units.PACKAGED
    assert {p.name for p in MEMBERS} <= {*units.DOCK, "camerad-wifi.service"} | {
        "wpa_supplicant@wlan0.service"
    }


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_a_unit_is_valid(path: Path, tmp_path: Path) -> None:
    need("systemd-analyze")
    shutil.copytree(SYSTEM, tmp_path / "etc/systemd/system", symlinks=True)
    packaged = tmp_path / "usr/lib/systemd/system"
    shutil.copytree("/usr/lib/systemd/system", packaged, symlinks=True)
    for program in re.findall(r"^Exec\w+=(/\S+)", path.read_text(), re.MULTILINE):
        target = tmp_path / program.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("#!/bin/sh\n")
        target.chmod(0o755)
    name = path.name.replace("@.", "@sys-class-power_supply-charger.")
    command = ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    # Debian's own units are not the matter here.
    said = [line for line in done.stderr.splitlines() if "camerad" in line]
    assert (done.returncode, said) == (0, [])


def test_an_ssh_server_lets_in_one_user_by_one_key_and_nobody_else() -> None:
    text = (FILES / "etc/ssh/sshd_config.d/camerad.conf").read_text()
    found = dict(re.findall(r"^(\w+) (.+)$", text, re.MULTILINE))
    assert found["PermitRootLogin"] == found["PasswordAuthentication"] == "no"
    assert found["KbdInteractiveAuthentication"] == found["PermitEmptyPasswords"] == "no"
    assert found["AuthenticationMethods"] == "publickey"
    assert found["AuthorizedKeysFile"] == "none"
    assert found["AuthorizedKeysCommand"].split()[-1] == f"{KEPT_AT}/{provisioning_state.SSH}"
    (user,) = found["AllowUsers"].split()
    users = (FILES / "etc/sysusers.d/camerad-technician.conf").read_text()
    assert re.search(rf"^u {user} - ", users, re.MULTILINE)
    # A setting that stands twice holds as it stands first.
    assert len(re.findall(r"^\w+ .+$", text, re.MULTILINE)) == len(found)


def test_the_key_of_the_camera_itself_outlives_an_update_and_is_in_no_image() -> None:
    text = (FILES / "etc/ssh/sshd_config.d/camerad.conf").read_text()
    (key,) = re.findall(r"^HostKey (.+)$", text, re.MULTILINE)
    places = {entry.where: entry for entry in layout.KEPT}
    assert places[str(Path(key).parent)].mode == 0o700
    service = (SYSTEM / "camerad-ssh-key.service").read_text()
    assert f"ConditionPathExists=!{key}" in service
    for kind in ("rsa", "ecdsa", "ed25519"):
        assert f"/etc/ssh/ssh_host_{kind}_key" in configure.GONE


def test_a_key_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    need("ssh-keygen")
    (tmp_path / "new").write_text("half a key")
    command = ["/bin/sh", str(FILES / "usr/lib/camerad/ssh-key"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub",
    }
    key = tmp_path / "ssh_host_ed25519_key"
    assert key.stat().st_mode & 0o777 == 0o600
    subprocess.run(["ssh-keygen", "-y", "-f", str(key)], check=True, capture_output=True)


def test_time_comes_from_the_offices_servers_and_names_are_told_to_nobody() -> None:
    files = [*(FILES / "etc/systemd").glob("*.conf.d/*.conf")]
    text = "\n".join(path.read_text() for path in files)
    assert "\nFallbackNTP=\n" in text
    assert "\nDNSStubListener=no\n" in text
    network = (FILES / "etc/systemd/network/80-camerad-dock.network").read_text()
    assert network.count("UseNTP=no") == 2
    assert "\nLLMNR=no\nMulticastDNS=no\n" in network


DEVICE = "sys-devices-virtual-net-"
SCENE = f"""\
told() {{ # LABEL WANTED: waits until it is so, or half a minute
    for try in $(seq 60); do
        now=$(systemctl is-active camerad-dock.target member.service | tr '\\n' ' ')
        [ "$now" = "$2 $2 " ] && break
        sleep 0.5
    done
    echo "$1: $now"
}}
charger() {{ # LABEL NAME WANTED: the same of the target of one charger
    for try in $(seq 60); do
        now=$(systemctl is-active "camerad-dock@{DEVICE}$2.target")
        [ "$now" = "$3" ] && break
        sleep 0.5
    done
    echo "$1: $now $now "
}}
supply() {{
    echo $2 >/sys/class/net/$1/mtu
    udevadm trigger --action=change --settle /sys/class/net/$1
}}
echo
told start inactive
supply lo 1400; : >/run/early; told plugged active
supply lo 1400; told again active
ip link add second mtu 1500 type dummy; udevadm settle; supply second 1400; told both active
charger first lo active; supply lo 1500; charger unplugged lo inactive; told one active
supply second 1500; told none inactive
supply second 1400; told back active
ip link delete second; told gone inactive
ip link add third mtu 1500 type dummy; udevadm settle
begin=camerad-dock-begin@{DEVICE}third.service
began() {{ systemctl show -P ConditionTimestampMonotonic $begin; }}
for rise in $(seq 6); do
    before=$(began)
    supply third 1400
    for try in $(seq 50); do [ "$(began)" != "$before" ] && break; sleep 0.1; done
    supply third 1500
done
supply third 1400; told bounced active
echo "{other_kernel.ENDED}"
systemctl poweroff --force --force
"""


@pytest.mark.campaign
def test_the_dock_comes_with_the_first_charger_and_goes_with_the_last(tmp_path: Path) -> None:
    """udev, systemd, and the recipe's rule and targets, as first processes of a kernel of their
    own. It has no chargers, so network devices stand for them: with an MTU of 1400 they supply.

    The first one does before the start is over: what takes the office's file over waits for all of
    the start, a member of the dock is part of that, and there is no cycle in which systemd would
    take one of them out. The member begins behind the file."""
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    if shutil.which("ip") is None or not Path("/usr/lib/systemd/systemd-udevd").exists():
        pytest.skip("systemd, udev or iproute2 is not installed")
    rule = (FILES / "etc/udev/rules.d/61-camerad-dock.rules").read_text()
    for real, stand_in in (
        ('"power_supply"', '"net"'),
        ('ATTR{online}=="1"', 'ATTR{mtu}=="1400"'),
        ('ATTR{type}=="Battery"', 'ATTR{mtu}=="1"'),
        ('ATTR{scope}=="Device"', 'ATTR{mtu}=="1"'),
    ):
        assert real in rule
        rule = rule.replace(real, stand_in)
    system = tmp_path / "etc/systemd/system"
    system.mkdir(parents=True)
    for name in ("camerad-dock.target", "camerad-dock@.target", BEGIN):
        shutil.copy(SYSTEM / name, system)
    rules = tmp_path / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    (rules / "61-camerad-dock.rules").write_text(rule)
    own = "DefaultDependencies=no"
    written = {
        "member.service": f"[Unit]\nPartOf=camerad-dock.target\n{own}\nBefore=started.target\n"
        "StartLimitIntervalSec=0\n"
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/test -e /run/settings\n",
        "hold.service": f"[Unit]\n{own}\n[Service]\nType=oneshot\n"
        "ExecStart=/bin/sh -c 'until [ -e /run/early ]; do sleep 0.1; done; sleep 2'\n",
        "started.target": f"[Unit]\n{own}\nRequires=hold.service\nAfter=hold.service\n",
        "camerad-provision.service": f"[Unit]\n{own}\nAfter=started.target\n[Service]\n"
        "Type=oneshot\nExecStart=/bin/sh -c 'sleep 1; : >/run/settings'\n",
        f"{BEGIN}.d/alone.conf": f"[Unit]\n{own}\n[Service]\nDynamicUser=no\n",
        "scene.service": f"[Unit]\n{own}\nAfter=systemd-udev-trigger.service\n[Service]\n"
        "Type=oneshot\nTTYPath=/dev/console\nStandardOutput=tty\nExecStart=/bin/sh /scene\n",
        "default.target": "[Unit]\nRequires=systemd-udevd.service systemd-udev-trigger.service "
        "scene.service\nWants=started.target camerad-provision.service\n",
    }
    # What bounces within systemd's ten seconds takes longer on a slow machine.
    limit = "[Manager]\nDefaultStartLimitIntervalSec=1h\n"
    (tmp_path / "etc/systemd/system.conf").write_text(limit)
    (system / f"{BEGIN}.d").mkdir()
    # Long enough for each bounce to end it, so that systemd goes on counting its starts.
    bouncing = system / f"{BEGIN.replace('@', f'@{DEVICE}third')}.d"
    bouncing.mkdir()
    (bouncing / "slow.conf").write_text("[Service]\nExecStart=/bin/sleep 2\n")
    for name, text in written.items():
        (system / name).write_text(text)
    (system / "camerad-dock.target.wants").mkdir()
    (system / "camerad-dock.target.wants/member.service").symlink_to("../member.service")
    (tmp_path / "scene").write_text(SCENE)
    commands = [
        "mount -t tmpfs -o mode=755 tmpfs /mnt; cd /mnt",
        "mkdir usr etc proc sys dev run tmp var root old",
        "for name in bin sbin lib lib64; do ln -s usr/$name $name; done; mount --bind /usr usr",
        f"cp -R {other_kernel.SCRATCH}/scene {other_kernel.SCRATCH}/etc .",
        "cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache etc; : >etc/machine-id",
        f"umount {other_kernel.SCRATCH} /run /tmp /dev /sys /proc",
        "pivot_root . old; exec chroot . /usr/lib/systemd/systemd --show-status=no",
    ]
    said = other_kernel.run(commands, tmp_path)
    found = re.findall(r"^(\w+): ((?:in)?active) \2 $", said, re.MULTILINE)
    assert found == [
        ("start", "inactive"),
        ("plugged", "active"),
        ("again", "active"),
        ("both", "active"),
        ("first", "active"),
        # What this one has left behind is only known when systemd has seen that it is gone.
        ("unplugged", "inactive"),
        ("one", "active"),
        ("none", "inactive"),
        ("back", "active"),
        ("gone", "inactive"),
        # A contact that bounces, and then stays.
        ("bounced", "active"),
    ], said
