"""The image's own units may do what their work takes, and say so: nobody loosens one silently.

That their work goes on inside is shown where it is done: test_check_units.py, test_update_trial.py,
test_confined.py, and the image's own tests in the emulator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from camerad_image import layout
from camerad_image.boards import SLOTS
from camerad_image.rootfs import FILES
from tests.unit.systemd import rating

SYSTEM = FILES / "etc/systemd/system"
SERVICES = sorted(path for path in SYSTEM.glob("camerad-*.service"))
LIMIT: Final = 1.0
LOOSER: Final = {
    # Loads a driver into the kernel.
    "camerad-wifi.service": 1.1,
    # Mounts bundles, and writes systems.
    "camerad-update@.service": 1.6,
    "camerad-update-dock.service": 1.6,
}
"""The exposure, of 10, that a unit may have at most."""


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_unit_of_the_image_may_do_little_more_than_it_has_to(unit: Path) -> None:
    assert rating.exposure(unit) <= LOOSER.get(unit.name, LIMIT)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_whatever_it_may_do_all_the_same_is_explained_in_it(unit: Path) -> None:
    assert rating.explained(unit) == rating.allowed(unit)


def settings(name: str, key: str) -> list[str]:
    lines = (SYSTEM / name).read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_no_unit_of_the_image_reaches_a_network(unit: Path) -> None:
    assert settings(unit.name, "PrivateNetwork") == ["yes"]
    assert settings(unit.name, "IPAddressDeny") == ["any"]
    assert settings(unit.name, "SocketBindDeny") == ["any"]
    assert settings(unit.name, "RestrictAddressFamilies") in (["none"], ["AF_UNIX"])


def test_of_the_card_a_check_opens_what_it_checks_and_an_update_the_two_slots() -> None:
    for name, partition in (
        ("camerad-check.service", layout.DATA),
        ("camerad-check-common.service", layout.COMMON),
    ):
        assert settings(name, "DeviceAllow") == [f"{partition.link} rw"]
    for unit in ("camerad-update@.service", "camerad-update-dock.service"):
        opened = settings(unit, "DeviceAllow")
        of_card = {line for line in opened if line.startswith("/dev/disk/")}
        assert of_card == {f"{one.link} rw" for slot in SLOTS.values() for one in slot}
        # A class that the kernel does not know yet when the unit starts is forbidden for its life.
        loaded = ["modprobe@loop.service", "modprobe@dm_mod.service"]
        for key in ("Wants", "After"):
            assert set(loaded) <= set(" ".join(settings(unit, key)).split())
