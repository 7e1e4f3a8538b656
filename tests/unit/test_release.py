"""What is given out as a version: one number everywhere, and everything that its documents name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from camerad import __version__

ROOT = Path(__file__).parents[2]
TREE = ("camerad", "config", "docs", "systemd")


def test_the_version_is_the_newest_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (unreleased|\d{4}-\d\d-\d\d)$", text, re.M)
    assert found and len(found) == text.count("\n## ")
    assert found[0][0] == __version__
    assert "unreleased" not in {day for _, day in found[1:]}
    numbers = [tuple(map(int, version.split("."))) for version, _ in found]
    assert numbers == sorted(numbers, reverse=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sdist and wheel, built of a copy of the tree."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    no_cache = shutil.ignore_patterns("__pycache__")
    for name in TREE:
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=no_cache)
    for path in ROOT.iterdir():
        if path.is_file() and path.suffix in (".in", ".md", ".toml", ".txt", ""):
            shutil.copy(path, tree)
    build = (
        "import sys, setuptools.build_meta as made\n"
        "out = sys.argv[1]  # the backend changes it\n"
        "made.build_sdist(out); made.build_wheel(out)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", build, str(out)], cwd=tree, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return out


def test_an_office_installs_from_the_sdist_alone(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for page in ("docs/office.md", "systemd/office/README.md", "docs/technician.md"):
        assert page in names
        text = (ROOT / page).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+\.\w+)(?:#[^)]*)?\)", text):
            wanted = (ROOT / page).parent.joinpath(link).resolve().relative_to(ROOT)
            assert str(wanted) in names, f"{page} names {wanted}"
    for name in ("constraints.txt", "systemd/office/camerad-office.service", "LICENSE"):
        assert name in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_wheel_says_whose_it_is_by_which_licences_and_has_every_language(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (said_in,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = HeaderParser().parsestr(archive.read(said_in).decode())
    assert (said["Name"], said["Version"]) == ("camerad", __version__)
    assert said["Author"] and said.get_all("Classifier")
    vendored = list((ROOT / "camerad/evidence/player/vendor").rglob("LICENSE"))
    assert vendored
    assert "camerad/locale/de/LC_MESSAGES/camerad.mo" in names
    assert {
        *("camerad/evidence/sheet.html", "camerad/evidence/labels.css"),
        *("camerad/office/report/report.html", "camerad/office/report/typed_form.yaml"),
    } <= set(names)
    licences = {name for name in names if ".dist-info/licenses/" in name}
    assert len(licences) == 1 + len(vendored)
    manifest = (ROOT / "camerad/evidence/player/vendor/manifest.json").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    theirs = set(re.findall(r'"licence": "([^"]+)"', manifest))
    assert theirs | {"Apache-2.0"} == set(project["license"].split(" AND "))


def test_every_package_that_is_installed_in_turn_has_its_version() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    fixed = {canonicalize_name(one) for one in re.findall(r"^([\w.-]+)==\S+$", text, re.M)}
    missing = set()
    for name in fixed:
        try:
            wanted = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform
        for one in map(Requirement, wanted):
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                missing |= {canonicalize_name(one.name)} - fixed
    assert not missing
    assert "http" not in text.replace("http-", "").replace("aiohttp", "")
