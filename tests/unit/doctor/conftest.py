"""A configuration for the doctor's checks, with a state directory of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from camerad.config import Settings, load
from tests.unit.doctor.office import PUBLIC


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file that is in order."""
    path = tmp_path / "camerad.yaml"
    device = {
        "id": "c7",
        "state_dir": str(tmp_path / "state"),
        "runtime_dir": str(tmp_path / "run"),
    }
    clock = {
        "synchronised": str(tmp_path / "synchronised"),
        "rtc": str(tmp_path / "rtc"),
    }
    document = {"policy": "generic", "recipients": [PUBLIC], "device": device, "clock": clock}
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def settings(config: Path) -> Settings:
    """The same, read."""
    return load(config)
