"""The disks beside the card: what the guest is to do and the simulated hardware; what it found."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from camerad_image.flavours import PYTHON
from tests.image.card import run

CHECKOUT: Final = Path(__file__).parents[2]
CAMERA: Final = ("libcamera", "pykms")
"""Packages of the simulated hardware that stand in for the camera; without them there is none."""


def make_layer(folder: Path, more: Mapping[str, str]) -> Path:
    """A disk with `layer/`, the simulated hardware in `site`, the camera of it in `camera`, and
    files by their name and text."""
    layer = folder / "layer"
    shutil.copytree(Path(__file__).with_name("layer"), layer)
    for name, text in more.items():
        (layer / name).write_text(text)
    copy = folder / "hw-mocks"
    # From a copy: setuptools would leave what it builds in the checkout.
    kept = shutil.ignore_patterns("__pycache__", "tests", "*.egg-info", "build")
    shutil.copytree(CHECKOUT / "hw-mocks", copy, ignore=kept)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-compile"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    run(*pip, *options, "--target", layer / "site", copy)
    (layer / "camera").mkdir()
    for name in CAMERA:
        shutil.move(layer / "site" / name, layer / "camera" / name)
    # Nothing is compiled by a slow emulated processor that was not compiled on a camera either.
    words = ["-q", "--invalidation-mode", "unchecked-hash", layer / "site", layer / "camera"]
    run(f"python{PYTHON}", "-m", "compileall", *words)
    disk = folder / "layer.img"
    run("mksquashfs", layer, disk, "-noappend", "-quiet", "-no-progress", "-comp", "zstd")
    shutil.rmtree(layer)
    return disk


def make_result(folder: Path) -> Path:
    """An empty disk."""
    disk = folder / "result.img"
    run("mke2fs", "-q", "-t", "ext4", disk, "128m")
    return disk
