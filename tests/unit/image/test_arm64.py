"""What `make arm64-test` goes by: modules, wheels, whose programs, and when all is well."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

import camerad
from camerad_image.errors import ImageError
from camerad_image.flavours import COMMON
from tests.arm64 import importing, wheels
from tests.arm64.__main__ import EMULATORS, OFFICE, TESTED, all_passed, check_base, rooms
from tests.arm64.root import judge
from tests.unit.test_architecture import SOURCES

THERE = wheels.Python("3.12.3", 39, "a system")
PICAMERA2 = ("numpy", "PiDNG>=4", "python_prctl; sys_platform == 'linux'", "PyQt5; extra == 'gui'")


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


@pytest.mark.parametrize("name", EMULATORS)
def test_what_is_left_out_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    assert f"\ndef {test}(" in (Path(__file__).parents[3] / file).read_text()


def test_what_cannot_be_imported_is_told_and_the_next_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room = tmp_path / "arm_tried" / "room"
    room.mkdir(parents=True)
    for name, text in {"../__init__": "", "__init__": "", "a": "1 / 0", "b": ""}.items():
        (room / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importing, "camerad", importlib.import_module("arm_tried"))
    importing.main(["room"])
    *said, result = capsys.readouterr().out.splitlines()
    assert said == ["arm_tried.room", "arm_tried.room.a", "arm_tried.room.b"]
    found = json.loads(result)
    assert found["modules"] == 3
    assert found["failed"] == {"arm_tried.room.a": "ZeroDivisionError: division by zero"}


def test_libraries_are_what_is_installed_beside_camerad() -> None:
    found = importing.libraries()
    assert {"numpy", "cv2", "aiohttp", "picamera2", "_cffi_backend", "six"} < set(found)
    assert {"camerad", *importing.UNUSED}.isdisjoint(found)


def test_the_tables_of_the_database_are_made_where_alembic_is_to_be_imported() -> None:
    words = [sys.executable, importing.__file__, "state"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert importing.MIGRATIONS in said
    assert json.loads(said[-1])["failed"] == {}


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


def test_what_pip_chose_for_another_machine_is_no_answer() -> None:
    environment = {"platform_machine": "x86_64", "python_full_version": "3.12.3"}
    with pytest.raises(ImageError, match=r"for x86_64 3\.12\.3 instead of aarch64 3\.12\.3"):
        wheels.read({"environment": environment, "install": []}, "3.12.3")


def test_of_what_picamera2_needs_only_what_has_no_wheel_anywhere_is_left_out() -> None:
    assert wheels.without_sources(["av", "picamera2"], PICAMERA2) == ["av", "numpy"]
    assert wheels.without_sources(["av"], PICAMERA2) == ["av"]


def test_every_extra_is_asked_about() -> None:
    project = {"dependencies": ["a"], "optional-dependencies": {"y": ["c"], "x": ["b"]}}
    assert wheels.wanted(project) == {"base": ("a",), "x": ("a", "b"), "y": ("a", "c")}
    assert {"device", "office", "test"} < set(wheels.wanted(wheels.project()))


def test_a_judge_is_this_machines_own_program(tmp_path: Path) -> None:
    needed = subprocess.check_output(["ldd", sys.executable], text=True)
    script = tmp_path / "judge"
    script.write_text(judge(sys.executable, needed, PurePosixPath("/proc/self/root")))
    script.chmod(0o755)
    words = [script, "-Sc", "import sys; print(sys.argv[1:], open('/proc/self/maps').readline())"]
    said = subprocess.check_output([*words, "a b"], text=True)
    assert said.startswith("['a b']")
    with pytest.raises(ImageError, match="tool names no loader: not a dynamic executable"):
        judge("tool", "\tnot a dynamic executable\n")


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
