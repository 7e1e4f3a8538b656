"""The system that runs says itself what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad import __version__
from camerad.behaviour import update
from camerad.update import backend, image_version
from camerad.update.boot_selection import NAME, Autoboot, BootSelection
from camerad_image import updates


def test_a_system_knows_itself_by_what_the_recipe_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = updates.version("0.1.0", 1_700_000_000)
    assert release == "0.1.0-20231114221320", "UTC, as date -u -d @1700000000 says"
    (tmp_path / "os-release").write_text(
        updates.os_release("ID=debian\nIMAGE_VERSION=old\n", "camerad-debian-all", release)
    )
    monkeypatch.setattr(
        image_version.platform, "freedesktop_os_release", lambda: parsed(tmp_path / "os-release")
    )
    (tmp_path / "system.conf").write_text(updates.system_conf("camerad-debian-all"))
    (tmp_path / "cmdline").write_text("quiet rauc.slot=B ro\n")
    (tmp_path / NAME).write_bytes(Autoboot("A").text())
    found = backend.running_version(
        BootSelection(str(tmp_path)), str(tmp_path / "system.conf"), str(tmp_path / "cmdline")
    )
    assert found == update.RunningVersion("camerad-debian-all", release, updates.MINIMUM, "B", "A")


def parsed(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


@pytest.mark.parametrize("cmdline", ["", "rauc.slot=C", "xrauc.slot=A", "rauc.slot=AB"])
def test_a_system_in_no_slot_has_no_updates(tmp_path: Path, cmdline: str) -> None:
    (tmp_path / "cmdline").write_text(cmdline)
    with pytest.raises(backend.UpdateError, match="flash it anew"):
        backend.running_slot(str(tmp_path / "cmdline"))
    with pytest.raises(backend.UpdateError, match="cannot be read"):
        backend.running_slot(str(tmp_path / "none"))


def test_a_system_without_a_keyring_says_so(tmp_path: Path) -> None:
    with pytest.raises(backend.UpdateError, match="KEYRING="):
        backend.running_version(BootSelection(str(tmp_path)), str(tmp_path / "system.conf"))


def test_a_recording_says_by_which_camerad_and_which_image_it_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_version.platform, "freedesktop_os_release", lambda: {"ID": "debian"})
    assert image_version.software_version() == f"camerad {__version__}"
    monkeypatch.setattr(
        image_version.platform, "freedesktop_os_release", lambda: {"IMAGE_VERSION": "0.1.0-2"}
    )
    assert image_version.software_version() == f"camerad {__version__}, image 0.1.0-2"

    def missing() -> dict[str, str]:
        raise OSError

    monkeypatch.setattr(image_version.platform, "freedesktop_os_release", missing)
    assert image_version.software_version() == f"camerad {__version__}"
