"""The Python packages of an image: the tested versions, in the place where camerad expects them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from camerad_image import materials, python

TREE = Path(__file__).parents[3]


def test_every_version_is_the_one_that_the_tests_were_run_with() -> None:
    locked = python.requirements(python.LOCK.read_text())
    tested = python.requirements((TREE / "constraints.txt").read_text())
    project = (TREE / "pyproject.toml").read_text()
    wanted = set()
    for name in ("dependencies", "device"):
        line = re.search(rf"^{name} = \[(.*)\]$", project, re.MULTILINE)
        assert line is not None
        wanted |= {word.strip(' "').lower() for word in line[1].split(",")}
    assert wanted <= set(locked)
    assert {n: locked[n] for n in locked if n in tested} == {
        n: tested[n] for n in locked if n in tested
    }


def test_what_a_package_imports_is_locked_as_well() -> None:
    """An import that fails shows only on the board. Debian has the one that the lock leaves out."""
    locked = {canonicalize_name(name) for name in python.requirements(python.LOCK.read_text())}
    board = {"python_version": "3.13", "python_full_version": "3.13.5", "extra": ""}
    board["platform_machine"] = "aarch64"
    missing = {
        (name, wanted.name)
        for name in locked - {"adafruit-lgpio"}  # which no machine of the tests has
        for wanted in map(Requirement, metadata.requires(name) or ())
        if wanted.marker is None or wanted.marker.evaluate(board)
        if canonicalize_name(wanted.name) not in locked
    }
    assert missing == {("picamera2", "python-prctl")}


def test_a_lock_is_made_of_the_files_themselves(tmp_path: Path) -> None:
    wheel, source = tmp_path / "opencv_x-5.0-cp37-abi3-any.whl", tmp_path / "pidng-4.0.9.tar.gz"
    wheel.write_bytes(b"")
    source.write_bytes(b"")
    # The hash of nothing.
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert python.lock([source, wheel], "# c\n") == (
        f"# c\nopencv-x==5.0 \\\n    --hash=sha256:{empty}\n"
        f"pidng==4.0.9 \\\n    --hash=sha256:{empty}\n"
    )


def test_wheels_are_chosen_for_debian_13s_glibc_and_older_ones() -> None:
    tags = python.platforms()
    assert tags[0] == "manylinux_2_41_aarch64"
    assert "manylinux_2_17_aarch64" in tags
    assert all("x86" not in tag for tag in tags)


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_it_looks_like_a_virtual_environment_that_sees_the_systems_packages(tmp_path: Path) -> None:
    source = archive(
        tmp_path / "pidng-4.0.9.tar.gz",
        {
            "pidng-4.0.9/PKG-INFO": b"Name: pidng\nVersion: 4.0.9\n\n",
            "pidng-4.0.9/setup.py": b"raise SystemExit(1)\n",
            "pidng-4.0.9/src/pidng/core.py": b"X = 1\n",
            "pidng-4.0.9/src/pidng/bitunpack.c": b"",
        },
    )
    root = tmp_path / "root"
    (root / "opt/camerad/old").mkdir(parents=True)
    python.install_all([source], root)
    files = {
        str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and not p.is_symlink()
    }
    site = "opt/camerad/lib/python3.13/site-packages"
    assert files == {
        "opt/camerad/pyvenv.cfg",
        f"{site}/pidng/core.py",
        f"{site}/pidng-4.0.9.dist-info/METADATA",
    }
    assert "include-system-site-packages = true" in (root / "opt/camerad/pyvenv.cfg").read_text()
    assert (root / "opt/camerad/bin/python3").readlink() == Path("/usr/bin/python3.13")
    (found,) = materials.wheels(root, [source], "device", materials.IMAGE)
    assert (found.purl, found.file, found.inner) == ("pkg:pypi/pidng@4.0.9", source.name, ())


def test_modules_are_compiled_with_docstrings_and_for_the_daemon_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setattr(python, "PYTHON", version)
    site = tmp_path / f"opt/camerad/lib/python{version}/site-packages"
    for folder in (site, tmp_path / "usr/lib/python3/dist-packages"):
        folder.mkdir(parents=True)
    (site / "said.py").write_text('"""What it is."""\n')
    (site / "plain.py").write_text("X = 1\n")
    library = tmp_path / f"usr/lib/python{version}"
    library.mkdir()
    (library / "standard.py").write_text('"""What it is."""\n')
    python.compile_modules(tmp_path, log=tmp_path / "log")
    tag = sys.implementation.cache_tag
    compiled = {path.name for path in tmp_path.rglob("*.pyc")}
    assert compiled == {
        f"{name}.{tag}{level}.pyc"
        for name in ("said", "plain", "standard")
        for level in ("", ".opt-2")
    }
    said, short, plain, same = (
        site / "__pycache__" / f"{name}.{tag}{level}.pyc"
        for name in ("said", "plain")
        for level in ("", ".opt-2")
    )
    assert b"What it is" in said.read_bytes()
    assert b"What it is" not in short.read_bytes()
    assert plain.samefile(same)
    unit = TREE / "config/image/files/etc/systemd/system/camerad.service.d/camerad.conf"
    assert "Environment=PYTHONOPTIMIZE=2" in unit.read_text().splitlines()


def test_a_units_program_is_where_a_wheels_scripts_go() -> None:
    unit = (TREE / "systemd" / "camerad.service").read_text()
    program = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert program is not None
    assert PurePosixPath(program[1]).parent == PurePosixPath(
        python.scheme(python.PREFIX)["scripts"]
    )


def test_the_scripts_of_the_image_are_posix_shell() -> None:
    for path in sorted((TREE / "config/image/files").rglob("*")):
        if path.is_file() and path.read_bytes()[:2] == b"#!":
            subprocess.run(["sh", "-n", path], check=True)
            assert path.stat().st_mode & 0o111
