"""The simulated libcamera against the real one, Debian's python3-libcamera.

By name: nothing is invented, nothing is of another kind. By behaviour: the same calls come to the
same results on the real library's virtual camera and on the simulated one, but for the differences
in docs/development.md. The real bindings are Debian's and run in Debian's own interpreter.
Raspberry Pi OS has a newer libcamera, with other numbers and no virtual camera; there the tests are
skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from libcamera_planted import PLANTED

from hw_mocks.virtualcamera import CAMERAS_VARIABLE, library

HERE = Path(__file__).parent
REAL_PYTHON = "/usr/bin/python3"
REAL_VERSION = "v0.4."
SCRIPTS = ("libcamera_probe.py", "libcamera_orders.py")
DEVELOPMENT = HERE.parents[1] / "docs/development.md"

VIRTUAL_CAMERA = """\
"Virtual0":
  supported_formats:
  - width: 1280
    height: 720
    frame_rates:
    - 30
    - 30
  - width: 640
    height: 480
    frame_rates:
    - 30
    - 30
  test_pattern: "bars"
  location: "CameraLocationFront"
  model: "Virtual Video Device"
"""

NEWER = {
    # picamera2 0.3.38 uses them; libcamera has them since 0.5.
    "controls.AnalogueGainMode",
    "controls.ExposureTimeMode",
    "controls.FrameWallClock",
}

LEFT_OUT = {
    # Changes a value in place, or computes with it in ways that picamera2 has no use for.
    "Rectangle.enclosed_in",
    "Rectangle.scale_by",
    "Rectangle.scaled_by",
    "Rectangle.translate_by",
    "Rectangle.translated_by",
    "Size.align_down_to",
    "Size.align_up_to",
    "Size.bound_to",
    "Size.bounded_to_aspect_ratio",
    "Size.centered_to",
    "Size.expand_to",
    "Size.expanded_to_aspect_ratio",
    "Size.grow_by",
    "Size.grown_by",
    "Size.shrink_by",
    "Size.shrunk_by",
    "Transform.compose",
    "Transform.inverse",
    "Transform.invert",
}

INSTANCE_ATTRIBUTES = {
    # There, but not to be seen on the class; the program that compares behaviour uses them.
    "CameraConfiguration.orientation",
    "CameraConfiguration.sensor_config",
    "ColorSpace.primaries",
    "ColorSpace.range",
    "ColorSpace.transferFunction",
    "ColorSpace.ycbcrEncoding",
    "FrameBuffer.Plane.length",
    "FrameBuffer.Plane.offset",
    "FrameBuffer.cookie",
    "FrameMetadata.Plane.bytes_used",
    "SensorConfiguration.analog_crop",
    "SensorConfiguration.binning",
    "SensorConfiguration.bit_depth",
    "SensorConfiguration.output_size",
    "SensorConfiguration.skipping",
    "StreamConfiguration.buffer_count",
    "StreamConfiguration.frame_size",
    "StreamConfiguration.stride",
    "Transform.hflip",
    "Transform.transpose",
    "Transform.vflip",
}

OTHERWISE = {
    # A property of the class there, plain data here.
    "CameraManager.version",
}


def real_version() -> str | None:
    """The version of the real library; None if its bindings are not installed."""
    script = "import libcamera; print(libcamera.CameraManager.version)"
    try:
        command = [REAL_PYTHON, "-I", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def run_real(script: str, environment: dict[str, str] | None = None) -> str:
    """The output of a script of this folder, run with the real bindings."""
    version = real_version()
    if version is None:
        pytest.fail(
            "the real bindings are needed to compare with: install Debian's packages "
            "python3-libcamera and libcamera-ipa"
        )
    if not version.startswith(REAL_VERSION):
        pytest.skip(f"compares with libcamera {REAL_VERSION}x of Debian 13; here it is {version}")
    clean = {"PATH": os.environ["PATH"], "LIBCAMERA_LOG_LEVELS": "*:FATAL"}
    done = subprocess.run(
        [REAL_PYTHON, "-sE", str(HERE / script)],
        env=clean | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def simulated(*arguments: str) -> subprocess.Popen[str]:
    """A script of this folder and its arguments, running with the simulated bindings."""
    script, *others = arguments
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *others],
        env=os.environ | {"PYTHONPATH": str(HERE.parent), "HW_MOCKS_WORLD": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_simulated(script: str) -> str:
    """The output of a script of this folder, run with the simulated bindings."""
    with simulated(script) as process:
        said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return said


@pytest.fixture(scope="module")
def virtual_camera(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the real library finds its virtual camera."""
    configuration = tmp_path_factory.mktemp("virtual-camera") / "virtual.yaml"
    configuration.write_text(VIRTUAL_CAMERA)
    return {"LD_PRELOAD": str(library()), CAMERAS_VARIABLE: str(configuration)}


@pytest.fixture(scope="module")
def names() -> tuple[dict[str, Any], dict[str, Any]]:
    """Every name with its kind: (real, simulated)."""
    script = "libcamera_names.py"
    return json.loads(run_real(script)), json.loads(run_simulated(script))


def test_no_name_is_invented(names: tuple[dict[str, Any], dict[str, Any]]) -> None:
    real, simulated = names
    assert set(simulated) - set(real) == NEWER


def test_every_name_is_of_the_real_kind(names: tuple[dict[str, Any], dict[str, Any]]) -> None:
    real, simulated = names
    common = (set(real) & set(simulated)) - OTHERWISE
    # How many arguments a method takes is not always told by the real bindings.
    told = {name for name in common if real[name] != ["method", None]}
    assert {name for name in common - told if simulated[name][0] != "method"} == set()
    assert {name: simulated[name] for name in told} == {name: real[name] for name in told}
    assert len(common) > 180


def test_what_is_left_out_is_known(names: tuple[dict[str, Any], dict[str, Any]]) -> None:
    real, simulated = names
    groups = ("controls.", "formats.", "properties.")
    missing = {name for name in set(real) - set(simulated) if not name.startswith(groups)}
    assert missing == LEFT_OUT | INSTANCE_ATTRIBUTES


@pytest.fixture(scope="module")
def real(virtual_camera: dict[str, str]) -> dict[str, list[str]]:
    """What each script says of the real library."""
    return {name: run_real(name, virtual_camera).splitlines() for name in SCRIPTS}


def matter(line: str) -> str:
    """What a line is about: its label up to a comma."""
    return re.split("[:,]", line, maxsplit=1)[0]


def known() -> set[str]:
    """What the two may differ in, by the table of the page for developers."""
    _, table = DEVELOPMENT.read_text().split("<!-- table: libcamera -->", 1)
    table, _ = table.split("<!-- end of table -->", 1)
    rows = [line for line in table.splitlines() if line.startswith("|")]
    return {row.split("|")[1].strip() for row in rows[2:]}


def test_the_same_calls_come_to_the_same_results(real: dict[str, list[str]]) -> None:
    different = set()
    for script, expected in real.items():
        found = run_simulated(script).splitlines()
        assert list(map(matter, found)) == list(map(matter, expected))
        pairs = zip(found, expected, strict=True)
        different |= {matter(line) for line, there in pairs if line != there}
    assert different == known()


def finds(script: str, expected: list[str], planted: str) -> bool:
    """Whether a script tells the simulated library with a difference from the real one."""
    allowed = known()
    with simulated("libcamera_planted.py", planted, script) as process:
        assert process.stdout is not None
        try:
            for there in expected:
                line = process.stdout.readline().rstrip("\n")
                if line != there and (matter(line) != matter(there) or matter(line) not in allowed):
                    return True
        finally:
            process.kill()
    return False


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_is_found(planted: str, real: dict[str, list[str]]) -> None:
    assert any(finds(script, expected, planted) for script, expected in real.items())
