"""The whole camera on Debian's own libcamera: see `hw_mocks.virtualcamera`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from tests.system.harness import SHIPPED, BodyCamera, body_camera, configuration

PYTHON: Final = Path(__file__).parents[2] / ".cache/real/bin/python"
"""Made by ``hw-mocks/prepare.sh real``."""
SIMULATED: Final = Path(__file__).parents[2] / "hw-mocks"
"""Where the simulated libcamera is, which takes the place of the real one on PYTHONPATH."""


def on_the_real_camera(
    directory: Path, *, instead: bool = False, **camera: Any
) -> AbstractContextManager[BodyCamera]:
    """A body camera on the real libcamera; `camera`: more of that section of its settings.

    instead: on the simulated libcamera, all else being the same.
    """
    config = configuration(directory, camera={**SHIPPED, **camera})
    if instead:
        first = {"PYTHONPATH": str(SIMULATED)}
        return body_camera(directory, config, python=str(PYTHON), environment=first)
    return body_camera(directory, config, options=("--camera", "real"), python=str(PYTHON))
