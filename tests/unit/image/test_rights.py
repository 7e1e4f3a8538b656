"""Of a root's programs only those that are named give rights to whoever starts them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from camerad_image import configure, rights

MODES = {
    "usr/bin/sudo": 0o4755,
    "usr/bin/su": 0o4755,
    "usr/bin/chage": 0o2755,
    "usr/lib/dbus-1.0/dbus-daemon-launch-helper": 0o4754,
    "usr/bin/true": 0o755,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, mode in MODES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(mode)
    (tmp_path / "usr/bin/mount").symlink_to("sudo")
    (tmp_path / "usr/local").mkdir()
    (tmp_path / "usr/local").chmod(0o2775)
    return tmp_path


def modes(root: Path) -> dict[str, int]:
    return {name: stat.S_IMODE((root / name).stat().st_mode) for name in MODES}


def test_a_camera_s_programs_that_give_rights_are_these() -> None:
    """Each further one is a way to root for whoever has taken over any process: say here why."""
    assert list(rights.KEPT) == ["usr/bin/sudo"]


def test_all_others_lose_the_bits_and_nothing_else(root: Path) -> None:
    taken = rights.take(root)
    assert taken == sorted(set(MODES) - {"usr/bin/sudo", "usr/bin/true"})
    assert modes(root) == {name: MODES[name] & 0o777 for name in MODES} | {"usr/bin/sudo": 0o4755}
    assert stat.S_IMODE((root / "usr/local").stat().st_mode) == 0o2775
    assert rights.take(root) == []


def test_an_image_is_made_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else: nothing that comes later has such bits."""

    def refuse(*_arguments: object, **_more: object) -> None:
        raise StopIteration

    monkeypatch.setattr(configure, "without_network", refuse)
    with pytest.raises(StopIteration):
        configure.configure(root, root, 0, log=root / "log")
    assert [name for name, mode in modes(root).items() if mode > 0o777] == ["usr/bin/sudo"]
