"""The bill of materials, and what else follows from a root's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from camerad_image import configure, filesystems, layout, sbom, units
from camerad_image.errors import ImageError

SYSTEMD = Path(__file__).parents[3] / "systemd"

STATUS = """\
Package: libstdc++6
Status: install ok installed
Architecture: arm64
Version: 14.2.0-19
Description: one
 Version: 9

Package: removed
Status: deinstall ok config-files
Architecture: arm64
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 1:3.152+x~1
"""


def test_every_installed_package_is_listed_with_an_address_that_names_it() -> None:
    found = sbom.debian(STATUS, "debian-trixie")
    assert [c.purl for c in found] == [
        "pkg:deb/debian/adduser@1:3.152+x~1?arch=all&distro=debian-trixie",
        "pkg:deb/debian/libstdc++6@14.2.0-19?arch=arm64&distro=debian-trixie",
    ]


def test_the_same_materials_give_the_same_bill_and_others_another() -> None:
    components = [sbom.Component("pypi", "av", "1")]
    product = sbom.Product("i", "1", properties=(("a", "b"),))
    first, second = (sbom.document(product, components, 0) for _ in range(2))
    assert first == second
    other = sbom.document(product, [sbom.Component("pypi", "av", "2")], 0)
    assert other["serialNumber"] != first["serialNumber"]
    # CycloneDX's schema wants a URN of this form.
    assert first["serialNumber"].startswith("urn:uuid:")
    assert first["metadata"]["timestamp"] == "1970-01-01T00:00:00Z"
    assert json.loads(json.dumps(first)) == first


def test_versions_for_people_are_one_a_line() -> None:
    assert sbom.lines(sbom.debian(STATUS, "d")) == (
        "deb adduser 1:3.152+x~1\ndeb libstdc++6 14.2.0-19\n"
    )


@pytest.mark.parametrize(
    ("line", "opens"),
    [
        ("root:*:20000:0:99999:7:::", False),
        ("root:!:20000::::::", False),
        ("camerad:!*:20000::::::", False),
        ("pi::20000::::::", True),
        ("root:x:0:0::/root:/bin/sh", False),
        ("root::0:0::/root:/bin/sh", True),
        ("pi:$y$j9T$abc:20000::::::", True),
    ],
)
def test_whoever_could_log_in_is_found(line: str, opens: bool) -> None:
    assert configure.unlocked(line) == ([line.split(":", maxsplit=1)[0]] if opens else [])


def test_a_user_who_was_there_before_with_another_number_is_found() -> None:
    users = "camerad:x:970:970::/:\nother:x:998:998::/:\n"
    groups = "camerad:x:970:\ngpio:x:998:\n"
    sysusers = '# c\nu camerad 970 "Camera" /x\ng gpio 971\n'
    assert configure.wrong_numbers(sysusers, users, groups) == ["gpio (998 instead of 971)"]
    assert configure.wrong_numbers("u new 972", users, groups) == ["new (none instead of 972)"]


def test_of_systemd_s_own_sockets_a_camera_has_those_of_log_devices_and_bus() -> None:
    """Each other one is a service that any process may start, and for which every start waits."""
    wants = Path(units.PACKAGED, "sockets.target.wants")
    if not wants.is_dir():
        pytest.skip("systemd is not installed")
    left = {path.name for path in wants.iterdir()} - set(units.MASKED)
    assert {name for name in left if not name.startswith("systemd-journald")} <= {
        *("dbus.socket", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket"),
    }


def test_everything_in_systemd_has_its_place_and_the_daemon_is_enabled() -> None:
    readme = (SYSTEMD / "README.md").read_text()
    # office/ is for another machine.
    there = {path.name for path in SYSTEMD.iterdir()} - {"README.md", "office"}
    assert set(units.places(readme)) == there
    enabled = units.enabled(readme)
    # The second command is for cards made from the image.
    assert {"camerad.service", "camerad-provision.service"} <= set(enabled)
    assert set(enabled) <= there
    assert not set(enabled) & set(units.MASKED)


def test_a_readme_without_the_command_is_refused() -> None:
    with pytest.raises(ImageError, match="systemctl enable"):
        units.enabled("| `a` | `/b` | c |")


@pytest.mark.parametrize(
    ("config", "options", "verity"),
    [
        ("CONFIG_SQUASHFS_ZSTD=y\nCONFIG_DM_VERITY=m\n", "zstd", True),
        ("# CONFIG_SQUASHFS_ZSTD is not set\nCONFIG_SQUASHFS_XZ=y\n", "xz", False),
        ("CONFIG_SQUASHFS=m\n# CONFIG_DM_VERITY is not set\n", "gzip", False),
    ],
)
def test_the_root_is_made_for_what_the_kernel_can(config: str, options: str, verity: bool) -> None:
    assert filesystems.compressor(config)[1] == options
    assert filesystems.has_verity(config) is verity


def test_a_slot_that_leaves_no_room_for_updates_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.img"
    with path.open("wb") as file:
        file.truncate(layout.ROOT_A.size * 84 // 100)
    filesystems.check_fits(path, layout.ROOT_A)
    with path.open("r+b") as file:
        file.truncate(layout.ROOT_A.size * 86 // 100)
    with pytest.raises(ImageError, match="86% full"):
        filesystems.check_fits(path, layout.ROOT_A)


def test_what_is_fixed_differs_from_thing_to_thing_only() -> None:
    assert filesystems.fixed("data") == filesystems.fixed("data") != filesystems.fixed("root")
