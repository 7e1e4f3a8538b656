"""The whole camera on Debian's own libcamera: see `hw_mocks.virtualcamera`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from tests.system.harness import SHIPPED, BodyCamera, body_camera, configuration

PYTHON: Final = Path(__file__).parents[2] / ".cache/real/bin/python"
"""Made by ``hw-mocks/prepare.sh real``."""


def on_the_real_camera(directory: Path, **camera: Any) -> AbstractContextManager[BodyCamera]:
    """A body camera on the real libcamera; `camera`: more of that section of its settings."""
    config = configuration(directory, camera={**SHIPPED, **camera})
    return body_camera(directory, config, options=("--camera", "real"), python=str(PYTHON))
