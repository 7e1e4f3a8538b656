"""A card's system and an update of it agree on where things are, and on who decides."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from camerad.behaviour import update
from camerad.cli import defaults, main
from camerad.update import backend, offered_bundles
from camerad.update.update_file import FOLDER, PENDING
from camerad_image import configure, layout, signing, updates
from camerad_image.errors import ImageError
from camerad_image.rootfs import FILES
from tests.unit.systemd.units import install

UNITS = FILES / "etc/systemd/system"
NAMES = sorted(path.name for path in UNITS.glob("camerad-update*"))


def conf(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def test_versions_and_the_minimum_can_be_compared() -> None:
    least = update.version(updates.MINIMUM)
    now = update.version(updates.version("0.1.0", 0))
    assert least is not None
    assert now is not None
    assert least <= now


def test_rauc_writes_the_two_partitions_of_a_slot_and_no_other() -> None:
    parser = conf(updates.system_conf("camerad-debian-all"))
    devices = {
        parser[section]["device"]: parser[section].get("bootname", parser[section].get("parent"))
        for section in parser.sections()
        if section.startswith("slot.")
    }
    place = f"/dev/disk/by-partuuid/{layout.DISK_ID:08x}"
    assert devices == {
        f"{place}-05": "A",
        f"{place}-02": "root.0",
        f"{place}-06": "B",
        f"{place}-03": "root.1",
    }
    assert parser["system"]["bundle-formats"] == "verity"


def test_rauc_keeps_and_asks_where_something_is() -> None:
    parser = conf(updates.system_conf("x"))
    data = parser["system"]["data-directory"]
    assert any(data.startswith(f"{kept.where}/") for kept in layout.KEPT)
    backend = FILES / parser["handlers"]["bootloader-custom-backend"].lstrip("/")
    assert os.access(backend, os.X_OK)
    words = re.findall(r"(?m)^exec /opt/camerad/bin/camerad (.+)$", backend.read_text())
    given = words[0].replace('"$@"', "set-state B bad").split()
    assert main.make_parser().parse_args(given).words == ["set-state", "B", "bad"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no certificate"),
        ("-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n", "private key"),
    ],
)
def test_a_keyring_is_certificates_and_no_key(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(text)
    with pytest.raises(ImageError, match=why):
        signing.read_keyring(path)


def test_what_units_look_at_is_what_the_command_writes() -> None:
    marker = f"ConditionPathExists={defaults.DEFAULT_DATA}/{FOLDER}/{PENDING}"
    for name in ("camerad-update-boot.service", "camerad-update-try.service"):
        assert marker in (UNITS / name).read_text().splitlines()
    path = (UNITS / "camerad-update-try.path").read_text().splitlines()
    assert marker.replace("ConditionPathExists", "PathExists") in path
    for name in (
        "camerad-update@.service",
        "camerad-update-dock.path",
        "camerad-update-dock.service",
        "camerad-update-try.path",
    ):
        text = (UNITS / name).read_text()
        assert f"ConditionPathExists={backend.SYSTEM_CONF}" in text.splitlines()
    assert backend.SYSTEM_CONF == updates.CONF
    assert set(updates.UNITS) <= set(NAMES)


def test_every_command_of_a_unit_is_such_as_there_is() -> None:
    scripts = [*UNITS.glob("camerad-update*"), *(FILES / "usr/lib/camerad").glob("update-*")]
    found = [
        words
        for path in scripts
        for words in re.findall(r"(?m)/opt/camerad/bin/camerad (update [^|\n]+)", path.read_text())
    ]
    assert len(found) == 5, "install, offered, try, boot, confirm"
    for words in found:
        main.make_parser().parse_args(words.replace('"', "").replace("$again", "--again").split())
    for path in UNITS.glob("camerad-update*.service"):
        for program in re.findall(r"(?m)^ExecStart=(/usr/lib/camerad/\S+)", path.read_text()):
            assert os.access(FILES / program.lstrip("/"), os.X_OK)


def test_whoever_reads_or_writes_autoboot_txt_has_its_partition_mounted() -> None:
    """It is unmounted as soon as no unit wants it."""
    units = [
        path for path in UNITS.glob("camerad-update*.service") if "/boot/common" in path.read_text()
    ]
    assert {path.name for path in units} == {
        "camerad-update@.service",
        "camerad-update-boot.service",
        "camerad-update-confirm.service",
        "camerad-update-dock.service",
    }
    for path in units:
        lines = path.read_text().splitlines()
        assert "Wants=boot-common.mount" in lines
        assert any(re.match("After=.*boot-common.mount", line) for line in lines)


def test_whoever_begins_a_trial_may_say_so_to_the_firmware() -> None:
    """systemctl itself writes what the firmware is asked, into /run/systemd/reboot-param, which
    ProtectSystem=strict would not let it: the machine would not even start anew."""
    starters = {f"/usr/lib/camerad/update-{name}" for name in ("try", "from-dock", "from-stick")}
    units = [
        path.read_text()
        for path in UNITS.glob("camerad-update*.service")
        if starters & set(re.findall(r"(?m)^ExecStart=(\S+)", path.read_text()))
    ]
    assert len(units) == len(starters)
    for text in units:
        writable = re.findall(r"(?m)^ReadWritePaths=(.+)$", text)
        assert "/run/systemd" in writable[0].split()


def test_what_comes_through_the_dock_lies_in_one_place_that_nobody_else_writes_to() -> None:
    """The process with a network writes there; the one that installs has none, and removes."""
    place = offered_bundles.DIRECTORY
    assert layout.UPLOAD.where == place
    assert f"d {place} 0700 {layout.UPLOAD_UID} {layout.UPLOAD_UID} -" in configure.TMPFILES
    fetches = (UNITS / "camerad-upload.service.d/camerad.conf").read_text().splitlines()
    (command,) = [line for line in fetches if line.startswith("ExecStart=/")]
    assert command.endswith(
        f" -m camerad.dock --config /etc/camerad/camerad.yaml --updates {place}"
    )
    assert f"ReadWritePaths=-{place}" in fetches
    service = (UNITS / "camerad-update-dock.service").read_text().splitlines()
    ready = f"{place}/{offered_bundles.READY}"
    assert f"ExecStart=/usr/lib/camerad/update-from-dock {place}" in service
    assert f"ConditionPathExists={ready}" in service
    assert "PrivateNetwork=yes" in service
    path = (UNITS / "camerad-update-dock.path").read_text().splitlines()
    # PathExists= would have it start again and again, as long as a bundle waits.
    assert f"PathChanged={ready}" in path
    others = [one for one in UNITS.rglob("*") if one.is_file() and place in one.read_text()]
    assert {one.name for one in others} == {
        "camerad.conf",
        "camerad-update-dock.path",
        "camerad-update-dock.service",
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_of_updates_is_valid(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True, symlinks=True)
    install(tmp_path)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    for program in ("/opt/camerad/bin/camerad", "/usr/bin/rm"):
        there = tmp_path / program.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text("#!/bin/sh\n")
        there.chmod(0o755)
    words = ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}"]
    unit = name.replace("@.", "@sda1.")
    done = subprocess.run([*words, unit], capture_output=True, text=True, check=False)
    # What systemd does not know is a warning, and no error: nothing may be said at all.
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("code", "ends", "restarts"), [(0, 0, True), (75, 0, False), (70, 70, False)]
)
def test_a_trial_that_must_not_begin_now_is_no_failure_and_any_other_mistake_is(
    code: int, ends: int, restarts: bool, tmp_path: Path
) -> None:
    """The command ends with that exit code; what systemctl is asked is written down."""
    script = (FILES / "usr/lib/camerad/update-try").read_text()
    command, asked = tmp_path / "camerad", tmp_path / "asked"
    command.write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >{asked}\n')
    for program in (command, tmp_path / "systemctl"):
        program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("/opt/camerad/bin/camerad", str(command))],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == ends
    assert asked.exists() == restarts
    if restarts:
        assert asked.read_text() == "reboot --reboot-argument=0 tryboot\n"
