"""The unit of the office's server is as tight as a server can be, and belongs on no camera."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import camerad_image.units
from camerad.base.errors import EX_CONFIG, EX_USAGE
from camerad.office.server import office_server
from camerad.office.server.office_settings import DEFAULT_PORT, NAME
from tests.unit.systemd import rating
from tests.unit.systemd.rating import need
from tests.unit.systemd.units import SOURCE, one, seconds, settings

OFFICE = SOURCE / "office"
UNIT = "office/camerad-office.service"
LIMIT = 1.2
"""The exposure that it may not exceed, of 10; cameras' units have 1.0, and no network."""


def test_everything_has_its_place_and_the_commands_put_it_there(tmp_path: Path) -> None:
    page = (OFFICE / "README.md").read_text()
    found = camerad_image.units.places(page)
    assert set(found) == {path.name for path in OFFICE.iterdir()} - {"README.md"}
    for words in re.findall(r"(?m)^    sudo (install .+)$", page):
        command = words.replace(" /", f" {tmp_path}/")
        subprocess.run(["/bin/sh", "-ec", command], cwd=OFFICE, check=True)
    for name, place in found.items():
        assert (tmp_path / place.relative_to("/")).read_bytes() == (OFFICE / name).read_bytes()


def test_no_camera_gets_it() -> None:
    page = (SOURCE / "README.md").read_text()
    assert "office" not in {name.split(".")[0] for name in camerad_image.units.places(page)}
    assert not [name for name in camerad_image.units.enabled(page) if "office" in name]


def test_it_is_valid(tmp_path: Path) -> None:
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(SOURCE / UNIT, units)
    program = tmp_path / "opt/camerad/bin/camerad"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    command = [need("systemd-analyze"), "verify", "--man=no", f"--root={tmp_path}"]
    done = subprocess.run(
        [*command, "camerad-office.service"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_may_do_little_more_than_it_has_to() -> None:
    assert rating.exposure(SOURCE / UNIT) <= LIMIT


def test_whatever_it_may_do_all_the_same_is_explained_in_it() -> None:
    assert rating.explained(SOURCE / UNIT) == rating.allowed(SOURCE / UNIT)


def test_it_listens_at_one_port_and_at_no_other() -> None:
    given = settings(UNIT)
    assert given["Service.SocketBindDeny"] == ["any"]
    assert given["Service.SocketBindAllow"] == [f"tcp:{DEFAULT_PORT}"]


def test_it_is_started_with_the_settings_that_the_page_has_made() -> None:
    config = one(UNIT, "Service.ExecStart").split()[-1]
    assert Path(config).name == NAME
    page = (SOURCE.parent / "docs/office.md").read_text()
    assert f"--config {config}" in page
    line = (OFFICE / "camerad-office.tmpfiles").read_text().splitlines()[-1]
    assert line.split()[1] == str(Path(config).parent)


def test_it_has_time_to_end_in_order() -> None:
    """Requests have their seconds, what is cut off then has as many, and so has the thread that
    checks a recording."""
    assert seconds(one(UNIT, "Service.TimeoutStopSec")) > 3 * office_server.END_SECONDS
    assert settings(UNIT)["Service.RestartPreventExitStatus"] == [f"{EX_USAGE} {EX_CONFIG}"]


@pytest.mark.parametrize("name", ["camerad-office.sysusers", "camerad-office.tmpfiles"])
def test_its_user_is_the_one_that_is_made(name: str) -> None:
    assert one(UNIT, "Service.User") in (OFFICE / name).read_text()
