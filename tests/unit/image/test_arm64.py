"""What `make arm64-test` goes by: modules, wheels, whose programs, and when all is well."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

import camerad
from camerad_image.errors import ImageError
from camerad_image.flavours import COMMON
from tests.arm64 import importing, wheels
from tests.arm64.__main__ import OFFICE, TESTED, all_passed, check_base, rooms
from tests.unit.test_architecture import SOURCES

THERE = wheels.Python("3.12.3", 39, "a system")


def wheel(folder: Path, name: str, tag: str, *needs: str) -> None:
    """A package that is nothing but its name and what it needs."""
    with ZipFile(folder / f"{name}-1-py3-none-{tag}.whl", "w") as file:
        about = f"{name}-1.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1"]
        lines += [f"Requires-Dist: {one}" for one in needs]
        file.writestr(f"{about}/METADATA", "\n".join(lines) + "\n")
        file.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nTag: py3-none-{tag}\n")
        file.writestr(f"{about}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only packages that pip finds."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_no_module_is_left_out() -> None:
    assert set(OFFICE) | set(TESTED) < set(rooms())
    assert set(importing.modules(camerad, [*rooms(), "camerad"])) == set(SOURCES)


def test_pip_chooses_as_it_would_there(index: Path, tmp_path: Path) -> None:
    wheel(
        index,
        "one",
        "any",
        "there; platform_machine == 'aarch64' and python_full_version == '3.12.3'",
        "elsewhere; platform_machine != 'aarch64' or python_version != '3.12'",
    )
    for tag in ("manylinux_2_39_aarch64", "manylinux_2_39_x86_64"):
        wheel(index, "there", tag)
    found = wheels.resolve(THERE, ["one"], log=tmp_path / "log")
    assert [(one.name, one.compiled) for one in found] == [("one", False), ("there", True)]
    (_, file) = wheels.fetch(THERE, found, tmp_path / "files", log=tmp_path / "log")
    assert file.name == "there-1-py3-none-manylinux_2_39_aarch64.whl"
    assert file.is_file()


@pytest.mark.parametrize("tag", ["manylinux_2_17_x86_64", "manylinux_2_40_aarch64"])
def test_a_wheel_that_does_not_run_there_is_missing(index: Path, tmp_path: Path, tag: str) -> None:
    wheel(index, "one", "any", "two")
    wheel(index, "two", tag)
    with pytest.raises(ImageError, match=r"ERROR: No matching distribution found for two"):
        wheels.resolve(THERE, ["one"], log=tmp_path / "log")


def test_every_extra_is_asked_about() -> None:
    project = {"dependencies": ["a"], "optional-dependencies": {"y": ["c"], "x": ["b"]}}
    assert wheels.wanted(project) == {"base": ("a",), "x": ("a", "b"), "y": ("a", "c")}
    assert {"device", "office", "test"} < set(wheels.wanted(wheels.project()))


def test_only_the_packages_of_an_image_are_tried(tmp_path: Path) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    with pytest.raises(ImageError, match=r"is no packages of an image: No such file"):
        check_base(tmp_path)
    status.parent.mkdir(parents=True)
    stanza = "Package: {}\nArchitecture: {}\n\n"
    status.write_text("".join(stanza.format(name, "arm64") for name in COMMON[1:]))
    with pytest.raises(ImageError, match=f"it lacks {COMMON[0]}; leave it out"):
        check_base(tmp_path)
    status.write_text("".join(stanza.format(name, "amd64") for name in COMMON))
    with pytest.raises(ImageError, match="not for 64-bit ARM"):
        check_base(tmp_path)
    status.write_text("".join(stanza.format(name, "arm64") for name in COMMON))
    check_base(tmp_path)


@pytest.mark.parametrize(
    ("last", "well"),
    [
        ("===== 12 passed in 3.21s =====", True),
        ("12 passed, 3 deselected in 3.21s", True),
        ("===== 12 passed, 1 skipped in 3.21s =====", False),
        ("===== 1 failed, 12 passed in 3.21s =====", False),
        ("===== 3 deselected in 3.21s =====", False),
        ("", False),
    ],
)
def test_a_test_that_was_skipped_has_tried_nothing(last: str, well: bool) -> None:
    assert all_passed(f"...\n{last}\n") is well
