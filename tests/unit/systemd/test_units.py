"""The units are what systemd itself takes them for: valid, tight, and with the budget's time-outs.

That they do what they say is shown with a real service manager in
`tests/system/test_service_manager.py`.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml

from camerad.base.errors import EX_CONFIG, EX_REBOOT, EX_USAGE
from camerad.behaviour import budget
from camerad.cli import defaults, main
from camerad.config.loader import DEFAULT_PATH
from camerad.config.provisioning import NAME
from camerad.config.sections import DeviceSettings
from camerad.control import check_in_report
from camerad.provisioning import provisioning_status, settings_offer
from camerad.provisioning.provisioning_state import PUBLISH
from camerad.provisioning.publishing import DEVICE
from tests.unit.systemd import rating
from tests.unit.systemd.rating import need
from tests.unit.systemd.units import (
    SERVICES,
    SOURCE,
    UNITS,
    install,
    one,
    places,
    seconds,
    settings,
)

POLICIES = SOURCE.parent / "config" / "policies"
UPLOAD = "camerad-upload.service"
LIMIT = 1.0
"""The exposure that no unit may exceed, of 10."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine's files, as far as units need them, with everything of systemd/ in its place."""
    install(tmp_path)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    own = ("opt/camerad/bin/camerad", "opt/camerad/bin/python3")
    for program in (*own, "usr/bin/cat", "usr/bin/true", "usr/sbin/fstrim"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def test_everything_has_its_place_and_nothing_is_named_that_is_not_there() -> None:
    there = {path.name for path in SOURCE.iterdir() if path.is_file()} - {"README.md"}
    assert set(places()) == there


def test_the_commands_that_are_printed_put_everything_into_its_place(tmp_path: Path) -> None:
    page = (SOURCE / "README.md").read_text()
    lines = re.findall(r"(?m)^    sudo (install .+)$", page)
    by_command, by_table = tmp_path / "command", tmp_path / "table"
    for line in lines:
        words = line.replace(" /", f" {by_command}/")
        subprocess.run(["/bin/sh", "-ec", words], cwd=SOURCE, check=True)
    install(by_table)
    files = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (by_command, by_table)
    ]
    assert files[0] == files[1]


def test_what_the_page_enables_is_all_that_can_be_enabled() -> None:
    lines = re.findall(r"(?m)^    sudo systemctl enable (.+)$", (SOURCE / "README.md").read_text())
    named = " ".join(lines).split()
    assert set(named) == {name for name in UNITS if "Install.WantedBy" in settings(name)}


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_valid(unit: str, root: Path) -> None:
    command = [need("systemd-analyze"), "verify", "--man=no", f"--root={root}", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # What systemd does not know is a warning, and no error: nothing may be said at all.
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_unit_with_a_mistake_is_found(root: Path) -> None:
    """The test before would otherwise pass where systemd-analyze looks at nothing."""
    path = root / "etc/systemd/system/camerad.service"
    path.write_text(path.read_text().replace("RestartMode=", "RestartMod="))
    command = [need("systemd-analyze"), "verify", "--man=no", f"--root={root}", path.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Unknown key 'RestartMod'" in done.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_may_do_little_more_than_it_has_to(unit: str) -> None:
    assert rating.exposure(SOURCE / unit) <= LIMIT


@pytest.mark.parametrize("unit", SERVICES)
def test_whatever_a_unit_may_do_all_the_same_is_explained_in_it(unit: str) -> None:
    assert rating.explained(SOURCE / unit) == rating.allowed(SOURCE / unit)


@pytest.mark.parametrize("unit", [unit for unit in SERVICES if unit != UPLOAD])
def test_no_unit_reaches_a_network_but_the_one_that_hands_over(unit: str) -> None:
    given = settings(unit)
    assert given["Service.PrivateNetwork"] == ["yes"]
    assert given["Service.IPAddressDeny"] == ["any"]
    assert given["Service.SocketBindDeny"] == ["any"]
    assert given["Service.RestrictAddressFamilies"] in (["none"], ["AF_UNIX"])


def test_what_hands_over_has_the_dock_s_network_and_no_right_besides() -> None:
    given = settings(UPLOAD)
    assert given["Service.RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]
    assert given["Service.IPAddressDeny"] == ["any"]
    (allowed,) = given["Service.IPAddressAllow"]
    networks = [ip_network(one) for one in allowed.split() if "/" in one]
    assert networks
    assert all(one.is_private for one in networks), "nothing on the Internet"
    assert given["Service.SocketBindDeny"] == ["any"], "nobody calls"
    assert given["Service.CapabilityBoundingSet"] == given["Service.AmbientCapabilities"] == [""]
    # Neither the device's key nor a file of its own.
    assert one(UPLOAD, "Service.User") not in {
        one("camerad.service", "Service.User"),
        one("camerad-provision.service", "Service.User"),
    }
    assert not {"Service.StateDirectory", "Service.ReadWritePaths"} & set(given)
    assert given["Unit.PartOf"] == given["Install.WantedBy"] == ["camerad-dock.target"]


def test_what_hands_over_gives_way_to_the_camera() -> None:
    given = settings(UPLOAD)
    assert given["Service.Nice"] == ["19"]
    assert given["Service.IOSchedulingClass"] == given["Service.CPUWeight"] == ["idle"]
    assert int(one(UPLOAD, "Service.CPUQuota").removesuffix("%")) <= 100, "of four processors"


def test_what_hands_over_is_a_program_that_there_is() -> None:
    program, option, module, *rest = one(UPLOAD, "Service.ExecStart").split()
    assert (program, option) == ("/opt/camerad/bin/python3", "-m")
    assert importlib.util.find_spec(f"{module}.__main__") is not None
    assert rest == ["--config", str(DEFAULT_PATH)]


def test_the_unit_has_the_time_outs_of_the_budget() -> None:
    unit = "camerad.service"
    assert seconds(one(unit, "Service.WatchdogSec")) == budget.WATCHDOG_SECONDS
    assert seconds(one(unit, "Service.TimeoutStartSec")) == budget.START_SECONDS
    assert seconds(one(unit, "Service.TimeoutStopSec")) == budget.TIMEOUT_STOP_SECONDS
    assert seconds(one("camerad.system", "Manager.RuntimeWatchdogSec")) == (
        budget.RUNTIME_WATCHDOG_SECONDS
    )
    assert seconds(one("camerad.system", "Manager.RebootWatchdogSec")) == (
        budget.REBOOT_WATCHDOG_SECONDS
    )


def test_a_daemon_that_hangs_is_back_within_half_a_minute() -> None:
    """The longest: the link hangs, the watchdog aborts, what does not end is killed."""
    unit = "camerad.service"
    total = budget.hung_seconds(budget.Part.LINK)
    total += seconds(one(unit, "Service.TimeoutAbortSec"))
    total += seconds(one(unit, "Service.RestartSec"))
    assert total < 30.0


def test_the_drivers_of_allowed_devices_are_loaded_before() -> None:
    """A class that the kernel does not know yet when the unit starts is forbidden for its life."""
    given = settings("camerad.service")
    loaded = ["modprobe@videodev.service", "modprobe@mc.service", "modprobe@snd.service"]
    assert " ".join(given["Unit.Wants"]).split() == loaded
    assert set(loaded) <= set(" ".join(given["Unit.After"]).split())
    classes = {"char-video4linux", "char-media", "char-alsa"}
    assert classes <= {one.split()[0] for one in given["Service.DeviceAllow"]}


def test_only_the_daemon_s_own_word_reboots_the_machine() -> None:
    """A crash must not: hence the exit code that is not restarted, and no way through "failed"."""
    given = settings("camerad.service")
    mistakes = f"{EX_USAGE} {EX_CONFIG}"
    assert given["Service.RestartPreventExitStatus"] == [f"{mistakes} {EX_REBOOT}"]
    assert given["Service.SuccessExitStatus"] == [mistakes], "or a mistake would reboot it"
    assert given["Unit.OnFailure"] == ["camerad-reboot.service"]
    assert "Unit.FailureAction" not in given
    reboot = settings("camerad-reboot.service")
    assert reboot["Unit.SuccessAction"] == reboot["Unit.FailureAction"] == ["reboot-force"]
    assert given["Service.Restart"] == ["always"]
    assert given["Service.RestartMode"] == ["direct"]
    assert given["Unit.StartLimitIntervalSec"] == ["0"], "or the limit would reboot it"


def test_the_daemon_asks_for_the_power_off_where_the_units_look_for_it() -> None:
    file = str(DeviceSettings().runtime_dir / "power-off")
    assert one("camerad-power-off.path", "Path.PathExists") == file
    assert one("camerad-power-off.service", "Service.ExecStart") == f"/usr/bin/cat {file}"
    assert one("camerad.service", "Unit.ConditionPathExists") == f"!{file}"
    assert f"/run/{one('camerad.service', 'Service.RuntimeDirectory')}" == str(
        DeviceSettings().runtime_dir
    )
    assert f"/var/lib/{one('camerad.service', 'Service.StateDirectory')}" == str(
        DeviceSettings().state_dir
    )
    given = settings("camerad-power-off.service")
    assert given["Unit.SuccessAction"] == given["Unit.FailureAction"] == ["poweroff"]


def test_the_daemon_opens_its_own_devices_and_no_watchdog() -> None:
    given = settings("camerad.service")
    assert given["Service.DevicePolicy"] == ["closed"]
    assert {line.split()[0] for line in given["Service.DeviceAllow"]} == {
        "char-video4linux",
        "char-media",
        "char-dma_heap",
        "char-gpiochip",
        "char-alsa",
        "char-fb",
    }


def test_a_camera_starts_with_what_the_office_s_file_made_and_without_its_partition() -> None:
    unit = "camerad-provision.service"
    given = settings(unit)
    assert "camerad.service" in one(unit, "Unit.Before").split()
    # Wanted, not required: a partition that is damaged keeps no camera from starting.
    assert given["Unit.Wants"] == ["boot-common.mount"]
    assert "boot-common.mount" not in " ".join(given["Unit.RequiresMountsFor"])
    assert one("boot-common.mount", "Mount.Where") == defaults.DEFAULT_CARD
    # What was begun is completed though the file is gone, and a refusal ends when the file does.
    wanted = {
        f"|{defaults.DEFAULT_CARD}/{NAME}",
        f"|{settings_offer.offer_path(str(DeviceSettings().state_dir))}",
        f"|{defaults.DEFAULT_DATA}/{provisioning_status.PENDING}",
        f"|{defaults.DEFAULT_DATA}/{provisioning_status.REFUSED}",
        f"|!{defaults.DEFAULT_DATA}/{provisioning_status.ACCEPTED}",
    }
    assert set(given["Unit.ConditionPathExists"]) == wanted
    assert f"/var/lib/{one(unit, 'Service.StateDirectory')}" == defaults.DEFAULT_DATA
    assert one(unit, "Service.User") != one("camerad.service", "Service.User")
    told = settings("camerad-provision-publish.service")["Unit.ConditionPathExists"]
    assert told == [
        f"|{defaults.DEFAULT_DATA}/{PUBLISH}",
        f"|!{defaults.DEFAULT_CARD}/{DEVICE}",
    ]


def test_the_doctor_is_the_daemon_s_own_user_and_leaves_its_report_to_who_publishes_it() -> None:
    doctor, publish = "camerad-doctor.service", "camerad-provision-publish.service"
    # Another user may not ask the daemon, nor try the card.
    assert one(doctor, "Service.User") == one("camerad.service", "Service.User")
    state = one("camerad.service", "Service.StateDirectory")
    assert one(doctor, "Service.ReadWritePaths") == f"/var/lib/{state}"
    assert doctor in one(publish, "Unit.Wants").split()
    assert doctor in one(publish, "Unit.After").split()
    conditions = "Unit.ConditionPathExists"
    assert settings(doctor)[conditions] == settings(publish)[conditions]
    report = one(doctor, "Service.ExecStart").split()[-1]
    assert report == one(publish, "Service.ExecStart").split()[-1]
    # The camera tells its office, too.
    assert report == check_in_report.DOCTOR
    # It is there after the doctor has gone, and for its group.
    assert report.startswith(f"/run/{one(doctor, 'Service.RuntimeDirectory')}/")
    assert one(doctor, "Service.RuntimeDirectoryPreserve") == "yes"
    assert one(doctor, "Service.Group") in one(publish, "Service.SupplementaryGroups").split()


@pytest.mark.parametrize(
    "unit",
    ["camerad-provision.service", "camerad-provision-publish.service", "camerad-doctor.service"],
)
def test_the_commands_of_provisioning_are_such_as_there_are(unit: str) -> None:
    for command in settings(unit)["Service.ExecStart"]:
        words = command.removeprefix("-").split()
        assert words[0] == "/opt/camerad/bin/camerad"
        main.make_parser().parse_args(words[1:])


def test_the_journal_keeps_nothing_for_longer_than_the_shortest_policy_keeps_recordings() -> None:
    days = [
        yaml.safe_load(path.read_text())["retention"]["days"] for path in POLICIES.glob("*.yaml")
    ]
    kept = seconds(one("camerad.journald", "Journal.MaxRetentionSec"))
    # Entries go with their file, and a file goes when its youngest is too old.
    kept += seconds(one("camerad.journald", "Journal.MaxFileSec"))
    assert days and kept <= min(days) * 86_400


def test_footage_in_memory_can_be_locked_and_is_neither_swapped_nor_dumped() -> None:
    given = settings("camerad.service")
    assert given["Service.MemorySwapMax"] == given["Service.MemoryZSwapMax"] == ["0"]
    assert given["Service.LimitCORE"] == ["0"]
    assert one("camerad.coredump", "Coredump.Storage") == "none"
    # The longest buffer of a policy, 60 s, at the bit rate that is not exceeded unless one says so,
    # 8 Mbit/s, and a quarter more for sound and the ring's own books.
    longest = max(
        yaml.safe_load(path.read_text())["pre_event"]["max_seconds"]
        for path in POLICIES.glob("*.yaml")
    )
    limit = one("camerad.service", "Service.LimitMEMLOCK")
    assert int(limit.removesuffix("M")) * 2**20 >= 1.25 * longest * 8_000_000 / 8


def test_user_groups_and_directories_are_made_as_the_units_need_them(root: Path) -> None:
    for name in ("passwd", "group", "shadow", "gshadow"):
        (root / "etc" / name).write_text("root:x:0:\n" if "group" in name else "")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    users = [need("systemd-sysusers"), f"--root={root}"]
    subprocess.run(users, check=True, capture_output=True)
    groups = {
        line.split(":")[0]: line.split(":")[3].split(",")
        for line in (root / "etc/group").read_text().splitlines()
    }
    for group in one("camerad.service", "Service.SupplementaryGroups").split():
        assert "camerad" in groups[group]
    made = [need("systemd-tmpfiles"), f"--root={root}", "--create", "--dry-run"]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Would create directory {root}/etc/camerad" in done.stderr


def test_the_rules_for_devices_are_valid() -> None:
    command = [need("udevadm"), "verify", "--resolve-names=never", str(SOURCE / "camerad.udev")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
